/** Periodic patterns: the published sets tap by tap, and their densities. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { capacity, indexBits, periodicPattern, project, slotOf, violation } from '../../src/patterns.js'
import { count, difference, periodicCase } from './arbitrary.js'

const [TL, TR, BL, BR] = [
  [0, 1, 3, 4],
  [1, 2, 4, 5],
  [3, 4, 6, 7],
  [4, 5, 7, 8],
]
const DENSE = [0, 1, 2, 3, 4, 5, 6, 7, 8]
/** Kundu et al.: sets by their slot, which is (filter + channel + 1) mod period. */
const PUBLISHED = {
  PSD4_P8: [DENSE, TL, TR, BL, BR, TL, TR, BL],
  PSD2_P8: [DENSE, [0, 1], [1, 2], [3, 4], [4, 5], [6, 7], [7, 8], [0, 1]],
}

describe('ready-made patterns', () => {
  it.each(Object.entries(PUBLISHED))('%s has the published taps in every kernel', (name, slots) => {
    const pattern = periodicPattern(name)
    const [out, ins] = [19, 17]
    const mask = project(pattern, [out, ins, 3, 3], [])
    for (let n = 0; n < out; n++) {
      for (let c = 0; c < ins; c++) {
        const first = (n * ins + c) * 9
        const taps = DENSE.filter((t) => mask[first + t] === 1)
        expect(taps).toEqual(slots[(n + c + 1) % 8])
        expect(taps).toEqual(pattern.taps[slotOf(pattern, n, c)])
      }
    }
  })

  it('without a dense kernel have each set once in a period', () => {
    expect(periodicPattern('PS4_P4').taps).toEqual([TL, TR, BL, BR])
    expect(periodicPattern('PS2_P6').taps).toEqual(PUBLISHED.PSD2_P8.slice(1, 7))
    expect(periodicPattern('PS1_P9').taps).toEqual(DENSE.map((t) => [t]))
    expect(periodicPattern('ps4_p4')).toEqual(periodicPattern('PS4_P4'))
  })

  it.each([
    ['PS4_P4', 0.4444],
    ['PS2_P6', 0.2222],
    ['PS1_P9', 0.1111],
    ['PSD4_P8', 0.5139],
    ['PSD4_P16', 0.4792],
    ['PSD2_P8', 0.3194],
    ['PSD2_P16', 0.2708],
    ['PSD1_P8', 0.2222],
    ['PSD1_P16', 0.1667],
  ])('%s keeps %d of the weights', (name, density) => {
    // Channels that every period divides: then the density is exact, as published to four digits.
    const shape = [5, 144, 3, 3]
    expect(Number((capacity(periodicPattern(name), shape) / count(shape)).toFixed(4))).toBe(density)
  })

  it('cost a number for each tap of a period, whatever the layer', () => {
    expect(indexBits(periodicPattern('PS4_P4'), [64, 64, 3, 3])).toBe(4 * 4 * 4)
    expect(indexBits(periodicPattern('PSD2_P8'), [512, 512, 3, 3])).toBe((7 * 2 + 9) * 4)
  })

  it.each(['PS3_P4', 'PS4', 'PSX4_P4', 'PS4_P0', 'PS4_P257', 'PS4_P1000'])('there is no %s', (name) => {
    expect(() => periodicPattern(name)).toThrow(
      `a periodic pattern is called like PS4_P4 or PSD2_P8 (4, 2 or 1 taps), got '${name}'`,
    )
  })
})

describe('any periodic pattern', () => {
  it('repeats over channels, and over filters where it rotates', () => {
    fc.assert(
      fc.property(periodicCase, ({ pattern, shape }) => {
        const [out, ins, kernel] = shape
        const mask = project(pattern, shape, [])
        const expected = new Uint8Array(count(shape))
        for (let n = 0; n < out; n++) {
          for (let c = 0; c < ins; c++) {
            const set = pattern.taps[(pattern.rotate ? n + c : c) % pattern.taps.length]
            for (const tap of set) expected[(n * ins + c) * kernel ** 2 + tap] = 1
          }
        }
        expect(difference(mask, expected)).toBe(-1)
        expect(mask.reduce((a, b) => a + b, 0)).toBe(capacity(pattern, shape))
        expect(violation(pattern, shape, mask)).toBeUndefined()
        const beside = mask.indexOf(0)
        if (beside < 0) return
        mask[beside] = 1
        expect(violation(pattern, shape, mask)).toContain(`weight ${beside} `)
      }),
    )
  })
})
