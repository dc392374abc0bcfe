/**
 * Adaptive probabilities. A slot is one u32 word: an estimate of the probability of a 1 in its high 22 bits, and in its
 * low 10 bits how many decisions it has seen, up to a limit. With n seen before, a decision moves the estimate by
 * about 1 / (n + 1.5) of its error, so that the first decisions count in full and a slot settles as it learns.
 */

/** A slot with probability `one` / 65536 that behaves as if it had seen `seen` decisions. */
export const slotOf = (one: number, seen: number): number => ((one << 16) | seen) >>> 0

/** 65536 / (n + 1.5), rounded down. */
export const reciprocal = (n: number): number => Math.floor(131072 / (2 * n + 3))

/** The slot after a decision. `rate` is reciprocal(n) for its count n, `limit` where the count stops. */
export function learned(slot: number, bit: number, rate: number, limit: number): number {
  const n = slot & 1023
  const p = slot >>> 10
  const error = (bit ? 4194303 : 0) - p
  const moved = p + Math.floor((error * rate) / 65536)
  return ((moved << 10) | (n < limit ? n + 1 : n)) >>> 0
}

/** The probability of a 1 in 1/65536, kept away from 0 and 65536 by `margin`. */
export function slotProbability(slot: number, margin: number): number {
  const p = slot >>> 16
  return p < margin ? margin : p > 65536 - margin ? 65536 - margin : p
}
