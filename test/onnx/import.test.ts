/** Importing: what becomes of graphs, shapes, batches and constants, and what is refused. */
import { describe, expect, it } from 'vitest'
import { importOnnx } from '../../src/onnx/import.js'
import { Rng } from '../../src/rng.js'
import { floats, ints, type ModelInit, node, onnx } from './build.js'
import { runFloat } from './naive.js'

const rng = new Rng(1)
const random = (n: number) => Float32Array.from({ length: n }, () => rng.normal())
const load = (model: ModelInit) => importOnnx(onnx(model))
const ops = (model: ModelInit) => load(model).graph.nodes.map((n) => (n.op === 'tensor' ? n.fn.kind : n.op))

const convNet: ModelInit = {
  inputs: { x: ['N', 3, 8, 8] },
  outputs: ['y'],
  constants: [
    floats('w', [4, 3, 3, 3], random(108)),
    floats('scale', [4], [1, 2, 0.5, -1]),
    floats('offset', [4], [0.1, 0.2, 0.3, 0.4]),
    floats('mean', [4], [0.5, 0, -0.5, 1]),
    floats('variance', [4], [1, 4, 0.25, 2]),
    floats('fc', [4, 5], random(20)),
    floats('bias', [5], random(5)),
  ],
  nodes: [
    node('Conv', ['x', 'w'], ['c'], { pads: [1, 1, 1, 1], kernel_shape: [3, 3] }),
    node('BatchNormalization', ['c', 'scale', 'offset', 'mean', 'variance'], ['b']),
    node('Relu', ['b'], ['r']),
    node('GlobalAveragePool', ['r'], ['p']),
    node('Flatten', ['p'], ['f']),
    node('Gemm', ['f', 'fc', 'bias'], ['y']),
  ],
}

describe('a convolutional network', () => {
  it('becomes layers; batch normalisation goes into the convolution', () => {
    expect(ops(convNet)).toEqual(['conv2d', 'relu', 'avgpool', 'reshape', 'dense'])
  })

  it('computes what its parts say', () => {
    const model = load(convNet)
    const x = random(3 * 64)
    const plain = load({ ...convNet, nodes: convNet.nodes.slice(0, 1), outputs: ['c'] })
    const c = runFloat(plain, { x }).c
    const [scale, offset, mean, variance] = [
      [1, 2, 0.5, -1],
      [0.1, 0.2, 0.3, 0.4],
      [0.5, 0, -0.5, 1],
      [1, 4, 0.25, 2],
    ]
    const pooled = Array.from({ length: 4 }, (_, o) => {
      let sum = 0
      for (let i = 0; i < 64; i++) {
        const v = ((c[o * 64 + i] - mean[o]) / Math.sqrt(variance[o] + 1e-5)) * scale[o] + offset[o]
        sum += Math.max(0, v)
      }
      return sum / 64
    })
    const fc = convNet.constants?.find((t) => t.name === 'fc')?.floatData as number[]
    const bias = convNet.constants?.find((t) => t.name === 'bias')?.floatData as number[]
    const y = runFloat(model, { x }).y
    y.forEach((v, u) => {
      const expected = pooled.reduce((sum, p, o) => sum + p * fc[o * 5 + u], bias[u])
      expect(v).toBeCloseTo(expected, 4)
    })
  })

  it('leaves the batch out, whatever the first dimension is called', () => {
    for (const first of ['N', 'batch_size', 1]) {
      const { graph } = load({ ...convNet, inputs: { x: [first, 3, 8, 8] } })
      expect(graph.inputs[0].shape).toEqual([3, 8, 8])
    }
  })

  it('keeps a first dimension that is something else', () => {
    const { graph } = load({
      inputs: { x: [2, 3] },
      outputs: ['y'],
      nodes: [node('Transpose', ['x'], ['y'], { perm: [1, 0] })],
    })
    expect(graph.inputs[0].shape).toEqual([2, 3])
  })
})

