/**
 * Choosing thresholds: exact order statistics of |score| * scale from counts of f32 bit patterns, which sort like the
 * non-negative numbers they stand for.
 */
import type { Supermask } from './supermask.js'

/** Scores of one layer and the factor that makes them comparable with other layers'. */
export interface ScoreGroup {
  readonly scores: Float32Array
  readonly scale: number
  /** -1 pruned, 1 locked, 0 free; absent: all free. Only free scores are ranked. */
  readonly frozen?: Int8Array
}

/** How many keys |score| * scale there are of each size. Several layers may be counted together. */
export interface MagnitudeCounts {
  /** By the upper 15 bits of the key: 32768 counts, 128 per octave. */
  readonly upper: Uint32Array
  /** Those with these upper bits, by the lower 16: 65536 counts. */
  readonly lower: (prefix: number) => Uint32Array
}

/** Keys with these upper bits or more are infinite or not a number. */
export const FIRST_NOT_FINITE = 0x7f80

/** Counts in TypeScript; the trainer counts with the kernels count_magnitudes and count_within. */
export function countMagnitudes(groups: readonly ScoreGroup[]): MagnitudeCounts {
  const each = (visit: (key: number) => void) => {
    for (const { scores, scale, frozen } of groups) {
      const keys = new Float32Array(scores.length)
      const s = Math.fround(scale)
      for (let i = 0; i < scores.length; i++) keys[i] = Math.abs(scores[i]) * s
      new Uint32Array(keys.buffer).forEach((key, i) => {
        if (frozen === undefined || frozen[i] === 0) visit(key & 0x7fffffff)
      })
    }
  }
  const upper = new Uint32Array(32768)
  each((key) => {
    upper[key >>> 16]++
  })
  const lower = (prefix: number) => {
    const counts = new Uint32Array(65536)
    each((key) => {
      if (key >>> 16 === prefix) counts[key & 65535]++
    })
    return counts
  }
  return { upper, lower }
}

/** The k-th largest key, from 1. There must be so many. */
export function kthLargest({ upper, lower }: MagnitudeCounts, k: number): number {
  const prefix = descend(upper, k)
  const digit = descend(lower(prefix.at), prefix.left)
  return keyAt(prefix.at * 65536 + digit.at)
}

/** From the top, the counter that holds the k-th; and its rank within that counter. */
function descend(counts: Uint32Array, k: number): { at: number; left: number } {
  let at = counts.length - 1
  let left = k
  while (left > counts[at]) left -= counts[at--]
  return { at, left }
}

/** How many keys are at least as large as a threshold. */
function countReaching({ upper, lower }: MagnitudeCounts, threshold: number): number {
  const key = new Uint32Array(Float32Array.of(threshold).buffer)[0]
  const sum = (counts: Uint32Array, from: number) => counts.subarray(from).reduce((a, b) => a + b, 0)
  return sum(upper, (key >>> 16) + 1) + sum(lower(key >>> 16), key & 65535)
}

const keyAt = (bits: number): number => new Float32Array(Uint32Array.of(bits).buffer)[0]

/**
 * Thresholds on |score| * scale, ascending, such that the wanted share of all the groups' scores reaches the first, or is
 * locked. With no equal scores the count is exact: the nearest whole number to density * n, at least 1.
 */
export function chooseThresholds(groups: readonly ScoreGroup[], mask: Supermask, density = mask.density): Float32Array {
  const n = groups.reduce((sum, g) => sum + g.scores.length, 0)
  const locked = groups.reduce((sum, g) => sum + (g.frozen?.filter((f) => f > 0).length ?? 0), 0)
  return thresholdsKeeping(countMagnitudes(groups), mask, density * n - locked)
}

/** Thresholds of which the first is reached by `kept` of the counted keys, rounded, at least 1 and at most all of them. */
export function thresholdsKeeping(
  counts: MagnitudeCounts,
  mask: Pick<Supermask, 'coats' | 'thresholds'>,
  kept: number,
): Float32Array {
  const n = counts.upper.reduce((a, b) => a + b, 0)
  if (n === 0) return new Float32Array(mask.coats).fill(Number.POSITIVE_INFINITY)
  return furtherCoats(counts, mask, nth(counts, n, kept), kept)
}

