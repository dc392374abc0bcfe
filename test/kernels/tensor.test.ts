import { describe, expect, it } from 'vitest'
import { COMBINE_FUNCTIONS, MAP_FUNCTIONS, REDUCE_FUNCTIONS } from '../../src/graph/tensor-fn.js'
import { gridWords, INT8 } from '../../src/kernels/grid.js'
import { erf, exp, log, nearest, pow, sigmoid, tanh } from '../../src/kernels/ref/tensor/math.js'
import { Rng } from '../../src/rng.js'
import { builds, check, type Layout, row } from './harness.js'

const SIZES = [1, 2, 3, 4, 5, 7, 8, 9, 16, 33]
const normals = (layout: Layout, n: number, size = 2) =>
  layout.f32(Array.from({ length: n }, () => layout.rng.normal() * size))
/** Zeros, signs, halves, and what overflows or vanishes. */
const SPECIAL = [0, -0, 0.5, -0.5, 1.5, 2.5, -2.5, 1, -1, 6, -3, 1e-30, 88.8, -88.8, 100, -104.5, 1e30, -1e30, 0.625]

/** Six sizes, steps of two tensors: those of `a` row-major over its own dims, of which some are 1. */
function broadcast(layout: Layout, dims: readonly number[], a: readonly number[], b: readonly number[]): number {
  const steps = (own: readonly number[]) => {
    let step = 1
    const result = own.map(() => 0)
    for (let d = 5; d >= 0; d--) {
      result[d] = own[d] === 1 ? 0 : step
      step *= own[d]
    }
    return result
  }
  return layout.i32([...dims, ...steps(a), ...steps(b)])
}

