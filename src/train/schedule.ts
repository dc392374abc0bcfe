/** Learning rate and density over the course of a training, as functions of its progress in [0, 1]. */

export type RateSchedule = 'cosine' | 'linear' | 'one-cycle' | 'step' | 'exponential' | 'constant'
export type RampShape = 'linear' | 'cubic'

export interface RateCourse {
  /** Peak learning rate. */
  readonly learningRate: number
  readonly schedule: RateSchedule
  readonly warmup: number
  readonly milestones: readonly number[]
  readonly gamma: number
}

/** One-cycle: the share of the rise unless `warmup` says otherwise, and where it starts and ends, as shares of the peak. */
const CYCLE_RISE = 0.3
const CYCLE_START = 1 / 25
const CYCLE_END = 1e-4 / 25

/** Half a cosine from `a` at t = 0 to `b` at t = 1. */
const halfCosine = (a: number, b: number, t: number) => b + (a - b) * 0.5 * (1 + Math.cos(Math.PI * t))

/**
 * Rises linearly from 0 over the first `warmup`, then follows the schedule: `cosine` and `linear` fall to 0, `constant` stays,
 * `step` is multiplied by `gamma` at each of the milestones, `exponential` falls smoothly to `gamma` times the peak.
 * `one-cycle` rises and falls as half cosines (Smith and Topin, "Super-convergence", 2018, in the form with cosines).
 */
export function learningRateAt(progress: number, course: RateCourse): number {
  const { learningRate: peak, schedule, warmup, milestones, gamma } = course
  if (schedule === 'one-cycle') {
    const rise = warmup || CYCLE_RISE
    if (progress < rise) return halfCosine(peak * CYCLE_START, peak, progress / rise)
    return halfCosine(peak, peak * CYCLE_END, (progress - rise) / (1 - rise))
  }
  if (progress < warmup) return (peak * progress) / warmup
  switch (schedule) {
    case 'cosine':
      return peak * 0.5 * (1 + Math.cos((Math.PI * (progress - warmup)) / (1 - warmup)))
    case 'linear':
      return peak * (1 - (progress - warmup) / (1 - warmup))
    case 'step':
      return peak * gamma ** milestones.filter((m) => progress >= m).length
    case 'exponential':
      return peak * gamma ** ((progress - warmup) / (1 - warmup))
    case 'constant':
      return peak
  }
}

/**
 * Falls from 1 to `density` over the first `ramp`: linearly, or cubically, fast at first (Zhu and Gupta, "To prune, or not to
 * prune", 2017, equation 1).
 */
export function densityAt(progress: number, density: number, ramp: number, shape: RampShape): number {
  if (progress >= ramp) return density
  if (shape === 'cubic') return density + (1 - density) * (1 - progress / ramp) ** 3
  return 1 + ((density - 1) * progress) / ramp
}
