/** Sessions of files with sparsity patterns: the same numbers as without them. */
import { describe, expect, it } from 'vitest'
import type { SessionOptions } from '../../src/engine/options.js'
import { InferenceSession } from '../../src/engine/session.js'
import { encodeModel, readWd, seededSigns } from '../../src/format.js'
import { elements } from '../../src/graph/ir.js'
import type { Model } from '../../src/graph/model.js'
import { misfit } from '../../src/patterns/pattern.js'
import { Rng } from '../../src/rng.js'
import { Tensor } from '../../src/tensor.js'
import { FAMILIES, type Family, onPattern, randomPattern, withoutPatterns } from '../format/patterned.js'
import { BRANCHES } from './branches.js'
import { GRAPHS, randomModel } from './models.js'

const MODES: readonly SessionOptions[] = [
  { precision: 'int8' },
  { precision: 'int8', isa: 'reference' },
  { precision: 'fp8', batch: 2 },
  { precision: 'f32' },
  { precision: 'f32', kernels: 'dense' },
]

/** The model on patterns of one family, wherever one fits; some of its tensors with seeded signs. */
function patterned(seed: number, model: Model, family: Family): Model {
  const rng = new Rng(seed)
  const tensors = Object.entries(model.tensors).map(([name, plain]) => {
    const signs = rng.below(3) === 0 ? seededSigns(plain.shape, 5) : undefined
    const levels = plain.levels.map((level, i) => (signs ? Math.abs(level) * signs[i] : level))
    const tensor = { ...plain, levels, ...(signs && { signSeed: 5 }) }
    const pattern = randomPattern(rng, family, tensor.shape)
    const fits = pattern !== undefined && misfit(pattern, tensor.shape) === undefined
    return [name, fits ? onPattern(rng, tensor, pattern) : tensor]
  })
  return { ...model, tensors: Object.fromEntries(tensors) }
}

describe.each(FAMILIES)('pattern family %s', (family) => {
  it.each([1, 3, 7, 127] as const)(
    'gives the numbers of the same levels without a pattern: to %i',
    async (maxLevel) => {
      let packed = 0
      for (const [i, graph] of Object.values({ ...GRAPHS, ...BRANCHES }).entries()) {
        const model = patterned(i, randomModel(graph, { seed: i, maxLevel, density: 0.8 }), family)
        const bytes = encodeModel(model)
        const plain = encodeModel(withoutPatterns(model))
        packed += readWd(bytes).tensors.filter((t) => t.packed).length
        const { shape } = graph.inputs[0]
        const rng = new Rng(i)
        const data = Uint8Array.from({ length: 2 * elements(shape) }, () => rng.below(256))
        const feeds = { image: new Tensor('uint8', data, [2, ...shape]) }
        for (const mode of MODES) {
          const session = await InferenceSession.create(bytes, mode)
          const other = await InferenceSession.create(plain, mode)
          const [mine, theirs] = [await session.run(feeds), await other.run(feeds)]
          for (const name of graph.outputs) expect(mine[name].data).toEqual(theirs[name].data)
          const known = ({ info }: InferenceSession) =>
            info.layers.map(({ name, shape, density, macs, maxLevel }) => ({ name, shape, density, macs, maxLevel }))
          expect(known(session)).toEqual(known(other))
          session.dispose()
          other.dispose()
        }
      }
      expect(packed).toBeGreaterThan(0)
    },
  )
})
