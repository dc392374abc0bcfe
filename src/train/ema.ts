/**
 * Exponential moving averages of parameters: smoother than the last step, and what a training then leaves. Parts share the
 * blocks as the optimiser's do, so that each only touches what it wrote itself.
 */
import type { TrainMemory } from './memory.js'
import type { Parameter } from './weights.js'

export class Averages {
  private readonly mem: TrainMemory
  private readonly decay: number
  private readonly blocks: readonly (Pick<Parameter, 'values' | 'n'> & { readonly average: number })[]

  /** Starts from the values as they are. */
  constructor(mem: TrainMemory, parameters: readonly Pick<Parameter, 'values' | 'n'>[], decay: number) {
    this.mem = mem
    this.decay = decay
    this.blocks = parameters.map(({ values, n }) => ({ values, n, average: mem.words(n) }))
    for (const { values, n, average } of this.blocks) mem.f32(average, n).set(mem.f32(values, n))
  }

  /**
   * Moves the averages towards the values. The decay rises to its end value as (1 + count) / (10 + count), so that the first
   * values are soon forgotten.
   * @param count steps taken before this one
   */
  update(count: number): void {
    const { mem } = this
    const share = 1 - Math.min(this.decay, (1 + count) / (10 + count))
    for (const { values, n, average } of this.blocks) {
      const [begin, end] = mem.range(n, 4)
      mem.kernels.ema_f32(average + 4 * begin, values + 4 * begin, end - begin, share)
    }
  }

  /** Overwrites the values with their averages. */
  install(): void {
    const { mem } = this
    for (const { values, n, average } of this.blocks) {
      const [begin, end] = mem.range(n, 4)
      mem.f32(values, n).set(mem.f32(average, n).subarray(begin, end), begin)
    }
  }
}
