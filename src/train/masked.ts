/** Scores and signs of every weight tensor of a network: the supermask in training. */
import { layerDensities } from '../compress/densities.js'
import { drawFrozen, layerConstant, type MaskedLayer } from '../compress/levels.js'
import { layerPatterns, type PatternTraining } from '../compress/patterns.js'
import type { Supermask } from '../compress/supermask.js'
import {
  FIRST_NOT_FINITE,
  keptByRounding,
  type MagnitudeCounts,
  thresholdsFrom,
  thresholdsKeeping,
} from '../compress/thresholds.js'
import { WhiteDwarfError } from '../errors.js'
import { seededSigns } from '../format/signs.js'
import type { Pattern } from '../patterns/pattern.js'
import { Rng } from '../rng.js'
import { BudgetKeeper } from './budget.js'
import type { Network, WeightBuffers } from './network.js'
import { TensorPattern } from './pattern.js'
import type { TrainedNetwork, TrainedTensor } from './trained.js'
import { diverged, type Parameter, type TrainableWeights } from './weights.js'

interface MaskedTensor {
  readonly weights: WeightBuffers
  readonly scores: number
  readonly levels: number
  /** Address of i8 signs; 0 when all are learned. */
  readonly signs: number
  /** Address of i8 states (-1 pruned or off the pattern, 0 free, 1 locked); 0 when nothing is frozen. */
  readonly frozen: number
  readonly pattern?: TensorPattern
  readonly locked: number
  /** Makes scores of layers of different fan-in comparable. */
  readonly scale: number
  /** Scope 'fixed': the first threshold. */
  readonly threshold: number
  /** Address of the thresholds, `coats` words; shared by tensors that compete. */
  readonly thresholds: number
  constant: number
}

export class MaskedWeights implements TrainableWeights {
  readonly tensors: readonly MaskedTensor[]
  /** The scores. The gradient of a weight, constant * level, reaches its score as if the level were the score. */
  readonly parameters: readonly Parameter[]
  private readonly net: Network
  private readonly mask: Supermask
  /** Tensors whose scores compete with each other. */
  private readonly groups: readonly (readonly MaskedTensor[])[]
  /** Address of counters of magnitudes, 32768 and 65536 u32 (assembly/train/magnitudes.ts). */
  private readonly counters: number
  private readonly budget: BudgetKeeper | undefined

  /**
   * @param start first scores by name, instead of random ones
   * @throws WhiteDwarfError E_OPTION when `densities` or `pattern` do not fit the network
   */
  constructor(net: Network, mask: Supermask, rng: Rng, start?: TrainedNetwork['weights']) {
    const { mem } = net
    this.net = net
    this.mask = mask
    checkNames(net, mask)
    this.counters = mem.words(32768 + 65536)
    const frozenRng = new Rng(mask.frozen.seed)
    const competing = mem.words(mask.coats)
    const patterns = mask.pattern === undefined ? [] : layerPatterns(net.weighted, mask.pattern)
    this.tensors = net.weighted.map((weights, i) => {
      const alone = mask.scope !== 'global' || Object.hasOwn(mask.densities, weights.name)
      const thresholds = alone ? mem.words(mask.coats) : competing
      const tensor = createTensor(net, weights, mask, thresholds, rng, frozenRng, start?.[weights.name])
      const rule = patterns[i]
      return rule === undefined ? tensor : withPattern(net, tensor, rule, mask.pattern as PatternTraining, i)
    })
    this.parameters = this.tensors.map((t) => ({
      values: t.scores,
      gradient: t.weights.grad,
      n: t.weights.n,
      signs: t.signs,
      get scale() {
        return mask.normalise ? t.constant / mask.coats : t.constant
      },
    }))
    this.groups = [...new Set(this.tensors.map((t) => t.thresholds))].map((thresholds) =>
      this.tensors.filter((t) => t.thresholds === thresholds),
    )
    if (mask.budget !== undefined) {
      const choose = (density: number) => {
        this.choose(density, density)
        this.apply()
      }
      this.budget = new BudgetKeeper(net, mask, mask.budget, {
        choose,
        trained: () => ({ tensors: this.trainedTensors() }),
        layers: () => this.layers(),
      })
    }
  }

  /**
   * Chooses thresholds for a density, from the scores as they are now. With a budget the density is only how far the ramp
   * is; the budget says where it ends.
   * @throws WhiteDwarfError E_DATA when scores are no longer finite, E_OPTION when a budget is too small
   */
  refresh(density: number, progress = 0, last = false): void {
    const { mask, budget } = this
    for (const { pattern } of this.tensors) pattern?.choose(last ? 1 : progress)
    if (budget === undefined) {
      this.choose(density, mask.density)
    } else if (last) {
      budget.settle()
    } else {
      budget.steer()
      const way = (1 - density) / (1 - mask.density)
      this.choose(1 - way * (1 - budget.density), budget.density)
    }
  }

