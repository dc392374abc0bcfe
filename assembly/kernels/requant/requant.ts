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
// Strides and pitches count elements. Contract: 4-byte (2-byte) alignment of 4-byte (2-byte) elements; reads may pass
// the end of a row by up to 12 bytes; writes exactly `width` elements a row.
//
// Exact: multiplication, addition and rounding are single IEEE f32 operations, never fused, so the results equal the
// scalar reference to the bit in every build.

import { laneShift, loadAs, roundToGrid, storeLanes, storeSome } from '../../lib/grid'

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
