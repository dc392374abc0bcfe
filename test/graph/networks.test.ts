import { describe, expect, it } from 'vitest'
import {
  CIFAR10_STATISTICS,
  channelStatistics,
  convnet,
  countGraph,
  type Graph,
  lenet,
  mlpMixer,
  mobilenetV1,
  mobilenetV2,
  vgg,
  vggSmall,
  withNormalisation,
} from '../../src/compress.js'
import { floatToHalf, halfToFloat } from '../../src/format/half.js'
import { elements, inferShapes, isWeighted, type Shape } from '../../src/graph/ir.js'

const outputShape = (graph: Graph) => inferShapes(graph).get(graph.outputs[0])
const shapeOf = (graph: Graph, name: string) => inferShapes(graph).get(name) as Shape
const channelsOf = (graph: Graph, op: string) =>
  graph.nodes.filter((n) => n.op === op).map((n) => shapeOf(graph, n.name)[0])

describe('convnet', () => {
  // Figure 2 of arXiv 1803.03635 and section 4 of arXiv 1911.13299: 4.3 M, 2.4 M, 2.3 M and 5.3 M weights.
  it.each([
    [2, 4_300_992],
    [4, 2_425_024],
    [6, 2_261_184],
    [8, 5_275_840],
  ] as const)('Conv-%i has the published number of weights', (depth, weights) => {
    const graph = convnet({ depth })
    expect(countGraph(graph).weights).toBe(weights)
    expect(graph.nodes.filter((n) => n.op === 'conv2d')).toHaveLength(depth)
    expect(graph.nodes.filter((n) => n.op === 'dense')).toHaveLength(3)
  })

  it('takes a width', () => {
    const graph = convnet({ depth: 4, width: 0.25, input: [1, 28, 28], classes: 7 })
    expect(channelsOf(graph, 'conv2d')).toEqual([16, 16, 32, 32])
    expect(channelsOf(graph, 'dense')).toEqual([64, 64, 7])
  })

  it('refuses what it cannot build', () => {
    expect(() => convnet({ depth: 3 as 2 })).toThrow(/depth must be 2, 4, 6 or 8, got 3/)
    for (const width of [0, -1, 17, Number.NaN]) {
      expect(() => convnet({ depth: 2, width })).toThrow(/width must be a number above 0 and at most 16/)
    }
    expect(() => convnet({ depth: 8, input: [1, 8, 8] })).toThrow(/kernel 2x2 is larger/)
  })
})

describe('vggSmall', () => {
  it('has 4.66 M weights', () => {
    const graph = vggSmall()
    expect(countGraph(graph).weights).toBe(4_656_512)
    expect(channelsOf(graph, 'conv2d')).toEqual([128, 128, 256, 256, 512, 512])
    expect(shapeOf(graph, 'flatten1')).toEqual([8192])
    expect(channelsOf(vggSmall({ width: 0.25 }), 'conv2d')).toEqual([32, 32, 64, 64, 128, 128])
  })
})

describe('vgg', () => {
  // Reference implementations with batch normalisation also have a bias for each convolution: parameters published for 1000 classes.
  it.each([
    [11, 132_868_840],
    [13, 133_053_736],
    [16, 138_365_992],
    [19, 143_678_248],
  ] as const)('%i has the published size', (depth, parameters) => {
    const graph = vgg({ depth, hidden: [4096, 4096], input: [3, 224, 224], classes: 1000 })
    const channels = channelsOf(graph, 'conv2d').reduce((a, b) => a + b, 0)
    expect(countGraph(graph).weights + 3 * channels + 2 * 4096 + 1000).toBe(parameters)
    expect(channelsOf(graph, 'conv2d').length + 3).toBe(depth)
  })

  it('16 makes 15.5 G multiply-accumulates of a photo, 0.31 G of a CIFAR image', () => {
    expect(countGraph(vgg({ depth: 16, hidden: [4096, 4096], input: [3, 224, 224], classes: 1000 })).macs).toBe(
      15_470_264_320,
    )
    const small = vgg({ depth: 16, width: 0.25 })
    expect(countGraph(vgg({ depth: 16 })).macs).toBe(313_201_664)
    expect(channelsOf(small, 'conv2d').slice(0, 3)).toEqual([16, 16, 32])
    expect(outputShape(small)).toEqual([10])
  })

  it('refuses what it cannot build', () => {
    expect(() => vgg({ depth: 12 as 11 })).toThrow(/depth must be one of 11, 13, 16, 19, got '12'/)
    expect(() => vgg({ depth: 11, input: [3, 16, 16] })).toThrow(/maxpool|pool5/)
  })
})

