/** Networks of plain weights and tensor functions: the engine against loops that follow the definitions. */
import { describe, expect, it } from 'vitest'
import { elements, type Graph, inferShapes, type Node, type Shape } from '../../src/graph/ir.js'
import type { FloatModel } from '../../src/graph/model.js'
import type { TensorFn } from '../../src/graph/tensor-fn.js'
import { InferenceSession, Tensor } from '../../src/index.js'
import { Rng } from '../../src/rng.js'
import { runFloat } from '../onnx/naive.js'

const rng = new Rng(1)
const random = (n: number, size = 1) => Float32Array.from({ length: n }, () => size * rng.normal())

const tensor = (name: string, fn: TensorFn, ...inputs: string[]): Node => ({ op: 'tensor', name, fn, inputs })

/** A model whose only weighted nodes get random weights of the given density. */
function model(shape: Shape, nodes: readonly Node[], density = 1, constants: FloatModel['constants'] = {}): FloatModel {
  const last = nodes[nodes.length - 1].name
  const graph: Graph = { inputs: [{ name: 'x', shape, scale: [1], offset: [0] }], nodes, outputs: [last] }
  const shapes = inferShapes(graph)
  const weights: Record<string, FloatModel['weights'][string]> = {}
  for (const node of nodes) {
    if (node.op !== 'conv2d' && node.op !== 'dense') continue
    const input = shapes.get(node.inputs[0]) as Shape
    const [rows, cols] =
      node.op === 'dense'
        ? [node.units, input[0]]
        : [node.channels, (input[0] / (node.groups ?? 1)) * node.kernel[0] * node.kernel[1]]
    const values = random(rows * cols, 1 / Math.sqrt(cols)).map((w) => (rng.float() < density ? w : 0))
    weights[node.name] = { weights: values, bias: random(rows) }
  }
  return { graph, weights, constants }
}

