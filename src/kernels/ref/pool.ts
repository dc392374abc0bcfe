/** Scalar references of assembly/kernels/pool. */

import { at, type Lane, laneAdd, laneBytes, laneView } from '../lanes.js'
import type { Mem } from '../row.js'
import { readGrid, storeLane, toGrid } from './grid.js'

/** Calls `visit` for each output with the values of x inside its window, row by row. */
function eachWindow(
  mem: Mem,
  lane: Lane,
  x: number,
  xPlane: number,
  xPitch: number,
  y: number,
  yPlane: number,
  yPitch: number,
  shape: number,
  visit: (index: number, window: number[]) => void,
): void {
  const [channels, height, width, outHeight, outWidth, kernelY, kernelX, strideY, strideX, padTop, padLeft] =
    mem.i32.subarray(at(shape, 4), at(shape, 4) + 11)
  const view = laneView(mem, lane)
  const source = at(x, laneBytes(lane))
  const target = at(y, laneBytes(lane))
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < outHeight; i++) {
      for (let j = 0; j < outWidth; j++) {
        const window: number[] = []
        for (let u = 0; u < kernelY; u++) {
          for (let v = 0; v < kernelX; v++) {
            const row = i * strideY - padTop + u
            const column = j * strideX - padLeft + v
            if (row >= 0 && row < height && column >= 0 && column < width) {
              window.push(view[source + c * xPlane + row * xPitch + column])
            }
          }
        }
        visit(target + c * yPlane + i * yPitch + j, window)
      }
    }
  }
}

export const maxpool =
  (lane: Lane) =>
  (mem: Mem, x: number, xPlane: number, xPitch: number, y: number, yPlane: number, yPitch: number, shape: number) => {
    eachWindow(mem, lane, x, xPlane, xPitch, y, yPlane, yPitch, shape, (index, window) => {
      laneView(mem, lane)[index] = Math.max(...window)
    })
    return undefined
  }

export const avgpool =
  (lane: Lane) =>
  (
    mem: Mem,
    x: number,
    xPlane: number,
    xPitch: number,
    y: number,
    yPlane: number,
    yPitch: number,
    shape: number,
    grid: number,
    unit: number,
  ) => {
    const fields = readGrid(mem, grid)
    eachWindow(mem, lane, x, xPlane, xPitch, y, yPlane, yPitch, shape, (index, window) => {
      const sum = window.reduce((a, b) => laneAdd(lane === 'f32' ? 'f32' : 'i32', a, b), 0)
      const mean = Math.fround(Math.fround(Math.fround(sum) * Math.fround(unit)) / window.length)
      storeLane(mem, lane, index, toGrid(mean, fields), fields)
    })
    return undefined
  }
