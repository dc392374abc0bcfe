/** Sessions of files with sparsity patterns: the same numbers as without them. */
import { describe, expect, it } from 'vitest'
import type { SessionOptions } from '../../src/engine/options.js'
import { InferenceSession } from '../../src/engine/session.js'
import { crc32 } from '../../src/format/crc32.js'
import { decodeModel, encodeModel, readWd, seededSigns } from '../../src/format.js'
import { elements } from '../../src/graph/ir.js'
import type { Model } from '../../src/graph/model.js'
import { parsePattern } from '../../src/patterns/names.js'
import { misfit } from '../../src/patterns/pattern.js'
import { Rng } from '../../src/rng.js'
import { Tensor } from '../../src/tensor.js'
import {
  FAMILIES,
  type Family,
  onPattern,
  patternedLayer,
  randomPattern,
  withoutPatterns,
} from '../format/patterned.js'
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

describe('levels coded as they are that break their pattern', () => {
  /** Files whose levels decodeModel refuses as outside of their pattern, made by changing a byte. */
  function* broken(maxLevel: 1 | 127): Generator<Uint8Array> {
    const bytes = encodeModel(patternedLayer(5, [64, 32, 3, 3], parsePattern('2:4'), maxLevel, 0.2))
    expect(readWd(bytes).tensors[0].packed).toBe(false)
    for (let at = bytes.length - 300; at < bytes.length - 100; at += 20) {
      const changed = bytes.slice()
      changed[at] ^= 0x55
      const end = changed.length - 4
      new DataView(changed.buffer).setUint32(end, crc32(changed.subarray(0, end)), true)
      try {
        decodeModel(changed)
      } catch (e) {
        if (e instanceof Error && /'\w+' does not keep to its pattern/.test(e.message)) yield changed
      }
    }
  }

  it.each<[1 | 127, SessionOptions]>([
    [127, {}],
    [1, { precision: 'f32', kernels: 'dense' }],
  ])('are refused by sessions that need them as a matrix: levels to %i, %j', async (maxLevel, options) => {
    let refused = 0
    for (const bytes of broken(maxLevel)) {
      const message = expect.stringMatching(/'\w+' does not keep to its pattern: the group of weight \d+/)
      await expect(InferenceSession.create(bytes, options)).rejects.toMatchObject({ code: 'E_FORMAT', message })
      refused++
    }
    expect(refused).toBeGreaterThan(0)
  })
})