  /** @param end the density that a ramp arrives at */
  private choose(density: number, end: number): void {
    const { net, mask } = this
    const densities = layerDensities(net.weighted, { ...mask, density: end }, density)
    for (const group of this.groups) {
      const counts = this.count(group)
      const wanted = group.reduce((sum, t) => sum + densities[this.tensors.indexOf(t)] * t.weights.n - t.locked, 0)
      // Of an open pattern scores that fade become 0 by rounding, not only when they are cut; what the pattern allows may stay.
      const open = group.some((t) => t.pattern?.open)
      const allowed = group.reduce((sum, t) => sum + (t.pattern?.capacity ?? t.weights.n), 0)
      const kept = open ? Math.min(wanted, Math.max(allowed, keptByRounding(counts, mask.coats))) : wanted
      const thresholds =
        mask.scope === 'fixed'
          ? thresholdsFrom(counts, mask, group[0].threshold)
          : thresholdsKeeping(counts, mask, kept)
      net.mem.f32(group[0].thresholds, mask.coats).set(thresholds)
    }
  }

  /** Counts the magnitudes of tensors together. The counters are good until the next call. */
  private count(tensors: readonly MaskedTensor[]): MagnitudeCounts {
    const { mem } = this.net
    const [first, second] = [this.counters, this.counters + 4 * 32768]
    const upper = mem.u32(first, 32768).fill(0)
    for (const t of tensors) mem.kernels.count_magnitudes(t.scores, t.weights.n, t.scale, t.frozen, first)
    if (upper.subarray(FIRST_NOT_FINITE).some((n) => n > 0)) throw diverged()
    const lower = (prefix: number) => {
      const counts = mem.u32(second, 65536).fill(0)
      for (const t of tensors) mem.kernels.count_within(t.scores, t.weights.n, t.scale, t.frozen, prefix, second)
      return counts
    }
    return { upper, lower }
  }

  /** Levels from scores, and weights from levels. */
  apply(): void {
    const { kernels } = this.net.mem
    const { coats, leastPerRow } = this.mask
    for (const t of this.tensors) {
      const { n, fanIn, shape, weights } = t.weights
      let squares = kernels.levels_from_scores(t.scores, n, t.scale, t.thresholds, coats, t.signs, t.levels)
      if (t.frozen !== 0) squares = kernels.freeze_levels(t.scores, n, t.signs, t.frozen, t.levels)
      if (leastPerRow > 0) {
        squares += kernels.fill_rows(t.scores, shape[0], n / shape[0], leastPerRow, t.signs, t.frozen, t.levels)
      }
      t.constant = Math.fround(layerConstant(fanIn, squares, n))
      kernels.weights_from_levels(t.levels, n, t.constant, weights)
    }
  }

  install(): void {
    for (const { weights, levels, constant } of this.tensors) {
      const nonzeros = this.net.mem.kernels.count_nonzero_i8(levels, weights.n)
      weights.sparse = { levels, maxLevel: this.mask.coats, constant, nonzeros }
    }
    this.net.prepare()
  }

  confine(progress: number, move: boolean): void {
    const { part } = this.net.mem
    if (this.mask.pattern === undefined) return
    if (move) {
      if (part.index === 0) for (const { pattern } of this.tensors) pattern?.transfer(progress)
      part.barrier()
    }
    this.tensors.forEach(({ pattern }, i) => {
      pattern?.confine(progress, this.parameters[i].scale)
    })
    part.barrier()
  }

  /** The constants, and the state of the budget. */
  get numbers(): readonly number[] {
    return [...this.tensors.map((t) => t.constant), ...(this.budget?.numbers ?? [])]
  }

  set numbers(values: readonly number[]) {
    this.tensors.forEach((t, i) => {
      t.constant = values[i]
    })
    if (this.budget !== undefined) this.budget.numbers = values.slice(this.tensors.length)
  }

  trained(): Pick<TrainedNetwork, 'tensors' | 'budget'> {
    const { mask, budget } = this
    const tensors = this.trainedTensors()
    if (budget === undefined || mask.budget === undefined) return { tensors }
    const layers = this.layers().map((layer) => ({ ...layer, scores: layer.scores.slice() }))
    return { tensors, budget: { mask: { ...mask, density: budget.density }, budget: mask.budget, layers } }
  }

