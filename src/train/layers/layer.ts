/**
 * One node of a graph being trained: its buffers in the trainer's memory and its two passes.
 *
 * Values are channel-major: an image batch is [C][N][H][W], a vector batch is [features][N]. A row (one channel or
 * feature over the whole batch) is contiguous, which is what convolution, dense layers, normalisation and bias want.
 */
export interface Layer {
  /** Computes the node's value. `training` selects batch statistics. */
  forward(training: boolean): void
  /**
   * Computes the gradient of the input into `dx` (overwritten), and of the layer's own parameters.
   * @param dx address; 0 when nobody needs it
   */
  backward(dx: number): void
}

/** Addresses of one value: the value and its gradient. */
export interface ValueBuffers {
  readonly value: number
  readonly grad: number
}
