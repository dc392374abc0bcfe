/** Activation ranges: the chosen one against all others, with real rounding. */
import { describe, expect, it } from 'vitest'
import { Magnitudes } from '../../src/format/magnitudes.js'
import { rangeCode, rangeMax } from '../../src/graph/model.js'
import { Rng } from '../../src/rng.js'

const COUNT = 50_000

/** Mean squared error of int8 with this range code. */
function errorOf(values: Float32Array, code: number): number {
  const step = rangeMax(code) / 127
  return values.reduce((sum, v) => {
    const rounded = Math.max(-127, Math.min(127, Math.round(v / step))) * step
    return sum + (v - rounded) ** 2
  }, 0)
}

const largestOf = (values: Float32Array) => values.reduce((a, v) => Math.max(a, Math.abs(v)), 0)

function chosen(values: Float32Array): number {
  const magnitudes = new Magnitudes()
  magnitudes.add(values)
  return magnitudes.rangeCode(largestOf(values))
}

const rng = new Rng(1)
const sample = (draw: () => number) => Float32Array.from({ length: COUNT }, draw)
const DISTRIBUTIONS: Readonly<Record<string, Float32Array>> = {
  uniform: sample(() => rng.float()),
  normal: sample(() => rng.normal()),
  'rectified normal': sample(() => Math.max(0, rng.normal())),
  exponential: sample(() => -Math.log(1 - rng.float())),
  'heavy tails': sample(() => rng.normal() ** 3),
  'heavier tails': sample(() => rng.normal() / (0.02 + rng.float())),
}

describe('the range of a value', () => {
  it.each(Object.entries(DISTRIBUTIONS))('loses hardly more than the best one: %s', (_, values) => {
    const top = rangeCode(largestOf(values))
    const errors = Array.from({ length: 41 }, (_, i) => errorOf(values, top - i))
    expect(errorOf(values, chosen(values))).toBeLessThan(1.03 * Math.min(...errors))
  })

  it('is the largest number where all are alike, and lower where few are large', () => {
    const { uniform } = DISTRIBUTIONS
    expect(chosen(uniform)).toBe(rangeCode(1))
    const heavy = DISTRIBUTIONS['heavy tails']
    expect(chosen(heavy)).toBeLessThan(rangeCode(largestOf(heavy)))
  })

  it('covers what was not looked at, and values of nothing', () => {
    const magnitudes = new Magnitudes()
    magnitudes.add(Float32Array.of(1, -1, 0.5))
    expect(magnitudes.rangeCode(1)).toBe(rangeCode(1))
    const zeros = new Magnitudes()
    zeros.add(new Float32Array(10))
    expect(zeros.rangeCode(0)).toBe(0)
  })
})
