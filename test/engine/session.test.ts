import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InferenceSession } from '../../src/engine/session.js'
import { decodeModel, encodeModel } from '../../src/format/wd.js'
import { elements } from '../../src/graph/ir.js'
import { rangedValues } from '../../src/graph/ranges.js'
import { fp8Format, INT8 } from '../../src/kernels/grid.js'
import { Rng } from '../../src/rng.js'
import { Tensor } from '../../src/tensor.js'
import { BRANCHES, Net, randomBlocks } from './branches.js'
import { chain, GRAPHS, randomModel } from './models.js'
import { runNaive } from './naive.js'

const images = (shape: readonly number[], n: number, seed: number) => {
  const rng = new Rng(seed)
  return Uint8Array.from({ length: n * elements(shape) }, () => (rng.below(3) ? rng.below(256) : 0))
}

const MODES = [
  { precision: 'int8', grid: INT8 },
  // 0..15 and -7..7; 0..1 and -1..1.
  { precision: 'int4', grid: (nonnegative: boolean) => ({ ...INT8, max: nonnegative ? 15 : 7 }) },
  { precision: 'int1', grid: () => ({ ...INT8, max: 1 }) },
  { precision: 'fp8', grid: fp8Format('e4m3'), fp8: 'e4m3' },
  { precision: 'fp8', grid: fp8Format('e3m4'), fp8: 'e3m4' },
  { precision: 'fp8', grid: fp8Format('e2m5'), fp8: 'e2m5' },
  { precision: 'f32', grid: undefined },
] as const

const ALL = { ...GRAPHS, ...BRANCHES }

describe.each(Object.entries(ALL))('%s', (_, graph) => {
  const cases = ([1, 3, 7, 127] as const).flatMap((maxLevel) => [0.15, 0.7].map((density) => ({ maxLevel, density })))
  it.each(cases)(
    'equals the definition bit for bit: levels to $maxLevel at density $density',
    async ({ maxLevel, density }) => {
      const bytes = encodeModel(randomModel(graph, { seed: maxLevel * 10 + density * 100, maxLevel, density }))
      const model = decodeModel(bytes)
      const { shape } = graph.inputs[0]
      const count = 3
      const data = images(shape, count, 5)
      const size = elements(shape)
      for (const { grid, ...mode } of MODES) {
        const expected = Array.from({ length: count }, (_, n) =>
          runNaive(model, data.subarray(n * size, (n + 1) * size), grid),
        )
        for (const isa of ['simd', 'reference'] as const) {
          const session = await InferenceSession.create(bytes, { ...mode, isa })
          const result = await session.run({ image: new Tensor('uint8', data, [count, ...shape]) })
          for (const name of graph.outputs) {
            expect(result[name].dims[0]).toBe(count)
            const wanted = expected.flatMap((r) => r[name])
            expect(Array.from(result[name].data), `${name} ${isa} ${JSON.stringify(mode)}`).toEqual(wanted)
          }
          session.dispose()
        }
      }
    },
  )

  it.each([2, 5, 8, 9])('gives the same numbers in batches of %i', async (batch) => {
    const bytes = encodeModel(randomModel(graph, { seed: 3, maxLevel: 3, density: 0.4 }))
    const { shape } = graph.inputs[0]
    const feeds = { image: new Tensor('uint8', images(shape, 11, 6), [11, ...shape]) }
    for (const precision of ['int8', 'fp8'] as const) {
      const one = await (await InferenceSession.create(bytes, { precision })).run(feeds)
      const many = await (await InferenceSession.create(bytes, { precision, batch })).run(feeds)
      for (const name of graph.outputs) expect(many[name].data).toEqual(one[name].data)
    }
  })
})

