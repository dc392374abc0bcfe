// Max and average pooling on channel planes.
//
//   max:  y[c, i, j] = max  x[c, i * strideY - padTop + u, j * strideX - padLeft + v]
//   avg:  y[c, i, j] = grid(mean ...)      over 0 <= u < kernelY, 0 <= v < kernelX, positions inside the image only
//
// x and y point at pixel (0, 0) of the first channel; plane strides and pitches count elements. A shape travels as a
// pointer to i32 words:
//
//   | channels | height | width | outHeight | outWidth | kernelY | kernelX | strideY | strideX | padTop | padLeft |
//
// Contract: natural alignment; y overlaps nothing that is read; vectors are read whole and may pass the end of a row by 28
// bytes.
// Exact: max is exact in every lane; the mean is f32(sum) * unit / f32(count), sums in i32 or in f32 row by row, rounded
// to the grid (lib/grid.ts).

import { roundToGrid, storeFirst, storeSome } from '../../lib/grid'
import { evenLanes, oddLanes } from '../../lib/lanes'

/** 2 x 2 windows that step by 2 from the image's left edge. */
function maxHalves<Lane>(top: usize, bottom: usize, out: usize, outWidth: i32): void {
  const lanes = (16 / sizeof<Lane>()) as i32
  for (let j = 0; j < outWidth; j += lanes) {
    const k = (j as usize) * 2 * sizeof<Lane>()
    const a = v128.max<Lane>(v128.load(top + k), v128.load(bottom + k))
    const b = v128.max<Lane>(v128.load(top + k, 16), v128.load(bottom + k, 16))
    const v = v128.max<Lane>(evenLanes<Lane>(a, b), oddLanes<Lane>(a, b))
    const at = out + (j as usize) * sizeof<Lane>()
    if (outWidth - j >= lanes) v128.store(at, v)
    else storeFirst<Lane>(at, v, outWidth - j)
  }
}

/**
 * Outputs of windows that lie inside the image from left to right, a vector at a time, the last vector wherever it begins.
 * x points at the first window's first number, rows are the window's rows inside the image. strideX is 1 or 2, count >= lanes.
 */
function maxInside<Lane>(x: usize, pitch: usize, rows: i32, kernelX: i32, strideX: i32, out: usize, count: i32): void {
  const lanes = (16 / sizeof<Lane>()) as i32
  for (let j = 0; j < count; j += lanes) {
    const k = (min(j, count - lanes) as usize) * sizeof<Lane>()
    let row = x + k * (strideX as usize)
    let best = v128.splat<Lane>(0 as Lane)
    for (let u = 0; u < rows; u++) {
      for (let v = 0; v < kernelX; v++) {
        const p = row + (v as usize) * sizeof<Lane>()
        const a = v128.load(p)
        const w = strideX == 1 ? a : evenLanes<Lane>(a, v128.load(p, 16))
        best = u + v == 0 ? w : v128.max<Lane>(best, w)
      }
      row += pitch
    }
    v128.store(out + k, best)
  }
}

function maxPool<Lane>(x: usize, xPlane: i32, xPitch: i32, y: usize, yPlane: i32, yPitch: i32, shape: usize): void {
  const channels = load<i32>(shape)
  const height = load<i32>(shape, 4)
  const width = load<i32>(shape, 8)
  const outHeight = load<i32>(shape, 12)
  const outWidth = load<i32>(shape, 16)
  const kernelY = load<i32>(shape, 20)
  const kernelX = load<i32>(shape, 24)
  const strideY = load<i32>(shape, 28)
  const strideX = load<i32>(shape, 32)
  const padTop = load<i32>(shape, 36)
  const padLeft = load<i32>(shape, 40)
  const halving =
    kernelY == 2 &&
    kernelX == 2 &&
    strideX == 2 &&
    padTop == 0 &&
    padLeft == 0 &&
    (outHeight - 1) * strideY + 2 <= height
  const lanes = (16 / sizeof<Lane>()) as i32
  // Outputs first <= j < end have windows that lie inside from left to right.
  let first = (padLeft + strideX - 1) / strideX
  let end = min(outWidth, (width + padLeft - kernelX + strideX) / strideX)
  if (strideX > 2 || end - first < lanes) first = end = outWidth
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < outHeight; i++) {
      const out = y + ((c * yPlane + i * yPitch) as usize) * sizeof<Lane>()
      if (halving) {
        const top = x + ((c * xPlane + i * strideY * xPitch) as usize) * sizeof<Lane>()
        maxHalves<Lane>(top, top + (xPitch as usize) * sizeof<Lane>(), out, outWidth)
        continue
      }
      const uBegin = max(0, padTop - i * strideY)
      const uEnd = min(kernelY, height + padTop - i * strideY)
      const row = c * xPlane + (i * strideY - padTop) * xPitch - padLeft
      if (first < end) {
        maxInside<Lane>(
          x + ((row + uBegin * xPitch + first * strideX) as usize) * sizeof<Lane>(),
          (xPitch as usize) * sizeof<Lane>(),
          uEnd - uBegin,
          kernelX,
          strideX,
          out + (first as usize) * sizeof<Lane>(),
          end - first,
        )
      }
      for (let j = first > 0 ? 0 : end; j < outWidth; j = j + 1 == first ? end : j + 1) {
        const vBegin = max(0, padLeft - j * strideX)
        const vEnd = min(kernelX, width + padLeft - j * strideX)
        const corner = row + j * strideX
        let best = load<Lane>(x + ((corner + uBegin * xPitch + vBegin) as usize) * sizeof<Lane>())
        for (let u = uBegin; u < uEnd; u++) {
          for (let v = vBegin; v < vEnd; v++) {
            best = max<Lane>(best, load<Lane>(x + ((corner + u * xPitch + v) as usize) * sizeof<Lane>()))
          }
        }
        store<Lane>(out + (j as usize) * sizeof<Lane>(), best)
      }
    }
  }
}

