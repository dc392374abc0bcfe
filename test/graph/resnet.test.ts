import { describe, expect, it } from 'vitest'
import { ChainBuilder, countGraph, foldGraph, type Graph, resnet, resnet9, resnetCifar } from '../../src/compress.js'
import { inferShapes, isWeighted, type Node } from '../../src/graph/ir.js'

/** Weights, and channels of batch normalisation without those of the last dense layer, which the originals do not have. */
const size = (graph: Graph, classes: number) => {
  const { weights, normChannels } = countGraph(graph)
  return [weights, normChannels - classes]
}
const find = (graph: Graph, name: string) => graph.nodes.find((n) => n.name === name) as Node
const outputShape = (graph: Graph) => inferShapes(graph).get(graph.outputs[0])
/** Operations of the nodes from `from` on, up to and with `to`. */
const between = (graph: Graph, from: string, to: string) => {
  const names = graph.nodes.map((n) => n.name)
  return graph.nodes
    .slice(names.indexOf(from), names.indexOf(to) + 1)
    .map((n) => n.op)
    .join(' ')
}

describe('ChainBuilder', () => {
  it('branches and merges', () => {
    const chain = new ChainBuilder([2, 4, 4])
    const image = chain.mark()
    const left = chain.convNorm(2, 3).mark()
    const graph = chain.from(image).convNorm(2, 1).merge(left).build()
    expect(find(graph, 'conv2').inputs).toEqual(['image'])
    expect(find(graph, 'add1').inputs).toEqual(['bn2', 'bn1'])
    expect(graph.outputs).toEqual(['add1'])
    expect(chain.shape).toEqual([2, 4, 4])
  })

  it('refuses to merge shapes that differ', () => {
    const chain = new ChainBuilder([2, 4, 4])
    const image = chain.mark()
    expect(() => chain.convNorm(3, 3).merge(image).build()).toThrow(/two values of one shape/)
  })

  it('folds: one set of weights, batch normalisation of its own for each iteration', () => {
    const graph = new ChainBuilder([3, 4, 4])
      .fold(3, (chain) => chain.convNorm(3, 3).plain('relu').convNorm(3, 1))
      .build()
    expect(graph.nodes.filter(isWeighted).map((n) => [n.name, n.weightsOf])).toEqual([
      ['conv1', undefined],
      ['conv2', undefined],
      ['conv3', 'conv1'],
      ['conv4', 'conv2'],
      ['conv5', 'conv1'],
      ['conv6', 'conv2'],
    ])
    expect(countGraph(graph)).toEqual({ weights: 81 + 9, macs: 3 * 16 * (81 + 9), normChannels: 18 })
  })

  it('refuses to fold blocks whose weights differ', () => {
    const widening = new ChainBuilder([2, 4, 4]).fold(2, (chain) => chain.convNorm(3, 3))
    expect(() => widening.build()).toThrow(/needs weights \[3, 3, 3, 3\], but those of 'conv1' are \[3, 2, 3, 3\]/)
  })
})