describe('random sequences of blocks', () => {
  it('equal the definition bit for bit, with no other ranges than the exporter measures', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.constantFrom(...MODES),
        fc.constantFrom(1, 3),
        async (seed, { grid, ...mode }, batch) => {
          const rng = new Rng(seed)
          const graph = randomBlocks(rng)
          const maxLevel = ([1, 3, 7, 127] as const)[rng.below(4)]
          const all = randomModel(graph, { seed, maxLevel, density: rng.float() })
          const ranged = rangedValues(all.graph)
          const ranges = Object.fromEntries(Object.entries(all.ranges).filter(([name]) => ranged.has(name)))
          const bytes = encodeModel({ ...all, ranges })
          const model = decodeModel(bytes)
          const { shape } = graph.inputs[0]
          const data = images(shape, 2, seed)
          // Sums of f32 numbers depend on the batch only for vectors, which end these networks.
          const precise = mode.precision === 'f32' ? { ...mode, batch: 1 } : { ...mode, batch }
          const session = await InferenceSession.create(bytes, precise)
          const result = await session.run({ image: new Tensor('uint8', data, [2, ...shape]) })
          const wanted = [0, 1].flatMap((n) => {
            const image = data.subarray(n * elements(shape), (n + 1) * elements(shape))
            return runNaive(model, image, grid)[graph.outputs[0]]
          })
          expect(Array.from(result[graph.outputs[0]].data)).toEqual(wanted)
        },
      ),
      { numRuns: 120 },
    )
  }, 60_000)
})

describe('max pooling', () => {
  const kernelsOf = async (seed: number) => {
    const bytes = encodeModel(randomModel(GRAPHS.lenet, { seed, maxLevel: 3, density: 0.3 }))
    return (await InferenceSession.create(bytes)).profile({ runs: 1 })
  }
  it('happens on the sums when no scale is negative, else on the values', async () => {
    const fused = (await kernelsOf(2)).find((p) => p.op === 'n0')
    expect(fused?.kernels).toEqual(['gather_i16', 'maxpool_i16', 'requant_planes_i16'])
    const apart = await kernelsOf(5)
    expect(apart.find((p) => p.op === 'n0')?.kernels).toEqual(['gather_i16', 'requant_planes_i16'])
    expect(apart.find((p) => p.op === 'n2')?.kernels).toEqual(['maxpool_i16'])
  })
})

describe('a residual block', () => {
  it('adds and clamps while it requantises, and pads channels while it pools', async () => {
    const bytes = encodeModel(
      randomModel(BRANCHES['residual, padded shortcuts'], { seed: 2, maxLevel: 1, density: 0.3 }),
    )
    const profile = await (await InferenceSession.create(bytes)).profile({ runs: 1 })
    expect(profile.map((p) => p.kernels.join())).toEqual([
      'requant_planes_i16',
      'gather_i16,requant_planes_i16',
      'gather_i16,requant_planes_i16',
      'gather_i16,requant_add_i16',
      'phases_16,gather_i16,requant_planes_i16',
      'maxpool_i16',
      'gather_i16,requant_add_i16',
      'gather_i16,requant_planes_i16',
      'gather_i16,requant_add_i16',
      'avgpool_i16',
      'flatten_16',
      'gather_scalar_i16,requant_vector_f32',
    ])
  })

  it('keeps the shortcut in narrow lanes where the block needs wide ones', async () => {
    const net = new Net([2, 8, 8])
    const x = net.plain('relu', net.conv('image', 8, 3))
    const wide = net.plain('relu', net.conv(x, 24, 3))
    const graph = net.graph(net.conv(net.plain('relu', net.add(net.conv(wide, 8, 5), x)), 2, 1))
    const bytes = encodeModel(randomModel(graph, { seed: 6, maxLevel: 7, density: 0.5 }))
    const session = await InferenceSession.create(bytes)
    expect(session.info.layers.map((l) => l.kernel)).toEqual(['gather_i16', 'gather_i16', 'gather_i32', 'gather_i16'])
    const data = images([2, 8, 8], 1, 3)
    const result = await session.run({ image: new Tensor('uint8', data, [1, 2, 8, 8]) })
    expect(Array.from(result[graph.outputs[0]].data)).toEqual(
      runNaive(decodeModel(bytes), data, INT8)[graph.outputs[0]],
    )
  })
})

