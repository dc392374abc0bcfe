/**
 * The pattern of one tensor in training. Which weights are on it are states that the supermask's kernels respect; everything that changes
 * lies in the trainer's memory, so that parts share it and checkpoints hold it.
 *
 * There are three phases:
 *
 *   warm-up    the first tenth of the steps. Groups: the largest scores of each are on the pattern, chosen anew whenever thresholds are.
 *              At its end filters may be grouped anew, or taps mined.
 *   evolving   'projected': as before. 'transfer': only scores on the pattern are trained; now and then the smallest give their places
 *              to members of their groups with large gradients. 'penalty': scores off the pattern are pulled towards 0 ever harder.
 *   settled    nothing moves; only scores on the pattern are trained
 *
 * With 'penalty' and where taps are mined the pattern is open, which means that any score may be a level, until it settles. A pattern of
 * blocks or of a period that is not open is settled from the start.
 */
import type { PatternTraining } from '../compress/patterns.js'
import { capacity, isDynamic, project } from '../patterns/mask.js'
import { minedLike } from '../patterns/mine.js'
import type { GroupPattern, Pattern, PeriodicPattern } from '../patterns/pattern.js'
import { regroup } from '../patterns/regroup.js'
import { transfer } from '../patterns/transfer.js'
import { Rng } from '../rng.js'
import type { TrainMemory } from './memory.js'
import { diverged } from './weights.js'

/** What the pattern reads and writes: addresses of n scores, gradients (f32) and signs (i8, or 0 for learned ones). */
export interface PatternedBuffers {
  readonly shape: readonly number[]
  readonly n: number
  readonly scores: number
  readonly grad: number
  readonly signs: number
}

const WARM_UP = 0
const EVOLVING = 1
const SETTLED = 2
/** Share of the steps. */
const WARM_UP_SHARE = 0.1
/** Share of the places that a transfer moves at first; it falls to none as a cosine (RigL, Evci et al., ICML 2020). */
const FIRST_MOVES = 0.3

export class TensorPattern {
  /** Address of i8 states: -1 off the pattern, 0 on it, or open. */
  readonly states: number
  /** Address of the states that it will have when it settles: its own where it is open until then. */
  private readonly targets: number
  /** The most weights that may be other than zero when it is settled. */
  readonly capacity: number
  /** Address of the phase. */
  private readonly phaseAt: number
  /** Address of the order of filters, 0 where they are not regrouped. */
  private readonly orderAt: number
  /** Address of the taps of all sets, 0 where they are not mined. */
  private readonly tapsAt: number
  /** Share of the steps after which it is settled. */
  private readonly settle: number

  /**
   * Allocates, and chooses the places for the scores as they are.
   * @param index of the layer; determines its regrouping
   */
  constructor(
    private readonly mem: TrainMemory,
    private readonly buffers: PatternedBuffers,
    private readonly rule: Pattern,
    private readonly training: PatternTraining,
    private readonly index: number,
  ) {
    const { shape, n } = buffers
    const { evolve, mine, settle } = training
    const opens = evolve === 'penalty' || mine
    this.capacity = capacity(rule, shape)
    this.states = mem.bytes(n)
    this.targets = opens ? mem.bytes(n) : this.states
    this.phaseAt = mem.table([isDynamic(rule) || opens ? WARM_UP : SETTLED])
    const order = (rule as GroupPattern).order ?? Array.from({ length: shape[0] }, (_, i) => i)
    this.orderAt = training.regroup ? mem.table(order) : 0
    this.tapsAt = mine ? mem.table((rule as PeriodicPattern).taps.flat()) : 0
    this.settle = mine && evolve === 'projected' ? WARM_UP_SHARE : settle
    this.project()
    if (opens) mem.i8(this.states, n).fill(0)
  }

  /** Whether any score may be a level yet. */
  get open(): boolean {
    return this.targets !== this.states && this.phase !== SETTLED
  }

  /** i8 states without those that are only open. A view, good until the next allocation. */
  get settled(): Int8Array {
    return this.mem.i8(this.targets, this.buffers.n)
  }

  /** With the order of filters or the taps that it has now. */
  get pattern(): Pattern {
    if (this.tapsAt !== 0) return this.mined(this.rule as PeriodicPattern)
    if (this.orderAt === 0) return this.rule
    const order = Array.from(this.mem.u32(this.orderAt, this.buffers.shape[0]))
    const { order: _, ...rule } = this.rule as GroupPattern
    return order.every((filter, i) => filter === i) ? rule : { ...rule, order }
  }

