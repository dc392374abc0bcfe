/** What `train` can be told. */
import type { SupermaskOptions } from '../compress/supermask.js'
import type { Graph } from '../graph/ir.js'
import type { Activations } from './activations.js'
import type { Augmentation } from './augment.js'
import type { DataSet } from './dataset.js'
import type { DistillOptions } from './distill.js'
import type { DecayKind, OptimiserName } from './optimiser.js'
import type { CheckpointInfo, ProgressEvent } from './progress.js'
import type { RampShape, RateSchedule } from './schedule.js'
import type { TrainStart } from './start.js'

export interface TrainOptions {
  readonly graph: Graph
  readonly train: DataSet
  /** Measured after every `testEvery` epochs and after the last; never learned from. */
  readonly test?: DataSet
  /** 'none' trains plain f32 weights: a teacher, or a dense network to compare with. It cannot be exported. */
  readonly supermask?: SupermaskOptions | 'none'
  /**
   * Weights and batch normalisation to start from instead of random ones: what `train` returned for this graph. The weights are the first
   * scores; with supermask 'none' this is fine-tuning.
   */
  readonly start?: TrainStart

  /**
   * Precision that activations are rounded to in the forward pass from `roundFrom` on, so that the network learns to live
   * with it: integers of 1 to 8 bits ('int4'; the input has 8), or an FP8 format such as 'e4m3'. Default 'f32': no rounding.
   */
  readonly activations?: Activations
  /** Share of all steps before the rounding of activations begins. 0..1, default 0.5. */
  readonly roundFrom?: number
  /** Passes over the training set. 1..10000, default 20. */
  readonly epochs?: number
  /** Examples per step. 2..4096, default 128. Examples beyond the last full batch of an epoch wait for another one. */
  readonly batch?: number

  /**
   * 'sgd' with Nesterov momentum (default), or 'adamw' (Loshchilov and Hutter, "Decoupled weight decay regularization",
   * ICLR 2019).
   */
  readonly optimiser?: OptimiserName
  /**
   * Peak learning rate. Above 0, at most 100; default 0.4, with AdamW 0.01. Large is right for scores: it sets how far they
   * travel.
   */
  readonly learningRate?: number
  /** Learning rate of batch normalisation, as a factor of the scores'. 0..1000, default 1. */
  readonly normRate?: number
  /** Nesterov momentum of SGD, 0..0.999, default 0.9. */
  readonly momentum?: number
  /** AdamW's decay of the mean gradient, 0..0.9999, default 0.9. */
  readonly beta1?: number
  /** AdamW's decay of the mean squared gradient, 0..0.99999, default 0.999. */
  readonly beta2?: number
  /** AdamW's smallest divisor. 1e-12..1, default 1e-8. */
  readonly epsilon?: number
  /** On scores only. 0..1, default 1e-4. */
  readonly weightDecay?: number
  /**
   * 'coupled' adds weightDecay * score to the gradient (the default with SGD); 'decoupled' takes learning rate * weightDecay *
   * score off the score itself (AdamW's only way).
   */
  readonly decay?: DecayKind
  /** Largest norm of all gradients together; larger ones are scaled down. 0..1e6, default 0: no limit. */
  readonly clip?: number
  /** 0..0.9, default 0.05. */
  readonly labelSmoothing?: number
  /** A teacher to learn from besides the labels. */
  readonly distill?: DistillOptions

  /** How the learning rate goes after its warm-up. Default 'cosine', to 0. */
  readonly schedule?: RateSchedule
  /** Share of all steps in which the learning rate rises from 0; with 'one-cycle' 0 means 0.3. 0..0.5, default 0. */
  readonly warmup?: number
  /** Schedule 'step': shares of all steps at which the rate is multiplied by `gamma`, ascending. Default [0.5, 0.75]. */
  readonly milestones?: readonly number[]
  /** Schedules 'step' and 'exponential': the factor at each milestone, or over the whole training. Above 0 to 1, default 0.1. */
  readonly gamma?: number
  /** Share of all steps in which the density falls from 1 to its target. 0..1, default 0.5. */
  readonly ramp?: number
  /** 'linear' (default), or 'cubic': fast at first. */
  readonly rampShape?: RampShape
  /** Share of all steps, at the end, in which the levels stay as they are and only batch normalisation learns. 0..0.9, default 0. */
  readonly freeze?: number
  /** Steps between two choices of thresholds. 1..1000, default 10. */
  readonly refresh?: number
  /**
   * Exponential moving average of scores and batch normalisation: its decay per step, for example 0.999. The last choice of
   * levels and the result are the averages'. 0..0.99999, default 0: none.
   */
  readonly ema?: number
  readonly augment?: Augmentation
  /**
   * Training images, not augmented, on which the running statistics of batch normalisation are measured after the last step; 0
   * keeps those of training. Default 20000, or all if there are fewer.
   */
  readonly statistics?: number
  /** Whole number; determines every bit of the result. Default 1. */
  readonly seed?: number

  /**
   * Threads that train together, the caller's included; the bits do not depend on it. 1..64, or 'auto': as many as there are
   * processors, up to 8 (1 where threads cannot share memory, as in pages that are not cross-origin isolated). Default 1. In a
   * page, call `train` from a worker of its own: the thread of the caller waits for the others.
   */
  readonly workers?: number | 'auto'
  /** Epochs between two measurements on the test set. Default 1. */
  readonly testEvery?: number
  /** Steps between two progress events. Default 20. */
  readonly progressEvery?: number
  readonly onProgress?: (event: ProgressEvent) => void
  /**
   * Is given the whole state of the training as bytes, for `resume`: every `checkpointEvery` epochs, after the last step, and
   * when the signal aborts. Training waits for it.
   */
  readonly onCheckpoint?: (bytes: Uint8Array, info: CheckpointInfo) => void | Promise<void>
  /** Epochs between two checkpoints. 1..10000, default 1. */
  readonly checkpointEvery?: number
  /** Also after as many minutes since the last one. Above 0; default: never. */
  readonly checkpointMinutes?: number
  /**
   * Bytes of a checkpoint: the training continues there, and ends with the same bits as if it had never stopped. Graph, data
   * and options must be those of the training that made it, but for tests, progress and checkpoints.
   */
  readonly resume?: Uint8Array
  /** When it aborts, a last checkpoint is handed out, then `train` throws E_ABORTED. */
  readonly signal?: AbortSignal
}