function avgPool<Lane, Sum>(
  x: usize,
  xPlane: i32,
  xPitch: i32,
  y: usize,
  yPlane: i32,
  yPitch: i32,
  shape: usize,
  grid: usize,
  unit: f32,
): void {
  const channels = load<i32>(shape)
  const height = load<i32>(shape, 4)
  const width = load<i32>(shape, 8)
  const outHeight = load<i32>(shape, 12)
  const outWidth = load<i32>(shape, 16)
  const kernelY = load<i32>(shape, 20)
  const kernelX = load<i32>(shape, 24)
  const strideY = load<i32>(shape, 28)
  const strideX = load<i32>(shape, 32)
  const padTop = load<i32>(shape, 36)
  const padLeft = load<i32>(shape, 40)
  const inverseUnit = v128.load32_splat(grid, 16)
  const high = v128.load32_splat(grid)
  const low = v128.load32_splat(grid, 4)
  const minExp = v128.load32_splat(grid, 8)
  const step = v128.load32_splat(grid, 12)
  const rounds = load<u32>(grid, 12) != 0
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < outHeight; i++) {
      const uBegin = max(0, padTop - i * strideY)
      const uEnd = min(kernelY, height + padTop - i * strideY)
      for (let j = 0; j < outWidth; j++) {
        const vBegin = max(0, padLeft - j * strideX)
        const vEnd = min(kernelX, width + padLeft - j * strideX)
        const corner = c * xPlane + (i * strideY - padTop) * xPitch + j * strideX - padLeft
        let sum: Sum = 0 as Sum
        for (let u = uBegin; u < uEnd; u++) {
          for (let v = vBegin; v < vEnd; v++) {
            sum += load<Lane>(x + ((corner + u * xPitch + v) as usize) * sizeof<Lane>()) as Sum
          }
        }
        const mean = ((sum as f32) * unit) / (((uEnd - uBegin) * (vEnd - vBegin)) as f32)
        const at = y + ((c * yPlane + i * yPitch + j) as usize) * sizeof<Lane>()
        storeSome<Lane>(at, roundToGrid(f32x4.splat(mean), high, low, minExp, step, rounds), inverseUnit, 1)
      }
    }
  }
}

export function maxpool_i16(
  x: usize,
  xPlane: i32,
  xPitch: i32,
  y: usize,
  yPlane: i32,
  yPitch: i32,
  shape: usize,
): void {
  maxPool<i16>(x, xPlane, xPitch, y, yPlane, yPitch, shape)
}

export function maxpool_i32(
  x: usize,
  xPlane: i32,
  xPitch: i32,
  y: usize,
  yPlane: i32,
  yPitch: i32,
  shape: usize,
): void {
  maxPool<i32>(x, xPlane, xPitch, y, yPlane, yPitch, shape)
}

export function maxpool_f32(
  x: usize,
  xPlane: i32,
  xPitch: i32,
  y: usize,
  yPlane: i32,
  yPitch: i32,
  shape: usize,
): void {
  maxPool<f32>(x, xPlane, xPitch, y, yPlane, yPitch, shape)
}

export function avgpool_i16(
  x: usize,
  xPlane: i32,
  xPitch: i32,
  y: usize,
  yPlane: i32,
  yPitch: i32,
  shape: usize,
  grid: usize,
  unit: f32,
): void {
  avgPool<i16, i32>(x, xPlane, xPitch, y, yPlane, yPitch, shape, grid, unit)
}

export function avgpool_i32(
  x: usize,
  xPlane: i32,
  xPitch: i32,
  y: usize,
  yPlane: i32,
  yPitch: i32,
  shape: usize,
  grid: usize,
  unit: f32,
): void {
  avgPool<i32, i32>(x, xPlane, xPitch, y, yPlane, yPitch, shape, grid, unit)
}

export function avgpool_f32(
  x: usize,
  xPlane: i32,
  xPitch: i32,
  y: usize,
  yPlane: i32,
  yPitch: i32,
  shape: usize,
  grid: usize,
  unit: f32,
): void {
  avgPool<f32, f32>(x, xPlane, xPitch, y, yPlane, yPitch, shape, grid, unit)
}
