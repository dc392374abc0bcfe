// Depthwise convolutions of 8-bit levels, and others whose outputs read few channels: products and requantisation in one pass.
//
//   y[r, i, j] = grid(sum_k w[r, k] * x[offset(r, k) + i * stride * xPitch + j * stride] * scale[r] + bias[r])
//
// x and y are i16 lanes, sums i32, the stride 1 or 2 in both directions. Weights go in pairs of neighbours in a kernel's row.
// i32x4.dot_i16x8_s multiplies eight neighbouring pixels by one pair, over and over, and adds the products two by two, which is
// a part of the sums of every second output with stride 1, of four neighbouring outputs with stride 2:
//
//   at x + j        | x0 x1 | x2 x3 | x4 x5 | x6 x7 |         stride 1: outputs j, j + 2, j + 4, j + 6
//   at x + j + 1       | x1 x2 | x3 x4 | x5 x6 | x7 x8 |      stride 1: outputs j + 1, j + 3, j + 5, j + 7
//
// so that nothing is shuffled before the sums are done, and a stride of 2 needs no de-interleaving of its inputs.
//
// Program, row after row: pairs of weights (the second is 0 where there is none) and where they lie
//
//   | u32 byte offset | i16 weight, i16 weight of the next pixel | u32 byte offset | ...
//
// Contract: 4-byte alignment of the program, scale, bias and grid, 2-byte alignment of x and y, which do not overlap. yPlane, yPitch
// and xPitch count elements. Rows of y go in tiles of 16 or 8 numbers, the last tile of a row wherever it begins, so that
// some are computed twice; exactly `width` elements of a row are written. Reads reach at most 64 bytes past the last input of a row.
// The grid must be one of constant spacing in integer lanes, without rounding of its own (int8).
//
// Exact: integer sums modulo 2^32; multiplication, addition and rounding are single IEEE f32 operations, never fused.

import { storeFirst } from '../lib/grid'

// Stand-ins for numbers, as in kernels/gather/planar.ts: the stride, or vectors of eight outputs.
class One {
  a: i8 = 0
}
class Two {
  a: i16 = 0
}

/** Eight numbers from sums of every second one (stride 1: even, then odd) or of four neighbours each. */
function requant<Stride>(first: v128, second: v128, scale: v128, bias: v128, high: v128, low: v128, magic: v128): v128 {
  const v = f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(first), scale), bias)
  const w = f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(second), scale), bias)
  // The low bits of a number plus 1.5 * 2^23 are the number, rounded (lib/grid.ts).
  const p = f32x4.add(f32x4.pmax(f32x4.pmin(v, high), low), magic)
  const q = f32x4.add(f32x4.pmax(f32x4.pmin(w, high), low), magic)
  if (offsetof<Stride>() == 1) return v128.shuffle<i16>(p, i32x4.shl(q, 16), 0, 9, 2, 11, 4, 13, 6, 15)
  return i16x8.narrow_i32x4_s(i32x4.sub(p, magic), i32x4.sub(q, magic))
}

/** Outputs of one row from `y` on: eight for each vector, of which the first `count` are stored. */
function tile<Stride, Vectors>(
  program: usize,
  end: usize,
  x: usize,
  y: usize,
  count: i32,
  scale: usize,
  bias: usize,
  grid: usize,
): void {
  let a0 = i32x4.splat(0)
  let a1 = a0
  let b0 = a0
  let b1 = a0
  for (; program < end; program += 8) {
    const s = x + (load<u32>(program) as usize)
    const w = v128.load32_splat(program, 4)
    a0 = i32x4.add(a0, i32x4.dot_i16x8_s(v128.load(s), w))
    if (offsetof<Stride>() == 1) {
      a1 = i32x4.add(a1, i32x4.dot_i16x8_s(v128.load(s, 2), w))
      if (offsetof<Vectors>() == 2) {
        b0 = i32x4.add(b0, i32x4.dot_i16x8_s(v128.load(s, 16), w))
        b1 = i32x4.add(b1, i32x4.dot_i16x8_s(v128.load(s, 18), w))
      }
    } else {
      a1 = i32x4.add(a1, i32x4.dot_i16x8_s(v128.load(s, 16), w))
      if (offsetof<Vectors>() == 2) {
        b0 = i32x4.add(b0, i32x4.dot_i16x8_s(v128.load(s, 32), w))
        b1 = i32x4.add(b1, i32x4.dot_i16x8_s(v128.load(s, 48), w))
      }
    }
  }
  const s = v128.load32_splat(scale)
  const b = v128.load32_splat(bias)
  const high = v128.load32_splat(grid)
  const low = v128.load32_splat(grid, 4)
  const magic = v128.load32_splat(grid, 20)
  const a = requant<Stride>(a0, a1, s, b, high, low, magic)
  if (offsetof<Vectors>() == 2) {
    v128.store(y, a)
    v128.store(y, requant<Stride>(b0, b1, s, b, high, low, magic), 16)
  } else if (count >= 8) v128.store(y, a)
  else storeFirst<i16>(y, a, count)
}

function depthwise<Stride>(
  program: usize,
  rows: i32,
  pairs: i32,
  x: usize,
  xPitch: i32,
  y: usize,
  yPlane: i32,
  yPitch: i32,
  height: i32,
  width: i32,
  scale: usize,
  bias: usize,
  grid: usize,
): void {
  const stride = offsetof<Stride>() as i32
  for (let r = 0; r < rows; r++) {
    const end = program + ((pairs as usize) << 3)
    for (let i = 0; i < height; i++) {
      const from = x + ((i * stride * xPitch) << 1)
      const to = y + ((r * yPlane + i * yPitch) << 1)
      let j = 0
      if (width >= 16) {
        // What is left of a row is another tile of 16 if it is more than 8.
        for (; width - j > 8; j += 16) {
          const k = min(j, width - 16)
          tile<Stride, Two>(program, end, from + ((k * stride) << 1), to + (k << 1), 16, scale, bias, grid)
        }
      }
      for (; j < width; j += 8) {
        const k = max(0, min(j, width - 8))
        tile<Stride, One>(program, end, from + ((k * stride) << 1), to + (k << 1), width, scale, bias, grid)
      }
    }
    program = end
    scale += 4
    bias += 4
  }
}

export function depthwise_i16(
  program: usize,
  rows: i32,
  pairs: i32,
  stride: i32,
  x: usize,
  xPitch: i32,
  y: usize,
  yPlane: i32,
  yPitch: i32,
  height: i32,
  width: i32,
  scale: usize,
  bias: usize,
  grid: usize,
): void {
  if (stride == 1) depthwise<One>(program, rows, pairs, x, xPitch, y, yPlane, yPitch, height, width, scale, bias, grid)
  else depthwise<Two>(program, rows, pairs, x, xPitch, y, yPlane, yPitch, height, width, scale, bias, grid)
}
