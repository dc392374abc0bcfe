/** Chains of 3 x 3 convolutions and max pooling: VGG, the Conv-2 to Conv-8 of the lottery ticket literature, and VGG-small. */
import { WhiteDwarfError } from '../../errors.js'
import type { Graph, Shape } from '../ir.js'
import { ChainBuilder } from './chain.js'
import { choice, scaledChannels } from './options.js'

export interface ConvnetOptions {
  /** Convolutions: 2, 4, 6 or 8. */
  readonly depth: 2 | 4 | 6 | 8
  /** Multiplies all channels and hidden units, rounded to multiples of 8. Above 0, at most 16; default 1. */
  readonly width?: number
  /** [channels, height, width]. Default [3, 32, 32]. */
  readonly input?: Shape
  readonly classes?: number
}

/** Pairs of convolutions with ReLU, a 2 x 2 max pool behind each pair. */
function pairs(input: Shape, channels: readonly number[]): ChainBuilder {
  const chain = new ChainBuilder(input)
  for (const c of channels) {
    chain.convNorm(c, 3).plain('relu').convNorm(c, 3).plain('relu').pool('maxpool', [2, 2])
  }
  return chain.plain('flatten')
}

/**
 * Conv-2, Conv-4, Conv-6 (Frankle and Carbin, arXiv 1803.03635) and Conv-8 (Ramanujan et al., arXiv 1911.13299): pairs of 64, 128,
 * 256 and 512 channels and two hidden dense layers of 256 units. Conv-2 has 4.3 M weights, Conv-4 2.4 M, Conv-6 2.3 M, Conv-8 5.3 M.
 * @throws WhiteDwarfError E_OPTION, E_SHAPE when the image is too small for the depth
 */
export function convnet(options: ConvnetOptions): Graph {
  const { depth, width = 1, input = [3, 32, 32], classes = 10 } = options
  if (![2, 4, 6, 8].includes(depth)) {
    throw new WhiteDwarfError('E_OPTION', `depth must be 2, 4, 6 or 8, got ${String(depth)}`)
  }
  const channels = [64, 128, 256, 512].slice(0, depth / 2).map((c) => scaledChannels(c, width))
  const chain = pairs(input, channels)
  for (let i = 0; i < 2; i++) chain.dense(scaledChannels(256, width)).plain('batchnorm').plain('relu')
  return chain.classifier(classes)
}

export interface VggSmallOptions {
  /** Multiplies all channels, rounded to multiples of 8. Above 0, at most 16; default 1. */
  readonly width?: number
  /** [channels, height, width]. Default [3, 32, 32]. */
  readonly input?: Shape
  readonly classes?: number
}

/**
 * VGG-small of the binary network literature (e.g. Zhang et al., "LQ-Nets", arXiv 1807.10029): pairs of 128, 256 and 512 channels and
 * one dense layer, 4.66 M weights.
 * @throws WhiteDwarfError E_OPTION, E_SHAPE when the image is smaller than 8 x 8
 */
export function vggSmall({ width = 1, input = [3, 32, 32], classes = 10 }: VggSmallOptions = {}): Graph {
  const channels = [128, 256, 512].map((c) => scaledChannels(c, width))
  return pairs(input, channels).classifier(classes)
}

export interface VggOptions {
  /** Layers with weights in the original, its three dense ones counted. */
  readonly depth: 11 | 13 | 16 | 19
  /** Multiplies all channels, rounded to multiples of 8. Above 0, at most 16; default 1. */
  readonly width?: number
  /** Units of the dense layers before the last. Default none, as for CIFAR; the original for ImageNet has 4096 and 4096. */
  readonly hidden?: readonly number[]
  /** [channels, height, width]. Default [3, 32, 32]. */
  readonly input?: Shape
  readonly classes?: number
}

/** Convolutions of 64, 128, 256, 512 and 512 channels. */
const VGG_STAGES = { 11: [1, 1, 2, 2, 2], 13: [2, 2, 2, 2, 2], 16: [2, 2, 3, 3, 3], 19: [2, 2, 4, 4, 4] }

/**
 * VGG (Simonyan and Zisserman, arXiv 1409.1556) with batch normalisation: five stages of 3 x 3 convolutions, a 2 x 2 max pool behind
 * each. VGG-16 for CIFAR-10 has 14.7 M weights and 313 M multiply-accumulates.
 * @throws WhiteDwarfError E_OPTION, E_SHAPE when the image is smaller than 32 x 32
 */
export function vgg(options: VggOptions): Graph {
  const { depth, width = 1, hidden = [], input = [3, 32, 32], classes = 10 } = options
  const chain = new ChainBuilder(input)
  choice<readonly number[]>('depth', depth, VGG_STAGES).forEach((convolutions, stage) => {
    const channels = scaledChannels(Math.min(512, 64 * 2 ** stage), width)
    for (let i = 0; i < convolutions; i++) chain.convNorm(channels, 3).plain('relu')
    chain.pool('maxpool', [2, 2])
  })
  chain.plain('flatten')
  for (const units of hidden) chain.dense(units).plain('batchnorm').plain('relu')
  return chain.classifier(classes)
}
