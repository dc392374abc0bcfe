import { describe, expect, it } from 'vitest'
import { levelDigits, type MaxLevel, planesOf } from '../../src/kernels/levels.js'
import { builds, check, type Layout, row } from './harness.js'

const MAX_LEVELS = [1, 3, 7] as const

/** Random levels [rows, cols]: densities from empty to full, with all-zero and all-extreme rows among them. */
function levels(layout: Layout, rows: number, cols: number, maxLevel: number, density: number): number[] {
  return Array.from({ length: rows * cols }, (_, i) => {
    const r = Math.floor(i / cols)
    if (rows > 3 && r === 1) return 0
    if (rows > 3 && r === 2) return layout.rng.below(2) ? maxLevel : -maxLevel
    if (layout.rng.float() >= density) return 0
    return (1 + layout.rng.below(maxLevel)) * (layout.rng.below(2) ? 1 : -1)
  })
}

/** A row program for the given levels, its columns `stride` bytes apart. */
function program(layout: Layout, table: readonly number[], cols: number, maxLevel: MaxLevel, stride: number): number {
  const planes = planesOf(maxLevel)
  const words: number[] = []
  for (let r = 0; r < table.length / cols; r++) {
    for (let plane = planes - 1; plane >= 0; plane--) {
      const lists = [1, -1].map((sign) =>
        Array.from({ length: cols }, (_, k) => k).filter(
          (k) => levelDigits(table[r * cols + k], planes)[plane] === sign,
        ),
      )
      words.push(lists[0].length, lists[1].length, ...lists.flat().map((k) => k * stride))
    }
  }
  return layout.u32(words)
}

describe.each(builds('core'))('gather kernels, $build build', (module) => {
  for (const lane of ['i16', 'i32', 'f32'] as const) {
    const bytes = lane === 'i16' ? 2 : 4
    it(`gather_${lane} equals its reference for every tile width and level range`, () => {
      let seed = 1
      for (const maxLevel of MAX_LEVELS) {
        for (const vectors of [1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 14, 15, 25]) {
          for (const [rows, cols] of [
            [1, 1],
            [3, 9],
            [5, 40],
          ]) {
            check(module, row(`gather_${lane}`), seed++, (layout) => {
              const stride = vectors * 16 + (seed % 3) * 2 * bytes
              const x = layout.lanes(lane, (cols * stride) / bytes + vectors * 8, lane === 'i16' ? 127 : 200000)
              const p = program(
                layout,
                levels(layout, rows, cols, maxLevel, [0, 0.1, 0.5, 1][seed % 4]),
                cols,
                maxLevel,
                stride,
              )
              const yStride = vectors * 16 + (seed % 2) * 16
              const y = layout.reserve(rows * yStride, 16, (seed % 4) * bytes)
              return { args: [p, rows, planesOf(maxLevel), x, y, yStride, vectors] }
            })
          }
        }
      }
    })

    it(`gather_scalar_${lane} equals its reference`, () => {
      let seed = 500
      for (const maxLevel of MAX_LEVELS) {
        for (const cols of [1, 2, 3, 4, 5, 7, 8, 9, 33, 255]) {
          check(module, row(`gather_scalar_${lane}`), seed++, (layout) => {
            const x = layout.lanes(lane, cols, lane === 'i16' ? 127 : 200000)
            const p = program(layout, levels(layout, 5, cols, maxLevel, [0.1, 0.5, 1][seed % 3]), cols, maxLevel, bytes)
            return { args: [p, 5, planesOf(maxLevel), x, layout.reserve(20)] }
          })
        }
      }
    })
  }

  it('i16 sums that wrap on the way are exact when the result fits', () => {
    // 300 * 127 passes 2^15, then comes back: the proof looks at the result only.
    let y = 0
    check(module, row('gather_i16'), 1, (layout) => {
      const x = layout.reserve(16)
      layout.mem.i16.fill(127, x / 2, x / 2 + 8)
      const p = layout.u32([300, 298, ...new Array(598).fill(0)])
      y = layout.reserve(16)
      return { args: [p, 1, 1, x, y, 16, 1] }
    })
    expect(Array.from(new Int16Array(module.memory.buffer, y, 8))).toEqual(new Array(8).fill(254))
  })

  it('program_from_levels equals its reference and keeps its maxima', () => {
    let seed = 900
    for (const maxLevel of [...MAX_LEVELS, 127] as const) {
      for (const [rows, cols] of [
        [1, 1],
        [4, 7],
        [9, 50],
      ]) {
        for (const density of [0, 0.2, 1]) {
          check(module, row('program_from_levels'), seed++, (layout) => {
            const table = levels(layout, rows, cols, maxLevel, density)
            const planes = planesOf(maxLevel)
            const at = layout.i8(table)
            const offsets = layout.u32(Array.from({ length: cols }, (_, k) => k * 24 + 8))
            const ctx = layout.u32([planes, offsets, 0, 0, 0, 0])
            const pairs = layout.reserve(8 * cols)
            const digits = table.reduce((sum, l) => sum + levelDigits(l, planes).filter((d) => d !== 0).length, 0)
            const out = layout.reserve(rows * planes * 8 + digits * 4 + 4)
            const end = out + rows * planes * 8 + digits * 4
            return {
              args: [at, rows, cols, pairs, ctx, out],
              undefinedRegions: [
                [pairs, 8 * cols],
                [end, 4],
              ],
            }
          })
        }
      }
    }
  })
})

describe('levelDigits', () => {
  it.each([1, 3, 7, 127] as const)('sums to the level for every level up to %i', (maxLevel) => {
    const planes = planesOf(maxLevel)
    for (let level = -maxLevel; level <= maxLevel; level++) {
      const digits = levelDigits(level, planes)
      expect(digits.length).toBe(planes)
      expect(digits.reduce((sum, d, plane) => sum + d * 2 ** plane, 0)).toBe(level)
    }
  })

  it('has no two neighbouring digits, hence four at most, in eight planes', () => {
    for (let level = -127; level <= 127; level++) {
      const digits = levelDigits(level, 8).map(Math.abs)
      expect(digits.slice(1).every((d, i) => d + digits[i] < 2)).toBe(true)
    }
  })
})