describe('lane proof', () => {
  it('widens to i32 when a row can pass 2^15, and stays exact', async () => {
    const graph = chain(
      [8, 9, 9],
      [{ conv: 5, kernel: [9, 9], pad: [4, 4, 4, 4] }, 'relu', { conv: 2, kernel: [3, 3] }],
    )
    const bytes = encodeModel(randomModel(graph, { seed: 1, maxLevel: 7, density: 1 }))
    const session = await InferenceSession.create(bytes, { precision: 'int8' })
    expect(session.info.layers[0].kernel).toBe('gather_i32')
    expect(session.info.layers[0].bound).toBeGreaterThan(32767)
    const data = images([8, 9, 9], 1, 3)
    const { logits } = await session.run({ image: new Tensor('uint8', data, [1, 8, 9, 9]) })
    expect(Array.from(logits.data)).toEqual(runNaive(decodeModel(bytes), data, INT8).logits)
  })

  it.each(['lenet', 'inverted bottlenecks', 'sums of stored values'])(
    'uses f32 lanes for E5M2, whose span no i32 holds, but for the image: %s',
    async (name) => {
      const graph = ALL[name]
      const bytes = encodeModel(randomModel(graph, { seed: 1, maxLevel: 3, density: 0.3 }))
      const { shape } = graph.inputs[0]
      const feeds = { image: new Tensor('uint8', images(shape, 2, 3), [2, ...shape]) }
      const session = await InferenceSession.create(bytes, { precision: 'fp8', fp8: 'e5m2' })
      const ofImage = graph.nodes.filter((node) => node.inputs.includes(graph.inputs[0].name)).map((node) => node.name)
      for (const layer of session.info.layers) {
        expect(layer.kernel.endsWith('f32'), layer.name).toBe(!ofImage.includes(layer.name))
      }
      const reference = await InferenceSession.create(bytes, { precision: 'fp8', fp8: 'e5m2', isa: 'reference' })
      const [mine, theirs] = [await session.run(feeds), await reference.run(feeds)]
      for (const output of graph.outputs) expect(mine[output].data).toEqual(theirs[output].data)
    },
  )
})

describe('the dense baseline', () => {
  it.each(Object.entries(ALL))('agrees with the sparse kernels to rounding: %s', async (_, graph) => {
    const bytes = encodeModel(randomModel(graph, { seed: 2, maxLevel: 7, density: 0.4 }))
    const { shape } = graph.inputs[0]
    const feeds = { image: new Tensor('uint8', images(shape, 5, 6), [5, ...shape]) }
    const sparse = await (await InferenceSession.create(bytes, { precision: 'f32' })).run(feeds)
    for (const batch of [1, 4]) {
      const session = await InferenceSession.create(bytes, { precision: 'f32', kernels: 'dense', batch })
      expect(session.info.layers.every((l) => /^(conv|gemv)_f32$/.test(l.kernel))).toBe(true)
      const dense = await session.run(feeds)
      for (const name of graph.outputs) {
        const largest = Math.max(...sparse[name].data.map(Math.abs))
        dense[name].data.forEach((v, i) => {
          expect(Math.abs(v - sparse[name].data[i])).toBeLessThanOrEqual(1e-5 * largest)
        })
      }
    }
  })
})

describe('shared tensors', () => {
  it('run as if each layer had its own copy', async () => {
    const graph = chain(
      [4, 6, 6],
      [{ conv: 4, kernel: [3, 3], pad: [1, 1, 1, 1] }, 'relu', { conv: 4, kernel: [3, 3] }],
    )
    const own = randomModel(graph, { seed: 4, maxLevel: 3, density: 0.3 })
    const [first, second] = Object.keys(own.layers)
    const shared = {
      ...own,
      tensors: { [first]: own.tensors[first] },
      layers: { ...own.layers, [second]: { ...own.layers[second], tensor: first } },
    }
    const copies = { ...own, tensors: { [first]: own.tensors[first], [second]: own.tensors[first] } }
    const feeds = { image: new Tensor('uint8', images([4, 6, 6], 2, 1), [2, 4, 6, 6]) }
    for (const options of [{ precision: 'int8' }, { precision: 'f32', kernels: 'dense' }] as const) {
      const a = await (await InferenceSession.create(encodeModel(shared), options)).run(feeds)
      const b = await (await InferenceSession.create(encodeModel(copies), options)).run(feeds)
      expect(a.logits.data).toEqual(b.logits.data)
    }
  })
})
