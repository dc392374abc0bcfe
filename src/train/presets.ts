/** Named recipes: everything that determines a training but the data. */

import type { SupermaskOptions } from '../compress/supermask.js'
import { lenet, mlp } from '../graph/builders.js'
import type { Graph } from '../graph/ir.js'
import type { ExportOptions } from './export.js'
import type { TrainOptions } from './options.js'

export interface Preset {
  /** One line for people. */
  readonly title: string
  readonly graph: () => Graph
  readonly options: Omit<TrainOptions, 'graph' | 'train' | 'test' | 'supermask' | 'onProgress' | 'signal'> & {
    readonly supermask: SupermaskOptions
  }
  readonly export: Pick<ExportOptions, 'scaleBits' | 'biasBits'>
}

export type PresetName = 'mnist-lenet' | 'mnist-mlp' | 'mnist-demo'

/** Two stages of 5 x 5 convolution and 2 x 2 max pooling, and one dense layer. */
const twoStages = (first: number, second: number) => () =>
  lenet({
    stages: [
      { channels: first, kernel: 5 },
      { channels: second, kernel: 5 },
    ],
    hidden: [],
  })

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
}

export const presetNames = Object.keys(presets) as readonly PresetName[]