describe('mobilenets', () => {
  // Reference implementations have these and, on top, two numbers per batch normalisation channel and 1000 biases:
  // 4,231,976 trainable parameters for version 1 and 3,504,872 for version 2. Multiply-accumulates: 569 M and 300 M.
  it.each([
    ['mobilenetV1', mobilenetV1, 4_231_976, 568_740_352],
    ['mobilenetV2', mobilenetV2, 3_504_872, 300_774_272],
  ] as const)('%s has the published size', (_, build, parameters, macs) => {
    const graph = build()
    const count = countGraph(graph)
    expect(count.weights + 2 * (count.normChannels - 1000) + 1000).toBe(parameters)
    expect(count.macs).toBe(macs)
    expect(outputShape(graph)).toEqual([1000])
  })

  it('are depthwise between 1 x 1 convolutions', () => {
    for (const graph of [mobilenetV1(), mobilenetV2()]) {
      const [first, ...convs] = graph.nodes.filter((n) => n.op === 'conv2d')
      expect(first).toMatchObject({ kernel: [3, 3], stride: [2, 2] })
      for (const conv of convs) {
        const channels = shapeOf(graph, conv.inputs[0])[0]
        if (conv.kernel[0] === 3) expect(conv).toMatchObject({ groups: channels, channels, pad: [1, 1, 1, 1] })
        else expect(conv.groups).toBeUndefined()
      }
    }
  })

  it('version 2 adds x where the shape stays, behind a layer without activation', () => {
    const graph = mobilenetV2()
    const adds = graph.nodes.filter((n) => n.op === 'add')
    expect(adds).toHaveLength(10)
    const makers = new Map(graph.nodes.map((n) => [n.name, n.op]))
    for (const add of adds) expect(makers.get(add.inputs[0])).toBe('batchnorm')
    expect(graph.nodes.some((n) => n.op === 'relu')).toBe(false)
  })

  it('keep 4 x 4 pixels of CIFAR images to the end', () => {
    for (const build of [mobilenetV1, mobilenetV2]) {
      const graph = build({ strides: 'cifar', input: [3, 32, 32], classes: 10, width: 0.5 })
      expect(graph.nodes.filter((n) => n.op === 'avgpool')).toMatchObject([{ kernel: [4, 4] }])
      expect(graph.nodes.filter((n) => n.op === 'conv2d' && n.stride[0] === 2)).toHaveLength(3)
    }
  })

  it('round channels to multiples of 8, never below 90 %, and keep the last layer of version 2', () => {
    const graph = mobilenetV2({ width: 0.35 })
    const channels = channelsOf(graph, 'conv2d')
    expect(channels.every((c) => c % 8 === 0)).toBe(true)
    expect(channels[0]).toBe(16)
    expect(channels.at(-1)).toBe(1280)
    expect(countGraph(mobilenetV2({ width: 0.35 })).macs).toBe(59_285_808)
    expect(countGraph(mobilenetV1({ width: 0.5 })).macs).toBe(149_497_088)
    expect(channelsOf(mobilenetV2({ width: 1.4 }), 'conv2d').at(-1)).toBe(1792)
  })

  it('refuse what they cannot build', () => {
    expect(() => mobilenetV1({ width: 0 })).toThrow(/width must be/)
    expect(() => mobilenetV2({ strides: 'mnist' as 'cifar' })).toThrow(/strides must be one of imagenet, cifar/)
    expect(() => mobilenetV2({ input: [784] })).toThrow(/needs \[channels, height, width\]/)
  })
})