/** Largest difference of a session's outputs from the naive ones, over the largest output. */
async function distance(net: FloatModel, batch: number, isa?: 'reference'): Promise<number> {
  const shape = net.graph.inputs[0].shape
  const size = elements(shape)
  const count = batch + 1
  const x = random(count * size)
  const session = await InferenceSession.create(net, { precision: 'f32', batch, ...(isa && { isa }) })
  const results = Object.values(await session.run({ x: new Tensor('float32', x, [count, ...shape]) }))
  session.dispose()
  let worst = 0
  let largest = 1e-30
  for (let n = 0; n < count; n++) {
    const expected = Object.values(runFloat(net, { x: x.subarray(n * size, (n + 1) * size) }))
    expected.forEach((values, k) => {
      values.forEach((v, i) => {
        worst = Math.max(worst, Math.abs(v - results[k].data[n * values.length + i]))
        largest = Math.max(largest, Math.abs(v))
      })
    })
  }
  return worst / largest
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

const NETS: Readonly<Record<string, () => FloatModel>> = {
  'dense convolutions': () =>
    model([3, 9, 7], [conv('a', 'x', 8), { op: 'relu', name: 'r', inputs: ['a'] }, conv('b', 'r', 5)]),
  'sparse convolutions': () => model([6, 9, 7], [conv('a', 'x', 16), conv('b', 'a', 5)], 0.1),
  'strides and dilation': () =>
    model(
      [4, 17, 15],
      [
        conv('a', 'x', 6, { stride: [2, 2], dilation: [2, 3], pad: [2, 3, 2, 3] }),
        conv('b', 'a', 3, { dilation: [3, 1] }),
      ],
      0.5,
    ),
  depthwise: () => model([8, 6, 6], [conv('a', 'x', 8, { groups: 8 }), conv('b', 'a', 16, { groups: 4 })]),
  'a hard swish between': () =>
    model([4, 6, 6], [conv('a', 'x', 6), tensor('h', { kind: 'map', fn: 'hardswish' }, 'a'), conv('b', 'h', 3)]),
  'squeeze and excite': () =>
    model(
      [4, 6, 6],
      [
        conv('a', 'x', 8),
        tensor('s', { kind: 'reduce', fn: 'mean', begin: 1, end: 3 }, 'a'),
        conv('d', 's', 4, { kernel: [1, 1], pad: [0, 0, 0, 0] }),
        { op: 'relu', name: 'r', inputs: ['d'] },
        conv('e', 'r', 8, { kernel: [1, 1], pad: [0, 0, 0, 0] }),
        tensor('g', { kind: 'map', fn: 'sigmoid' }, 'e'),
        tensor('m', { kind: 'combine', fn: 'mul' }, 'a', 'g'),
        conv('z', 'm', 2),
      ],
    ),
  'dense layers and softmax': () =>
    model(
      [2, 3, 3],
      [
        { op: 'flatten', name: 'f', inputs: ['x'] },
        { op: 'dense', name: 'd', inputs: ['f'], units: 11 },
        tensor('t', { kind: 'map', fn: 'tanh' }, 'd'),
        { op: 'dense', name: 'e', inputs: ['t'], units: 5 },
        tensor('s', { kind: 'softmax', axis: 0, log: false }, 'e'),
      ],
    ),
  attention: () => {
    const [rows, width] = [5, 8]
    const constants = { wq: random(width * width), wk: random(width * width), wv: random(width * width) }
    const constant = (name: string) => tensor(name, { kind: 'constant', shape: [width, width] })
    return model(
      [rows, width],
      [
        constant('wq'),
        constant('wk'),
        constant('wv'),
        tensor('n', { kind: 'normalise', axis: 1, epsilon: 1e-5 }, 'x'),
        tensor('q', { kind: 'matmul' }, 'n', 'wq'),
        tensor('k', { kind: 'matmul' }, 'n', 'wk'),
        tensor('v', { kind: 'matmul' }, 'n', 'wv'),
        ...['q', 'k', 'v'].flatMap((name) => [
          tensor(`${name}2`, { kind: 'reshape', shape: [rows, 2, width / 2] }, name),
          tensor(`${name}h`, { kind: 'permute', perm: name === 'k' ? [1, 2, 0] : [1, 0, 2] }, `${name}2`),
        ]),
        tensor('s', { kind: 'matmul' }, 'qh', 'kh'),
        tensor('p', { kind: 'softmax', axis: 2, log: false }, 's'),
        tensor('a', { kind: 'matmul' }, 'ph', 'vh'),
      ].map((node) => (node.name === 'p' ? { ...node, name: 'ph' } : node)),
      1,
      constants,
    )
  },
  'moves of all kinds': () =>
    model(
      [3, 4, 5],
      [
        tensor('a', { kind: 'slice', begin: [2, 0, 1], step: [-1, 2, 1], size: [3, 2, 3] }, 'x'),
        tensor('b', { kind: 'pad', before: [0, 1, 0], after: [1, 0, 2], between: [0, 1, 1], value: 0.5 }, 'a'),
        tensor('c', { kind: 'permute', perm: [2, 0, 1] }, 'b'),
        tensor('d', { kind: 'take', axis: 0, indices: [3, 0, 0, 6] }, 'c'),
        tensor('e', { kind: 'concat', axis: 1 }, 'd', 'd'),
        tensor(
          'f',
          { kind: 'resample', axis: 2, taps: 2, indices: [0, 1, 1, 2, 3, 3], weights: [0.5, 0.5, 1, 0, 0.25, 0.75] },
          'e',
        ),
        tensor('g', { kind: 'reshape', shape: [4, 1, 24] }, 'f'),
        tensor('h', { kind: 'expand', shape: [4, 3, 24] }, 'g'),
        tensor('i', { kind: 'reduce', fn: 'max', begin: 0, end: 1 }, 'h'),
      ],
    ),
  'local response normalisation, pools, sums': () =>
    model(
      [4, 8, 8],
      [
        conv('a', 'x', 4),
        tensor('l', { kind: 'lrn', size: 3, alpha: 0.1, beta: 0.75, bias: 1 }, 'a'),
        { op: 'maxpool', name: 'p', inputs: ['l'], kernel: [2, 2], stride: [2, 2], pad: [0, 0, 0, 0] },
        conv('b', 'p', 4),
        { op: 'add', name: 's', inputs: ['b', 'p'] },
        { op: 'avgpool', name: 'g', inputs: ['s'], kernel: [4, 4], stride: [1, 1], pad: [0, 0, 0, 0] },
      ],
    ),
}

describe.each(Object.entries(NETS))('%s', (_, make) => {
  it.each([1, 3])('equals the definitions, batch %i', async (batch) => {
    const net = make()
    expect(await distance(net, batch)).toBeLessThan(2e-6)
    expect(await distance(net, batch, 'reference')).toBeLessThan(2e-6)
  })
})

describe('a network of plain weights', () => {
  it('runs in f32 only, and says so', async () => {
    const net = NETS['dense convolutions']()
    await expect(InferenceSession.create(net)).rejects.toThrow(/it can run in precision 'f32' only/)
  })

  it('takes one example without a batch, and answers without one', async () => {
    const nodes = [tensor('s', { kind: 'map', fn: 'affine', a: 2, b: 1 }, 'x')]
    for (const shape of [[], [3], [2, 3], [1, 2, 3]]) {
      const session = await InferenceSession.create(model(shape, nodes), { precision: 'f32' })
      const x = random(elements(shape))
      const expected = x.map((v) => Math.fround(2 * v) + 1)
      const alone = await session.run({ x: new Tensor('float32', x, shape) })
      expect(alone.s).toMatchObject({ dims: shape, data: expected })
      const batch = await session.run({ x: new Tensor('float32', Float32Array.of(...x, ...x), [2, ...shape]) })
      expect(batch.s).toMatchObject({ dims: [2, ...shape], data: Float32Array.of(...expected, ...expected) })
    }
  })

  it('needs all inputs with a batch or none', async () => {
    const graph: Graph = {
      inputs: ['x', 'y'].map((name) => ({ name, shape: [2], scale: [1], offset: [0] })),
      nodes: [tensor('s', { kind: 'combine', fn: 'mul' }, 'x', 'y')],
      outputs: ['s'],
    }
    const session = await InferenceSession.create({ graph, weights: {}, constants: {} }, { precision: 'f32' })
    const of = (...dims: number[]) => new Tensor('float32', new Float32Array(elements(dims)), dims)
    await expect(session.run({ x: of(1, 2), y: of(2) })).rejects.toThrow(/'y' has no batch, but 'x' has a batch of 1/)
    await expect(session.run({ x: of(2), y: of(3, 2) })).rejects.toThrow(/'y' has a batch of 3, but 'x' has no batch/)
    expect((await session.run({ x: of(3, 2), y: of(3, 2) })).s.dims).toEqual([3, 2])
  })

  it('computes with what is not zero where that is faster', async () => {
    const kernels = async (net: FloatModel) =>
      (await InferenceSession.create(net, { precision: 'f32' })).info.layers.map((l) => l.kernel)
    expect(await kernels(NETS['sparse convolutions']())).toEqual(['gather_mul_f32', 'gather_mul_f32'])
    expect(await kernels(NETS['dense convolutions']())).toEqual(['conv_f32', 'conv_f32'])
  })
})