describe.each(builds('tensor'))('$build build', (module) => {
  it.each(MAP_FUNCTIONS.map((name, f) => [name, f] as const))('map_f32 %s', (name, f) => {
    const positive = name === 'sqrt' || name === 'log'
    let seed = 1
    for (const n of SIZES) {
      check(module, row('map_f32'), seed++, (layout) => {
        const values = Array.from({ length: n }, () => layout.rng.normal() * 3)
        const x = layout.f32(values.map((v) => (positive ? Math.abs(v) : v)))
        return { args: [f, x, layout.reserve(n * 4), n, 0.3, 0.7] }
      })
    }
    check(module, row('map_f32'), seed++, (layout) => {
      const x = layout.f32(SPECIAL.map((v) => (positive ? Math.abs(v) : v)))
      return { args: [f, x, x, SPECIAL.length, -0.25, 2.5] }
    })
  })

  it.each(COMBINE_FUNCTIONS.map((name, f) => [name, f] as const))('combine_f32 %s', (name, f) => {
    const positive = name === 'pow'
    let seed = 1
    const values = (layout: Layout, n: number) =>
      layout.f32(
        Array.from({ length: n }, () => {
          const v = Math.round(layout.rng.normal() * 4) / (layout.rng.below(2) + 1)
          return positive ? Math.abs(v) + 0.25 : name === 'mod' && v === 0 ? 1.5 : v
        }),
      )
    for (const n of SIZES) {
      for (const [a, b] of [
        [
          [1, 1, 1, 1, 1, n],
          [1, 1, 1, 1, 1, n],
        ],
        [
          [1, 1, 1, 1, 2, n],
          [1, 1, 1, 1, 1, 1],
        ],
        [
          [1, 1, 1, 1, 1, 1],
          [1, 2, 1, 1, 3, n],
        ],
        [
          [2, 1, 1, 3, 1, n],
          [1, 1, 2, 1, 2, n],
        ],
        [
          [1, 1, 1, n, 1, 3],
          [1, 1, 1, n, 1, 1],
        ],
        [
          [2, 2, 1, 2, 1, 1],
          [2, 1, 2, 1, 2, 1],
        ],
      ]) {
        const dims = a.map((d, i) => Math.max(d, b[i]))
        const count = (own: readonly number[]) => own.reduce((p, d) => p * d, 1)
        check(module, row('combine_f32'), seed++, (layout) => ({
          args: [
            f,
            values(layout, count(a)),
            values(layout, count(b)),
            layout.reserve(count(dims) * 4),
            broadcast(layout, dims, a, b),
          ],
        }))
      }
    }
  })

  it.each(REDUCE_FUNCTIONS.map((name, f) => [name, f] as const))('reduce_f32 %s', (_, f) => {
    let seed = 1
    for (const n of SIZES) {
      for (const inner of [1, 2, 5]) {
        check(module, row('reduce_f32'), seed++, (layout) => ({
          args: [f, normals(layout, 2 * n * inner), layout.reserve(2 * inner * 4), 2, n, inner],
        }))
      }
    }
  })

  it('softmax_f32, normalise_f32 and lrn_f32', () => {
    let seed = 1
    for (const n of SIZES) {
      for (const inner of [1, 3]) {
        for (const logarithm of [0, 1]) {
          check(module, row('softmax_f32'), seed++, (layout) => {
            const x = normals(layout, 2 * n * inner, 20)
            return { args: [x, inner === 1 ? x : layout.reserve(2 * n * inner * 4), 2, n, inner, logarithm] }
          })
        }
      }
      check(module, row('normalise_f32'), seed++, (layout) => ({
        args: [normals(layout, 3 * n), layout.reserve(3 * n * 4), 3, n, 1e-5],
      }))
      for (const size of [1, 2, 3, 5]) {
        check(module, row('lrn_f32'), seed++, (layout) => ({
          args: [normals(layout, n * 3), layout.reserve(n * 12), n, 3, size, 1e-2, 0.75, 1.5],
        }))
      }
    }
  })

  it('select_f32', () => {
    let seed = 1
    for (const n of SIZES) {
      const words = [1, 1, 1, 2, 3, n, ...[0, 0, 0, 3 * n, n, 1], ...[0, 0, 0, 0, 1, 0], ...[0, 0, 0, n, 0, 1]]
      check(module, row('select_f32'), seed++, (layout) => {
        const c = layout.f32(Array.from({ length: 6 * n }, () => layout.rng.below(2)))
        const [a, b] = [normals(layout, 3), normals(layout, 2 * n)]
        return { args: [c, a, b, layout.reserve(6 * n * 4), layout.i32(words)] }
      })
    }
  })

  it('copy_f32: permutation, reversal, repetition, rows', () => {
    for (const [i, words] of [
      [2, 1, 3, 1, 4, 5, 60, 0, 20, 0, 5, 1, 60, 0, 1, 0, 15, 3],
      [1, 1, 1, 1, 3, 7, 0, 0, 0, 0, 7, 1, 0, 0, 0, 0, 10, 1],
      [1, 1, 1, 2, 3, 4, 0, 0, 0, 12, 0, 1, 0, 0, 0, 12, 4, 1],
      [1, 1, 1, 1, 1, 6, 0, 0, 0, 0, 0, -1, 0, 0, 0, 0, 0, 2],
      [2, 2, 2, 2, 2, 2, 32, 16, 8, 4, 2, 1, 1, 2, 4, 8, 16, 32],
    ].entries()) {
      check(module, row('copy_f32'), i + 1, (layout) => ({
        args: [normals(layout, 160) + 160, layout.reserve(640), layout.i32(words)],
      }))
    }
  })

  it('fill_f32 and take_f32', () => {
    for (const n of SIZES) {
      check(module, row('fill_f32'), n, (layout) => ({ args: [layout.reserve(n * 4), n, -1.25] }))
      check(module, row('take_f32'), n, (layout) => {
        const index = layout.i32(Array.from({ length: 6 }, () => layout.rng.below(4)))
        return { args: [normals(layout, 3 * 4 * n), layout.reserve(3 * 6 * n * 4), index, 3, 4, 6, n] }
      })
    }
  })

  it('resample_f32', () => {
    let seed = 1
    for (const inner of SIZES) {
      for (const taps of [1, 2, 4]) {
        check(module, row('resample_f32'), seed++, (layout) => {
          const index = layout.i32(Array.from({ length: 5 * taps }, () => layout.rng.below(3)))
          const weight = normals(layout, 5 * taps)
          const [x, y] = [normals(layout, 2 * 3 * inner), layout.reserve(2 * 5 * inner * 4)]
          return { args: [x, y, index, weight, 2, 3, 5, inner, taps] }
        })
      }
    }
  })

  it('gather_mul_f32: every tile width, empty rows', () => {
    let seed = 1
    for (let vectors = 1; vectors <= 14; vectors++) {
      for (const counts of [[0], [1], [3, 0, 7], [20, 1]]) {
        check(module, row('gather_mul_f32'), seed++, (layout) => {
          const words = counts.flatMap((n) => [n, ...new Array<number>(2 * n).fill(0)])
          const program = layout.u32(words)
          for (let p = program / 4, r = 0; r < counts.length; r++) {
            for (let i = 0; i < counts[r]; i++) {
              layout.mem.u32[p + 1 + 2 * i] = layout.rng.below(50) * 4
              layout.mem.f32[p + 2 + 2 * i] = layout.rng.normal()
            }
            p += 1 + 2 * counts[r]
          }
          const x = normals(layout, 50 + vectors * 4)
          const stride = vectors * 16 + 32
          return { args: [program, counts.length, x, layout.reserve(counts.length * stride), stride, vectors] }
        })
      }
    }
  })

  it('dense_i16: all numbers of rows left over, odd and even pairs', () => {
    let seed = 1
    for (let rows = 1; rows <= 9; rows++) {
      for (const pairs of [1, 2, 5]) {
        for (const vectors of [1, 2, 3]) {
          check(module, row('dense_i16'), seed++, (layout) => {
            const weights = layout.lanes('i16', Math.ceil(rows / 4) * pairs * 8, 127)
            const offsets = layout.u32(Array.from({ length: 2 * pairs }, () => layout.rng.below(40) * 2))
            const x = layout.lanes('i16', 40 + vectors * 8, 127)
            const stride = vectors * 32 + 16
            return { args: [weights, rows, pairs, offsets, x, layout.reserve(rows * stride), stride, vectors] }
          })
        }
      }
    }
  })

  it('panels_i16: all numbers of rows, none and odd numbers of pairs, inputs at odd places', () => {
    let seed = 1
    for (let rows = 1; rows <= 37; rows++) {
      for (const pairs of [0, 1, 2, 5, 16]) {
        check(module, row('panels_i16'), seed++, (layout) => {
          const panel = (rows: number, pairs: number) => {
            const offsets = Array.from({ length: pairs }, () => layout.rng.below(60) * 2)
            const weights = Array.from({ length: (Math.ceil(rows / 4) * 4 * pairs * 2) / 4 }, () => layout.rng.u32())
            return [rows, pairs, ...offsets, ...weights]
          }
          // The last panel is a row of whole vectors or not: nothing behind it is written.
          const words = [panel(rows, pairs), panel(1 + layout.rng.below(9), 3), panel(rows, 1)]
          const x = layout.lanes('i16', 62, 32767)
          const y = layout.reserve(words.reduce((n, [rows]) => n + rows, 0) * 4)
          return { args: [layout.u32(words.flat()), words.length, x, y] }
        })
      }
    }
  })

  it.each(['i16', 'i32'] as const)('pairs_%s: planes of all sizes, a plane with itself, sums that wrap', (lane) => {
    let seed = 1
    for (const vectors of [1, 2, 3, 8]) {
      for (const pairs of [0, 1, 4]) {
        check(module, row(`pairs_${lane}`), seed++, (layout) => {
          const plane = vectors * 16
          const n = (5 * plane) / (lane === 'i16' ? 2 : 4)
          const x = layout.lanes(lane, n, lane === 'i16' ? 32767 : 2 ** 30)
          const list = layout.u32(
            Array.from({ length: 2 * pairs }, (_, i) => (i < 2 ? 0 : layout.rng.below(5) * plane)),
          )
          return { args: [list, pairs, x, layout.reserve(4 * pairs * plane), plane] }
        })
      }
    }
  })

  it('depthwise_i16: every width up to three tiles, both strides, columns in pairs and alone, limits of the grid', () => {
    let seed = 1
    for (let width = 1; width <= 42; width++) {
      for (const stride of [1, 2]) {
        for (const pairs of [1, 6]) {
          check(module, row('depthwise_i16'), seed++, (layout) => {
            const [rows, height, xPitch] = [2, 2, width * stride + 3]
            const weight = () => layout.rng.below(255) - 127
            const words = Array.from({ length: rows * pairs }, () => [
              layout.rng.below(3 * xPitch) * 2,
              (weight() & 0xffff) | (weight() << 16),
            ])
            const x = layout.lanes('i16', 8 * xPitch + 16, 127)
            const grid = layout.bytes(gridWords(INT8, seed % 2 === 0, true, seed % 3 === 0 ? 40 : Infinity))
            const [scale, bias] = [layout.f32([0.004, -0.01]), layout.f32([3.25, -100])]
            const [plane, pitch] = [2 * width + 9, width + 3]
            const to = [layout.reserve(rows * plane * 2), plane, pitch, height, width, scale, bias, grid]
            return { args: [layout.i32(words.flat()), rows, pairs, stride, x, xPitch, ...to] }
          })
        }
      }
    }
  })

  it('matmul_f32', () => {
    let seed = 1
    for (const rows of [1, 2, 3, 4, 5, 8, 9]) {
      for (const depth of [1, 2, 7]) {
        for (const cols of SIZES) {
          check(module, row('matmul_f32'), seed++, (layout) => {
            const [a, b] = [normals(layout, rows * depth), normals(layout, depth * cols)]
            return { args: [a, b, layout.reserve(rows * cols * 4), rows, depth, cols] }
          })
        }
      }
    }
  })
})

