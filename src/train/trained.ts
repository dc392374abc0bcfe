/** What a training leaves: plain data, enough to export a model or to go on. */

import type { MaskedLayer } from '../compress/levels.js'
import type { Coats, Supermask } from '../compress/supermask.js'
import type { Graph } from '../graph/ir.js'
import type { Pattern } from '../patterns/pattern.js'
import type { Activations } from './activations.js'

export interface TrainedTensor {
  /** [out, in, kh, kw] or [out, in] */
  readonly shape: readonly number[]
  readonly maxLevel: Coats
  readonly levels: Int8Array
  /** weight = constant * level */
  readonly constant: number
  readonly signSeed?: number
  /** That the levels keep to. */
  readonly pattern?: Pattern
}

/** y = (x - mean) / sqrt(variance + eps) * gamma + beta, per channel. */
export interface TrainedNorm {
  readonly gamma: Float32Array
  readonly beta: Float32Array
  readonly mean: Float32Array
  readonly variance: Float32Array
  readonly eps: number
}

export interface TrainedNetwork {
  readonly graph: Graph
  /** Weighted node -> its levels. */
  readonly tensors: Readonly<Record<string, TrainedTensor>>
  /** Batchnorm node -> its constants. */
  readonly norms: Readonly<Record<string, TrainedNorm>>
  /** Without a supermask: weighted node -> its f32 weights, [out, in, kh, kw] or [out, in]; `tensors` is then empty. */
  readonly weights?: Readonly<Record<string, Float32Array>>
  /** What activations were rounded to in training; absent: nothing. */
  readonly activations?: Activations
  /** The largest |x| of each value that was rounded, by its name. */
  readonly ranges?: Readonly<Record<string, number>>
  /** When trained for a byte budget: what keeps the exported file within it. */
  readonly budget?: TrainedBudget
}

export interface TrainedBudget {
  /** Its density is the one that training arrived at. */
  readonly mask: Supermask
  /** Bytes. */
  readonly budget: number
  /** By the names of weighted nodes. */
  readonly layers: readonly MaskedLayer[]
}
