import { describe, expect, it } from 'vitest'
import { RATES } from '../../src/engine/rates.js'
import { encodeModel } from '../../src/format/wd.js'
import type { Graph } from '../../src/graph/ir.js'
import { InferenceSession, type SessionOptions, Tensor } from '../../src/index.js'
import { BRANCHES } from './branches.js'
import { chain, GRAPHS, randomModel } from './models.js'

async function explained(graph: Graph, maxLevel: 1 | 3 | 7 | 127, density: number, options: SessionOptions = {}) {
  const bytes = encodeModel(randomModel(graph, { seed: 2, maxLevel, density }))
  return (await InferenceSession.create(bytes, options)).explain()
}
const wide = chain([8, 9, 9], [{ conv: 12, kernel: [9, 9], pad: [4, 4, 4, 4] }, 'relu', { conv: 4, kernel: [3, 3] }])

describe('an explanation', () => {
  it('names the layer, its shapes, its kernel, and the proof of its lanes', async () => {
    const [first, second, third] = await explained(GRAPHS.lenet, 3, 0.25)
    expect(first).toMatchObject({
      name: 'n0',
      op: 'conv2d',
      input: [1, 12, 12],
      output: [4, 12, 12],
      shape: [4, 1, 5, 5],
      maxLevel: 3,
      kernel: 'gather_i16',
      lanes: { input: 'i16', sums: 'i16', result: 'i16' },
      capacity: 32767,
    })
    expect(first.bound).toBeGreaterThan(0)
    expect(first.bound).toBeLessThanOrEqual(32767)
    expect(first.why).toMatch(/^\d+\.\d % of the weights are not zero; .*; sums of up to \d+ fit i16$/)
    expect(second.input).toEqual([4, 6, 6])
    expect(third).toMatchObject({ op: 'dense', kernel: 'gather_scalar_i16', lanes: { input: 'i16', sums: 'i32' } })
    expect(third.alternatives.map((a) => a.kernel)).toEqual(['gemv_f32'])
  })

  it('counts the program, its additions and the bytes that move', async () => {
    const graph = chain([2, 4, 4], [{ conv: 3, kernel: [1, 1] }])
    const model = randomModel(graph, { seed: 2, maxLevel: 3, density: 1 })
    const levels = Int8Array.of(1, 0, -2, 3, 0, 0)
    const bytes = encodeModel({ ...model, tensors: { logits: { ...model.tensors.logits, levels } } })
    const [layer] = await (await InferenceSession.create(bytes)).explain()
    // Two digit planes of three rows, two words each; digits of 1, 2 and 3: four.
    expect(layer.bytes).toBe(4 * (2 * 2 * 3 + 4))
    expect(layer).toMatchObject({ density: 0.5, macs: 3 * 16, positions: 16 })
    // Two vectors of eight for 16 pixels.
    expect(layer.estimatedMs).toBeCloseTo((4 * 2) / RATES.gather_i16 / 1e6, 12)
    expect(layer.bytesMoved).toBe(layer.bytes + 2 * 16 * 2 + 2 * (3 * 16 * 2) + 3 * 16 * 4)
  })

  it('says what speaks against other kernels', async () => {
    const [layer] = await explained(wide, 7, 1)
    expect(layer).toMatchObject({ kernel: 'gather_i32', capacity: 2 ** 31 - 1 })
    expect(layer.alternatives[0]).toMatchObject({
      kernel: 'gather_i16',
      objection: `sums of up to ${layer.bound} do not fit`,
    })
    expect(layer.alternatives[0].ms).toBeLessThan(layer.estimatedMs)
    const [dense] = await explained(BRANCHES.mixer, 127, 0.9)
    expect(dense).toMatchObject({ kernel: 'dense_i16', lanes: { sums: 'i32' } })
    expect(dense.alternatives.map((a) => a.kernel)).toEqual(['gather_i16', 'conv_f32'])
    const [sparse] = await explained(BRANCHES.mixer, 127, 0.1)
    expect(sparse.kernel).toBe('gather_i16')
    expect(sparse.alternatives.find((a) => a.kernel === 'dense_i16')?.objection).toMatch(/% of the weights/)
    const bottleneck = await explained(BRANCHES['inverted bottlenecks'], 127, 0.9)
    const depthwise = bottleneck.filter((layer) => layer.shape[1] === 1)
    expect(depthwise.map((layer) => layer.kernel)).toEqual(['depthwise_i16', 'depthwise_i16', 'depthwise_i16'])
    const [sums] = await explained(BRANCHES['inverted bottlenecks'], 127, 0.9, { precision: 'fp8' })
    expect(sums.alternatives.map((a) => a.kernel)).not.toContain('depthwise_i16')
    const baseline = await explained(GRAPHS.lenet, 1, 0.2, { precision: 'f32', kernels: 'dense' })
    expect(baseline[0]).toMatchObject({ kernel: 'conv_f32', bound: undefined, capacity: undefined })
    expect(baseline[0].why).toMatch(/asked for/)
  })

  it.each([
    ['int8', 1],
    ['int8', 4],
    ['fp8', 1],
    ['f32', 1],
    ['f32', 4],
  ] as const)('has numbers for every layer of every network: %s, batch %i', async (precision, batch) => {
    for (const [name, graph] of Object.entries({ ...GRAPHS, ...BRANCHES })) {
      for (const maxLevel of [1, 7, 127] as const) {
        for (const layer of await explained(graph, maxLevel, 0.4, { precision, batch })) {
          expect(layer.estimatedMs, `${name} ${layer.name} ${layer.kernel}`).toBeGreaterThan(0)
          for (const { ms, objection } of layer.alternatives) {
            expect(ms).toBeGreaterThan(0)
            expect(objection).not.toBe('')
          }
          if (layer.bound !== undefined) expect(layer.bound).toBeLessThanOrEqual(layer.capacity as number)
        }
      }
    }
  })

  it('holds what a profile measured', async () => {
    const bytes = encodeModel(randomModel(GRAPHS.lenet, { seed: 2, maxLevel: 1, density: 0.2 }))
    const session = await InferenceSession.create(bytes)
    expect((await session.explain()).every((layer) => layer.measured === undefined)).toBe(true)
    const profile = await session.profile({ runs: 3 })
    for (const layer of await session.explain()) {
      expect(layer.measured).toEqual(profile.find((entry) => entry.op === layer.name))
    }
  })
})

