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
// int8 from i16 sums and an int8 shortcut has a loop of its own, as in requant.ts.
//
// Strides and pitches count elements. Contract: natural alignment; y overlaps nothing that is read; reads may pass the end
// of a row by up to 12 bytes; writes exactly `width` elements a row.
//
// Exact: each multiplication, addition and rounding is a single IEEE f32 operation, never fused: equal to the scalar
// reference to the bit in every build.

import { laneShift, loadAs, roundToGrid, storeLanes, storeSome, toIntegers } from '../../lib/grid'

/** i16 sums and int8 in i16 lanes to the same, rows of 4 numbers or more. */
function addBytes(
  acc: usize,
  accPlane: i32,
  accPitch: i32,
  r: usize,
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
  const high = v128.load32_splat(grid)
  const low = v128.load32_splat(grid, 4)
  const magic = v128.load32_splat(grid, 20)
  const f = f32x4.splat(factor)
  for (let c = 0; c < channels; c++) {
    const s = v128.load32_splat(scale + ((c as usize) << 2))
    const b = v128.load32_splat(bias + ((c as usize) << 2))
    for (let i = 0; i < height; i++) {
      const from = acc + (((c * accPlane + i * accPitch) as usize) << 1)
      const other = r + (((c * rPlane + i * rPitch) as usize) << 1)
      const to = y + (((c * yPlane + i * yPitch) as usize) << 1)
      if (width >= 8) {
        for (let j = 0; j < width; j += 8) {
          const k = (min(j, width - 8) as usize) << 1
          const a = v128.load(from + k)
          const o = v128.load(other + k)
          let v = f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(a)), s), b)
          let w = f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(a)), s), b)
          v = f32x4.add(v, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(o)), f))
          w = f32x4.add(w, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(o)), f))
          const p = toIntegers(f32x4.pmax(f32x4.pmin(v, high), low), magic)
          const q = toIntegers(f32x4.pmax(f32x4.pmin(w, high), low), magic)
          v128.store(to + k, i16x8.narrow_i32x4_s(p, q))
        }
      } else {
        for (let j = 0; j < width; j += 4) {
          const k = (min(j, width - 4) as usize) << 1
          const a = f32x4.convert_i32x4_s(v128.load_ext<i16>(from + k))
          const o = f32x4.convert_i32x4_s(v128.load_ext<i16>(other + k))
          const v = f32x4.add(f32x4.add(f32x4.mul(a, s), b), f32x4.mul(o, f))
          const p = toIntegers(f32x4.pmax(f32x4.pmin(v, high), low), magic)
          v128.store64_lane(to + k, i16x8.narrow_i32x4_s(p, p), 0)
        }
      }
    }
  }
}

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
  if (sizeof<Out>() == 2 && accLane == 0 && rLane == 0 && !rounds && width >= 4) {
    addBytes(
      acc,
      accPlane,
      accPitch,
      r,
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
    return
  }
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
