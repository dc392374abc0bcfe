/** Networks from parameters named as PyTorch does. */
import { describe, expect, it } from 'vitest'
import { type Graph, type Parameter, resnetCifar, withParameters } from '../../src/compress.js'
import { elements, inferShapes, isWeighted, type Node, type Shape, weightShape } from '../../src/graph/ir.js'
import { Rng } from '../../src/rng.js'

const CHAIN: Graph = {
  inputs: [{ name: 'image', shape: [2, 4, 4], scale: [1], offset: [0] }],
  nodes: [
    { op: 'conv2d', name: 'c1', inputs: ['image'], channels: 3, kernel: [1, 1], stride: [1, 1], pad: [0, 0, 0, 0] },
    { op: 'batchnorm', name: 'n1', inputs: ['c1'] },
    { op: 'relu', name: 'r1', inputs: ['n1'] },
    { op: 'flatten', name: 'f', inputs: ['r1'] },
    { op: 'dense', name: 'd', inputs: ['f'], units: 2 },
    { op: 'batchnorm', name: 'n2', inputs: ['d'] },
  ],
  outputs: ['n2'],
}

const filled = (shape: Shape, value: (i: number) => number): Parameter => ({
  shape,
  data: Float32Array.from({ length: elements(shape) }, (_, i) => value(i)),
})

/** Parameters of the chain, by name. */
const PARAMETERS: Readonly<Record<string, Parameter>> = {
  'features.0.weight': filled([3, 2, 1, 1], (i) => i + 1),
  'features.0.bias': filled([3], (i) => i),
  'features.1.weight': filled([3], (i) => i + 1),
  'features.1.bias': filled([3], (i) => 10 * i),
  'features.1.running_mean': filled([3], (i) => i - 1),
  'features.1.running_var': filled([3], () => 4 - 1e-5),
  'features.1.num_batches_tracked': filled([], () => 7),
  'classifier.weight': filled([2, 48], (i) => i / 64),
  'classifier.bias': filled([2], (i) => i + 0.5),
}

const make = (parameters: Readonly<Record<string, Parameter>>, graph = CHAIN, eps?: number) =>
  withParameters(graph, new Map(Object.entries(parameters)), eps)
const without = (name: string) => Object.fromEntries(Object.entries(PARAMETERS).filter(([key]) => key !== name))

describe('withParameters', () => {
  it('fills layers in order and folds batch normalisation: (w x + b - mean) / sqrt(var + eps) * gamma + beta', () => {
    const { graph, weights, constants } = make(PARAMETERS)
    expect(graph.nodes.map((node) => [node.op, node.name])).toEqual([
      ['conv2d', 'conv1'],
      ['relu', 'relu1'],
      ['flatten', 'flatten1'],
      ['dense', 'fc1'],
    ])
    expect(constants).toEqual({})
    // Factors 1/2, 2/2, 3/2 of the channels.
    expect(Array.from(weights.conv1.weights)).toEqual([0.5, 1, 3, 4, 7.5, 9])
    expect(Array.from(weights.conv1.bias)).toEqual([0 / 2 + 1 / 2, 1 + 10, (2 - 1) * 1.5 + 20])
    expect(weights.fc1.weights).toEqual(PARAMETERS['classifier.weight'].data)
    expect(Array.from(weights.fc1.bias)).toEqual([0.5, 1.5])
  })

  it('takes biases for zero where there are none, and its epsilon', () => {
    const { weights } = make(without('features.0.bias'), CHAIN, 12)
    expect(weights.conv1.bias[0]).toBeCloseTo(1 / 4, 6)
    expect(weights.conv1.weights[1]).toBeCloseTo(2 / 4, 6)
  })

  it('has modules without names of their own', () => {
    const dense: Graph = {
      ...CHAIN,
      nodes: CHAIN.nodes.slice(3, 5).map((n) => (n.name === 'f' ? { ...n, inputs: ['image'] } : n)),
      outputs: ['d'],
    }
    const { weights } = make({ weight: filled([2, 32], (i) => i), bias: filled([2], () => 1) }, dense)
    expect(weights.fc1.weights[5]).toBe(5)
  })

  it('gives shared layers the weights of the first, and batch normalisation of their own', () => {
    const graph = resnetCifar({ depth: 20, fold: [2] })
    const rng = new Rng(1)
    const shapes = inferShapes(graph)
    const parameters = new Map<string, Parameter>()
    for (const node of graph.nodes) {
      const channels = [(shapes.get(node.name) as Shape)[0]]
      if (isWeighted(node) && node.weightsOf === undefined) {
        parameters.set(
          `${node.name}.weight`,
          filled(weightShape(node, shapes.get(node.inputs[0]) as Shape), () => rng.normal()),
        )
      } else if (node.op === 'batchnorm' && node.name !== graph.outputs[0]) {
        for (const part of ['weight', 'bias', 'running_mean'])
          parameters.set(
            `${node.name}.${part}`,
            filled(channels, () => rng.normal()),
          )
        parameters.set(
          `${node.name}.running_var`,
          filled(channels, () => 1 + rng.float()),
        )
      }
    }
    const { weights } = withParameters(graph, parameters)
    const shared = graph.nodes.filter((node: Node) => isWeighted(node) && node.weightsOf !== undefined)
    expect(shared.length).toBe(2)
    const names = graph.nodes.filter(isWeighted)
    for (const node of shared) {
      const owner = names.findIndex((n) => isWeighted(node) && n.name === node.weightsOf)
      const own = names.findIndex((n) => n.name === node.name)
      const [first, later] = [owner, own].map((i) => weights[`conv${i + 1}`].weights)
      // The same weights, another factor for each channel.
      expect(first[1] / first[0]).toBeCloseTo(later[1] / later[0], 3)
      expect(first[0]).not.toBe(later[0])
    }
  })

  it.each<[string, Readonly<Record<string, Parameter>>, RegExp]>([
    [
      'weights of another shape',
      { ...PARAMETERS, 'features.0.weight': filled([3, 2, 3, 3], () => 1) },
      /'c1' needs a weight of \[3, 2, 1, 1\], but .*'features.0', have one of \[3, 2, 3, 3\].*order/,
    ],
    ['another order', Object.fromEntries(Object.entries(PARAMETERS).reverse()), /'c1' needs a weight/],
    [
      'a bias of another length',
      { ...PARAMETERS, 'classifier.bias': filled([3], () => 1) },
      /'d' needs a bias of \[2\]/,
    ],
    ['half of a normalisation', without('features.1.running_var'), /'n1' needs a running_var of \[3\].*no running_var/],
    ['too few', Object.fromEntries(Object.entries(PARAMETERS).slice(0, 7)), /no parameters left for 'd'/],
    [
      'too many',
      { ...PARAMETERS, 'head.weight': filled([2, 2], () => 1), 'head2.weight': filled([1], () => 1) },
      /'head' and 1 more have no place/,
    ],
    ['something else', { ...PARAMETERS, 'lstm.weight_ih_l0': filled([1], () => 1) }, /'lstm.weight_ih_l0' is unknown/],
    [
      'fewer numbers than the shape says',
      { ...PARAMETERS, 'classifier.bias': { shape: [2], data: new Float32Array(1) } },
      /'classifier.bias' of shape \[2\] has 1/,
    ],
  ])('refuses %s', (_, parameters, message) => {
    expect(() => make(parameters)).toThrow(message)
    expect(() => make(parameters)).toThrow(expect.objectContaining({ code: 'E_SHAPE' }))
  })
})
