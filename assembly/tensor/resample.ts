// Interpolation along one dimension: x [outer][size][inner] -> y [outer][count][inner], f32.
//
//   y[o, k, i] = sum_t weight[k, t] * x[o, index[k, t], i]
//
//   index    i32 [count][taps]     weight   f32 [count][taps]
//
// Contract: 4-byte alignment, x and y do not overlap; indices below size. Exact: products and sums rounded to f32, in rising t
// from 0.

export function resample_f32(
  x: usize,
  y: usize,
  index: usize,
  weight: usize,
  outer: i32,
  size: i32,
  count: i32,
  inner: i32,
  taps: i32,
): void {
  const bytes = inner << 2
  for (let o: i32 = 0; o < outer; o++) {
    for (let k: i32 = 0; k < count; k++) {
      const at = (k * taps) << 2
      let i: i32 = 0
      for (; i + 4 <= inner; i += 4) {
        let sum = f32x4.splat(0)
        for (let t: i32 = 0; t < taps; t++) {
          const from = x + load<i32>(index + at + (t << 2)) * bytes + (i << 2)
          sum = f32x4.add(sum, f32x4.mul(v128.load(from), v128.load32_splat(weight + at + (t << 2))))
        }
        v128.store(y + (i << 2), sum)
      }
      for (; i < inner; i++) {
        let sum: f32 = 0
        for (let t: i32 = 0; t < taps; t++) {
          const from = x + load<i32>(index + at + (t << 2)) * bytes + (i << 2)
          sum += load<f32>(from) * load<f32>(weight + at + (t << 2))
        }
        store<f32>(y + (i << 2), sum)
      }
      y += bytes
    }
    x += size * bytes
  }
}
