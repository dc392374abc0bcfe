/** Optimisers over the blocks of parameters in the trainer's memory; their kernels are in assembly/train/optimisers.ts. */
import type { TrainMemory } from './memory.js'
import type { Parameter } from './weights.js'

export type OptimiserName = 'sgd' | 'adamw'
export type DecayKind = 'coupled' | 'decoupled'

export interface OptimiserSettings {
  readonly optimiser: OptimiserName
  readonly momentum: number
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
  readonly weightDecay: number
  readonly decay: DecayKind
  readonly normRate: number
  readonly clip: number
}

/** Parameters that share a rate and a decay. */
interface Group {
  readonly parameters: readonly Parameter[]
  /** Factor on the learning rate. */
  readonly rate: number
  readonly decay: number
}

/** Below this a gradient's norm counts as zero when clipping divides by it. */
const LEAST_NORM = 1e-6

export class Optimiser {
  private readonly mem: TrainMemory
  private readonly s: OptimiserSettings
  private readonly scores: Group
  private readonly norms: Group
  /** Addresses of each parameter's state: the velocity, or the two moments. */
  private readonly state = new Map<Parameter, readonly number[]>()

  /** @param norms gains and biases of batch normalisation: no decay, and a learning rate of their own */
  constructor(
    mem: TrainMemory,
    scores: readonly Parameter[],
    norms: readonly Parameter[],
    settings: OptimiserSettings,
  ) {
    this.mem = mem
    this.s = settings
    this.scores = { parameters: scores, rate: 1, decay: settings.weightDecay }
    this.norms = { parameters: norms, rate: settings.normRate, decay: 0 }
    for (const p of [...scores, ...norms]) {
      const moments = settings.optimiser === 'adamw' ? 2 : 1
      const blocks = Array.from({ length: moments }, () => mem.words(p.n))
      for (const block of blocks) mem.f32(block, p.n).fill(0)
      this.state.set(p, blocks)
    }
  }

  /**
   * One step on all parameters, or on batch normalisation alone. Parts share the blocks.
   * @param count steps taken so far, this one included
   * @param frozen the scores stay
   */
  step(count: number, learningRate: number, frozen: boolean): void {
    const groups = frozen ? [this.norms] : [this.scores, this.norms]
    const factor = this.s.clip === 0 ? 1 : this.clipping(groups)
    for (const group of groups) {
      const rate = learningRate * group.rate
      for (const p of group.parameters) this.move(p, count, rate, group.decay, p.scale * factor)
    }
    this.mem.part.barrier()
  }

  /** This part's share of a block. */
  private move(p: Parameter, count: number, rate: number, decay: number, scale: number): void {
    const { kernels } = this.mem
    const [begin, end] = this.mem.range(p.n, 4)
    const at = 4 * begin
    const n = end - begin
    const [values, gradient, signs] = [p.values + at, p.gradient + at, p.signs === 0 ? 0 : p.signs + begin]
    const { optimiser, momentum, beta1, beta2, epsilon } = this.s
    const keep = this.s.decay === 'decoupled' ? 1 - rate * decay : 1
    const state = this.state.get(p) as readonly number[]
    if (optimiser === 'sgd') {
      const coupled = this.s.decay === 'coupled' ? decay : 0
      kernels.sgd_f32(values, gradient, state[0] + at, n, rate, momentum, coupled, keep, scale, signs)
      return
    }
    const corrected = rate / (1 - beta1 ** count)
    const root = 1 / Math.sqrt(1 - beta2 ** count)
    const [m, v] = state
    const constants = [corrected, beta1, beta2, root, epsilon, keep, scale] as const
    kernels.adamw_f32(values, gradient, m + at, v + at, n, ...constants, signs)
  }

  /** The factor that brings the norm of all gradients together down to the limit (Pascanu et al., 2013). */
  private clipping(groups: readonly Group[]): number {
    let sum = 0
    for (const { parameters } of groups) {
      for (const p of parameters) sum += p.scale ** 2 * this.mem.kernels.sum_squares_f32(p.gradient, p.n)
    }
    return Math.min(1, this.s.clip / Math.max(LEAST_NORM, Math.sqrt(sum)))
  }
}
