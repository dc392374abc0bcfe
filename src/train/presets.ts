/** Named recipes: everything that determines a training but the data. */
import { lenet, mlp } from '../graph/builders.js'
import type { Graph } from '../graph/ir.js'
import type { ExportOptions } from './export.js'
import type { TrainOptions } from './options.js'

export interface Preset {
  /** One line for people. */
  readonly title: string
  readonly graph: () => Graph
  readonly options: Omit<TrainOptions, 'graph' | 'train' | 'test' | 'onProgress' | 'signal'>
  readonly export: Pick<ExportOptions, 'scaleBits' | 'biasBits'>
}

export type PresetName = 'mnist-lenet' | 'mnist-mlp' | 'mnist-demo'

export const presets: Readonly<Record<PresetName, Preset>> = {
  'mnist-lenet': {
    title: 'MNIST, small LeNet',
    graph: () =>
      lenet({
        stages: [
          { channels: 8, kernel: 5 },
          { channels: 16, kernel: 5 },
        ],
        hidden: [],
      }),
    options: {
      epochs: 60,
      learningRate: 0.4,
      supermask: { coats: 1, density: 0.3 },
      augment: { shift: 1 },
      seed: 1,
    },
    export: { scaleBits: 6, biasBits: 6 },
  },
  'mnist-mlp': {
    title: 'MNIST, fully connected',
    graph: () => mlp({ hidden: [300, 100], classes: 10 }),
    options: {
      epochs: 40,
      learningRate: 1,
      supermask: { coats: 1, density: 0.03 },
      augment: { shift: 1 },
      seed: 1,
    },
    export: { scaleBits: 6, biasBits: 6 },
  },
  'mnist-demo': {
    title: 'MNIST, small LeNet, half a minute',
    graph: () =>
      lenet({
        stages: [
          { channels: 8, kernel: 5 },
          { channels: 16, kernel: 5 },
        ],
        hidden: [],
      }),
    options: { epochs: 4, learningRate: 0.4, supermask: { coats: 1, density: 0.3 }, seed: 1 },
    export: { scaleBits: 8, biasBits: 8 },
  },
}

export const presetNames = Object.keys(presets) as readonly PresetName[]
