/** MobileNets: depthwise separable convolutions. */
import type { Graph, Shape } from '../ir.js'
import { ChainBuilder } from './chain.js'
import { choice, scaledChannels } from './options.js'

export interface MobilenetOptions {
  /** Multiplies all channels, rounded to multiples of 8. Above 0, at most 16; default 1. */
  readonly width?: number
  /** 'cifar': the first two of the five strides of 2 are 1, for images of about 32 x 32. Default 'imagenet'. */
  readonly strides?: 'imagenet' | 'cifar'
  /** [channels, height, width]. Default [3, 224, 224]. */
  readonly input?: Shape
  readonly classes?: number
}

/** Channels and stride of the separable convolutions. */
const V1_LAYERS: readonly (readonly [channels: number, stride: number])[] = [
  [64, 1],
  [128, 2],
  [128, 1],
  [256, 2],
  [256, 1],
  [512, 2],
  [512, 1],
  [512, 1],
  [512, 1],
  [512, 1],
  [512, 1],
  [1024, 2],
  [1024, 1],
]

/** The stride of each layer, the first two strides of 2 made 1 for small images. */
function strideRule(strides: 'imagenet' | 'cifar'): (stride: number) => number {
  let keep = choice('strides', strides, { imagenet: 0, cifar: 2 })
  return (stride) => (stride === 2 && keep-- > 0 ? 1 : stride)
}

/** A 3 x 3 convolution of each channel by itself. */
const depthwise = (chain: ChainBuilder, stride: number) => {
  const channels = chain.shape[0]
  return chain.convNorm(channels, 3, stride, channels)
}

/**
 * MobileNet (Howard et al., arXiv 1704.04861): a convolution and 13 pairs of a depthwise 3 x 3 and a 1 x 1 convolution, with ReLU.
 * 4.2 M weights, 569 M multiply-accumulates with the defaults.
 * @throws WhiteDwarfError E_OPTION, E_SHAPE
 */
export function mobilenetV1(options: MobilenetOptions = {}): Graph {
  const { width = 1, strides = 'imagenet', input = [3, 224, 224], classes = 1000 } = options
  const strideOf = strideRule(strides)
  const chain = new ChainBuilder(input).convNorm(scaledChannels(32, width), 3, strideOf(2)).plain('relu')
  for (const [channels, stride] of V1_LAYERS) {
    depthwise(chain, strideOf(stride)).plain('relu')
    chain.convNorm(scaledChannels(channels, width), 1).plain('relu')
  }
  return chain.globalPool('avgpool').classifier(classes)
}

/** Table 2 of the paper: expansion, channels, blocks, and the stride of the first block. */
const V2_STAGES: readonly (readonly [expansion: number, channels: number, blocks: number, stride: number])[] = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
]

/** A 1 x 1 convolution to more channels, a depthwise one, a 1 x 1 convolution back without activation; and x, if it fits. */
function invertedResidual(chain: ChainBuilder, expansion: number, channels: number, stride: number): void {
  const x = chain.mark()
  const inputs = chain.shape[0]
  if (expansion > 1) chain.convNorm(inputs * expansion, 1).plain('relu6')
  depthwise(chain, stride).plain('relu6').convNorm(channels, 1)
  if (stride === 1 && inputs === channels) chain.merge(x)
}

/**
 * MobileNetV2 (Sandler et al., arXiv 1801.04381): inverted residual blocks with ReLU6. 3.4 M weights, 301 M multiply-accumulates with
 * the defaults.
 * @throws WhiteDwarfError E_OPTION, E_SHAPE
 */
export function mobilenetV2(options: MobilenetOptions = {}): Graph {
  const { width = 1, strides = 'imagenet', input = [3, 224, 224], classes = 1000 } = options
  const strideOf = strideRule(strides)
  const chain = new ChainBuilder(input).convNorm(scaledChannels(32, width), 3, strideOf(2)).plain('relu6')
  for (const [expansion, channels, blocks, stride] of V2_STAGES) {
    const first = strideOf(stride)
    for (let i = 0; i < blocks; i++) {
      invertedResidual(chain, expansion, scaledChannels(channels, width), i === 0 ? first : 1)
    }
  }
  // The last layer is not made narrower than in the original.
  chain.convNorm(scaledChannels(1280, Math.max(1, width)), 1).plain('relu6')
  return chain.globalPool('avgpool').classifier(classes)
}
