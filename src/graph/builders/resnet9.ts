/**
 * A small residual network that trains fast, in the style of David Page's "How to Train Your ResNet" (ResNet-9): for tiny
 * CIFAR models.
 */
import { WhiteDwarfError } from '../../errors.js'
import type { Graph, Shape } from '../ir.js'
import { ChainBuilder } from './chain.js'

export interface Resnet9Options {
  /** Channels of the first convolution and of each stage. At least two numbers. Default [64, 128, 256, 512]. */
  readonly widths?: readonly number[]
  /** Stages, counted from 1, that end in a residual block. Default the first and the last. */
  readonly residual?: readonly number[]
  /** [channels, height, width]. Default [3, 32, 32]. */
  readonly input?: Shape
  readonly classes?: number
}

/**
 * A 3 x 3 convolution; stages of a 3 x 3 convolution, 2 x 2 max pooling and, in some, x + two more convolutions; the largest
 * value of each channel; a dense layer. Every convolution has batch normalisation and ReLU. With the defaults 6.57 M weights.
 * @throws WhiteDwarfError E_OPTION, E_SHAPE when the image is too small for the stages
 */
export function resnet9(options: Resnet9Options = {}): Graph {
  const { widths = [64, 128, 256, 512], input = [3, 32, 32], classes = 10 } = options
  const stages = widths.length - 1
  const { residual = [1, stages] } = options
  if (stages < 1) throw new WhiteDwarfError('E_OPTION', `widths must be at least two numbers, got ${String(widths)}`)
  if (!residual.every((s) => Number.isInteger(s) && s >= 1 && s <= stages)) {
    throw new WhiteDwarfError('E_OPTION', `residual must be stages from 1 to ${stages}, got ${String(residual)}`)
  }
  const chain = new ChainBuilder(input).convNorm(widths[0], 3).plain('relu')
  for (let stage = 1; stage <= stages; stage++) {
    const width = widths[stage]
    chain.convNorm(width, 3).plain('relu').pool('maxpool', [2, 2])
    if (!residual.includes(stage)) continue
    const x = chain.mark()
    chain.convNorm(width, 3).plain('relu').convNorm(width, 3).plain('relu').merge(x)
  }
  return chain.globalPool('maxpool').classifier(classes)
}
