/** What `train` can be told, with defaults and checks. */
import { type Supermask, type SupermaskOptions, supermask } from '../compress/supermask.js'
import type { Graph } from '../graph/ir.js'
import { type Augmentation, augmentation } from './augment.js'
import type { DataSet } from './dataset.js'
import { checked, range } from './ranges.js'

export interface TrainOptions {
  readonly graph: Graph
  readonly train: DataSet
  /** Measured after every `testEvery` epochs and after the last; never learned from. */
  readonly test?: DataSet
  readonly supermask?: SupermaskOptions
  /** Passes over the training set. 1..10000, default 20. */
  readonly epochs?: number
  /** Examples per step. 2..4096, default 128. Examples beyond the last full batch of an epoch wait for another one. */
  readonly batch?: number
  /** Peak learning rate. Above 0, at most 100; default 0.4. Large is right: it sets how far scores travel. */
  readonly learningRate?: number
  /** Nesterov momentum, 0..0.999, default 0.9. */
  readonly momentum?: number
  /** On scores only, coupled (added to the gradient). 0..1, default 1e-4. */
  readonly weightDecay?: number
  /** 0..0.9, default 0.05. */
  readonly labelSmoothing?: number
  /** Share of all steps in which the learning rate rises from 0. 0..0.5, default 0. The rest is a cosine to 0. */
  readonly warmup?: number
  /** Share of all steps in which the density falls from 1 to its target. 0..1, default 0.5. */
  readonly ramp?: number
  /** Share of all steps, at the end, in which the levels stay as they are and only batch normalisation learns. 0..0.9, default 0. */
  readonly freeze?: number
  /** Steps between two choices of thresholds. 1..1000, default 10. */
  readonly refresh?: number
  readonly augment?: Augmentation
  /**
   * Training images, not augmented, on which the running statistics of batch normalisation are measured after the last step; 0
   * keeps those of training. Default 20000, or all if there are fewer.
   */
  readonly statistics?: number
  /** Epochs between two measurements on the test set. Default 1. */
  readonly testEvery?: number
  /** Whole number; determines every bit of the result. Default 1. */
  readonly seed?: number
  /** Steps between two progress events. Default 20. */
  readonly progressEvery?: number
  readonly onProgress?: (event: ProgressEvent) => void
  readonly signal?: AbortSignal
}

export interface ProgressEvent {
  /** From 1. */
  readonly epoch: number
  readonly epochs: number
  /** Steps done, and in all. */
  readonly step: number
  readonly steps: number
  /** Mean over the steps since the last event. */
  readonly loss: number
  /** Of the training batches since the last event, 0..1. */
  readonly trainAccuracy: number
  readonly learningRate: number
  readonly density: number
  readonly imagesPerSecond: number
  readonly secondsLeft: number
  /** On events at the end of an epoch that measured it: share of the test set that is right, 0..1. */
  readonly testAccuracy?: number
}

export interface Settings
  extends Omit<Required<TrainOptions>, 'supermask' | 'augment' | 'test' | 'onProgress' | 'signal'> {
  readonly supermask: Supermask
  readonly augment: Required<Augmentation>
  readonly test?: DataSet
  readonly onProgress?: (event: ProgressEvent) => void
  readonly signal?: AbortSignal
}

/** @throws WhiteDwarfError E_OPTION naming the option and its range */
export function settings(o: TrainOptions): Settings {
  const numbers = {
    epochs: range(o.epochs, 20, 1, 10000, true),
    batch: range(o.batch, 128, 2, 4096, true),
    learningRate: range(o.learningRate, 0.4, Number.MIN_VALUE, 100),
    momentum: range(o.momentum, 0.9, 0, 0.999),
    weightDecay: range(o.weightDecay, 1e-4, 0, 1),
    labelSmoothing: range(o.labelSmoothing, 0.05, 0, 0.9),
    warmup: range(o.warmup, 0, 0, 0.5),
    ramp: range(o.ramp, 0.5, 0, 1),
    freeze: range(o.freeze, 0, 0, 0.9),
    refresh: range(o.refresh, 10, 1, 1000, true),
    statistics: range(o.statistics, 20000, 0, 2 ** 31, true),
    testEvery: range(o.testEvery, 1, 1, 10000, true),
    progressEvery: range(o.progressEvery, 20, 1, 1e6, true),
    seed: range(o.seed, 1, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, true),
  }
  return {
    graph: o.graph,
    train: o.train,
    ...(o.test && { test: o.test }),
    ...(o.onProgress && { onProgress: o.onProgress }),
    ...(o.signal && { signal: o.signal }),
    ...checked(numbers, ''),
    supermask: supermask(o.supermask),
    augment: augmentation(o.augment),
  }
}
