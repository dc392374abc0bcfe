/** Calibration and direct quantisation: what is measured, and that networks of all kinds then run in 8 bits. */
import { describe, expect, it } from 'vitest'
import { calibrate, quantiseModel } from '../../src/compress.js'
import { Magnitudes } from '../../src/format/magnitudes.js'
import { encodeModel } from '../../src/format.js'
import {
  elements,
  type Graph,
  inferShapes,
  isWeighted,
  type Node,
  type Shape,
  weightShape,
} from '../../src/graph/ir.js'
import type { FloatModel } from '../../src/graph/model.js'
import { rangedValues } from '../../src/graph/ranges.js'
import type { TensorFn } from '../../src/graph/tensor-fn.js'
import { InferenceSession, Tensor } from '../../src/index.js'
import { Rng } from '../../src/rng.js'
import { runFloat } from '../onnx/naive.js'

const rng = new Rng(5)
const random = (n: number, size = 1) => Float32Array.from({ length: n }, () => size * rng.normal())

const SHAPE = [4, 8, 8]
const COUNT = 6

/** Random weights for a graph of one image input. Nodes are given with their inputs; the last is the output. */
function network(nodes: readonly Node[], constants: FloatModel['constants'] = {}): FloatModel {
  const outputs = [nodes[nodes.length - 1].name]
  const graph: Graph = { inputs: [{ name: 'x', shape: SHAPE, scale: [0.5], offset: [0.25] }], nodes, outputs }
  const shapes = inferShapes(graph)
  const weights = nodes.filter(isWeighted).map((node) => {
    const shape = weightShape(node, shapes.get(node.inputs[0]) as Shape)
    const cols = elements(shape) / shape[0]
    return [node.name, { weights: random(elements(shape), 1 / Math.sqrt(cols)), bias: random(shape[0], 0.3) }] as const
  })
  return { graph, weights: Object.fromEntries(weights), constants }
}

const conv = (name: string, input: string, channels: number, more: object = {}): Node =>
  ({
    op: 'conv2d',
    name,
    inputs: [input],
    channels,
    kernel: [3, 3],
    stride: [1, 1],
    pad: [1, 1, 1, 1],
    ...more,
  }) as Node
const plain = (op: 'relu' | 'relu6' | 'flatten' | 'add', name: string, ...inputs: string[]): Node => ({
  op,
  name,
  inputs,
})
const pool = (op: 'maxpool' | 'avgpool', name: string, input: string): Node => ({
  op,
  name,
  inputs: [input],
  kernel: [2, 2],
  stride: [2, 2],
  pad: [0, 0, 0, 0],
})
const tensor = (name: string, fn: TensorFn, ...inputs: string[]): Node => ({ op: 'tensor', name, inputs, fn })

const NETS: Readonly<Record<string, FloatModel>> = {
  chain: network([conv('a', 'x', 8), plain('relu', 'r', 'a'), pool('maxpool', 'p', 'r'), conv('b', 'p', 4)]),
  residual: network([
    conv('a', 'x', 8),
    plain('relu', 'r', 'a'),
    conv('b', 'r', 8),
    plain('add', 's', 'b', 'r'),
    plain('relu6', 't', 's'),
    pool('avgpool', 'p', 't'),
    plain('flatten', 'f', 'p'),
    { op: 'dense', name: 'd', inputs: ['f'], units: 5 },
  ]),
  'concatenation of pooled and other values': network([
    conv('a', 'x', 8),
    plain('relu', 'r', 'a'),
    pool('maxpool', 'p', 'r'),
    conv('b', 'x', 6, { stride: [2, 2] }),
    tensor('c', { kind: 'concat', axis: 0 }, 'p', 'b'),
    conv('d', 'c', 4),
  ]),
  'a value that layers and functions read': network([
    conv('a', 'x', 8),
    plain('relu', 'r', 'a'),
    conv('b', 'r', 8),
    tensor('m', { kind: 'combine', fn: 'mul' }, 'b', 'r'),
    conv('c', 'm', 3),
  ]),
  'pooling at the end': network([conv('a', 'x', 8), plain('relu', 'r', 'a'), pool('maxpool', 'p', 'r')]),
  'functions at the end': network([
    conv('a', 'x', 8),
    pool('avgpool', 'p', 'a'),
    tensor('g', { kind: 'reduce', fn: 'mean', begin: 1, end: 3 }, 'p'),
    tensor('s', { kind: 'softmax', axis: 0, log: false }, 'g'),
  ]),
  'functions before layers': network(
    [
      tensor('k', { kind: 'constant', shape: [4, 1, 1] }),
      tensor('n', { kind: 'combine', fn: 'sub' }, 'x', 'k'),
      conv('a', 'n', 8),
      tensor('h', { kind: 'map', fn: 'hardswish' }, 'a'),
      conv('b', 'h', 8, { groups: 8, dilation: [2, 2], pad: [2, 2, 2, 2] }),
      tensor('i', { kind: 'reshape', shape: [8 * 64] }, 'b'),
      { op: 'dense', name: 'd', inputs: ['i'], units: 7 },
    ],
    { k: Float32Array.of(0.1, -0.2, 0.3, 0) },
  ),
}

