// Requantisation: accumulators to the next layer's activations. One kernel for the layer constants, the ReLU and the
// rounding to int8 or FP8 (the grid, see lib/grid.ts).
//
//   y[c, i, j] = grid(acc[c, i, j] * scale[c] + bias[c])     planes;   scale and bias f32, one per channel
//   y[i]       = grid(acc[i] * scale[i] + bias[i])           vectors;  scale and bias f32, one per element
//
//   acc  channel planes, `accPitch` lanes from row to row       y  channel planes inside a zero halo
//        |<--- width --->| junk ... |                              . . . . . . .
//        |  row 0        |          |                              . |<-width->| .
//        |  row 1        |          |                              . |  row 0  | .
//
// The lanes of acc are an argument (0 i16, 1 i32, 2 f32); those of y are in the kernel's name. Measured, the choice inside of
// the loop costs nothing that shows, and one kernel per pair of lanes would be three times the code.
//
// int8 from i16 sums, nearly all there is to do in most networks, has a loop of its own: eight numbers at a time, the last
// eight of a row wherever they begin, so that some are computed twice. 1.9 cycles a number become 0.9.
//
// Strides and pitches count elements. Contract: 4-byte (2-byte) alignment of 4-byte (2-byte) elements; y overlaps nothing
// that is read; reads may pass the end of a row by up to 12 bytes; writes exactly `width` elements a row.
//
// Exact: multiplication, addition and rounding are single IEEE f32 operations, never fused, so the results equal the
// scalar reference to the bit in every build.

import { laneShift, loadAs, roundToGrid, storeLanes, storeSome, toIntegers } from '../../lib/grid'

/** i16 sums to int8 in i16 lanes, rows of 4 numbers or more. */
function bytePlanes(
  acc: usize,
  accPlane: i32,
  accPitch: i32,
  y: usize,
  yPlane: i32,
  yPitch: i32,
  channels: i32,
  height: i32,
  width: i32,
  scale: usize,
  bias: usize,
  grid: usize,
): void {
  const high = v128.load32_splat(grid)
  const low = v128.load32_splat(grid, 4)
  const magic = v128.load32_splat(grid, 20)
  for (let c = 0; c < channels; c++) {
    const s = v128.load32_splat(scale + ((c as usize) << 2))
    const b = v128.load32_splat(bias + ((c as usize) << 2))
    for (let i = 0; i < height; i++) {
      const from = acc + (((c * accPlane + i * accPitch) as usize) << 1)
      const to = y + (((c * yPlane + i * yPitch) as usize) << 1)
      if (width >= 8) {
        for (let j = 0; j < width; j += 8) {
          const k = (min(j, width - 8) as usize) << 1
          const a = v128.load(from + k)
          const v = f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(a)), s), b)
          const w = f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(a)), s), b)
          const p = toIntegers(f32x4.pmax(f32x4.pmin(v, high), low), magic)
          const q = toIntegers(f32x4.pmax(f32x4.pmin(w, high), low), magic)
          v128.store(to + k, i16x8.narrow_i32x4_s(p, q))
        }
      } else {
        for (let j = 0; j < width; j += 4) {
          const k = (min(j, width - 4) as usize) << 1
          const v = f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(v128.load_ext<i16>(from + k)), s), b)
          const p = toIntegers(f32x4.pmax(f32x4.pmin(v, high), low), magic)
          v128.store64_lane(to + k, i16x8.narrow_i32x4_s(p, p), 0)
        }
      }
    }
  }
}

