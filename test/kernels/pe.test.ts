import { describe, expect, it } from 'vitest'
import type { Rng } from '../../src/rng.js'
import { builds, check, row } from './harness.js'

/** Levels from empty to full, with all magnitudes up to 127 among the full ones. */
const levels = (rng: Rng, n: number, maxLevel: number, density: number): number[] =>
  Array.from({ length: n }, () =>
    rng.float() < density ? (1 + rng.below(maxLevel)) * (rng.below(2) === 1 ? 1 : -1) : 0,
  )

const PLANES = { 1: [1, 1], 3: [2, 3], 7: [3, 4], 127: [7, 8] } as const

describe.each(builds('pe'))('kernels of array models, $build build', (module) => {
  it('bit_planes equals its reference for every tail, level range and digit', () => {
    let seed = 1
    for (const maxLevel of [1, 3, 7, 127] as const) {
      for (const cols of [1, 7, 15, 16, 17, 63, 64, 65, 200]) {
        for (const signed of [0, 1] as const) {
          check(module, row('bit_planes'), seed++, (layout) => {
            const planes = PLANES[maxLevel][signed]
            const stride = 8 * Math.ceil(cols / 64) + 8
            const at = layout.i8(levels(layout.rng, 5 * cols, maxLevel, [0.05, 0.5, 1][seed % 3]))
            return { args: [at, 5, cols, planes, signed, layout.reserve(5 * (planes + 1) * stride), stride] }
          })
        }
      }
    }
  })

  it('has every digit of every magnitude, in both forms', () => {
    for (const signed of [0, 1] as const) {
      const planes = PLANES[127][signed]
      let masks = 0
      check(module, row('bit_planes'), 1, (layout) => {
        const at = layout.i8(Array.from({ length: 128 }, (_, i) => i))
        masks = layout.reserve((planes + 1) * 24)
        return { args: [at, 1, 128, planes, signed, masks, 24] }
      })
      const bytes = new Uint8Array(module.memory.buffer)
      const digits = (level: number) =>
        Array.from({ length: planes }, (_, p) => (bytes[masks + (p + 1) * 24 + (level >> 3)] >> (level & 7)) & 1)
      for (let level = 0; level < 128; level++) {
        const found = digits(level)
        // Some choice of signs of those digits is the level; without signs, the digits are the level.
        const sums = found.reduce<number[]>(
          (all, d, p) => (d ? all.flatMap((s) => (signed ? [s + 2 ** p, s - 2 ** p] : [s + 2 ** p])) : all),
          [0],
        )
        expect(sums).toContain(level)
        if (signed) expect(found.every((d, p) => d + (found[p + 1] ?? 0) < 2)).toBe(true)
      }
    }
  })

  it('gather_rows equals its reference for windows, queues and tiles of every kind', () => {
    let seed = 1
    for (const window of [1, 3, 16, 57, 63, 64]) {
      for (const [tile, cols] of [
        [256, 300],
        [100, 399],
        [7, 30],
        [64, 64],
        [1, 9],
      ]) {
        for (const queue of [0, 1, 2, 7, 400]) {
          check(module, row('gather_rows'), seed++, (layout) => {
            const [rows, planes] = [3, 1 + (seed % 4)]
            const stride = 8 * Math.ceil(cols / 64) + 8
            const masks = layout.reserve(rows * (planes + 1) * stride)
            // Random bit rows; a digit only where the level is not zero.
            const density = [0.02, 0.3, 1][seed % 3]
            for (let r = 0; r < rows; r++) {
              const base = masks + r * (planes + 1) * stride
              layout.mem.u8.fill(0, base, base + (planes + 1) * stride)
              for (let k = 0; k < cols; k++) {
                if (layout.rng.float() >= density) continue
                layout.mem.u8[base + (k >> 3)] |= 1 << (k & 7)
                for (let p = 1; p <= planes; p++) {
                  if (layout.rng.below(2) === 1) layout.mem.u8[base + p * stride + (k >> 3)] |= 1 << (k & 7)
                }
              }
            }
            const shape = layout.i32([window, 1 + (seed % 5), 1 + (seed % 3), queue, tile])
            const ends = layout.reserve(4 * (queue + 1))
            const out = layout.reserve(rows * Math.ceil(cols / tile) * 12)
            return { args: [masks, rows, cols, planes, stride, shape, ends, out] }
          })
        }
      }
    }
  })
})
