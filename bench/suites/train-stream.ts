/**
 * The kernels of training that do little with much data, one core: on the widest values of ResNet-20 for 64 images, 4 MiB each, and
 * on as many weights as it has. Bytes count once for each operand, read or written, though some kernels pass over them more
 * often. Beside them what this machine reads from its third-level cache.
 */
import { Arena, instantiate, Rng, referenceInstance, type WasmInstance } from 'whitedwarf/kernels'
import { type Contestant, compare } from '../harness.js'
import { limitContestants, limitRate, round } from '../machine.js'
import type { Figure, Suite, SuiteResult } from '../suite.js'

const CHANNELS = 16
/** Pixels of a channel in 64 images. */
const PIXELS = 64 * 32 * 32
const VALUES = CHANNELS * PIXELS
const WEIGHTS = 272_000
const EPS = 1e-5

/** Each kernel once on an instance's memory, which is filled with numbers of chance. */
function calls({ exports: k, memory }: WasmInstance): Contestant[] {
  const arena = new Arena(memory)
  const sizes = [VALUES, VALUES, VALUES, VALUES, 6 * CHANNELS, 2 * CHANNELS, WEIGHTS, WEIGHTS, WEIGHTS]
  const addresses = sizes.map((n) => arena.alloc(4 * n))
  const rng = new Rng(1)
  addresses.forEach((p, i) => {
    const numbers = new Float32Array(memory.buffer, p, sizes[i])
    for (let j = 0; j < numbers.length; j++) numbers[j] = rng.float() + 0.5
  })
  const [x, y, dy, dx, state, grads, weights, gradient, velocity] = addresses
  const value = 4 * VALUES
  return [
    {
      name: 'batchnorm_f32',
      work: 2 * value,
      run: () => k.batchnorm_f32(x, y, CHANNELS, PIXELS, state, CHANNELS, EPS, 0.1),
    },
    {
      name: 'batchnorm_grad_f32',
      work: 3 * value,
      run: () => k.batchnorm_grad_f32(x, dy, dx, CHANNELS, PIXELS, state, CHANNELS, grads),
    },
    { name: 'relu_f32', work: 2 * value, run: () => k.relu_f32(x, y, VALUES, Number.POSITIVE_INFINITY) },
    { name: 'relu_grad_f32', work: 3 * value, run: () => k.relu_grad_f32(x, dy, dx, VALUES, Number.POSITIVE_INFINITY) },
    { name: 'add_f32', work: 3 * value, run: () => k.add_f32(x, dy, y, VALUES) },
    {
      name: 'sgd_f32',
      work: 5 * 4 * WEIGHTS,
      run: () => k.sgd_f32(weights, gradient, velocity, WEIGHTS, 1e-3, 0.9, 1e-4, 1, 1, 0),
    },
  ]
}

/** What is timed must be right: after each kernel has run once, the memory is that of the scalar references. */
async function checkedCalls(): Promise<Contestant[]> {
  const instance = await instantiate('train')
  const reference = referenceInstance('train')
  const contestants = calls(instance)
  const expected = calls(reference)
  contestants.forEach(({ name, run }, i) => {
    run()
    expected[i].run()
    const [a, b] = [instance, reference].map(({ memory }) => new Uint32Array(memory.buffer))
    const at = b.findIndex((v, j) => v !== a[j])
    if (at >= 0) throw new Error(`${name}: the word at ${4 * at} is not what its reference says`)
  })
  return contestants
}

export const trainStreamSuite: Suite = {
  name: 'train-stream',
  title: 'element-wise kernels of training, one core; the limit is reading from the third-level cache',
  async run(): Promise<SuiteResult> {
    const comparison = await compare([...(await checkedCalls()), ...(await limitContestants(['readL3']))])
    const limit = limitRate(comparison, 'readL3')
    const figures = comparison.measurements.slice(0, -1).map(({ name, rate = 0, spread }): Figure => {
      const value = round(rate / 1e9)
      return { name, value, unit: `GB/s, ${round((100 * value) / limit)} % of the limit`, spread }
    })
    return { figures: [...figures, { name: 'limit', value: limit, unit: 'GB/s' }], warnings: comparison.warnings }
  },
}
