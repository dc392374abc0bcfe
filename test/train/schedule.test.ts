import { describe, expect, it } from 'vitest'
import { densityAt, learningRateAt, type RateCourse, type RateSchedule } from '../../src/train/schedule.js'

const course = (schedule: RateSchedule, more: Partial<RateCourse> = {}): RateCourse => ({
  learningRate: 2,
  schedule,
  warmup: 0,
  milestones: [0.5, 0.75],
  gamma: 0.1,
  ...more,
})

const rates = (c: RateCourse, at: readonly number[]) => at.map((progress) => learningRateAt(progress, c))
const close = (got: readonly number[], wanted: readonly number[]) => {
  got.forEach((v, i) => {
    expect(v).toBeCloseTo(wanted[i], 12)
  })
}

describe('learning rate', () => {
  it('follows each schedule', () => {
    const at = [0, 0.25, 0.5, 0.75, 1]
    const h = Math.SQRT1_2
    close(rates(course('cosine'), at), [2, 1 + h, 1, 1 - h, 0])
    close(rates(course('linear'), at), [2, 1.5, 1, 0.5, 0])
    close(rates(course('constant'), at), [2, 2, 2, 2, 2])
    close(rates(course('step'), at), [2, 2, 0.2, 0.02, 0.02])
    close(rates(course('step', { milestones: [], gamma: 0.5 }), at), [2, 2, 2, 2, 2])
    close(rates(course('exponential', { gamma: 1 / 16 }), at), [2, 1, 0.5, 0.25, 0.125])
  })

  it('warms up linearly before any of them', () => {
    for (const schedule of ['cosine', 'linear', 'constant', 'step', 'exponential'] as const) {
      close(rates(course(schedule, { warmup: 0.2 }), [0, 0.05, 0.1, 0.2]), [0, 0.5, 1, 2])
    }
    close(rates(course('linear', { warmup: 0.2 }), [0.6, 1]), [1, 0])
  })

  it('goes through one cycle: from a 25th to the peak and far down', () => {
    close(rates(course('one-cycle'), [0, 0.15, 0.3, 0.65, 1]), [0.08, 1.04, 2, 1 + 4e-6, 8e-6])
    close(rates(course('one-cycle', { warmup: 0.5 }), [0, 0.5]), [0.08, 2])
  })
})

describe('density', () => {
  it('falls from 1 to its target over the ramp, linearly or cubically', () => {
    const at = [0, 0.125, 0.25, 0.5, 1]
    close(
      at.map((p) => densityAt(p, 0.2, 0.5, 'linear')),
      [1, 0.8, 0.6, 0.2, 0.2],
    )
    close(
      at.map((p) => densityAt(p, 0.2, 0.5, 'cubic')),
      [1, 0.2 + 0.8 * 0.75 ** 3, 0.2 + 0.8 / 8, 0.2, 0.2],
    )
    for (const shape of ['linear', 'cubic'] as const) expect(densityAt(0, 0.3, 0, shape)).toBe(0.3)
  })
})
