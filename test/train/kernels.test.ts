import { describe, expect, it } from 'vitest'
import { GEMM_SCRATCH_BYTES } from '../../src/kernels/ref/gemm.js'
import type { KernelRow } from '../../src/kernels/row.js'
import { gemmRows } from '../../src/kernels/rows/gemm.js'
import { trainRows } from '../../src/kernels/rows/train.js'
import { builds, check, type Layout } from '../kernels/harness.js'

const row = (name: string): KernelRow => {
  const found = [...gemmRows, ...trainRows].find((r) => r.name === name)
  if (found === undefined) throw new Error(`no training kernel '${name}'`)
  return found
}

const normals = (layout: Layout, n: number) => layout.lanes('f32', n, 1)

describe.each(builds('train'))('training kernels, $build build', (module) => {
  it('exports exactly the kernels of the rows', () => {
    const functions = Object.keys(module.exports).filter(
      (name) => typeof module.exports[name] === 'function' && !name.startsWith('__'),
    )
    const names = [...gemmRows, ...trainRows].map((r) => r.name)
    expect(functions.sort()).toEqual(names.sort())
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
          const [channels, images] = [2, 3]
          const phaseHeight = Math.ceil((height + top) / strideY) + 1
          const phaseWidth = Math.ceil((width + left) / strideX) + (seed % 4)
          const x = normals(layout, channels * images * height * width)
          const y = layout.reserve(4 * channels * images * strideY * strideX * phaseHeight * phaseWidth)
          return {
            args: [
              x,
              y,
              layout.u32([channels, images, height, width, top, left, strideY, strideX, phaseHeight, phaseWidth]),
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

  it('conv_weight_grad_f32 equals its reference for every count of rows and taps', () => {
    let seed = 1
    for (const rows of [1, 2, 3, 4, 7]) {
      for (const taps of [1, 2, 5]) {
        for (const block of [1, 2, 8]) {
          check(module, row('conv_weight_grad_f32'), seed++, (layout) => {
            const groups = 3
            const images = 5
            const x = normals(layout, images * 60)
            const dy = normals(layout, images * rows * 20)
            const sums = layout.reserve(rows * taps * 16)
            const dw = layout.reserve(rows * taps * 4)
            const table = Array.from({ length: groups }, (_, g) => [20 * g, 16 * g, 4])
            const offsets = Array.from({ length: taps }, (_, t) => 12 * t)
            const shape = [
              images,
              240,
              rows * 80,
              groups,
              layout.u32(table.flat()),
              rows,
              80,
              taps,
              layout.u32(offsets),
              block,
            ]
            return { args: [x, dy, sums, dw, layout.u32(shape)], undefinedRegions: [[sums, rows * taps * 16]] }
          })
        }
      }
    }
  })

  for (const n of [1, 2, 15, 16, 17, 100]) {
    it(`batch normalisation kernels equal their references, rows of ${n}`, () => {
      const channels = 3
      const state = (layout: Layout) => {
        const p = layout.lanes('f32', 6 * channels, 1)
        // Variances and inverse deviations are positive.
        for (const field of [3, 5]) {
          for (let c = 0; c < channels; c++) layout.mem.f32[p / 4 + field * channels + c] = 0.5 + c
        }
        return p
      }
      check(module, row('batchnorm_f32'), n, (layout) => ({
        args: [normals(layout, channels * n), layout.reserve(4 * channels * n), channels, n, state(layout), 1e-5, 0.1],
      }))
      check(module, row('batchnorm_infer_f32'), n, (layout) => ({
        args: [normals(layout, channels * n), layout.reserve(4 * channels * n), channels, n, state(layout), 1e-5],
      }))
      check(module, row('batchnorm_grad_f32'), n, (layout) => ({
        args: [
          normals(layout, channels * n),
          normals(layout, channels * n),
          layout.reserve(4 * channels * n),
          channels,
          n,
          state(layout),
          layout.reserve(8 * channels),
        ],
      }))
    })

    it(`element-wise kernels equal their references, ${n} elements`, () => {
      check(module, row('relu_f32'), n, (layout) => ({ args: [normals(layout, n), layout.reserve(4 * n), n] }))
      check(module, row('relu_grad_f32'), n, (layout) => ({
        args: [normals(layout, n), normals(layout, n), layout.reserve(4 * n), n],
      }))
      check(module, row('add_f32'), n, (layout) => ({ args: [normals(layout, n), normals(layout, n), n] }))
      check(module, row('max_abs_f32'), n, (layout) => ({ args: [normals(layout, n), n] }))
      const signs = (layout: Layout) => layout.i8(Array.from({ length: n }, () => (layout.rng.below(2) ? 1 : -1)))
      for (const signed of [false, true]) {
        check(module, row('sgd_f32'), n, (layout) => ({
          args: [
            normals(layout, n),
            normals(layout, n),
            normals(layout, n),
            n,
            0.1,
            0.9,
            1e-3,
            0.37,
            signed ? signs(layout) : 0,
          ],
        }))
        for (const coats of [1, 3, 7]) {
          check(module, row('levels_from_scores'), n, (layout) => {
            const thresholds = layout.f32(Array.from({ length: coats }, (_, i) => 0.3 * (i + 1)))
            return {
              args: [normals(layout, n), n, 1.3, thresholds, coats, signed ? signs(layout) : 0, layout.reserve(n)],
            }
          })
        }
      }
      check(module, row('weights_from_levels'), n, (layout) => ({
        args: [layout.i8(Array.from({ length: n }, (_, i) => (i % 15) - 7)), n, 0.123, layout.reserve(4 * n)],
      }))
    })
  }

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