  private trainedTensors(): Record<string, TrainedTensor> {
    const { coats, signs } = this.mask
    const copy = ({ weights, levels, constant, pattern }: MaskedTensor): TrainedTensor => ({
      shape: weights.shape,
      maxLevel: coats,
      levels: this.net.mem.i8(levels, weights.n).slice(),
      constant,
      ...(signs !== 'learned' && { signSeed: signs }),
      ...(pattern && !pattern.open && { pattern: pattern.pattern }),
    })
    return Object.fromEntries(this.tensors.map((t) => [t.weights.name, copy(t)]))
  }

  /** Scores are views, good until the next allocation. */
  private layers(): MaskedLayer[] {
    const { mem } = this.net
    return this.tensors.map(({ weights: { name, shape, n }, scores, signs, frozen, pattern }) => ({
      name,
      shape,
      scores: mem.f32(scores, n),
      ...(signs !== 0 && { signs: mem.i8(signs, n).slice() }),
      ...(frozen !== 0 && { frozen: (pattern?.settled ?? mem.i8(frozen, n)).slice() }),
    }))
  }

  /** Share of all levels that are not zero, as `apply` left them. */
  density(): number {
    const { kernels } = this.net.mem
    const all = this.tensors.reduce((sum, { weights }) => sum + weights.n, 0)
    return this.tensors.reduce((sum, t) => sum + kernels.count_nonzero_i8(t.levels, t.weights.n), 0) / all
  }
}

function checkNames(net: Network, mask: Supermask): void {
  const names = net.weighted.map((w) => w.name)
  const unknown = Object.keys(mask.densities).find((name) => !names.includes(name))
  if (unknown === undefined) return
  throw new WhiteDwarfError(
    'E_OPTION',
    `supermask.densities names '${unknown}', which has no weights of its own; those that have: ${names.join(', ')}`,
  )
}

function createTensor(
  net: Network,
  weights: WeightBuffers,
  mask: Supermask,
  thresholds: number,
  rng: Rng,
  frozenRng: Rng,
  start?: Float32Array,
): MaskedTensor {
  const { mem } = net
  const { n, fanIn, shape } = weights
  const isFrozen = mask.frozen.pruned + mask.frozen.locked > 0
  const tensor = {
    weights,
    scores: mem.words(n),
    levels: mem.bytes(n),
    signs: mask.signs !== 'learned' || isFrozen ? mem.bytes(n) : 0,
    frozen: isFrozen ? mem.bytes(n) : 0,
    scale: mask.scope === 'global' ? Math.sqrt(fanIn) : 1,
    thresholds,
    constant: 1,
  }
  const scores = mem.f32(tensor.scores, n)
  const draw = scoreGenerator(mask, weights, rng)
  for (let i = 0; i < n; i++) scores[i] = start?.[i] ?? draw()
  let locked = 0
  if (isFrozen) {
    const drawn = drawFrozen(n, mask.frozen, frozenRng)
    mem.i8(tensor.frozen, n).set(drawn.frozen)
    mem.i8(tensor.signs, n).set(drawn.signs)
    locked = drawn.frozen.filter((f) => f > 0).length
  }
  if (mask.signs !== 'learned') mem.i8(tensor.signs, n).set(seededSigns(shape, mask.signs))
  const largest = scores.reduce((max, a) => Math.max(max, Math.abs(a)), 0)
  return { ...tensor, locked, threshold: mask.threshold * largest }
}

function withPattern(
  net: Network,
  tensor: MaskedTensor,
  rule: Pattern,
  training: PatternTraining,
  index: number,
): MaskedTensor {
  const { weights, scores, signs } = tensor
  const { shape, n, grad } = weights
  const pattern = new TensorPattern(net.mem, { shape, n, scores, grad, signs }, rule, training, index)
  return { ...tensor, pattern, frozen: pattern.states }
}

/** Initial scores, see SupermaskOptions.init. */
function scoreGenerator({ init }: Supermask, { n, fanIn, shape }: WeightBuffers, rng: Rng): () => number {
  if (init === 'he-normal') {
    const spread = Math.sqrt(2 / fanIn)
    return () => rng.normal() * spread
  }
  // A kernel position belongs to all inputs and all outputs of its channel: fan-out is out * kh * kw.
  const fanOut = n / shape[1]
  const bound = init === 'xavier-uniform' ? Math.sqrt(6 / (fanIn + fanOut)) : Math.sqrt(1 / fanIn)
  return () => (2 * rng.float() - 1) * bound
}
