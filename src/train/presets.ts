/** Named recipes: everything that determines a training but the data. */

import type { SupermaskOptions } from '../compress/supermask.js'
import { lenet, mlp, resnetCifar } from '../graph/builders.js'
import type { Graph } from '../graph/ir.js'
import { withNormalisation } from '../graph/normalise.js'
import { channelStatistics, type DataSet } from './dataset.js'
import type { ExportOptions } from './export.js'
import type { TrainOptions } from './options.js'

export interface Preset {
  /** One line for people. */
  readonly title: string
  /** For these training images, which the network's input may be normalised by. */
  readonly graph: (training: DataSet) => Graph
  readonly options: Omit<TrainOptions, 'graph' | 'train' | 'test' | 'supermask' | 'onProgress' | 'signal'> & {
    readonly supermask: SupermaskOptions
  }
  readonly export: Pick<ExportOptions, 'scaleBits' | 'biasBits'>
}

export type PresetName = 'mnist-lenet' | 'mnist-mlp' | 'mnist-demo' | 'cifar-12k' | 'cifar-40k'

/** Two stages of 5 x 5 convolution and 2 x 2 max pooling, and one dense layer. */
const twoStages = (first: number, second: number) => () =>
  lenet({
    stages: [
      { channels: first, kernel: 5 },
      { channels: second, kernel: 5 },
    ],
    hidden: [],
  })

const resnet8 = (widths: readonly [number, number, number]) => (training: DataSet) =>
  withNormalisation(resnetCifar({ depth: 8, widths }), channelStatistics(training))

/** What the networks for CIFAR-10 share: no label smoothing, because such small networks underfit. */
const cifar = {
  learningRate: 0.4,
  warmup: 0.02,
  labelSmoothing: 0,
  rampShape: 'cubic',
  augment: { flip: true, shift: 4 },
  seed: 1,
} as const

export const presets: Readonly<Record<PresetName, Preset>> = {
  'mnist-lenet': {
    title: 'MNIST: LeNet with 10 and 20 channels, a quarter of its 8,450 weights as INT3 levels',
    graph: twoStages(10, 20),
    options: {
      epochs: 60,
      learningRate: 1,
      supermask: { coats: 3, density: 0.25 },
      augment: { shift: 1 },
      seed: 1,
    },
    export: { scaleBits: 6, biasBits: 6 },
  },
  'mnist-mlp': {
    title: 'MNIST: 784-256-96-10, 2.4 % of its 226,240 weights as INT3 levels',
    graph: () => mlp({ hidden: [256, 96], classes: 10 }),
    options: {
      epochs: 60,
      learningRate: 1,
      supermask: { coats: 3, density: 0.024 },
      augment: { shift: 1 },
      seed: 1,
    },
    export: { scaleBits: 5, biasBits: 5 },
  },
  'mnist-demo': {
    title: 'MNIST: LeNet with 8 and 16 channels, ternary, in half a minute',
    graph: twoStages(8, 16),
    options: {
      epochs: 6,
      learningRate: 0.5,
      ramp: 0.3,
      supermask: { coats: 1, density: 0.3 },
      seed: 1,
    },
    export: { scaleBits: 6, biasBits: 6 },
  },
  'cifar-12k': {
    title: 'CIFAR-10: ResNet-8 of 16, 32 and 64 channels in a file of 12.5 kB, 45 minutes on two cores',
    graph: resnet8([16, 32, 64]),
    options: { ...cifar, epochs: 40, ramp: 0.4, supermask: { coats: 3, budget: 12_500, constantBits: 8 } },
    export: { scaleBits: 8, biasBits: 8 },
  },
  'cifar-40k': {
    title: 'CIFAR-10: ResNet-8 of 32, 64 and 128 channels in a file of 40 kB, 95 minutes on two cores',
    graph: resnet8([32, 64, 128]),
    options: { ...cifar, epochs: 30, ramp: 0.3, supermask: { coats: 3, budget: 40_000, constantBits: 8 } },
    export: { scaleBits: 8, biasBits: 8 },
  },
}

export const presetNames = Object.keys(presets) as readonly PresetName[]
