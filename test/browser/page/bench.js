/** The benchmark harness in a page: two precisions of one model, in turns. */
import { InferenceSession, Tensor } from '/dist/index.js'
import { compare } from '/harness/harness.js'
import { report } from './report.js'

await report(async (query) => {
  const contestants = []
  for (const precision of ['int8', 'f32']) {
    const session = await InferenceSession.create(`/models/${query.get('model')}`, { precision })
    const [{ name, shape }] = session.inputs
    const image = new Tensor('uint8', new Uint8Array(shape.reduce((a, b) => a * b)).fill(99), [1, ...shape])
    contestants.push({ name: precision, run: () => session.run({ [name]: image }), work: 1 })
  }
  return compare(contestants, { rounds: 2, samples: 3, warmupMs: 400 })
})
