// Dense matrix by vector in f32: the baseline for dense layers at batch 1.
//
//   y[r] = sum_k w[r, k] * x[k]          w row-major [rows, cols]
//
// Four rows at a time share the loads of x; lane l of a row's accumulator sums columns k = l mod 4 of the whole groups
// of four, the lanes are added as (0 + 1) + (2 + 3), then the remaining columns one by one.
//
// Contract: 4-byte alignment; nothing is read outside w and x.
// Exact: equals the reference to the bit, except that the relaxed build may round product and sum at once.

import { madd } from '../../lib/madd'

function sumLanes(v: v128): f32 {
  return f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3))
}

function finishRow(acc: v128, w: usize, x: usize, from: i32, cols: i32): f32 {
  let sum = sumLanes(acc)
  for (let k = from; k < cols; k++) {
    sum += load<f32>(w + ((k as usize) << 2)) * load<f32>(x + ((k as usize) << 2))
  }
  return sum
}

export function gemv_f32(w: usize, x: usize, y: usize, rows: i32, cols: i32): void {
  const pitch = (cols as usize) << 2
  const whole = cols & ~3
  for (let r = 0; r < rows; r += 4) {
    const last = rows - 1 - r
    const w0 = w + (r as usize) * pitch
    const w1 = w0 + (min(1, last) as usize) * pitch
    const w2 = w0 + (min(2, last) as usize) * pitch
    const w3 = w0 + (min(3, last) as usize) * pitch
    let a0 = f32x4.splat(0)
    let a1 = a0
    let a2 = a0
    let a3 = a0
    for (let k = 0; k < whole; k += 4) {
      const o = (k as usize) << 2
      const v = v128.load(x + o)
      a0 = madd(v128.load(w0 + o), v, a0)
      a1 = madd(v128.load(w1 + o), v, a1)
      a2 = madd(v128.load(w2 + o), v, a2)
      a3 = madd(v128.load(w3 + o), v, a3)
    }
    const out = y + ((r as usize) << 2)
    store<f32>(out, finishRow(a0, w0, x, whole, cols))
    if (last > 0) store<f32>(out, finishRow(a1, w1, x, whole, cols), 4)
    if (last > 1) store<f32>(out, finishRow(a2, w2, x, whole, cols), 8)
    if (last > 2) store<f32>(out, finishRow(a3, w3, x, whole, cols), 12)
  }
}
