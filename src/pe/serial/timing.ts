/**
 * Cycles of bit-serial lanes that work in lock step, by design. bw, ba: bits of weights and inputs; ones(), length(): of a magnitude.
 *
 *   stripes     ba
 *   loom        largest length(w) of the lanes * largest length(a) of the lanes
 *   pragmatic   largest ones(a) of the lanes
 *   laconic     largest ones(w) * ones(a) of the lanes
 *   bitfusion   a lane has 16 bricks of 2 x 2 bits: 16 / (bricks of a product) products in a cycle, bits rounded up to powers of two
 *
 * A step takes at least a cycle. Inputs are known by their distribution only, so times are averages over it: a group works on a filter for
 * many pixels, in which its inputs even out.
 */
import type { SerialArch } from '../arch.js'
import type { PeLayer } from '../workload.js'
import { type Digits, inputShares, mean, meanOfLargest, productShares, type Shares, weightShares } from './digits.js'

export interface Timing {
  /** Products that a lane does side by side. */
  readonly perLane: number
  /** Cycles of a step of so many products whose weights are not known. */
  step(products: number): number
  /** Lane-cycles of a product that no other lane makes longer: where the weight takes so many digits, on average over inputs. */
  own(weightDigits: number): number
  /** Share of a lane's time that is for inputs other than zero. */
  readonly activeShare: number
  /** Where zero weights take no time, and others take it by their digits. */
  readonly byWeight?: ByWeight
}

export interface ByWeight {
  readonly digits: Digits
  /** Digits of a weight, by its share. */
  readonly weights: Shares
  /**
   * Cycles of a step whose weights are known.
   * @param counts how many weights take so many digits; all of a step, zeros included
   */
  stepOf(counts: Uint32Array): number
  /** Variance of the cycles of a step of so many products, over weights that are not known; inputs are averaged. */
  variance(products: number): number
}

export function timingOf(layer: PeLayer, { design, lanes }: SerialArch): Timing {
  const active = 1 - inputShares(layer, 'ones')[0]
  const fixed = (perLane: number, cycles: number): Timing => ({
    perLane,
    step: () => cycles,
    own: () => cycles / perLane,
    activeShare: active,
  })
  switch (design) {
    case 'stripes':
      return fixed(1, layer.activationBits)
    case 'bitfusion': {
      const bricks = bricksOf(layer.weightBits) * bricksOf(layer.activationBits)
      return fixed(Math.max(1, 16 / bricks), Math.max(1, bricks / 16))
    }
    case 'pragmatic': {
      const inputs = inputShares(layer, 'ones')
      const own = mean(inputs)
      return { perLane: 1, step: (products) => atLeastOne(inputs, products), own: () => own, activeShare: 1 }
    }
    case 'laconic':
      return laconic(weightShares(layer, 'ones'), inputShares(layer, 'ones'), lanes)
    case 'loom':
      return loom(weightShares(layer, 'length'), inputShares(layer, 'length'), lanes)
  }
}

/** Bricks along one operand: 2, 4, 8 or 16 bits and so on, two in a brick. */
const bricksOf = (bits: number): number => Math.max(1, 2 ** Math.ceil(Math.log2(bits)) / 2)

/** Mean of the largest of `lanes` numbers, or 1 where all are 0. */
const atLeastOne = (shares: Shares, lanes: number): number => meanOfLargest(shares, lanes) + shares[0] ** lanes

function laconic(weights: Shares, inputs: Shares, lanes: number): Timing {
  const below = inputs.map((_, j) => inputs.subarray(0, j + 1).reduce((a, b) => a + b, 0))
  const own = mean(inputs)
  const stepWith = (some: Shares, products: number) => atLeastOne(productShares(some, inputs), products)
  return {
    perLane: 1,
    step: (products) => stepWith(weights, products),
    own: (digits) => digits * own,
    activeShare: 1,
    byWeight: {
      digits: 'ones',
      weights,
      stepOf: memoised(lanes, (counts) => largestProduct(counts, below)),
      variance: (products) => varianceByHeaviest(weights, products, stepWith),
    },
  }
}

/**
 * Mean of the largest ones(w) * ones(a), at least 1.
 * @param below share of inputs that have at most so many ones
 */
function largestProduct(counts: Uint32Array, below: Float64Array): number {
  const most = below.length - 1
  const heaviest = heaviestOf(counts)
  let sum = 1
  for (let t = 1; t < heaviest * most; t++) {
    let all = 1
    for (let d = 1; d <= heaviest; d++) all *= Math.min(1, below[Math.min(most, Math.floor(t / d))]) ** counts[d]
    sum += 1 - all
  }
  return sum
}

function loom(weights: Shares, inputs: Shares, lanes: number): Timing {
  const own = mean(inputs)
  const stepWith = (some: Shares, products: number) => {
    const idle = 1 - (1 - some[0] ** products) * (1 - inputs[0] ** products)
    return meanOfLargest(some, products) * meanOfLargest(inputs, products) + idle
  }
  return {
    perLane: 1,
    step: (products) => stepWith(weights, products),
    own: (digits) => digits * own,
    activeShare: 1,
    byWeight: {
      digits: 'length',
      weights,
      stepOf: memoised(lanes, (counts) => {
        const products = counts.reduce((a, b) => a + b, 0)
        const longest = heaviestOf(counts)
        return longest === 0 ? 1 : longest * meanOfLargest(inputs, products) + inputs[0] ** products
      }),
      variance: (products) => varianceByHeaviest(weights, products, stepWith),
    },
  }
}

function heaviestOf(counts: Uint32Array): number {
  let heaviest = counts.length - 1
  while (heaviest > 0 && counts[heaviest] === 0) heaviest--
  return heaviest
}

/**
 * Variance of a step's cycles as far as its heaviest weight decides them, which is nearly all of it.
 * @param stepWith mean cycles of a step of weights of such shares
 */
function varianceByHeaviest(
  weights: Shares,
  lanes: number,
  stepWith: (weights: Shares, lanes: number) => number,
): number {
  let [below, chanceBefore, sumBefore, sum, squares] = [0, 0, 0, 0, 0]
  weights.forEach((share, heaviest) => {
    below += share
    if (share === 0) return
    const upTo = weights.subarray(0, heaviest + 1).map((s) => s / below)
    const chance = Math.min(1, below) ** lanes
    const sumUpTo = chance * stepWith(upTo, lanes)
    const [own, ownSum] = [chance - chanceBefore, sumUpTo - sumBefore]
    if (own > 1e-12) {
      sum += ownSum
      squares += ownSum ** 2 / own
    }
    chanceBefore = chance
    sumBefore = sumUpTo
  })
  return Math.max(0, squares - sum ** 2)
}

/** Remembers results by the counts: layers have millions of steps, of a few thousand kinds. No count is above `lanes`. */
function memoised(lanes: number, compute: (counts: Uint32Array) => number): (counts: Uint32Array) => number {
  const known = new Map<number, number>()
  return (counts) => {
    // Steps of so many lanes that keys would not be exact are few.
    if ((lanes + 1) ** counts.length > Number.MAX_SAFE_INTEGER) return compute(counts)
    let key = 0
    for (const count of counts) key = key * (lanes + 1) + count
    const before = known.get(key)
    if (before !== undefined) return before
    const cycles = compute(counts)
    known.set(key, cycles)
    return cycles
  }
}
