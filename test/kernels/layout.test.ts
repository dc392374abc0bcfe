import { describe, it } from 'vitest'
import { fp8Format, gridWords, INT8 } from '../../src/kernels/grid.js'
import { builds, check, row } from './harness.js'

interface Window {
  size: [number, number]
  kernel: [number, number]
  stride: [number, number]
  pad: [number, number, number, number]
}

const WINDOWS: Window[] = [
  { size: [4, 4], kernel: [2, 2], stride: [2, 2], pad: [0, 0, 0, 0] },
  { size: [28, 28], kernel: [2, 2], stride: [2, 2], pad: [0, 0, 0, 0] },
  { size: [5, 37], kernel: [2, 2], stride: [2, 2], pad: [0, 0, 0, 0] },
  { size: [9, 34], kernel: [2, 2], stride: [1, 2], pad: [0, 0, 0, 0] },
  { size: [7, 9], kernel: [3, 3], stride: [2, 2], pad: [1, 1, 1, 1] },
  { size: [6, 5], kernel: [3, 2], stride: [1, 1], pad: [0, 1, 2, 0] },
  { size: [8, 8], kernel: [8, 8], stride: [1, 1], pad: [0, 0, 0, 0] },
  { size: [7, 10], kernel: [1, 1], stride: [2, 3], pad: [0, 0, 0, 0] },
  { size: [1, 1], kernel: [1, 1], stride: [3, 3], pad: [0, 0, 0, 0] },
  { size: [6, 40], kernel: [3, 3], stride: [2, 2], pad: [1, 1, 1, 1] },
  { size: [5, 21], kernel: [3, 3], stride: [1, 1], pad: [1, 1, 1, 1] },
  { size: [6, 33], kernel: [1, 1], stride: [2, 2], pad: [0, 0, 0, 0] },
  { size: [7, 19], kernel: [2, 4], stride: [3, 2], pad: [0, 3, 0, 2] },
  { size: [4, 29], kernel: [2, 3], stride: [2, 3], pad: [0, 1, 0, 1] },
]

describe.each(builds('core'))('pooling and layout, $build build', (module) => {
  for (const lane of ['i16', 'i32', 'f32'] as const) {
    for (const op of ['maxpool', 'avgpool']) {
      it(`${op}_${lane} equals its reference`, () => {
        WINDOWS.forEach((w, seed) => {
          check(module, row(`${op}_${lane}`), seed, (layout) => {
            const channels = 3
            const [h, width] = w.size
            const pitch = width + 2
            const oh = Math.floor((h + w.pad[0] + w.pad[2] - w.kernel[0]) / w.stride[0]) + 1
            const ow = Math.floor((width + w.pad[1] + w.pad[3] - w.kernel[1]) / w.stride[1]) + 1
            const x = layout.lanes(lane, channels * h * pitch, lane === 'f32' ? 10 : 127)
            const shape = layout.i32([channels, h, width, oh, ow, ...w.kernel, ...w.stride, w.pad[0], w.pad[1]])
            const y = layout.reserve(channels * (oh + 1) * (ow + 1) * 4)
            const args = [x, h * pitch, pitch, y, (oh + 1) * (ow + 1), ow + 1, shape]
            if (op === 'maxpool') return { args }
            const grid = lane === 'f32' ? undefined : lane === 'i32' ? fp8Format('e4m3') : INT8
            return {
              args: [...args, layout.bytes(gridWords(grid, false, lane !== 'f32')), lane === 'i32' ? 2 ** -9 : 1],
            }
          })
        })
      })
    }
  }

  for (const bits of [16, 32]) {
    it(`flatten_${bits}, phases_${bits} and transpose_${bits} equal their references`, () => {
      let seed = 1
      for (const [channels, height, width] of [
        [1, 1, 1],
        [3, 4, 5],
        [2, 7, 8],
        [2, 5, 37],
      ]) {
        for (const step of [1, 8]) {
          check(module, row(`flatten_${bits}`), seed++, (layout) => {
            const pitch = width + 3
            const x = layout.lanes('i32', channels * height * pitch, 1e6)
            const y = layout.reserve(channels * height * width * step * 4)
            return { args: [x, height * pitch, pitch, channels, height, width, y, step] }
          })
        }
        for (const [yHeight, yWidth] of [
          [1, 1],
          [1, 5],
          [3, 2],
        ]) {
          check(module, row(`transpose_${bits}`), seed++, (layout) => {
            const [pitch, yPitch] = [width + 1, yWidth + 2]
            const [plane, yPlane] = [height * pitch + 1, (yHeight + 1) * yPitch]
            const x = layout.lanes('i32', yHeight * yWidth * plane, 1e6)
            const y = layout.reserve(height * width * yPlane * 4)
            return { args: [x, plane, pitch, height, width, y, yPlane, yPitch, yHeight, yWidth] }
          })
        }
        for (const [sy, sx, py, px] of [
          [2, 2, 2, 2],
          [1, 2, 1, 2],
          [3, 1, 3, 1],
          [4, 3, 4, 3],
          [2, 2, 1, 1],
          [3, 2, 2, 1],
        ]) {
          check(module, row(`phases_${bits}`), seed++, (layout) => {
            const pitch = width + 1
            const [yHeight, yWidth] = [Math.ceil(height / sy) + 1, Math.ceil(width / sx) + 1]
            const yPlane = yHeight * yWidth + 2
            const x = layout.lanes('i32', channels * height * pitch, 1e6)
            const y = layout.reserve(channels * py * px * yPlane * 4)
            return {
              args: [
                x,
                height * pitch,
                pitch,
                channels,
                height,
                width,
                y,
                yPlane,
                yWidth,
                yHeight,
                yWidth,
                sy,
                sx,
                py,
                px,
              ],
            }
          })
        }
      }
    })
  }

  it('count_nonfinite equals its reference', () => {
    check(module, row('count_nonfinite'), 1, (layout) => {
      const values = [0, 1, Number.NaN, Infinity, -Infinity, 3e38, 1e-45, -0]
      return { args: [layout.f32(values), values.length] }
    })
  })
})
