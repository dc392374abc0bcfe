import { describe, expect, it } from 'vitest'
import { fp8Format, gridWords, INT8 } from '../../src/kernels/grid.js'
import { GEMM_SCRATCH_BYTES } from '../../src/kernels/ref/gemm.js'
import type { KernelRow } from '../../src/kernels/row.js'
import { kernelTable } from '../../src/kernels/table.js'
import { builds, check, type Layout } from '../kernels/harness.js'

const rows = kernelTable.filter((r) => r.module === 'train')

const row = (name: string): KernelRow => {
  const found = rows.find((r) => r.name === name)
  if (found === undefined) throw new Error(`no training kernel '${name}'`)
  return found
}

const normals = (layout: Layout, n: number) => layout.lanes('f32', n, 1)

describe.each(builds('train'))('training kernels, $build build', (module) => {
  it('exports exactly the kernels of the rows', () => {
    const functions = Object.keys(module.exports).filter(
      (name) => typeof module.exports[name] === 'function' && !name.startsWith('__'),
    )
    expect(functions.sort()).toEqual(rows.map((r) => r.name).sort())
  })

  it('gemm_f32 equals its reference over sizes, transposes, strides and blocks', () => {
    const sizes = [
      [1, 1, 1],
      [4, 8, 16],
      [3, 7, 5],
      [5, 9, 0],
      [0, 8, 3],
      [8, 0, 3],
      [13, 17, 31],
      [130, 9, 20],
      [5, 261, 12],
      [9, 11, 300],
    ]
    let seed = 1
    for (const [m, n, k] of sizes) {
      for (const transposeA of [false, true]) {
        for (const transposeB of [false, true]) {
          for (const accumulate of [0, 1]) {
            check(module, row('gemm_f32'), seed++, (layout) => {
              const spare = seed % 3
              const [aRow, aCol] = transposeA ? [1, m + spare] : [k + spare, 1]
              const [bRow, bCol] = transposeB ? [1, k + spare] : [n + spare, 1]
              const a = normals(layout, m * aRow + k * aCol)
              const b = normals(layout, k * bRow + n * bCol)
              const c = normals(layout, (m + 1) * (n + spare))
              const scratch = layout.reserve(GEMM_SCRATCH_BYTES)
              return {
                args: [m, n, k, a, aRow, aCol, b, bRow, bCol, c, n + spare, accumulate, scratch],
                undefinedRegions: [[scratch, GEMM_SCRATCH_BYTES]],
              }
            })
          }
        }
      }
    }
  })

  it('gemm_f32 takes strides that are unit in neither direction', () => {
    check(module, row('gemm_f32'), 7, (layout) => {
      const scratch = layout.reserve(GEMM_SCRATCH_BYTES)
      const args = [
        6,
        10,
        9,
        normals(layout, 400),
        19,
        2,
        normals(layout, 400),
        3,
        31,
        normals(layout, 60),
        10,
        0,
        scratch,
      ]
      return { args, undefinedRegions: [[scratch, GEMM_SCRATCH_BYTES]] }
    })
  })

  it('gemm_micro_f32 equals its reference', () => {
    for (const k of [0, 1, 33]) {
      check(module, row('gemm_micro_f32'), k, (layout) => ({
        args: [k, normals(layout, 4 * k), normals(layout, 8 * k), normals(layout, 32), 2],
      }))
    }
  })

  it('pad_f32 equals its reference for strides and borders', () => {
    let seed = 1
    for (const [height, width] of [
      [1, 1],
      [5, 7],
      [9, 12],
    ]) {
      for (const [top, left, strideY, strideX] of [
        [0, 0, 1, 1],
        [2, 3, 1, 1],
        [1, 0, 2, 2],
        [0, 2, 3, 2],
        [4, 9, 1, 3],
      ]) {
        check(module, row('pad_f32'), seed++, (layout) => {
          const [channels, images, batch] = [2, 3, 4]
          const phaseHeight = Math.ceil((height + top) / strideY) + 1
          const phaseWidth = Math.ceil((width + left) / strideX) + (seed % 4)
          const x = normals(layout, channels * batch * height * width)
          const y = layout.reserve(4 * channels * images * strideY * strideX * phaseHeight * phaseWidth)
          return {
            args: [
              x,
              y,
              layout.u32([
                ...[channels, images, height, width, top, left, strideY, strideX, phaseHeight, phaseWidth],
                batch * height * width,
              ]),
            ],
          }
        })
      }
    }
  })

  it('conv_pack_f32 equals its reference', () => {
    for (const rows of [1, 4, 6]) {
      check(module, row('conv_pack_f32'), rows, (layout) => {
        const w = normals(layout, rows * 5)
        return { args: [w, layout.reserve(8 * 4 * 16), rows, 4, 5, layout.u32([3, 0, 4, 1])] }
      })
    }
  })

  it('conv_unpitch_f32 equals its reference', () => {
    for (const width of [1, 4, 7]) {
      check(module, row('conv_unpitch_f32'), width, (layout) => {
        const [rows, height, pitch] = [2, 3, width + 2]
        const x = normals(layout, rows * height * pitch)
        const y = layout.reserve(4 * rows * height * (width + 1))
        const rowBytes = 4 * height * (width + 1)
        return { args: [x, 4 * height * pitch, pitch, y, rowBytes, rows, height, width, 0.37] }
      })
    }
  })

  it('gathers like inference does', () => {
    check(module, row('program_from_levels'), 1, (layout) => {
      const ctx = layout.u32([2, layout.u32([0, 4, 12]), 0, 0, 0, 0])
      const pairs = layout.reserve(24)
      // Four headers, digits 2 + 1, 1 and 2, and a word that may be overwritten.
      const out = layout.reserve(32 + 16 + 4)
      return {
        args: [layout.i8([0, 3, -1, 2, 0, 0]), 2, 3, pairs, ctx, out],
        undefinedRegions: [
          [pairs, 24],
          [out + 48, 4],
        ],
      }
    })
    check(module, row('gather_f32'), 2, (layout) => {
      // One row: 2 * (x[0] - x[4]) + x[8].
      const program = layout.u32([1, 1, 0, 16, 1, 0, 32])
      return { args: [program, 1, 2, normals(layout, 40), layout.reserve(96), 96, 6] }
    })
  })

  it('conv_f32 equals its reference for every count of rows, groups, outputs and taps, and for taps that step back', () => {
    let seed = 1
    for (const rows of [1, 2, 3, 4, 5, 8]) {
      for (const groups of [1, 2, 5]) {
        for (const taps of [0, 1, 7]) {
          check(module, row('conv_f32'), seed++, (layout) => {
            const step = seed % 3 === 0 ? 8 : 4
            const images = 2
            const x = normals(layout, 400)
            const weights = normals(layout, 8 * taps)
            const y = layout.reserve(images * 240 * rows)
            const table = Array.from({ length: groups }, (_, g) => [64 + 20 * g, 40 * g, 1 + ((g + seed) % 4)])
            const offsets = Array.from({ length: taps }, (_, t) => (t % 2 ? -4 * t : 12 * t) >>> 0)
            const shape = [
              images,
              400,
              240 * rows,
              groups,
              layout.u32(table.flat()),
              rows,
              240,
              taps,
              layout.u32(offsets),
              step,
            ]
            return { args: [x, weights, y, layout.u32(shape)] }
          })
        }
      }
    }
  })

  it('conv_tiles_f32 equals its reference', () => {
    for (const channels of [1, 3, 4, 5, 8, 11, 16]) {
      for (const pixels of [1, 4, 7]) {
        check(module, row('conv_tiles_f32'), channels, (layout) => {
          const x = normals(layout, channels * 4 * pixels)
          const y = layout.reserve(4 * 3 * Math.ceil(channels / 8) * 8 * pixels)
          return { args: [x, y, 3, channels, pixels, 4 * pixels] }
        })
      }
    }
  })

  it('conv_weight_grad_f32 equals its reference for every count of rows, taps and positions', () => {
    let seed = 1
    for (const rows of [1, 7, 8, 12]) {
      for (const taps of [1, 2, 4, 7]) {
        for (const width of [1, 2, 5]) {
          check(module, row('conv_weight_grad_f32'), seed++, (layout) => {
            const [images, lines, pitch] = [5, 3, 8]
            const tiles = Math.ceil(rows / 8)
            const x = normals(layout, images * 60)
            const dy = normals(layout, images * tiles * lines * width * 8)
            const sums = layout.reserve(tiles * 8 * Math.ceil(taps / 4) * 16)
            const offsets = layout.u32(Array.from({ length: taps }, (_, t) => 12 * t))
            const shape = [
              ...[images, 240, 4 * pitch, lines, width, rows, 32 * tiles * lines * width, 32 * lines * width],
              ...[taps, offsets, 1 + (seed % 6), 1 + (seed % 3)],
            ]
            const args = [x, dy, sums, layout.reserve(rows * taps * 4), layout.u32(shape)]
            return { args, undefinedRegions: [[sums, tiles * 32 * Math.ceil(taps / 4) * 4]] }
          })
        }
      }
    }
  })

  for (const n of [1, 2, 15, 16, 17, 100]) {
    it(`batch normalisation kernels equal their references, rows of ${n}`, () => {
      const channels = 3
      const stride = 5
      // The second to the fourth of five channels.
      const state = (layout: Layout) => {
        const p = layout.lanes('f32', 6 * stride, 1)
        // Variances and inverse deviations are positive.
        for (const field of [3, 5]) {
          for (let c = 0; c < stride; c++) layout.mem.f32[p / 4 + field * stride + c] = 0.5 + c
        }
        return p + 4
      }
      check(module, row('batchnorm_f32'), n, (layout) => ({
        args: [
          normals(layout, channels * n),
          layout.reserve(4 * channels * n),
          channels,
          n,
          state(layout),
          stride,
          1e-5,
          0.1,
        ],
      }))
      check(module, row('batchnorm_infer_f32'), n, (layout) => ({
        args: [
          normals(layout, channels * n),
          layout.reserve(4 * channels * n),
          channels,
          n,
          state(layout),
          stride,
          1e-5,
        ],
      }))
      check(module, row('batchnorm_grad_f32'), n, (layout) => ({
        args: [
          normals(layout, channels * n),
          normals(layout, channels * n),
          layout.reserve(4 * channels * n),
          channels,
          n,
          state(layout),
          stride,
          layout.reserve(8 * stride),
        ],
      }))
    })

    it(`element-wise kernels equal their references, ${n} elements`, () => {
      for (const limit of [Number.POSITIVE_INFINITY, 0.6]) {
        check(module, row('relu_f32'), n, (layout) => ({ args: [normals(layout, n), layout.reserve(4 * n), n, limit] }))
        check(module, row('relu_grad_f32'), n, (layout) => ({
          args: [normals(layout, n), normals(layout, n), layout.reserve(4 * n), n, limit],
        }))
      }
      check(module, row('add_f32'), n, (layout) => {
        const a = normals(layout, n)
        const b = normals(layout, n)
        return { args: [a, b, n % 2 === 0 ? a : layout.reserve(4 * n), n] }
      })
      check(module, row('swap_f32'), n, (layout) => ({
        args: [normals(layout, 6 * n), layout.reserve(24 * n), 2, 3, n],
      }))
      for (const [grid, scale] of [
        [INT8, 40],
        [fp8Format('e4m3'), 200],
        [fp8Format('e5m2'), 1e-4],
      ] as const) {
        check(module, row('round_f32'), n, (layout) => {
          const words = layout.u32(Array.from(new Uint32Array(gridWords(grid, false, false).slice().buffer)))
          return { args: [normals(layout, n), n, scale, 1 / scale, words] }
        })
      }
      check(module, row('max_abs_f32'), n, (layout) => ({ args: [normals(layout, n), n] }))
    })

    it(`supermask kernels equal their references, ${n} scores`, () => {
      const trits = (layout: Layout) => layout.i8(Array.from({ length: n }, () => layout.rng.below(3) - 1))
      for (const signed of [false, true]) {
        const signs = (layout: Layout) => (signed ? trits(layout) : 0)
        for (const [decay, keep] of [
          [1e-3, 1],
          [0, 0.99],
        ]) {
          check(module, row('sgd_f32'), n, (layout) => {
            const [p, gradient, v] = [1, 2, 3].map(() => normals(layout, n))
            return { args: [p, gradient, v, n, 0.1, 0.9, decay, keep, 0.37, signs(layout)] }
          })
        }
        check(module, row('adamw_f32'), n, (layout) => {
          const [p, gradient, m] = [1, 2, 3].map(() => normals(layout, n))
          const v = layout.f32(Array.from({ length: n }, () => layout.rng.float()))
          const step = [0.01, 0.9, 0.999, 1.7, 1e-8]
          return { args: [p, gradient, m, v, n, ...step, 0.999, 0.37, signs(layout)] }
        })
        for (const coats of [1, 3, 7]) {
          check(module, row('levels_from_scores'), n, (layout) => {
            const thresholds = layout.f32(Array.from({ length: coats }, (_, i) => 0.3 * (i + 1)))
            return { args: [normals(layout, n), n, 1.3, thresholds, coats, signs(layout), layout.reserve(n)] }
          })
        }
        check(module, row('freeze_levels'), n, (layout) => ({
          args: [normals(layout, n), n, signs(layout), trits(layout), trits(layout)],
        }))
        for (const least of [0, 1, 3]) {
          check(module, row('fill_rows'), n, (layout) => {
            const [rows, cols] = [3, n]
            // Few different scores, so that rows hold equal ones.
            const scores = layout.f32(Array.from({ length: rows * cols }, () => layout.rng.below(5) - 2))
            const given = signed ? layout.i8(Array.from({ length: rows * cols }, () => layout.rng.below(3) - 1)) : 0
            const frozen = layout.i8(Array.from({ length: rows * cols }, () => layout.rng.below(3) - 1))
            const levels = layout.i8(Array.from({ length: rows * cols }, () => (layout.rng.below(20) === 0 ? 1 : 0)))
            return { args: [scores, rows, cols, least, given, signed ? frozen : 0, levels] }
          })
        }
        check(module, row('count_magnitudes'), n, (layout) => ({
          args: [normals(layout, n), n, 1.7, signs(layout), layout.u32(new Array(32768).fill(0))],
        }))
        check(module, row('count_within'), n, (layout) => {
          const scores = layout.f32(Array.from({ length: n }, () => 1.5 + layout.rng.float() / 64))
          return { args: [scores, n, 1, signs(layout), 0x3fc0, layout.u32(new Array(65536).fill(0))] }
        })
      }
      check(module, row('count_nonzero_i8'), n, (layout) => ({
        args: [layout.i8(Array.from({ length: n }, (_, i) => (i % 3) - 1)), n],
      }))
      check(module, row('levels_transpose'), n, (layout) => ({
        args: [
          layout.i8(Array.from({ length: 12 * n }, (_, i) => (i % 15) - 7)),
          layout.reserve(12 * n),
          2,
          ...(n % 2 ? [2, n] : [n, 2]),
          3,
        ],
      }))
      const states = (layout: Layout) => layout.i8(Array.from({ length: n }, () => layout.rng.below(3) - 1))
      check(module, row('mask_f32'), n, (layout) => ({ args: [normals(layout, n), states(layout), n] }))
      for (const signed of [false, true]) {
        check(module, row('pull_f32'), n, (layout) => ({
          args: [normals(layout, n), normals(layout, n), states(layout), signed ? states(layout) : 0, n, 0.37],
        }))
      }
      check(module, row('ema_f32'), n, (layout) => ({ args: [normals(layout, n), normals(layout, n), n, 0.03] }))
      check(module, row('sum_squares_f32'), n, (layout) => ({ args: [normals(layout, n), n] }))
      check(module, row('weights_from_levels'), n, (layout) => ({
        args: [layout.i8(Array.from({ length: n }, (_, i) => (i % 15) - 7)), n, 0.123, layout.reserve(4 * n)],
      }))
    })
  }

  it('counts scores that are not finite above all others, and inside the counters', () => {
    const f32 = new Float32Array(module.memory.buffer)
    const u32 = new Uint32Array(module.memory.buffer)
    f32.set([Number.NaN, -Number.NaN, Number.POSITIVE_INFINITY, 3e38, 1, Number.NEGATIVE_INFINITY], 4096 / 4)
    u32.fill(0, 8192 / 4, 8192 / 4 + 32769)
    module.exports.count_magnitudes(4096, 6, 2, 0, 8192)
    expect(u32.subarray(8192 / 4 + 0x7f80, 8192 / 4 + 0x8000).reduce((a, b) => a + b, 0)).toBe(5)
    expect(u32[8192 / 4 + 32768]).toBe(0)
  })

  it('transpose_f32 equals its reference', () => {
    for (const [blocks, rows, cols] of [
      [1, 1, 1],
      [2, 4, 4],
      [3, 5, 6],
      [1, 9, 3],
      [2, 3, 8],
    ]) {
      check(module, row('transpose_f32'), rows, (layout) => ({
        args: [normals(layout, blocks * rows * cols), layout.reserve(4 * blocks * rows * cols), blocks, rows, cols],
      }))
    }
  })

  it('pooling kernels equal their references for windows, strides and padding', () => {
    let seed = 1
    for (const [height, width, ky, kx, sy, sx, top, left] of [
      [4, 4, 2, 2, 2, 2, 0, 0],
      [5, 19, 2, 2, 2, 2, 0, 0],
      [4, 17, 2, 2, 1, 2, 0, 0],
      [5, 18, 2, 2, 2, 2, 1, 0],
      [7, 5, 3, 2, 2, 1, 1, 1],
      [5, 6, 3, 3, 1, 2, 2, 0],
      [3, 3, 3, 3, 3, 3, 0, 0],
    ]) {
      const planes = 3
      const outHeight = Math.floor((height + 2 * top - ky) / sy) + 1
      const outWidth = Math.floor((width + 2 * left - kx) / sx) + 1
      const outputs = planes * outHeight * outWidth
      const words = [planes, height, width, outHeight, outWidth, ky, kx, sy, sx, top, left]
      // Few distinct values, so that windows hold equal ones.
      const coarse = (layout: Layout, n: number) => layout.f32(Array.from({ length: n }, () => layout.rng.below(4)))
      check(module, row('train_maxpool_f32'), seed++, (layout) => ({
        args: [
          coarse(layout, planes * height * width),
          layout.reserve(4 * outputs),
          layout.reserve(4 * outputs),
          layout.i32(words),
        ],
      }))
      check(module, row('train_maxpool_grad_f32'), seed++, (layout) => {
        const where = layout.i32(Array.from({ length: outputs }, () => layout.rng.below(height * width)))
        return {
          args: [normals(layout, outputs), layout.reserve(4 * planes * height * width), where, layout.i32(words)],
        }
      })
      check(module, row('train_avgpool_f32'), seed++, (layout) => ({
        args: [normals(layout, planes * height * width), layout.reserve(4 * outputs), layout.i32(words)],
      }))
      check(module, row('train_avgpool_grad_f32'), seed++, (layout) => ({
        args: [normals(layout, outputs), layout.reserve(4 * planes * height * width), layout.i32(words)],
      }))
    }
  })

  it('softmax_loss_f32 equals its reference, from even to extreme scores', () => {
    for (const range of [0, 1, 30, 1000]) {
      for (const smoothing of [0, 0.1]) {
        check(module, row('softmax_loss_f32'), range + 1, (layout) => {
          const [classes, n, pitch] = [5, 7, 9]
          const z = layout.lanes('f32', classes * pitch, range)
          const labels = layout.bytes(Uint8Array.from({ length: n }, () => layout.rng.below(classes)))
          return {
            args: [z, layout.reserve(4 * classes * pitch), labels, classes, n, pitch, smoothing, layout.reserve(12)],
          }
        })
      }
    }
  })

  it('distill_loss_f32 equals its reference, from even to extreme scores', () => {
    for (const range of [0, 1, 30, 1000]) {
      for (const [smoothing, alpha, temperature] of [
        [0, 0, 1],
        [0.1, 0.7, 4],
        [0, 1, 0.5],
      ]) {
        check(module, row('distill_loss_f32'), range + 1, (layout) => {
          const [classes, n, pitch] = [5, 7, 9]
          const [z, teacher] = [1, 2].map(() => layout.lanes('f32', classes * pitch, range))
          const labels = layout.bytes(Uint8Array.from({ length: n }, () => layout.rng.below(classes)))
          const [dz, out] = [layout.reserve(4 * classes * pitch), layout.reserve(12)]
          return { args: [z, teacher, dz, labels, classes, n, pitch, smoothing, alpha, temperature, out] }
        })
      }
    }
  })

  it('image_f32 equals its reference for shifts, turns and pixels far outside', () => {
    for (const map of [
      [1, 0, 0, 0, 1, 0],
      [1, 0, -2, 0, 1, 3],
      [1, 0, 1, 0, -1, 6],
      [0.9, 0.2, 0.5, -0.2, 1.1, 0.25],
      [5, 0, -100, 0, 5, 90],
    ]) {
      check(module, row('image_f32'), 3, (layout) => {
        const [channels, height, width] = [2, 6, 5]
        const x = layout.bytes(Uint8Array.from({ length: channels * height * width }, () => layout.rng.below(256)))
        const y = layout.reserve(4 * 100)
        return { args: [x, y, 40, channels, height, width, layout.f32(map), layout.f32([1 / 255, 0.5, 0, -1])] }
      })
    }
  })
})