const images = (count: number) => new Tensor('float32', random(count * elements(SHAPE)), [count, ...SHAPE])

/** All values of a network on one image of raw values, by definition. */
function valuesOf(net: FloatModel, image: Float32Array): Record<string, ArrayLike<number>> {
  const [input] = net.graph.inputs
  const outputs = [input.name, ...net.graph.nodes.map((node) => node.name)]
  const x = image.map((v) => v * input.scale[0] + input.offset[0])
  return runFloat({ ...net, graph: { ...net.graph, outputs } }, { x })
}

describe.each(Object.entries(NETS))('%s', (_, net) => {
  const x = images(COUNT)
  const each = Array.from({ length: COUNT }, (_, n) => x.data.subarray(n * elements(SHAPE), (n + 1) * elements(SHAPE)))
  const expected = each.map((image) => valuesOf(net, image as Float32Array))

  it.each([1, 4])('shows the values that ranges are chosen from, batch %i', async (batch) => {
    const ranged = rangedValues(net.graph)
    const session = await InferenceSession.create(net, { precision: 'f32', batch })
    const seen = new Map<string, Float32Array[]>([...ranged].map((name) => [name, []]))
    await session.observe({ x }, ranged, (name, values) => seen.get(name)?.push(values))
    for (const [name, all] of seen) {
      expect(all.length, name).toBe(COUNT)
      all.forEach((values, n) => {
        const own = Array.from(expected[n][name])
        const largest = Math.max(...own.map(Math.abs))
        values.forEach((v, i) => {
          expect(Math.abs(v - own[i]), name).toBeLessThanOrEqual(3e-6 * largest)
        })
      })
    }
  })

  it('gives each value that 8 bits round the range of its numbers', async () => {
    const ranges = await calibrate(net, { x })
    expect(Object.keys(ranges).sort()).toEqual([...rangedValues(net.graph)].sort())
    for (const [name, code] of Object.entries(ranges)) {
      const magnitudes = new Magnitudes()
      let largest = 0
      for (const values of expected) {
        const numbers = Float32Array.from(values[name])
        magnitudes.add(numbers)
        largest = Math.max(largest, ...numbers.map(Math.abs))
      }
      // One step more or less where f32 rounded the numbers to another bin.
      expect(Math.abs(code - magnitudes.rangeCode(largest)), name).toBeLessThanOrEqual(1)
    }
  })

  it.each(['int8', 'fp8'] as const)('with 8-bit levels is nearly itself in %s, from a file', async (precision) => {
    const file = encodeModel(quantiseModel(net, { ranges: await calibrate(net, { x }) }))
    for (const batch of [1, 4]) {
      const session = await InferenceSession.create(file, { precision, batch })
      const [y] = Object.values(await session.run({ x }))
      const wanted = expected.flatMap((values) => Array.from(values[net.graph.outputs[0]]))
      const energy = wanted.reduce((sum, v) => sum + v * v, 0)
      const noise = wanted.reduce((sum, v, i) => sum + (v - y.data[i]) ** 2, 0)
      expect(Math.sqrt(noise / energy)).toBeLessThan(precision === 'int8' ? 0.03 : 0.06)
    }
  })
})

describe('calibration', () => {
  it('refuses what has no range, and what the network is not fed', async () => {
    const wild = network([conv('a', 'x', 4), conv('b', 'a', 4)])
    wild.weights.a.weights.fill(1e38)
    const x = new Tensor('float32', new Float32Array(elements(SHAPE)).fill(1000), [1, ...SHAPE])
    await expect(calibrate(wild, { x })).rejects.toMatchObject({
      code: 'E_DATA',
      message: expect.stringMatching(/'a'/),
    })
    await expect(calibrate(NETS.chain, {})).rejects.toMatchObject({ code: 'E_OPTION' })
    const flat = new Tensor('float32', new Float32Array(256), [1, 256])
    await expect(calibrate(NETS.chain, { x: flat })).rejects.toMatchObject({ code: 'E_SHAPE' })
  })

  it('is for f32: other precisions hold rounded numbers', async () => {
    const file = encodeModel(quantiseModel(NETS.chain, { ranges: await calibrate(NETS.chain, { x: images(2) }) }))
    const session = await InferenceSession.create(file)
    await expect(session.observe({ x: images(1) }, new Set(['r']), () => {})).rejects.toThrow(/precision 'f32'/)
  })

  it('is needed for 8 bits: without ranges a model says so', async () => {
    const file = encodeModel(quantiseModel(NETS.chain))
    await expect(InferenceSession.create(file)).rejects.toThrow(/no activation range for 'x'/)
    await InferenceSession.create(file, { precision: 'f32' })
  })
})
