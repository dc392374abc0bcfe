import { describe, expect, it } from 'vitest'
import { codedValues } from '../../src/format.js'
import { quantiseWeighted } from '../../src/train/quantise.js'

describe('quantiseWeighted', () => {
  const values = [...Array.from({ length: 60 }, (_, i) => 0.5 + i / 100), 3000, -200]

  it('cuts off values that do not matter', () => {
    const weights = values.map((v) => (Math.abs(v) > 100 ? 1e-12 : 1))
    const got = codedValues(quantiseWeighted(values, weights, 5))
    for (let i = 0; i < 60; i++) expect(Math.abs(got[i] - values[i])).toBeLessThan(0.02)
  })

  it('keeps values that do', () => {
    const got = codedValues(
      quantiseWeighted(
        values,
        values.map(() => 1),
        8,
      ),
    )
    expect(got[60]).toBeGreaterThan(2900)
    expect(got[61]).toBeLessThan(-150)
  })

  it('holds half precision numbers, cut to their range', () => {
    expect(Array.from(codedValues(quantiseWeighted([0.5, 1e9], [1, 1], 'f16')))).toEqual([0.5, 65504])
  })

  it('takes a single value', () => {
    expect(codedValues(quantiseWeighted([0.25], [1], 1))[0]).toBe(0.25)
  })
})