describe('resnetCifar', () => {
  // Table 6 of arXiv 1512.03385: 0.27, 0.46, 0.66 and 0.85 M parameters.
  it.each([
    [8, 74_800],
    [20, 268_336],
    [32, 461_872],
    [44, 655_408],
    [56, 848_944],
  ])('ResNet-%i has the published number of weights', (depth, weights) => {
    const graph = resnetCifar({ depth })
    expect(countGraph(graph).weights).toBe(weights)
    expect(graph.nodes.filter(isWeighted)).toHaveLength(depth)
    expect(outputShape(graph)).toEqual([10])
  })

  it('has 40.55 M multiply-accumulates at depth 20, and 688 channels of batch normalisation before the classifier', () => {
    const graph = resnetCifar({ depth: 20 })
    expect(countGraph(graph).macs).toBe(40_551_040)
    expect(size(graph, 10)[1]).toBe(688)
  })

  it("shortcut 'A' takes every second pixel and pads channels evenly", () => {
    const graph = resnetCifar({ depth: 8, widths: [16, 33, 64] })
    expect(graph.nodes.filter((n) => n.op === 'padchannels')).toMatchObject([
      { before: 8, after: 9 },
      { before: 15, after: 16 },
    ])
    expect(graph.nodes.filter((n) => n.op === 'maxpool')).toMatchObject([
      { kernel: [1, 1], stride: [2, 2], inputs: ['relu3'] },
      { kernel: [1, 1], stride: [2, 2], inputs: ['relu5'] },
    ])
    expect(between(graph, 'pool1', 'relu5')).toBe('maxpool padchannels conv2d batchnorm relu conv2d batchnorm add relu')
    expect(inferShapes(graph).get('pad1')).toEqual([33, 16, 16])
  })

  it("shortcut 'A' needs no channels where the width stays, and refuses widths that shrink", () => {
    const graph = resnetCifar({ depth: 8, widths: [8, 8, 16] })
    expect(graph.nodes.filter((n) => n.op === 'padchannels')).toHaveLength(1)
    expect(() => resnetCifar({ depth: 8, widths: [16, 8, 8] })).toThrow(/from 16 to 8 channels/)
    expect(outputShape(resnetCifar({ depth: 8, widths: [16, 8, 8], shortcut: 'B' }))).toEqual([10])
  })

  it("shortcut 'B' is a 1 x 1 convolution", () => {
    const graph = resnetCifar({ depth: 20, shortcut: 'B' })
    expect(countGraph(graph).weights).toBe(268_336 + 16 * 32 + 32 * 64)
    const projections = graph.nodes.filter((n) => n.op === 'conv2d' && n.kernel[0] === 1)
    expect(projections).toMatchObject([{ stride: [2, 2] }, { stride: [2, 2] }])
  })

  it('folds stages into their first block and one more', () => {
    const weights = (fold: 'all' | number[]) => countGraph(resnetCifar({ depth: 20, fold })).weights
    const block = (width: number) => 2 * 9 * width * width
    expect(weights([3])).toBe(268_336 - block(64))
    expect(weights([1, 2])).toBe(268_336 - block(16) - block(32))
    expect(weights('all')).toBe(countGraph(resnetCifar({ depth: 14 })).weights)
    expect(countGraph(resnetCifar({ depth: 20, fold: 'all' })).macs).toBe(40_551_040)
    expect(countGraph(resnetCifar({ depth: 8, fold: 'all' }))).toEqual(countGraph(resnetCifar({ depth: 8 })))
  })

  it('survives the folding of batch normalisation with its shared weights known', () => {
    const { graph, weighted } = foldGraph(resnetCifar({ depth: 20, fold: [2] }))
    expect(graph.nodes.some((n) => n.op === 'batchnorm')).toBe(false)
    expect(weighted.filter((w) => w.owner !== w.original)).toHaveLength(2)
    expect(inferShapes(graph).get(graph.outputs[0])).toEqual([10])
  })

  it('refuses what it cannot build', () => {
    for (const depth of [0, 2, 9, 20.5, 10 ** 6, Number.NaN]) {
      expect(() => resnetCifar({ depth })).toThrow(/depth must be 6 n \+ 2/)
    }
    expect(() => resnetCifar({ depth: 8, widths: [16, 32] })).toThrow(/three numbers/)
    expect(() => resnetCifar({ depth: 8, widths: [16, 32, 0] })).toThrow(/widths must not shrink/)
    expect(() => resnetCifar({ depth: 8, widths: [16, 32, 0.5], shortcut: 'B' })).toThrow(/whole numbers/)
    expect(() => resnetCifar({ depth: 8, shortcut: 'C' as 'A' })).toThrow(/shortcut must be one of A, B, got 'C'/)
    for (const fold of [[0], [4], [1.5], 'some' as 'all']) {
      expect(() => resnetCifar({ depth: 8, fold })).toThrow(/fold must be 'all' or stages from 1 to 3/)
    }
  })
})