describe('shape arithmetic', () => {
  it('is gone: what exporters write for a flatten is a reshape', () => {
    const model: ModelInit = {
      inputs: { x: ['N', 4, 2, 2] },
      outputs: ['y'],
      constants: [ints('zero', [0], []), ints('minus', [-1]), ints('axes', [0])],
      nodes: [
        node('Shape', ['x'], ['s']),
        node('Gather', ['s', 'zero'], ['n']),
        node('Unsqueeze', ['n', 'axes'], ['n1']),
        node('Concat', ['n1', 'minus'], ['shape'], { axis: 0 }),
        node('Reshape', ['x', 'shape'], ['y']),
      ],
    }
    expect(ops(model)).toEqual(['reshape'])
    const x = random(16)
    expect(runFloat(load(model), { x }).y).toEqual(x)
  })
})

describe('simplifying', () => {
  const scaled = (nodes: ModelInit['nodes'], constants: NonNullable<ModelInit['constants']>): ModelInit => ({
    inputs: { x: ['N', 2, 4, 4] },
    outputs: ['y'],
    constants: [floats('w', [3, 2, 1, 1], random(6)), ...constants],
    nodes: [node('Conv', ['x', 'w'], ['c'], { kernel_shape: [1, 1] }), ...nodes],
  })

  it.each([
    ['a scale', [node('Mul', ['c', 'k'], ['y'])], [floats('k', [1, 3, 1, 1], [2, 3, 4])]],
    ['a scale before', [node('Mul', ['k', 'c'], ['y'])], [floats('k', [3, 1, 1], [2, 3, 4])]],
    ['a quotient', [node('Div', ['c', 'k'], ['y'])], [floats('k', [], [4])]],
    ['a bias', [node('Add', ['c', 'k'], ['y'])], [floats('k', [3, 1, 1], [2, 3, 4])]],
    ['a difference', [node('Sub', ['k', 'c'], ['y'])], [floats('k', [1], [5])]],
  ] as const)('%s goes into the layer, with the same results', (_, nodes, constants) => {
    const model = scaled(nodes, constants)
    expect(ops(model)).toEqual(['conv2d'])
    const x = random(32)
    const c = runFloat(load({ ...model, nodes: model.nodes.slice(0, 1), outputs: ['c'] }), { x }).c
    const k = constants[0].floatData as number[]
    const op = nodes[0].opType
    const y = runFloat(load(model), { x }).y
    y.forEach((v, i) => {
      const own = k[k.length === 1 ? 0 : Math.floor(i / 16)]
      const expected = op === 'Mul' ? c[i] * own : op === 'Div' ? c[i] / own : op === 'Add' ? c[i] + own : own - c[i]
      expect(v).toBeCloseTo(expected, 4)
    })
  })

  it('a layer that something else reads too stays as it is', () => {
    const model = scaled([node('Mul', ['c', 'k'], ['y'])], [floats('k', [1, 3, 1, 1], [2, 3, 4])])
    expect(ops({ ...model, outputs: ['y', 'c'] })).toEqual(['conv2d', 'constant', 'combine'])
  })

  it('zeros around an image become the padding of its convolution', () => {
    const model: ModelInit = {
      inputs: { x: ['N', 2, 4, 4] },
      outputs: ['y'],
      constants: [floats('w', [1, 2, 3, 3], random(18)), ints('pads', [0, 0, 1, 2, 0, 0, 1, 0])],
      nodes: [node('Pad', ['x', 'pads'], ['p']), node('Conv', ['p', 'w'], ['y'], { kernel_shape: [3, 3] })],
    }
    const { graph } = load(model)
    expect(graph.nodes).toMatchObject([{ op: 'conv2d', pad: [1, 2, 1, 0] }])
  })

  it('what the outputs do not need is left out', () => {
    const model: ModelInit = {
      inputs: { x: ['N', 2] },
      outputs: ['y'],
      nodes: [node('Tanh', ['x'], ['unused']), node('Sigmoid', ['x'], ['y'])],
    }
    expect(ops(model)).toEqual(['map'])
  })
})