describe('a profile', () => {
  it('times every operation, kernel by kernel', async () => {
    const bytes = encodeModel(randomModel(GRAPHS.lenet, { seed: 2, maxLevel: 1, density: 0.2 }))
    const session = await InferenceSession.create(bytes, { batch: 2 })
    await session.run({ image: new Tensor('uint8', new Uint8Array(288).fill(7), [2, 1, 12, 12]) })
    const profile = await session.profile({ runs: 5 })
    expect(profile.map((p) => p.op)).toEqual(['image', 'n0', 'n3', 'n6', 'n7', 'logits'])
    for (const { op, ms, parts, kernels, macs, gmacs } of profile) {
      expect(parts.map((p) => p.kernel)).toEqual(kernels)
      expect(ms).toBeCloseTo(
        parts.reduce((sum, p) => sum + p.ms, 0),
        9,
      )
      expect(parts.every((p) => p.ms > 0 && p.calls > 0)).toBe(true)
      const layer = session.info.layers.find((l) => l.name === op)
      expect(macs).toBe(2 * (layer?.macs ?? 0))
      expect(gmacs === undefined).toBe(layer === undefined)
    }
    expect(profile[1].parts.map((p) => [p.kind, p.calls])).toEqual([
      ['product', 2],
      ['pool', 2],
      ['requantise', 2],
    ])
  })

  it('changes no result', async () => {
    const graph = BRANCHES['residual, padded shortcuts']
    const bytes = encodeModel(randomModel(graph, { seed: 2, maxLevel: 1, density: 0.3 }))
    const session = await InferenceSession.create(bytes)
    const { shape } = graph.inputs[0]
    const data = Uint8Array.from({ length: 2 * 9 * 8 }, (_, i) => (i * 31) % 256)
    const feeds = { image: new Tensor('uint8', data, [1, ...shape]) }
    const before = await session.run(feeds)
    await session.profile({ runs: 2 })
    expect(await session.run(feeds)).toEqual(before)
  })
})
