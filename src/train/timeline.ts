/** The steps of a training and what changes with them. */
import { densityAt, learningRateAt } from './schedule.js'
import type { Settings } from './settings.js'

export interface Timeline {
  readonly stepsPerEpoch: number
  /** In all. */
  readonly steps: number
  /** The step, from 0, that chooses levels last. Later ones are frozen: only batch normalisation learns. */
  readonly lastChoice: number
  /** The step, from 0, from which on activations are rounded. */
  readonly roundFrom: number
  readonly rateAt: (step: number) => number
  readonly densityAt: (step: number) => number
}

export function timeline(s: Settings): Timeline {
  const stepsPerEpoch = Math.floor(s.train.labels.length / s.batch)
  const steps = s.epochs * stepsPerEpoch
  const density = s.supermask === 'none' ? 1 : s.supermask.density
  return {
    stepsPerEpoch,
    steps,
    lastChoice: Math.min(steps - 1, Math.ceil(steps * (1 - s.freeze))),
    roundFrom: Math.ceil(steps * s.roundFrom),
    rateAt: (step) => learningRateAt(step / steps, s),
    densityAt: (step) => densityAt(step / steps, density, s.ramp, s.rampShape),
  }
}