/** Units in the last place of f32 between a result and the exact value. */
function ulps(value: number, exact: number): number {
  const size = Math.abs(exact)
  const unit = 2 ** (Math.max(-126, Math.floor(Math.log2(size || 1e-45))) - 23)
  return Math.abs(value - exact) / unit
}

/** Largest error over a range, at f32 numbers drawn by chance. */
function worst(f: (x: number) => number, exact: (x: number) => number, low: number, high: number): number {
  const rng = new Rng(1)
  let most = 0
  for (let i = 0; i < 20_000; i++) {
    const x = Math.fround(low + (high - low) * rng.float())
    most = Math.max(most, ulps(f(x), exact(x)))
  }
  return most
}

describe('the functions', () => {
  it('keep their distance to the exact values', () => {
    expect(worst(exp, Math.exp, -87, 88)).toBeLessThan(2)
    expect(worst(exp, Math.exp, -0.1, 0.1)).toBeLessThan(2)
    expect(worst(sigmoid, (x) => 1 / (1 + Math.exp(-x)), -80, 80)).toBeLessThan(4)
    expect(worst(tanh, Math.tanh, -10, 10)).toBeLessThan(4)
    expect(worst(tanh, Math.tanh, -1e-3, 1e-3)).toBeLessThan(4)
    expect(worst((x) => Math.fround(log(x)), Math.log, 1e-30, 3)).toBeLessThan(1)
    expect(worst((x) => Math.fround(log(x)), Math.log, 1, 1e30)).toBeLessThan(1)
    expect(
      worst(
        (x) => Math.fround(pow(x, 2.2)),
        (x) => x ** 2.2,
        0,
        100,
      ),
    ).toBeLessThan(1)
    expect(
      worst(
        (x) => Math.fround(pow(x, -3)),
        (x) => x ** -3,
        -10,
        10,
      ),
    ).toBeLessThan(1)
  })

  it('erf agrees with its series', () => {
    const series = (x: number) => {
      let [term, sum] = [x, x]
      for (let n = 1; n < 200; n++) {
        term *= (-x * x) / n
        sum += term / (2 * n + 1)
      }
      return (2 / Math.sqrt(Math.PI)) * sum
    }
    for (let x = -4; x <= 4; x += 1 / 64) expect(Math.abs(erf(Math.fround(x)) - series(x))).toBeLessThan(2.5e-7)
  })

  it('end where f32 ends', () => {
    expect([exp(-200), exp(Number.NEGATIVE_INFINITY), exp(200), exp(Number.POSITIVE_INFINITY)]).toEqual([
      0,
      0,
      Infinity,
      Infinity,
    ])
    expect([exp(Number.NaN), tanh(Number.NaN), erf(Number.NaN), sigmoid(Number.NaN)]).toEqual(Array(4).fill(Number.NaN))
    expect([log(0), log(-1), log(Infinity), log(1)]).toEqual([-Infinity, Number.NaN, Infinity, 0])
    expect([pow(0, 0), pow(-2, 3), pow(-2, 2), pow(-2, 0.5), pow(0, -1), pow(-0, -1)]).toEqual([
      1,
      expect.closeTo(-8),
      expect.closeTo(4),
      Number.NaN,
      Infinity,
      -Infinity,
    ])
    expect([0.5, 1.5, 2.5, -0.5, -1.5, 3.2].map(nearest)).toEqual([0, 2, 2, -0, -2, 3])
  })
})
