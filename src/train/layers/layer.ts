/**
 * One node of a graph being trained: its buffers in the trainer's memory and its two passes.
 *
 * Values are channel-major: an image batch is [C][N][H][W], a vector batch is [features][N]. A row (one channel or
 * feature over the whole batch) is contiguous, which is what convolution, dense layers, normalisation and bias want.
 *
 * Several threads may run the same passes side by side (memory.ts); each pass does this part's share. The network puts a
 * barrier behind every pass.
 */
export interface Layer {
  /** Called when the weights have changed, before the next pass. `mine`: whether this part does the shared work. */
  prepare?(mine: boolean): void
  /** Computes the node's value. `training` selects batch statistics. */
  forward(training: boolean): void
  /**
   * Computes the gradients of the inputs into `dx` (overwritten), and of the layer's own parameters.
   * @param dx one address per input; 0 when nobody needs it
   */
  backward(dx: readonly number[]): void
}

/** Addresses of one value: the value and its gradient. */
export interface ValueBuffers {
  readonly value: number
  readonly grad: number
}

/** Weights of a weighted node, [out][in]... f32, and their gradient: addresses of n words each. */
export interface WeightBuffers {
  readonly name: string
  readonly shape: readonly number[]
  readonly fanIn: number
  readonly n: number
  readonly weights: number
  readonly grad: number
  /** Where the weights are a constant times levels: how to compute with the levels alone. */
  sparse?: SparseWeights
}

export interface SparseWeights {
  /** Address of n int8 levels. */
  readonly levels: number
  readonly maxLevel: 1 | 3 | 7
  /** weight = constant * level */
  readonly constant: number
  readonly nonzeros: number
}
