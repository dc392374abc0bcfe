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
// Strides and pitches count elements. Contract: 4-byte (2-byte) alignment of 4-byte (2-byte) elements; reads may pass
// the end of a row by up to 12 bytes; writes exactly `width` elements a row.
//
// Exact: multiplication, addition and rounding are single IEEE f32 operations, never fused, so the results equal the
// scalar reference to the bit in every build.

import { loadLanes, roundToGrid, storeLanes, storeSome } from '../../lib/grid'

function planes<In, Out>(
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
  const inverseUnit = v128.load32_splat(grid, 16)
  const high = v128.load32_splat(grid)
  const low = v128.load32_splat(grid, 4)
  const minExp = v128.load32_splat(grid, 8)
  const step = v128.load32_splat(grid, 12)
  const rounds = load<u32>(grid, 12) != 0
  for (let c = 0; c < channels; c++) {
    const s = v128.load32_splat(scale + ((c as usize) << 2))
    const b = v128.load32_splat(bias + ((c as usize) << 2))
    for (let i = 0; i < height; i++) {
      const from = acc + ((c * accPlane + i * accPitch) as usize) * sizeof<In>()
      const to = y + ((c * yPlane + i * yPitch) as usize) * sizeof<Out>()
      for (let j = 0; j < width; j += 4) {
        const v = f32x4.add(f32x4.mul(loadLanes<In>(from + (j as usize) * sizeof<In>()), s), b)
        const r = roundToGrid(v, high, low, minExp, step, rounds)
        const at = to + (j as usize) * sizeof<Out>()
        if (width - j >= 4) storeLanes<Out>(at, r, inverseUnit)
        else storeSome<Out>(at, r, inverseUnit, width - j)
      }
    }
  }
}

function vector<In, Out>(acc: usize, y: usize, n: i32, scale: usize, bias: usize, grid: usize): void {
  const inverseUnit = v128.load32_splat(grid, 16)
  const high = v128.load32_splat(grid)
  const low = v128.load32_splat(grid, 4)
  const minExp = v128.load32_splat(grid, 8)
  const step = v128.load32_splat(grid, 12)
  const rounds = load<u32>(grid, 12) != 0
  for (let i = 0; i < n; i += 4) {
    const k = (i as usize) << 2
    const a = loadLanes<In>(acc + (i as usize) * sizeof<In>())
    const v = roundToGrid(
      f32x4.add(f32x4.mul(a, v128.load(scale + k)), v128.load(bias + k)),
      high,
      low,
      minExp,
      step,
      rounds,
    )
    if (n - i >= 4) storeLanes<Out>(y + (i as usize) * sizeof<Out>(), v, inverseUnit)
    else storeSome<Out>(y + (i as usize) * sizeof<Out>(), v, inverseUnit, n - i)
  }
}

export function requant_planes_i16_i16(
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
  planes<i16, i16>(acc, accPlane, accPitch, y, yPlane, yPitch, channels, height, width, scale, bias, grid)
}

export function requant_planes_i16_i32(
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
  planes<i16, i32>(acc, accPlane, accPitch, y, yPlane, yPitch, channels, height, width, scale, bias, grid)
}

export function requant_planes_i16_f32(
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
  planes<i16, f32>(acc, accPlane, accPitch, y, yPlane, yPitch, channels, height, width, scale, bias, grid)
}

export function requant_planes_i32_i16(
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
  planes<i32, i16>(acc, accPlane, accPitch, y, yPlane, yPitch, channels, height, width, scale, bias, grid)
}

export function requant_planes_i32_i32(
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
  planes<i32, i32>(acc, accPlane, accPitch, y, yPlane, yPitch, channels, height, width, scale, bias, grid)
}

export function requant_planes_i32_f32(
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
  planes<i32, f32>(acc, accPlane, accPitch, y, yPlane, yPitch, channels, height, width, scale, bias, grid)
}

export function requant_planes_f32_i16(
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
  planes<f32, i16>(acc, accPlane, accPitch, y, yPlane, yPitch, channels, height, width, scale, bias, grid)
}

export function requant_planes_f32_i32(
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
  planes<f32, i32>(acc, accPlane, accPitch, y, yPlane, yPitch, channels, height, width, scale, bias, grid)
}

export function requant_planes_f32_f32(
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
  planes<f32, f32>(acc, accPlane, accPitch, y, yPlane, yPitch, channels, height, width, scale, bias, grid)
}

export function requant_vector_i32_i16(acc: usize, y: usize, n: i32, scale: usize, bias: usize, grid: usize): void {
  vector<i32, i16>(acc, y, n, scale, bias, grid)
}

export function requant_vector_i32_i32(acc: usize, y: usize, n: i32, scale: usize, bias: usize, grid: usize): void {
  vector<i32, i32>(acc, y, n, scale, bias, grid)
}

export function requant_vector_i32_f32(acc: usize, y: usize, n: i32, scale: usize, bias: usize, grid: usize): void {
  vector<i32, f32>(acc, y, n, scale, bias, grid)
}

export function requant_vector_f32_i16(acc: usize, y: usize, n: i32, scale: usize, bias: usize, grid: usize): void {
  vector<f32, i16>(acc, y, n, scale, bias, grid)
}

export function requant_vector_f32_i32(acc: usize, y: usize, n: i32, scale: usize, bias: usize, grid: usize): void {
  vector<f32, i32>(acc, y, n, scale, bias, grid)
}

export function requant_vector_f32_f32(acc: usize, y: usize, n: i32, scale: usize, bias: usize, grid: usize): void {
  vector<f32, f32>(acc, y, n, scale, bias, grid)
}
