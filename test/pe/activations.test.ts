/** Counting inputs that are not zero, by hand and while the engine runs. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { decodeModel } from '../../src/format.js'
import type { Graph } from '../../src/graph/ir.js'
import { InferenceSession, Tensor } from '../../src/index.js'
import { ActivationCounter, graphWorkload, modelWorkload } from '../../src/pe.js'
import { Rng } from '../../src/rng.js'

const graph: Graph = {
  inputs: [{ name: 'x', shape: [2, 2, 2], scale: [1], offset: [0] }],
  nodes: [
    { op: 'conv2d', name: 'a', inputs: ['x'], channels: 3, kernel: [1, 1], stride: [1, 1], pad: [0, 0, 0, 0] },
    { op: 'conv2d', name: 'b', inputs: ['x'], channels: 1, kernel: [1, 1], stride: [1, 1], pad: [0, 0, 0, 0] },
    { op: 'relu', name: 'r', inputs: ['a'] },
    { op: 'flatten', name: 'f', inputs: ['r'] },
    { op: 'dense', name: 'd', inputs: ['f'], units: 4 },
  ],
  outputs: ['d', 'b'],
}

describe('ActivationCounter', () => {
  it('counts by channel, for all layers that read a value', () => {
    const counter = new ActivationCounter(graph, { ranges: { x: 7 }, bits: 3 })
    expect([...counter.names]).toEqual(['x', 'f'])
    counter.visit('x', Float32Array.of(1, 0, -2, 0, 0, 0, 0, 7))
    counter.visit('x', Float32Array.of(0, 0, 0, 0, 20, 0.4, 0, 0))
    counter.visit('r', Float32Array.of(1))
    const { a, b, d } = counter.layers()
    expect(a.of).toBe(8)
    expect([...a.perChannel]).toEqual([2, 3])
    expect(b).toEqual(a)
    // 0.4 rounds to 0, 20 is as large as the range.
    expect([...(a.magnitudes as Float64Array)]).toEqual([12, 1, 1, 0, 0, 0, 0, 2].map((n) => n / 16))
    expect(d).toBeUndefined()
  })

  it('gives densities, channels and magnitudes to a workload', () => {
    const counter = new ActivationCounter(graph, { ranges: { x: 1 } })
    counter.visit('x', Float32Array.of(1, 0, 0, 0, 0, 0, 0, 0.5))
    counter.visit(
      'f',
      Float32Array.from({ length: 12 }, (_, i) => i % 3),
    )
    const { layers } = graphWorkload(graph, { activations: counter.layers(), activationDensity: 0.9 })
    expect(layers.map((l) => l.activationDensity)).toEqual([0.25, 0.25, 8 / 12])
    expect(layers[0].inputMagnitudes?.[255]).toBe(1 / 8)
    expect(layers[2].inputMagnitudes).toBeUndefined()
    expect(layers[2].activeInputs?.perChannel.length).toBe(12)
  })

  it('refuses counts that cannot be, and bits', () => {
    const activations = { a: { of: 4, perChannel: Uint32Array.of(5, 4) } }
    expect(() => graphWorkload(graph, { activations })).toThrow(
      /workload\.activations\['a'\] must be counts of up to 4/,
    )
    expect(() => new ActivationCounter(graph, { bits: 17 })).toThrow(/bits of magnitudes/)
  })

  it('sees in a session what the layers of a network read', async () => {
    const model = decodeModel(readFileSync('models/mnist-lenet.wd'))
    const session = await InferenceSession.create(readFileSync('models/mnist-lenet.wd'), { precision: 'f32' })
    const counter = new ActivationCounter(model.graph)
    const rng = new Rng(1)
    const pixels = Uint8Array.from({ length: 2 * 784 }, () => (rng.below(4) === 0 ? 1 + rng.below(255) : 0))
    await session.observe({ image: new Tensor('uint8', pixels, [2, 1, 28, 28]) }, counter.names, counter.visit)
    session.dispose()
    const counts = counter.layers()
    expect(Object.keys(counts)).toEqual(['conv1', 'conv2', 'fc1'])
    const { scale, offset } = model.graph.inputs[0]
    const active = pixels.filter((v) => v * scale[0] + offset[0] !== 0).length
    expect([counts.conv1.of, [...counts.conv1.perChannel]]).toEqual([1568, [active]])
    expect([counts.conv2.of, counts.conv2.perChannel.length]).toEqual([2 * 144, 10])
    const workload = modelWorkload(model, { activations: counts })
    expect(workload.layers[0].activationDensity).toBe(active / 1568)
    for (const layer of workload.layers.slice(1)) {
      expect(layer.activationDensity).toBeGreaterThan(0)
      expect(layer.activationDensity).toBeLessThan(1)
    }
  })
})
