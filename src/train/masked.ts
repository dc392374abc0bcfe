/** Scores and signs of every weighted node of a network: the supermask in training. */
import { chooseThresholds, layerConstant, type Supermask } from '../compress/supermask.js'
import { WhiteDwarfError } from '../errors.js'
import { seededSigns } from '../format/signs.js'
import type { Rng } from '../rng.js'
import type { Network, WeightBuffers } from './network.js'
import type { TrainedNetwork, TrainedTensor } from './trained.js'
import type { Parameter, TrainableWeights } from './weights.js'

interface MaskedTensor {
  readonly weights: WeightBuffers
  readonly scores: number
  readonly levels: number
  /** Address of i8 signs; 0 when they are learned. */
  readonly signs: number
  /** Makes scores of layers of different fan-in comparable. */
  readonly scale: number
  constant: number
}

export class MaskedWeights implements TrainableWeights {
  readonly tensors: readonly MaskedTensor[]
  /** The scores. The gradient of a weight, constant * level, reaches its score as if the level were the score. */
  readonly parameters: readonly Parameter[]
  private readonly net: Network
  private readonly mask: Supermask
  /** Address of the thresholds of each tensor: `coats` words. */
  private readonly thresholds: number[]

  /** Scores start as He-normal numbers. */
  constructor(net: Network, mask: Supermask, rng: Rng) {
    const { mem } = net
    this.net = net
    this.mask = mask
    this.tensors = net.weighted.map((weights) => ({
      weights,
      scores: mem.words(weights.n),
      levels: mem.bytes(weights.n),
      signs: mask.signs === 'learned' ? 0 : mem.bytes(weights.n),
      scale: mask.scope === 'global' ? Math.sqrt(weights.fanIn) : 1,
      constant: 1,
    }))
    this.parameters = this.tensors.map((t) => ({
      values: t.scores,
      gradient: t.weights.grad,
      n: t.weights.n,
      signs: t.signs,
      get scale() {
        return t.constant
      },
    }))
    this.thresholds = this.tensors.map(() => mem.words(mask.coats))
    for (const t of this.tensors) {
      const { n, fanIn, shape } = t.weights
      const spread = Math.sqrt(2 / fanIn)
      const scores = mem.f32(t.scores, n)
      for (let i = 0; i < n; i++) scores[i] = rng.normal() * spread
      if (mask.signs !== 'learned') mem.i8(t.signs, n).set(seededSigns(shape, mask.signs))
    }
  }

  /**
   * Chooses thresholds for a density, from the scores as they are now.
   * @throws WhiteDwarfError E_DATA when scores are no longer finite
   */
  refresh(density: number): void {
    const { mem } = this.net
    const groups = this.tensors.map((t) => ({ scores: mem.f32(t.scores, t.weights.n), scale: t.scale }))
    if (!groups.every((g) => g.scores.every(Number.isFinite))) {
      throw new WhiteDwarfError(
        'E_DATA',
        'the training diverged (scores are no longer finite): lower the learning rate',
      )
    }
    const global = this.mask.scope === 'global' ? chooseThresholds(groups, this.mask, density) : undefined
    this.thresholds.forEach((p, i) => {
      mem.f32(p, this.mask.coats).set(global ?? chooseThresholds([groups[i]], this.mask, density))
    })
  }

  /** Levels from scores, and weights from levels. */
  apply(): void {
    const { kernels } = this.net.mem
    this.tensors.forEach((t, i) => {
      const { n, fanIn, weights } = t.weights
      const squares = kernels.levels_from_scores(
        t.scores,
        n,
        t.scale,
        this.thresholds[i],
        this.mask.coats,
        t.signs,
        t.levels,
      )
      t.constant = Math.fround(layerConstant(fanIn, squares, n))
      kernels.weights_from_levels(t.levels, n, t.constant, weights)
    })
  }

  install(): void {
    for (const { weights, levels, constant } of this.tensors) {
      const nonzeros = this.net.mem.kernels.count_nonzero_i8(levels, weights.n)
      weights.sparse = { levels, maxLevel: this.mask.coats, constant, nonzeros }
    }
    this.net.prepare()
  }

  /** The constants. */
  get numbers(): readonly number[] {
    return this.tensors.map((t) => t.constant)
  }

  set numbers(constants: readonly number[]) {
    this.tensors.forEach((t, i) => {
      t.constant = constants[i]
    })
  }

  trained(): Pick<TrainedNetwork, 'tensors'> {
    const { coats, signs } = this.mask
    const copy = ({ weights, levels, constant }: MaskedTensor): TrainedTensor => ({
      shape: weights.shape,
      maxLevel: coats,
      levels: this.net.mem.i8(levels, weights.n).slice(),
      constant,
      ...(signs !== 'learned' && { signSeed: signs }),
    })
    return { tensors: Object.fromEntries(this.tensors.map((t) => [t.weights.name, copy(t)])) }
  }
}
