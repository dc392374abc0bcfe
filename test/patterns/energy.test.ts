/** What patterns keep of random weights: the reference's tables, computed anew by the measurement of the claim `pattern-energy`. */
import { describe, expect, it } from 'vitest'

/** As built: it loads the package from dist. */
const { kernelEnergies, patternEnergies }: typeof import('../../bench/energies.js') = await import(
  new URL('../../build/bench/energies.js', import.meta.url).href
)

/** Columns: 1 / density, unstructured, 4:4G, 2:2G, 1:G along outputs, parts of 4, 16 and 64 weights, blocks by a seed; percent. */
const TABLE = [
  [2, 92.9, 89.7, 86.8, 81.8, 76.3, 63.9, 57.0, 50.0],
  [4, 72.4, 69.3, 66.5, 61.8, 49.6, 37.0, 30.8, 25.0],
  [8, 50.2, 48.2, 46.4, 43.2, 30.1, 20.7, 16.4, 12.5],
  [16, 32.5, 31.3, 30.3, 28.4, 17.7, 11.3, 8.6, 6.2],
]

it('the kept energy of a million normal weights is that of the table within 0.003', () => {
  const rows = patternEnergies()
  expect(rows).toHaveLength(TABLE.length)
  rows.forEach((row, i) => {
    const got = [
      row.unstructured,
      row.fourOf,
      row.twoOf,
      row.complementary,
      row.blocks4,
      row.blocks16,
      row.blocks64,
      row.cgs,
    ]
    expect(row.g).toBe(TABLE[i][0])
    got.forEach((value, column) => {
      expect(Math.abs(100 * value - TABLE[i][column + 1])).toBeLessThan(0.3)
    })
    expect(Math.abs(row.oneOf - row.complementary)).toBeLessThan(0.003)
  })
})

describe('random 3 x 3 kernels that keep 4 taps', () => {
  const { free, sets, best, shared } = kernelEnergies()
  const near = (value: number, percent: number) => expect(Math.abs(100 * value - percent)).toBeLessThan(0.3)

  it('keep 86.7 % with any taps', () => near(free, 86.7))

  it.each([
    [56, 83.0],
    [32, 80.3],
    [16, 76.7],
    [8, 72.0],
    [4, 65.2],
  ])('with the best of %d sets they keep %d %%', (count, percent) => {
    expect(sets).toBe(56)
    near(best[count], percent)
  })

  it.each([
    [64, 50.8],
    [128, 49.0],
    [512, 46.8],
  ])('with one set for %d filters they keep %d %%', (filters, percent) => near(shared[filters], percent))
})