describe('resnet', () => {
  // Convolution and dense weights, batch normalisation channels, and multiply-accumulates at 224 x 224 of the reference
  // implementations: e.g. ResNet-50 has 25,557,032 parameters = weights + 2 * 26,560 channels + 1000 biases.
  it.each([
    [18, 11_678_912, 4_800, 1_814_073_344],
    [34, 21_779_648, 8_512, 3_663_761_408],
    [50, 25_502_912, 26_560, 4_089_184_256],
    [101, 44_442_816, 52_672, 7_801_405_440],
    [152, 60_040_384, 75_712, 11_513_626_624],
  ] as const)('ResNet-%i has the published size', (depth, weights, channels, macs) => {
    const graph = resnet({ depth })
    expect(size(graph, 1000)).toEqual([weights, channels])
    expect(countGraph(graph).macs).toBe(macs)
    expect(outputShape(graph)).toEqual([1000])
  })

  it('folded in stages 3 and 4, ResNet-50 stores 16.590 M weights and computes as before', () => {
    const graph = resnet({ depth: 50, fold: [3, 4] })
    expect(countGraph(graph)).toEqual({ ...countGraph(resnet({ depth: 50 })), weights: 16_590_016 })
  })

  it('for CIFAR-100, folded, stores 14.739 M weights and takes 1.30 G multiply-accumulates', () => {
    const graph = resnet({ depth: 50, stem: 'cifar', input: [3, 32, 32], classes: 100, fold: [3, 4] })
    expect(countGraph(graph)).toMatchObject({ weights: 14_739_136, macs: 1_298_014_208 })
  })

  it('strides in the 3 x 3 convolution of a bottleneck, and takes a width', () => {
    const graph = resnet({ depth: 50, width: 8, input: [3, 64, 64], classes: 5 })
    const strided = graph.nodes.filter((n) => n.op === 'conv2d' && n.stride[0] === 2)
    expect(strided.map((n) => n.op === 'conv2d' && n.kernel[0])).toEqual([7, 1, 3, 1, 3, 1, 3])
    expect(inferShapes(graph).get('flatten1')).toEqual([8 * 8 * 4])
  })

  it('refuses what it cannot build', () => {
    expect(() => resnet({ depth: 20 as 18 })).toThrow(/depth must be one of 18, 34, 50, 101, 152, got '20'/)
    expect(() => resnet({ depth: 18, stem: 'none' as 'cifar' })).toThrow(/stem must be one of imagenet, cifar/)
    expect(() => resnet({ depth: 18, fold: [5] })).toThrow(/stages from 1 to 4/)
    expect(() => resnet({ depth: 18, width: 0 })).toThrow(/whole numbers from 1/)
  })
})

describe('resnet9', () => {
  it('has two residual stages by default', () => {
    const graph = resnet9()
    expect(countGraph(graph).weights).toBe(6_568_640)
    expect(graph.nodes.filter(isWeighted)).toHaveLength(9)
    expect(graph.nodes.filter((n) => n.op === 'add').map((n) => inferShapes(graph).get(n.name))).toEqual([
      [128, 16, 16],
      [512, 4, 4],
    ])
    expect(inferShapes(graph).get('flatten1')).toEqual([512])
  })

  it('takes widths, residual stages and images of other sizes', () => {
    const graph = resnet9({ widths: [8, 16, 24], residual: [2], input: [1, 28, 28], classes: 7 })
    expect(graph.nodes.filter((n) => n.op === 'add').map((n) => n.inputs)).toEqual([['relu5', 'pool2']])
    expect(outputShape(graph)).toEqual([7])
    expect(resnet9({ residual: [] }).nodes.some((n) => n.op === 'add')).toBe(false)
  })

  it('refuses what it cannot build', () => {
    expect(() => resnet9({ widths: [64] })).toThrow(/at least two numbers/)
    expect(() => resnet9({ residual: [0] })).toThrow(/stages from 1 to 3/)
    expect(() => resnet9({ input: [3, 4, 4] })).toThrow(/kernel 2x2 is larger/)
  })
})