function planes<Out>(
  acc: usize,
  accLane: i32,
  accPlane: i32,
  accPitch: i32,
  y: usize,
  yPlane: i32,
  yPitch: i32,
  channels: i32,
  height: i32,
  width: i32,
  scale: usize,
  bias: usize,
  grid: usize,
): void {
  const inverseUnit = v128.load32_splat(grid, 16)
  const high = v128.load32_splat(grid)
  const low = v128.load32_splat(grid, 4)
  const minExp = v128.load32_splat(grid, 8)
  const step = v128.load32_splat(grid, 12)
  const rounds = load<u32>(grid, 12) != 0
  if (sizeof<Out>() == 2 && accLane == 0 && !rounds && width >= 4) {
    bytePlanes(acc, accPlane, accPitch, y, yPlane, yPitch, channels, height, width, scale, bias, grid)
    return
  }
  const shift = laneShift(accLane)
  for (let c = 0; c < channels; c++) {
    const s = v128.load32_splat(scale + ((c as usize) << 2))
    const b = v128.load32_splat(bias + ((c as usize) << 2))
    for (let i = 0; i < height; i++) {
      let from = acc + (((c * accPlane + i * accPitch) as usize) << shift)
      let to = y + ((c * yPlane + i * yPitch) as usize) * sizeof<Out>()
      for (let left = width; left > 0; left -= 4) {
        const v = f32x4.add(f32x4.mul(loadAs(from, accLane), s), b)
        const r = roundToGrid(v, high, low, minExp, step, rounds)
        if (left >= 4) storeLanes<Out>(to, r, inverseUnit)
        else storeSome<Out>(to, r, inverseUnit, left)
        from += (4 as usize) << shift
        to += 4 * sizeof<Out>()
      }
    }
  }
}

function vector<Out>(acc: usize, accLane: i32, y: usize, n: i32, scale: usize, bias: usize, grid: usize): void {
  const inverseUnit = v128.load32_splat(grid, 16)
  const high = v128.load32_splat(grid)
  const low = v128.load32_splat(grid, 4)
  const minExp = v128.load32_splat(grid, 8)
  const step = v128.load32_splat(grid, 12)
  const rounds = load<u32>(grid, 12) != 0
  const shift = laneShift(accLane)
  for (let i = 0; i < n; i += 4) {
    const k = (i as usize) << 2
    const a = f32x4.mul(loadAs(acc + ((i as usize) << shift), accLane), v128.load(scale + k))
    const v = roundToGrid(f32x4.add(a, v128.load(bias + k)), high, low, minExp, step, rounds)
    const to = y + (i as usize) * sizeof<Out>()
    if (n - i >= 4) storeLanes<Out>(to, v, inverseUnit)
    else storeSome<Out>(to, v, inverseUnit, n - i)
  }
}

export function requant_planes_i16(
  acc: usize,
  accLane: i32,
  accPlane: i32,
  accPitch: i32,
  y: usize,
  yPlane: i32,
  yPitch: i32,
  channels: i32,
  height: i32,
  width: i32,
  scale: usize,
  bias: usize,
  grid: usize,
): void {
  planes<i16>(acc, accLane, accPlane, accPitch, y, yPlane, yPitch, channels, height, width, scale, bias, grid)
}

export function requant_planes_i32(
  acc: usize,
  accLane: i32,
  accPlane: i32,
  accPitch: i32,
  y: usize,
  yPlane: i32,
  yPitch: i32,
  channels: i32,
  height: i32,
  width: i32,
  scale: usize,
  bias: usize,
  grid: usize,
): void {
  planes<i32>(acc, accLane, accPlane, accPitch, y, yPlane, yPitch, channels, height, width, scale, bias, grid)
}

export function requant_planes_f32(
  acc: usize,
  accLane: i32,
  accPlane: i32,
  accPitch: i32,
  y: usize,
  yPlane: i32,
  yPitch: i32,
  channels: i32,
  height: i32,
  width: i32,
  scale: usize,
  bias: usize,
  grid: usize,
): void {
  planes<f32>(acc, accLane, accPlane, accPitch, y, yPlane, yPitch, channels, height, width, scale, bias, grid)
}

export function requant_vector_i16(
  acc: usize,
  accLane: i32,
  y: usize,
  n: i32,
  scale: usize,
  bias: usize,
  grid: usize,
): void {
  vector<i16>(acc, accLane, y, n, scale, bias, grid)
}

export function requant_vector_i32(
  acc: usize,
  accLane: i32,
  y: usize,
  n: i32,
  scale: usize,
  bias: usize,
  grid: usize,
): void {
  vector<i32>(acc, accLane, y, n, scale, bias, grid)
}

export function requant_vector_f32(
  acc: usize,
  accLane: i32,
  y: usize,
  n: i32,
  scale: usize,
  bias: usize,
  grid: usize,
): void {
  vector<f32>(acc, accLane, y, n, scale, bias, grid)
}