  private mined(rule: PeriodicPattern): PeriodicPattern {
    let at = this.tapsAt
    const taps = rule.taps.map(({ length }) => {
      const set = Array.from(this.mem.u32(at, length))
      at += 4 * length
      return set
    })
    return { ...rule, taps }
  }

  /** Chooses the places anew, where it is time to. One part does it for all. @param progress share of the steps done */
  choose(progress: number): void {
    const before = this.phase
    if (before === SETTLED) return
    const phase = progress >= this.settle ? SETTLED : progress >= WARM_UP_SHARE ? EVOLVING : WARM_UP
    const warm = before === WARM_UP && phase !== WARM_UP
    if (warm && this.orderAt !== 0) this.regroup()
    if (warm && this.tapsAt !== 0) this.mine()
    if (before === WARM_UP || this.training.evolve !== 'transfer') this.project()
    if (phase === SETTLED) this.views().states.set(this.settled)
    this.mem.u32(this.phaseAt, 1)[0] = phase
  }

  /** How far the pattern has evolved, 0..1. @param progress share of the steps done */
  private course(progress: number): number {
    return this.phase === EVOLVING ? Math.min(1, (progress - WARM_UP_SHARE) / (this.settle - WARM_UP_SHARE)) : 0
  }

  /**
   * Moves places by the gradients of this step. One part does it for all.
   * @param progress share of the steps done
   */
  transfer(progress: number): void {
    const { evolve, settle } = this.training
    if (this.phase !== EVOLVING || evolve !== 'transfer') return
    const { shape } = this.buffers
    const { scores, gradients, signs, states } = this.views()
    const owners = states.reduce((sum, state) => sum + (state < 0 ? 0 : 1), 0)
    const share = (FIRST_MOVES / 2) * (1 + Math.cos((Math.PI * progress) / settle))
    // Where a sign is given, only a slope towards it promises anything.
    const gain = (i: number) => (signs === undefined ? Math.abs(gradients[i]) : -gradients[i] * signs[i])
    const moves = transfer(this.pattern as GroupPattern, shape, states, scores, gain, Math.floor(share * owners))
    // The new one is as large as the old one was, and goes downhill: a score of 0 would be no level, or a level of any sign.
    for (const [from, to] of moves) scores[to] = Math.abs(scores[from]) * (gradients[to] > 0 ? -1 : 1)
  }

  /**
   * Gradients of scores off the pattern: none, or, while all scores are trained, with the pull towards 0. Parts share the work.
   * @param progress share of the steps done
   * @param scale factor on the gradients
   */
  confine(progress: number, scale: number): void {
    const { mem, phase } = this
    const { n, scores, grad, signs } = this.buffers
    const { evolve } = this.training
    const pull = this.training.pull * (this.open ? this.course(progress) : 1)
    const [begin, end] = mem.range(n, 4)
    const [states, at, count] = [this.targets + begin, 4 * begin, end - begin]
    if (phase === SETTLED || (phase === EVOLVING && evolve === 'transfer')) {
      mem.kernels.mask_f32(grad + at, states, count)
    } else if (pull > 0) {
      const given = signs === 0 ? 0 : signs + begin
      mem.kernels.pull_f32(scores + at, grad + at, states, given, count, pull / scale)
    }
  }

  private get phase(): number {
    return this.mem.u32(this.phaseAt, 1)[0]
  }

  private project(): void {
    const { shape, n } = this.buffers
    const { scores } = this.views()
    if (isDynamic(this.rule) && !scores.every(Number.isFinite)) throw diverged()
    const mask = project(this.pattern, shape, scores)
    const { settled } = this
    for (let i = 0; i < n; i++) settled[i] = mask[i] - 1
  }

  private regroup(): void {
    const { shape } = this.buffers
    const order = regroup(this.pattern as GroupPattern, shape, this.views().scores, new Rng(this.index))
    this.mem.u32(this.orderAt, shape[0]).set(order)
  }

  private mine(): void {
    const { taps } = minedLike(this.rule as PeriodicPattern, this.views().scores, this.buffers.shape)
    const all = taps.flat()
    this.mem.u32(this.tapsAt, all.length).set(all)
  }

  private views() {
    const { mem } = this
    const { n, scores, grad, signs } = this.buffers
    return {
      scores: mem.f32(scores, n),
      gradients: mem.f32(grad, n),
      signs: signs === 0 ? undefined : mem.i8(signs, n),
      states: mem.i8(this.states, n),
    }
  }
}