describe('refused', () => {
  const refused = (model: ModelInit) => {
    try {
      load(model)
    } catch (error) {
      return `${(error as { code: string }).code}: ${(error as Error).message}`
    }
    return 'nothing was refused'
  }
  const one = (op: string, attributes = {}): ModelInit => ({
    inputs: { x: ['N', 4, 4] },
    outputs: ['y'],
    nodes: [node(op, ['x'], ['y'], attributes)],
  })

  it('what is no ONNX file', () => {
    for (const bytes of [new Uint8Array(0), Uint8Array.of(1, 2, 3), new TextEncoder().encode('PK not a model')]) {
      expect(() => importOnnx(bytes)).toThrow(/this is not an ONNX model/)
    }
  })

  it('unknown operators, all at once', () => {
    const model = { ...one('LSTM'), nodes: [node('NonMaxSuppression', ['x'], ['a']), node('LSTM', ['a'], ['y'])] }
    expect(refused(model)).toMatch(
      /E_GRAPH: .*cannot be imported: NonMaxSuppression \('NonMaxSuppression_a'\), LSTM \('LSTM_y'\)/,
    )
  })

  it('names that nothing makes, cycles, and results that do not exist', () => {
    const model = one('Relu')
    expect(refused({ ...model, outputs: ['z'] })).toMatch(/E_GRAPH: the list of outputs uses 'z', which nothing makes/)
    expect(refused({ ...model, nodes: [node('Relu', ['z'], ['y'])] })).toMatch(/uses 'z', which nothing makes/)
    const circle = [node('Relu', ['b'], ['a']), node('Relu', ['a'], ['b']), node('Add', ['x', 'b'], ['y'])]
    expect(refused({ ...model, nodes: circle })).toMatch(/E_GRAPH: .*a cycle/)
    expect(refused({ ...model, nodes: [node('Relu', ['x'], ['r', 'y'])] })).toMatch(
      /its result 1 \('y'\) is not supported/,
    )
  })

  it('shapes that do not fit, with the node', () => {
    const constants = [floats('w', [3, 5], new Array(15).fill(1))]
    const model = { ...one('MatMul'), constants, nodes: [node('MatMul', ['x', 'w'], ['y'])] }
    expect(refused(model)).toMatch(/E_SHAPE: .*'?y'? \(matmul\).*must fit/)
    expect(refused(one('Flatten', { axis: 7 }))).toMatch(/E_SHAPE: 'Flatten_y' \(Flatten\): axis 7/)
  })

  it('weights that are fed, with what to do', () => {
    const model: ModelInit = {
      inputs: { x: ['N', 1, 4, 4], w: [1, 1, 3, 3] },
      outputs: ['y'],
      nodes: [node('Conv', ['x', 'w'], ['y'], { kernel_shape: [3, 3] })],
    }
    expect(refused(model)).toMatch(/weights \(input 'w'\) depend on what the network is fed.*option 'constants'/)
  })

  it('open dimensions, until they are given', () => {
    const model = { ...one('Relu'), inputs: { x: ['N', 'length', 4] } }
    expect(refused(model)).toMatch(/E_SHAPE: input 'x' leaves dimension 'length' open/)
    expect(importOnnx(onnx(model), { sizes: { length: 6 } }).graph.inputs[0].shape).toEqual([6, 4])
  })

  it('damaged files: any change ends in a model or a coded error', () => {
    const bytes = onnx(convNet)
    const flip = new Rng(7)
    for (let i = 0; i < 3000; i++) {
      const damaged = bytes.slice()
      for (let k = 0; k <= flip.below(3); k++) damaged[flip.below(damaged.length)] = flip.below(256)
      const cut = flip.below(4) === 0 ? damaged.subarray(0, flip.below(damaged.length)) : damaged
      try {
        importOnnx(cut)
      } catch (error) {
        expect((error as { code?: string }).code ?? (error as Error).stack).toMatch(/^E_/)
      }
    }
  })
})
