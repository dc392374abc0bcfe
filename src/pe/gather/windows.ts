/**
 * What one row does with one window of w weights, of which each is non-zero with probability d, independently: n weights to issue and x
 * digits to compute, hence
 *
 *   gather   max(1, ceil(n / issue))         cycles of the gatherer
 *   compute  x / planes                      cycles of the elements
 *   step     max(gather, ceil(compute))      of both, in lock step
 *
 * All of it follows from the binomial distribution of n and the digits of n weights: the moments are exact.
 */

import type { Moments } from '../normal.js'
import type { DigitShares } from './digits.js'

export interface WindowMoments {
  readonly gather: Moments
  readonly compute: Moments
  readonly step: Moments
  /** Of gather and compute. */
  readonly covariance: number
}

export interface WindowShape {
  readonly issue: number
  readonly planes: number
}

/** Conditional moments, for n = 0, 1, 2, ... non-zero weights in a window: they do not depend on the density. */
export type Conditional = readonly {
  readonly gather: number
  readonly compute: Moments
  readonly step: Moments
}[]

/** @param most weights of the largest window */
export function conditional(most: number, shares: DigitShares, { issue, planes }: WindowShape): Conditional {
  let digits: Float64Array = Float64Array.of(1)
  return Array.from({ length: most + 1 }, (_, n) => {
    if (n > 0) digits = convolve(digits, shares)
    const gather = Math.max(1, Math.ceil(n / issue))
    return {
      gather,
      compute: momentsOf(digits, (x) => x / planes),
      step: momentsOf(digits, (x) => Math.max(gather, Math.ceil(x / planes))),
    }
  })
}

/** @param weights of the window */
export function windowMoments(weights: number, density: number, given: Conditional): WindowMoments {
  const p = binomial(weights, density)
  const first = { gather: 0, compute: 0, step: 0 }
  const second = { gather: 0, compute: 0, step: 0, product: 0 }
  for (let n = 0; n <= weights; n++) {
    const { gather, compute, step } = given[n]
    first.gather += p[n] * gather
    first.compute += p[n] * compute.mean
    first.step += p[n] * step.mean
    second.gather += p[n] * gather * gather
    second.compute += p[n] * (compute.variance + compute.mean * compute.mean)
    second.step += p[n] * (step.variance + step.mean * step.mean)
    second.product += p[n] * gather * compute.mean
  }
  const moments = (of: 'gather' | 'compute' | 'step'): Moments => ({
    mean: first[of],
    variance: Math.max(0, second[of] - first[of] * first[of]),
  })
  return {
    gather: moments('gather'),
    compute: moments('compute'),
    step: moments('step'),
    covariance: second.product - first.gather * first.compute,
  }
}

function momentsOf(shares: ArrayLike<number>, value: (x: number) => number): Moments {
  let mean = 0
  let square = 0
  for (let x = 0; x < shares.length; x++) {
    const v = value(x)
    mean += shares[x] * v
    square += shares[x] * v * v
  }
  return { mean, variance: square - mean * mean }
}

function convolve(a: Float64Array, b: DigitShares): Float64Array {
  const sum = new Float64Array(a.length + b.length - 1)
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j < b.length; j++) sum[i + j] += a[i] * b[j]
  }
  return sum
}

/** Probabilities of 0 .. trials. */
function binomial(trials: number, p: number): Float64Array {
  const shares = new Float64Array(trials + 1)
  shares[0] = 1
  for (let t = 1; t <= trials; t++) {
    for (let n = t; n > 0; n--) shares[n] = shares[n] * (1 - p) + shares[n - 1] * p
    shares[0] *= 1 - p
  }
  return shares
}
