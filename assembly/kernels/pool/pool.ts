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
// Contract: natural alignment; the 2 x 2 path with horizontal stride 2 reads whole vectors and may pass the end of a row by 28 bytes.
// Exact: max is exact in every lane; the mean is f32(sum) * unit / f32(count), sums in i32 or in f32 row by row, rounded
// to the grid (lib/grid.ts).

import { roundToGrid, storeFirst, storeSome } from '../../lib/grid'

function maxPair<Lane>(top: usize, bottom: usize): v128 {
  return v128.max<Lane>(v128.load(top), v128.load(bottom))
}

/** Lanes 0, 2, 4, ... of the 2 * lanes values of a and b against lanes 1, 3, 5, ... */
function maxNeighbours<Lane>(a: v128, b: v128): v128 {
  if (sizeof<Lane>() == 2) {
    const even = v128.shuffle<i16>(a, b, 0, 2, 4, 6, 8, 10, 12, 14)
    const odd = v128.shuffle<i16>(a, b, 1, 3, 5, 7, 9, 11, 13, 15)
    return v128.max<Lane>(even, odd)
  }
  return v128.max<Lane>(v128.shuffle<i32>(a, b, 0, 2, 4, 6), v128.shuffle<i32>(a, b, 1, 3, 5, 7))
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
  // A 1 x 1 window only picks pixels, as on the shortcuts of residual networks: several times as fast without window loops.
  const picking = kernelY == 1 && kernelX == 1
  const lanes = (16 / sizeof<Lane>()) as i32
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < outHeight; i++) {
      const out = y + ((c * yPlane + i * yPitch) as usize) * sizeof<Lane>()
      if (halving) {
        let j = 0
        const top = x + ((c * xPlane + i * strideY * xPitch) as usize) * sizeof<Lane>()
        const bottom = top + (xPitch as usize) * sizeof<Lane>()
        for (; j < outWidth; j += lanes) {
          const k = (j as usize) * 2 * sizeof<Lane>()
          const a = maxPair<Lane>(top + k, bottom + k)
          const b = maxPair<Lane>(top + k + 16, bottom + k + 16)
          const v = maxNeighbours<Lane>(a, b)
          const at = out + (j as usize) * sizeof<Lane>()
          if (outWidth - j >= lanes) v128.store(at, v)
          else storeFirst<Lane>(at, v, outWidth - j)
        }
        continue
      }
      if (picking) {
        let from = x + ((c * xPlane + i * strideY * xPitch) as usize) * sizeof<Lane>()
        for (let j = 0; j < outWidth; j++) {
          store<Lane>(out + (j as usize) * sizeof<Lane>(), load<Lane>(from))
          from += (strideX as usize) * sizeof<Lane>()
        }
        continue
      }
      const uBegin = max(0, padTop - i * strideY)
      const uEnd = min(kernelY, height + padTop - i * strideY)
      for (let j = 0; j < outWidth; j++) {
        const vBegin = max(0, padLeft - j * strideX)
        const vEnd = min(kernelX, width + padLeft - j * strideX)
        const corner = c * xPlane + (i * strideY - padTop) * xPitch + j * strideX - padLeft
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
