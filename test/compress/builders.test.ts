import { describe, expect, it } from 'vitest'
import { ChainBuilder, foldConstants, foldGraph, lenet, mlp } from '../../src/compress.js'
import { type Graph, inferShapes } from '../../src/graph/ir.js'

const ops = (graph: Graph) => graph.nodes.map((node) => node.op).join(' ')

describe('builders', () => {
  it('mlp flattens images, and puts batch normalisation behind every layer', () => {
    const graph = mlp({ hidden: [30, 20], classes: 10 })
    expect(ops(graph)).toBe('flatten dense batchnorm relu dense batchnorm relu dense batchnorm')
    expect(ops(mlp({ input: [64], hidden: [], classes: 3 }))).toBe('dense batchnorm')
    expect(inferShapes(graph).get(graph.outputs[0])).toEqual([10])
  })

  it('lenet is LeNet-5 by default', () => {
    const graph = lenet()
    const shapes = inferShapes(graph)
    expect(shapes.get('pool1')).toEqual([6, 14, 14])
    expect(shapes.get('pool2')).toEqual([16, 5, 5])
    expect(shapes.get('flatten1')).toEqual([400])
    expect(graph.outputs).toEqual(['bn5'])
  })

  it('lenet takes other stages and heads', () => {
    const graph = lenet({
      stages: [
        { channels: 4, kernel: 3, stride: 2, pool: 0 },
        { channels: 6, kernel: 3, poolOp: 'avgpool' },
      ],
      hidden: [],
      head: 'average',
    })
    expect(ops(graph)).toBe('conv2d batchnorm relu conv2d batchnorm relu avgpool avgpool flatten dense batchnorm')
    expect(inferShapes(graph).get('flatten1')).toEqual([6])
    expect(() => lenet({ head: 'none' as 'dense' })).toThrow(/head must be/)
    expect(() => lenet({ stages: [{ channels: 4, kernel: 40 }] })).toThrow(/kernel 40x40 is larger/)
  })
})

describe('foldGraph', () => {
  it('removes batch normalisation and names the rest canonically', () => {
    const graph = lenet({ hidden: [] })
    const renamed: Graph = {
      ...graph,
      nodes: graph.nodes.map((n) => ({
        ...n,
        name: `my-${n.name}`,
        inputs: n.inputs.map((i) => (i === 'image' ? i : `my-${i}`)),
      })),
      outputs: [`my-${graph.outputs[0]}`],
    }
    const folded = foldGraph(renamed)
    expect(folded.graph.nodes.map((n) => n.name)).toEqual([
      'conv1',
      'relu1',
      'pool1',
      'conv2',
      'relu2',
      'pool2',
      'flatten1',
      'fc1',
    ])
    expect(folded.graph.outputs).toEqual(['fc1'])
    expect(folded.weighted[1]).toEqual({ original: 'my-conv2', name: 'conv2', norm: 'my-bn2', owner: 'my-conv2' })
    expect(folded.values.get('my-bn3')).toBe('fc1')
    expect(folded.values.has('my-fc1')).toBe(false)
    expect(inferShapes(folded.graph).get('fc1')).toEqual([10])
  })

  it('keeps weighted nodes without batch normalisation', () => {
    const folded = foldGraph(new ChainBuilder([4]).dense(3).plain('relu').build())
    expect(folded.weighted).toEqual([{ original: 'fc1', name: 'fc1', norm: undefined, owner: 'fc1' }])
  })

  it('refuses batch normalisation that it cannot fold', () => {
    expect(() => foldGraph(new ChainBuilder([4]).plain('batchnorm').build())).toThrow(/cannot be folded/)
    expect(() => foldGraph(new ChainBuilder([4]).dense(3).plain('relu').plain('batchnorm').build())).toThrow(
      /cannot be folded/,
    )
    const twice: Graph = {
      inputs: [{ name: 'input', shape: [4], scale: [1], offset: [0] }],
      nodes: [
        { op: 'dense', name: 'fc', inputs: ['input'], units: 2 },
        { op: 'batchnorm', name: 'bn', inputs: ['fc'] },
        { op: 'relu', name: 'relu', inputs: ['fc'] },
      ],
      outputs: ['relu'],
    }
    expect(() => foldGraph(twice)).toThrow(/nothing else uses/)
  })

  it('folds the constants', () => {
    const norm = { gamma: [2, -1], beta: [0.5, 3], mean: [1, -4], variance: [3.99, 0.24], eps: 0.01 }
    const { scale, bias } = foldConstants(0.7, 2, norm)
    for (const [c, sum] of [
      [0, 5],
      [1, -2],
    ]) {
      const wanted =
        ((0.7 * sum - norm.mean[c]) / Math.sqrt(norm.variance[c] + norm.eps)) * norm.gamma[c] + norm.beta[c]
      expect(scale[c] * sum + bias[c]).toBeCloseTo(wanted, 12)
    }
    expect(foldConstants(0.7, 2, undefined)).toEqual({ scale: Float64Array.of(0.7, 0.7), bias: Float64Array.of(0, 0) })
  })
})
