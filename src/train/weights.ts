/** What the training loop needs of a network's weights, whether they are levels chosen by scores or plain numbers. */
import { WhiteDwarfError } from '../errors.js'
import type { TrainedNetwork } from './trained.js'

/** A block of f32 numbers that an optimiser moves: addresses, and n elements each. */
export interface Parameter {
  readonly values: number
  readonly gradient: number
  readonly n: number
  /** Address of i8 signs by which the gradient reaches the size of a value; 0 for none. */
  readonly signs: number
  /** Factor on the gradient. */
  readonly scale: number
}

/**
 * Where several parts train together (memory.ts), part 0 alone chooses and applies; then all parts get its `numbers`, and
 * install.
 */
export interface TrainableWeights {
  readonly parameters: readonly Parameter[]
  /**
   * Chooses which weights stay, for a density, from the parameters as they are now.
   * @param progress share of the steps done
   * @param last no other choice follows
   */
  refresh(density: number, progress: number, last: boolean): void
  /** Writes the network's weights into memory. */
  apply(): void
  /**
   * Between the backward pass and the optimiser: gradients of weights that must not move are taken away. All parts call it.
   * @param move whether it is time that weights give their places to others
   */
  confine?(progress: number, move: boolean): void
  /** Share of the weights that are not zero, as `apply` left them. */
  density(): number
  /** What the memory does not hold of the weights' state. */
  numbers: readonly number[]
  /** Lets the network compute with the weights that memory and numbers hold. */
  install(): void
  /** Copies for a result. */
  trained(): Pick<TrainedNetwork, 'tensors' | 'weights' | 'budget'>
}

export const diverged = () =>
  new WhiteDwarfError('E_DATA', 'the training diverged (scores are no longer finite): lower the learning rate')
