/** The smallest networks: fully connected layers, and LeNet and everything like it. */
import { WhiteDwarfError } from '../../errors.js'
import type { Graph, Shape } from '../ir.js'
import { ChainBuilder } from './chain.js'

export interface MlpOptions {
  /** Input shape; images are flattened. Default [1, 28, 28]. */
  readonly input?: Shape
  /** Units of the hidden layers. */
  readonly hidden: readonly number[]
  readonly classes: number
}

/**
 * Fully connected layers with batch normalisation and ReLU.
 * @throws WhiteDwarfError E_SHAPE for sizes that are not whole numbers >= 1
 */
export function mlp({ input = [1, 28, 28], hidden, classes }: MlpOptions): Graph {
  const chain = new ChainBuilder(input)
  if (input.length === 3) chain.plain('flatten')
  for (const units of hidden) chain.dense(units).plain('batchnorm').plain('relu')
  return chain.classifier(classes)
}

export interface LenetStage {
  readonly channels: number
  /** Side of the square kernel. */
  readonly kernel: number
  readonly stride?: number
  /** Zeros around the image. Default 0. */
  readonly pad?: number
  /** Side of the pooling window after the stage's ReLU; 0 for none. Default 2. */
  readonly pool?: number
  /** Default 'maxpool'. */
  readonly poolOp?: 'maxpool' | 'avgpool'
}

export interface LenetOptions {
  /** [channels, height, width]. Default [1, 28, 28]. */
  readonly input?: Shape
  /** Convolution, batch normalisation, ReLU and pooling each. Default LeNet-5's: 6 and 16 channels of 5 x 5, the first padded by 2. */
  readonly stages?: readonly LenetStage[]
  /** Units of the dense layers before the last. Default [120, 84]. */
  readonly hidden?: readonly number[]
  /** 'dense': flatten, dense layers. 'average': mean of each channel's plane, then dense layers. Default 'dense'. */
  readonly head?: 'dense' | 'average'
  readonly classes?: number
}

const LENET5: readonly LenetStage[] = [
  { channels: 6, kernel: 5, pad: 2 },
  { channels: 16, kernel: 5 },
]

/**
 * Convolution stages and a dense head: LeNet-5 and everything like it.
 * @throws WhiteDwarfError E_SHAPE when an image becomes smaller than a kernel, E_OPTION for an unknown head
 */
export function lenet(options: LenetOptions = {}): Graph {
  const { input = [1, 28, 28], stages = LENET5, hidden = [120, 84], head = 'dense', classes = 10 } = options
  if (head !== 'dense' && head !== 'average') {
    throw new WhiteDwarfError('E_OPTION', `head must be 'dense' or 'average', got '${String(head)}'`)
  }
  const chain = new ChainBuilder(input)
  for (const { channels, kernel, stride = 1, pad = 0, pool = 2, poolOp = 'maxpool' } of stages) {
    chain.conv(channels, kernel, pad, stride).plain('batchnorm').plain('relu')
    if (pool > 0) chain.pool(poolOp, [pool, pool])
  }
  if (head === 'average') chain.globalPool('avgpool')
  else chain.plain('flatten')
  for (const units of hidden) chain.dense(units).plain('batchnorm').plain('relu')
  return chain.classifier(classes)
}
