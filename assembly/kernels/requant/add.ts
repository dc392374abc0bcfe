// Requantisation with a shortcut: the sums of a layer and a stored value become the value after their addition, rounded
// once. The second half of a residual block: what would be requantise, add and ReLU is one pass.
//
//   y[c, i, j] = grid((acc[c, i, j] * scale[c] + bias[c]) + r[c, i, j] * factor)
//
// Also the plain addition of two stored values: acc is then the first of them, scale its factor, bias zero. A vector
// with constants of its own for each element is channels of one pixel: 6 ns an element instead of 1, where a dense layer
// spends far more on each of its sums.
//
// acc, r and y lie as in requant.ts, each with its own plane and pitch, acc and r each with lanes as an argument.
//
// Strides and pitches count elements. Contract: natural alignment; reads may pass the end of a row by up to 12 bytes;
// writes exactly `width` elements a row.
//
// Exact: each multiplication, addition and rounding is a single IEEE f32 operation, never fused: equal to the scalar
// reference to the bit in every build.

import { laneShift, loadAs, roundToGrid, storeLanes, storeSome } from '../../lib/grid'

function add<Out>(
  acc: usize,
  accLane: i32,
  accPlane: i32,
  accPitch: i32,
  r: usize,
  rLane: i32,
  rPlane: i32,
  rPitch: i32,
  y: usize,
  yPlane: i32,
  yPitch: i32,
  channels: i32,
  height: i32,
  width: i32,
  scale: usize,
  bias: usize,
  factor: f32,
  grid: usize,
): void {
  const inverseUnit = v128.load32_splat(grid, 16)
  const high = v128.load32_splat(grid)
  const low = v128.load32_splat(grid, 4)
  const minExp = v128.load32_splat(grid, 8)
  const step = v128.load32_splat(grid, 12)
  const rounds = load<u32>(grid, 12) != 0
  const f = f32x4.splat(factor)
  const accShift = laneShift(accLane)
  const rShift = laneShift(rLane)
  for (let c = 0; c < channels; c++) {
    const s = v128.load32_splat(scale + ((c as usize) << 2))
    const b = v128.load32_splat(bias + ((c as usize) << 2))
    for (let i = 0; i < height; i++) {
      let from = acc + (((c * accPlane + i * accPitch) as usize) << accShift)
      let other = r + (((c * rPlane + i * rPitch) as usize) << rShift)
      let to = y + ((c * yPlane + i * yPitch) as usize) * sizeof<Out>()
      for (let left = width; left > 0; left -= 4) {
        const v = f32x4.add(f32x4.mul(loadAs(from, accLane), s), b)
        const sum = f32x4.add(v, f32x4.mul(loadAs(other, rLane), f))
        const rounded = roundToGrid(sum, high, low, minExp, step, rounds)
        if (left >= 4) storeLanes<Out>(to, rounded, inverseUnit)
        else storeSome<Out>(to, rounded, inverseUnit, left)
        from += (4 as usize) << accShift
        other += (4 as usize) << rShift
        to += 4 * sizeof<Out>()
      }
    }
  }
}

export function requant_add_i16(
  acc: usize,
  accLane: i32,
  accPlane: i32,
  accPitch: i32,
  r: usize,
  rLane: i32,
  rPlane: i32,
  rPitch: i32,
  y: usize,
  yPlane: i32,
  yPitch: i32,
  channels: i32,
  height: i32,
  width: i32,
  scale: usize,
  bias: usize,
  factor: f32,
  grid: usize,
): void {
  add<i16>(
    acc,
    accLane,
    accPlane,
    accPitch,
    r,
    rLane,
    rPlane,
    rPitch,
    y,
    yPlane,
    yPitch,
    channels,
    height,
    width,
    scale,
    bias,
    factor,
    grid,
  )
}

export function requant_add_i32(
  acc: usize,
  accLane: i32,
  accPlane: i32,
  accPitch: i32,
  r: usize,
  rLane: i32,
  rPlane: i32,
  rPitch: i32,
  y: usize,
  yPlane: i32,
  yPitch: i32,
  channels: i32,
  height: i32,
  width: i32,
  scale: usize,
  bias: usize,
  factor: f32,
  grid: usize,
): void {
  add<i32>(
    acc,
    accLane,
    accPlane,
    accPitch,
    r,
    rLane,
    rPlane,
    rPitch,
    y,
    yPlane,
    yPitch,
    channels,
    height,
    width,
    scale,
    bias,
    factor,
    grid,
  )
}

export function requant_add_f32(
  acc: usize,
  accLane: i32,
  accPlane: i32,
  accPitch: i32,
  r: usize,
  rLane: i32,
  rPlane: i32,
  rPitch: i32,
  y: usize,
  yPlane: i32,
  yPitch: i32,
  channels: i32,
  height: i32,
  width: i32,
  scale: usize,
  bias: usize,
  factor: f32,
  grid: usize,
): void {
  add<f32>(
    acc,
    accLane,
    accPlane,
    accPitch,
    r,
    rLane,
    rPlane,
    rPitch,
    y,
    yPlane,
    yPitch,
    channels,
    height,
    width,
    scale,
    bias,
    factor,
    grid,
  )
}