/** Thresholds of which the first is given. */
export function thresholdsFrom(
  counts: MagnitudeCounts,
  mask: Pick<Supermask, 'coats' | 'thresholds'>,
  first: number,
): Float32Array {
  return furtherCoats(counts, mask, first, mask.thresholds === 'uniform' ? countReaching(counts, first) : 0)
}

function furtherCoats(
  counts: MagnitudeCounts,
  { coats, thresholds }: Pick<Supermask, 'coats' | 'thresholds'>,
  first: number,
  kept: number,
): Float32Array {
  const coat = (i: number) => {
    if (i === 0) return first
    if (thresholds === 'linear') return first * (i + 1)
    if (thresholds === 'adaptive') return step * (i + 0.5)
    const n = counts.upper.reduce((a, b) => a + b, 0)
    return nth(counts, n, (kept * (coats - i)) / coats)
  }
  const step = thresholds === 'adaptive' && coats > 1 ? leastSquaresStep(counts.upper, first, coats) : first
  return Float32Array.from({ length: coats }, (_, i) => coat(i))
}

const nth = (counts: MagnitudeCounts, n: number, k: number) =>
  kthLargest(counts, Math.min(n, Math.max(1, Math.round(k))))

/** How many keys do not become 0 where keys are rounded to levels 0..coats with the least squares of errors. */
export function keptByRounding(counts: MagnitudeCounts, coats: number): number {
  let top = FIRST_NOT_FINITE
  while (top > 0 && counts.upper[top - 1] === 0) top--
  const largest = keyAt(65536 * top)
  // Keys below this become 0 with any step that makes sense.
  const first = (1.5 * largest) / 2 ** OCTAVES
  return countReaching(counts, leastSquaresStep(counts.upper, first, coats, 0) / 2)
}

/** Steps tried per octave, and octaves, upwards from the smallest step; then Lloyd's iterations at most. */
const TRIES_PER_OCTAVE = 8
const OCTAVES = 6
const ITERATIONS = 100

/**
 * The step c that makes the sum of (key - c * level)^2 smallest over the keys that reach `first`, where the level is the
 * nearest one in lowest..coats: a uniform quantiser by Lloyd's method (Lloyd 1982; Max 1960) from the best of a few starts. Keys
 * are taken at the middle of their counter, which is within 0.4 %. c is at least 2/3 of `first`, so that level 1
 * exists: the second threshold, 1.5 c, does not lie below the first.
 */
export function leastSquaresStep(upper: Uint32Array, first: number, coats: number, lowest: 0 | 1 = 1): number {
  const values: number[] = []
  const weights: number[] = []
  const from = new Uint32Array(Float32Array.of(first).buffer)[0] >>> 16
  for (let bin = from; bin < FIRST_NOT_FINITE; bin++) {
    if (upper[bin] === 0) continue
    values.push(keyAt(bin * 65536 + 32768))
    weights.push(upper[bin])
  }
  const least = (2 / 3) * first
  /** Error of a step, and the step that is best for the levels it gives. */
  const evaluate = (c: number) => {
    let [error, products, squares] = [0, 0, 0]
    values.forEach((value, i) => {
      const level = Math.min(coats, Math.max(lowest, Math.round(value / c)))
      error += weights[i] * (value - c * level) ** 2
      products += weights[i] * value * level
      squares += weights[i] * level * level
    })
    return { error, next: squares > 0 ? Math.max(least, products / squares) : c }
  }
  let best = least
  let smallest = Number.POSITIVE_INFINITY
  for (let i = 0; i <= OCTAVES * TRIES_PER_OCTAVE; i++) {
    const c = least * 2 ** (i / TRIES_PER_OCTAVE)
    const { error } = evaluate(c)
    if (error < smallest) [best, smallest] = [c, error]
  }
  for (let i = 0; i < ITERATIONS; i++) {
    const { next } = evaluate(best)
    if (next === best) break
    best = next
  }
  return best
}
