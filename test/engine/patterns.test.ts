import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InferenceSession } from '../../src/engine/session.js'
import { decodeModel, encodeModel } from '../../src/format/wd.js'
import { elements, type Graph } from '../../src/graph/ir.js'
import type { Model } from '../../src/graph/model.js'
import { fp8Format, INT8 } from '../../src/kernels/grid.js'
import { project } from '../../src/patterns/mask.js'
import { parsePattern } from '../../src/patterns/names.js'
import { misfit, type Pattern } from '../../src/patterns/pattern.js'
import { Rng } from '../../src/rng.js'
import { Tensor } from '../../src/tensor.js'
import { chain, randomModel } from './models.js'
import { runNaive } from './naive.js'

const MODES = [
  { precision: 'int8', grid: INT8 },
  { precision: 'fp8', grid: fp8Format('e4m3'), fp8: 'e4m3' },
  { precision: 'f32', grid: undefined },
] as const

/** Convolutions of all strides, rows of all lengths, odd numbers of channels, and vectors. */
const graph = chain(
  [7, 9, 10],
  [
    { conv: 13, kernel: [3, 3], pad: [1, 1, 1, 1] },
    'relu',
    { conv: 22, kernel: [3, 3], stride: [2, 2], pad: [1, 1, 1, 1] },
    'relu',
    { conv: 11, kernel: [1, 1] },
    'relu',
    { max: [2, 2] },
    'flatten',
    { dense: 37 },
    'relu',
    { dense: 10 },
  ],
)

const NAMES = [
  'cgs:2/2',
  'cgs:3/2',
  'cgs:3/1',
  'hcgs:4/1.5,2/2',
  'PS4_P4',
  'PS1_P9',
  'PSD2_P3',
  '1:3',
  'complementary:4',
]
const still = (name: string): Pattern => {
  const pattern = parsePattern(name)
  return pattern.kind === 'periodic' ? { ...pattern, rotate: false } : pattern
}

/** A model whose layers keep to a pattern where it fits. */
function patterned(graph: Graph, pattern: Pattern, seed: number, maxLevel: 1 | 3 | 7 | 127, density: number): Model {
  const model = randomModel(graph, { seed, maxLevel, density })
  const tensors = Object.entries(model.tensors).map(([name, tensor]) => {
    const { shape, levels } = tensor
    if (misfit(pattern, shape) !== undefined) return [name, tensor]
    const mask = project(pattern, shape, levels)
    return [name, { ...tensor, levels: levels.map((level, i) => level * mask[i]), pattern }]
  })
  return { ...model, tensors: Object.fromEntries(tensors) }
}

const feedsOf = (graph: Graph, count: number, seed: number) => {
  const { shape } = graph.inputs[0]
  const rng = new Rng(seed)
  const data = Uint8Array.from({ length: count * elements(shape) }, () => (rng.below(3) ? rng.below(256) : 0))
  return { data, size: elements(shape), feeds: { image: new Tensor('uint8', data, [count, ...shape]) } }
}

const layersOf = async (model: Model, options = {}) =>
  (await InferenceSession.create(encodeModel(model), options)).explain()

describe('networks with patterns', () => {
  it('equal the definition bit for bit', async () => {
    const kernels = new Set<string>()
    await fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.constantFrom(...NAMES.map(parsePattern), ...NAMES.map(still)),
        fc.constantFrom(...([1, 3, 7, 127] as const)),
        fc.constantFrom(...MODES),
        fc.constantFrom(1, 3),
        fc.constantFrom(...(['simd', 'reference'] as const)),
        async (seed, pattern, maxLevel, { grid, ...mode }, batch, isa) => {
          const given = patterned(graph, pattern, seed, maxLevel, [0.3, 0.7, 1][seed % 3])
          const bytes = encodeModel(given, { mode: 'runs' })
          const model = decodeModel(bytes)
          const { data, size, feeds } = feedsOf(graph, 2, seed)
          const session = await InferenceSession.create(bytes, {
            ...mode,
            isa,
            batch: mode.precision === 'f32' ? 1 : batch,
          })
          for (const { kernel } of session.info.layers) kernels.add(kernel)
          const { logits } = await session.run(feeds)
          const wanted = [0, 1].flatMap((n) => runNaive(model, data.subarray(n * size, (n + 1) * size), grid).logits)
          expect(Array.from(logits.data)).toEqual(wanted)
        },
      ),
      { numRuns: 80, seed: 1 },
    )
    expect([...kernels].sort()).toEqual(
      expect.arrayContaining(['dense_i16', 'gather_f32', 'gather_i16', 'pairs_i16', 'pairs_i32', 'panels_i16']),
    )
  }, 120_000)
})

describe('the choice of kernels', () => {
  const dense = chain([96], [{ dense: 64 }])
  const conv = chain([32, 9, 9], [{ conv: 32, kernel: [3, 3], pad: [1, 1, 1, 1] }])
  const model = (graph: Graph, name: string, maxLevel: 1 | 3 | 7 | 127, density = 0.8) =>
    patterned(graph, parsePattern(name), 2, maxLevel, density)

  it('takes panels for one vector of blocks, and says why', async () => {
    const [layer] = await layersOf(model(dense, 'cgs:16/3', 1))
    expect(layer).toMatchObject({ kernel: 'panels_i16', lanes: { input: 'i16', sums: 'i32' } })
    expect(layer.why).toMatch(/^one vector; rows read the same inputs \(cgs:16\/3\); 2\d\.\d % of the weights/)
    expect(layer.alternatives.map((a) => a.kernel)).toEqual(['gather_scalar_i16', 'gemv_f32'])
    expect(layer.alternatives[0].ms).toBeGreaterThan(layer.estimatedMs)
  })

  it('takes panels for one vector of 8-bit levels that have no pattern', async () => {
    const [layer] = await layersOf(randomModel(dense, { seed: 2, maxLevel: 127, density: 0.8 }))
    expect(layer).toMatchObject({ kernel: 'panels_i16', pattern: undefined })
    expect(layer.why).toContain('(all weights)')
  })

  it('keeps to the gather where hardly any level is left', async () => {
    const [layer] = await layersOf(model(dense, 'cgs:16/3', 1, 0.02))
    expect(layer.kernel).toBe('gather_scalar_i16')
    expect((await layersOf(model(conv, 'cgs:4/2', 1, 0.02)))[0].kernel).toBe('gather_i16')
    expect((await layersOf(model(dense, '1:4', 1)))[0].kernel).toBe('gather_scalar_i16')
  })

  it.each(['cgs:4/2', 'PS4_P4'])(
    'takes sums and differences where many images or pixels share them: %s',
    async (name) => {
      const [layer] = await layersOf(model(conv, name, 1))
      expect(layer.kernel).toBe('pairs_i16')
      expect(layer.why).toContain('rows add the sums and differences of two channels')
      expect(layer.alternatives[0]).toMatchObject({ kernel: 'gather_i16', objection: 'adds inputs one by one' })
      expect(layer.alternatives[0].ms).toBeGreaterThan(layer.estimatedMs)
    },
  )

  it('multiplies where sums need 32 bits', async () => {
    const wide = chain([128, 9, 9], [{ conv: 32, kernel: [3, 3], pad: [1, 1, 1, 1] }])
    const [layer] = await layersOf(model(wide, 'PS4_P4', 7, 1))
    expect(layer).toMatchObject({ kernel: 'dense_i16', lanes: { input: 'i16', sums: 'i32' } })
  })
})
