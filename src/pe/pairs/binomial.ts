/** Binomial numbers taken in portions: how many non-zeros there are among n places, and how many fetches they take. */

import type { Moments } from '../normal.js'

export interface Portions extends Moments {
  /** Mean of the square. */
  readonly square: number
}

/** Of ceil(X / portion), where X is the number of hits in `n` tries of probability `p`. */
export function portions(n: number, p: number, portion: number): Portions {
  if (portion === 1) {
    const [mean, variance] = [n * p, n * p * (1 - p)]
    return { mean, variance, square: variance + mean * mean }
  }
  if (n === 0 || p === 0 || p === 1) {
    const mean = Math.ceil((n * p) / portion)
    return { mean, variance: 0, square: mean * mean }
  }
  let [weight, sum, squares] = [0, 0, 0]
  const add = (x: number, share: number) => {
    const fetches = Math.ceil(x / portion)
    weight += share
    sum += share * fetches
    squares += share * fetches * fetches
  }
  // From the likeliest number on both ways, by the ratio of neighbours: nothing under- or overflows.
  const mode = Math.min(n, Math.floor((n + 1) * p))
  const odds = p / (1 - p)
  add(mode, 1)
  for (let x = mode + 1, share = 1; x <= n && share > 1e-20; x++) {
    share *= ((n - x + 1) / x) * odds
    add(x, share)
  }
  for (let x = mode - 1, share = 1; x >= 0 && share > 1e-20; x--) {
    share *= (x + 1) / (n - x) / odds
    add(x, share)
  }
  const mean = sum / weight
  const square = squares / weight
  return { mean, variance: Math.max(0, square - mean * mean), square }
}