describe('mlpMixer', () => {
  it('mixes over patches between two transpositions, then over channels', () => {
    const graph = mlpMixer({ patch: 8, channels: 12, blocks: 1, tokenUnits: 5, channelUnits: 20 })
    expect(graph.nodes.map((n) => `${n.op} ${shapeOf(graph, n.name).join('x')}`)).toEqual([
      'conv2d 12x4x4',
      'batchnorm 12x4x4',
      'transpose 16x1x12',
      'conv2d 5x1x12',
      'batchnorm 5x1x12',
      'relu 5x1x12',
      'conv2d 16x1x12',
      'batchnorm 16x1x12',
      'transpose 12x4x4',
      'add 12x4x4',
      'conv2d 20x4x4',
      'batchnorm 20x4x4',
      'relu 20x4x4',
      'conv2d 12x4x4',
      'batchnorm 12x4x4',
      'add 12x4x4',
      'avgpool 12x1x1',
      'flatten 12',
      'dense 10',
      'batchnorm 10',
    ])
    expect(countGraph(graph).weights).toBe(12 * 3 * 64 + 2 * 16 * 5 + 2 * 12 * 20 + 120)
  })

  it('is Mixer-B/16 with its sizes', () => {
    const graph = mlpMixer({
      patch: 16,
      channels: 768,
      blocks: 12,
      tokenUnits: 384,
      channelUnits: 3072,
      input: [3, 224, 224],
      classes: 1000,
    })
    // 59,880,472 parameters: these, biases, and two numbers per channel of 25 layer normalisations.
    const biases = 768 + 12 * (384 + 196 + 3072 + 768) + 1000
    expect(countGraph(graph).weights + biases + 25 * 2 * 768).toBe(59_880_472)
  })

  it('folds all blocks into one', () => {
    const one = countGraph(mlpMixer({ blocks: 1 }))
    const folded = countGraph(mlpMixer({ blocks: 6, fold: true }))
    expect(folded.weights).toBe(one.weights)
    expect(folded.macs).toBe(countGraph(mlpMixer({ blocks: 6 })).macs)
  })

  it('refuses what it cannot build', () => {
    expect(() => mlpMixer({ patch: 5 })).toThrow(/patch must divide the image's 32 x 32 pixels, got 5/)
    expect(() => mlpMixer({ patch: 0 })).toThrow(/whole numbers from 1/)
    expect(() => mlpMixer({ blocks: 0 })).toThrow(/blocks must be a whole number from 1 to 1000/)
    expect(() => mlpMixer({ tokenUnits: 0 })).toThrow(/whole numbers from 1/)
    expect(() => mlpMixer({ input: [64] })).toThrow(/needs \[channels, height, width\]/)
  })
})

describe('every builder', () => {
  it('puts batch normalisation behind every weighted node', () => {
    for (const graph of [convnet({ depth: 2 }), vggSmall(), mobilenetV1(), mobilenetV2(), mlpMixer(), lenet()]) {
      graph.nodes.forEach((node, i) => {
        if (!isWeighted(node)) return
        expect(graph.nodes[i + 1]).toMatchObject({ op: 'batchnorm', inputs: [node.name] })
        expect(graph.nodes.filter((n) => n.inputs.includes(node.name))).toHaveLength(1)
      })
    }
  })
})

describe('withNormalisation', () => {
  const graph = vggSmall({ width: 0.0625 })

  it('maps pixels to (v / 255 - mean) / std in half precision numbers', () => {
    const [{ scale, offset }] = withNormalisation(graph, CIFAR10_STATISTICS).inputs
    for (let c = 0; c < 3; c++) {
      const { mean, std } = CIFAR10_STATISTICS
      expect(Math.abs(scale[c] * 255 * std[c] - 1)).toBeLessThan(2 ** -11)
      expect(Math.abs((offset[c] * std[c]) / mean[c] + 1)).toBeLessThan(2 ** -11)
      for (const x of [scale[c], offset[c]]) expect(halfToFloat(floatToHalf(x))).toBe(x)
    }
    const plain = withNormalisation(graph, { mean: [0], std: [1] }).inputs[0]
    expect(plain).toMatchObject({ scale: [1 / 255], offset: [0] })
  })

  it('refuses statistics that do not fit', () => {
    const cases: [readonly number[], readonly number[], RegExp][] = [
      [[0.5, 0.5], [0.2, 0.2], /3 channels: needs as many means and standard deviations, or one of each, got 2 and 2/],
      [[0.5], [0.2, 0.2, 0.2], /got 1 and 3/],
      [[], [], /means must be numbers from 0 to 1, got \[\]/],
      [[125], [0.2], /means must be numbers from 0 to 1/],
      [[0.5], [0], /standard deviations must be above 0/],
      [[Number.NaN], [0.2], /means must be/],
    ]
    for (const [mean, std, message] of cases) expect(() => withNormalisation(graph, { mean, std })).toThrow(message)
  })

  it('takes the statistics of a data set', () => {
    const images = Uint8Array.of(0, 255, 10, 10, 255, 0, 10, 10)
    const data = { shape: [2, 1, 2], images, labels: Uint8Array.of(0, 1), classes: 2 }
    expect(elements(data.shape) * 2).toBe(images.length)
    expect(channelStatistics(data)).toEqual({ mean: [0.5, 10 / 255], std: [0.5, 1] })
    expect(channelStatistics({ ...data, shape: [4] }).mean).toEqual([550 / 8 / 255])
  })
})
