// Reductions of the middle one of three dimensions: x[outer][n][inner] -> y[outer][inner], f32; and what goes along it.
//
//   reduce     y[o, i] = sum, mean, max, min, product, sum of squares or sum of |.| (0 to 6) over k of x[o, k, i]
//   softmax    y[o, k, i] = e^(x[o, k, i] - m) / s   with m the largest and s the sum over k; log: x - m - ln s
//   normalise  y[o, k] = (x[o, k] - mean) / sqrt(variance + eps), mean and variance over k; divisor n
//   lrn        y[c, p] = x[c, p] / (bias + alpha / size * sum_{|d - c| in the window} x[d, p]^2)^beta
//
// Contract: 4-byte alignment; softmax and normalise may work in place, lrn not; y of reduce does not overlap x. Exact: sums in
// f64 in rising k, rounded once; e^x as in map.
import { exp, log, pow } from './math'

export function reduce_f32(f: i32, x: usize, y: usize, outer: i32, n: i32, inner: i32): void {
  for (let o: i32 = 0; o < outer; o++) {
    for (let i: i32 = 0; i < inner; i++) {
      let from = x + (i << 2)
      let r: f64 = f == 2 ? -Infinity : f == 3 ? Infinity : f == 4 ? 1 : 0
      for (let k: i32 = 0; k < n; k++) {
        const v = load<f32>(from) as f64
        if (f <= 1) r += v
        else if (f == 2) r = max<f64>(r, v)
        else if (f == 3) r = min<f64>(r, v)
        else if (f == 4) r *= v
        else if (f == 5) r += v * v
        else r += abs<f64>(v)
        from += inner << 2
      }
      store<f32>(y, (f == 1 ? r / (n as f64) : r) as f32)
      y += 4
    }
    x += (n * inner) << 2
  }
}

function expOne(x: f32): f32 {
  return f32x4.extract_lane(exp(f32x4.splat(x)), 0)
}

export function softmax_f32(x: usize, y: usize, outer: i32, n: i32, inner: i32, logarithm: i32): void {
  const step = inner << 2
  for (let o: i32 = 0; o < outer; o++) {
    for (let i: i32 = 0; i < inner; i++) {
      const from = x + (i << 2)
      const to = y + (i << 2)
      let top: f32 = -Infinity
      for (let k: i32 = 0; k < n; k++) top = max<f32>(top, load<f32>(from + k * step))
      let sum: f64 = 0
      for (let k: i32 = 0; k < n; k++) {
        const d = load<f32>(from + k * step) - top
        const e = expOne(d)
        sum += e as f64
        store<f32>(to + k * step, logarithm != 0 ? d : e)
      }
      const shift = logarithm != 0 ? log(sum) : 0
      for (let k: i32 = 0; k < n; k++) {
        const v = load<f32>(to + k * step) as f64
        store<f32>(to + k * step, (logarithm != 0 ? v - shift : v / sum) as f32)
      }
    }
    x += n * step
    y += n * step
  }
}

export function normalise_f32(x: usize, y: usize, outer: i32, n: i32, eps: f32): void {
  for (let o: i32 = 0; o < outer; o++) {
    let sum: f64 = 0
    for (let k: i32 = 0; k < n; k++) sum += load<f32>(x + (k << 2)) as f64
    const mean = sum / (n as f64)
    let squares: f64 = 0
    for (let k: i32 = 0; k < n; k++) {
      const d = (load<f32>(x + (k << 2)) as f64) - mean
      squares += d * d
    }
    const factor = 1 / sqrt<f64>(squares / (n as f64) + (eps as f64))
    for (let k: i32 = 0; k < n; k++) {
      store<f32>(y + (k << 2), (((load<f32>(x + (k << 2)) as f64) - mean) * factor) as f32)
    }
    x += n << 2
    y += n << 2
  }
}

export function lrn_f32(
  x: usize,
  y: usize,
  channels: i32,
  pixels: i32,
  size: i32,
  alpha: f32,
  beta: f32,
  bias: f32,
): void {
  const before = (size - 1) / 2
  for (let c: i32 = 0; c < channels; c++) {
    const first = max(0, c - before)
    const last = min(channels - 1, c - before + size - 1)
    for (let p: i32 = 0; p < pixels; p++) {
      let sum: f64 = 0
      for (let d = first; d <= last; d++) {
        const v = load<f32>(x + ((d * pixels + p) << 2)) as f64
        sum += v * v
      }
      const base = (bias as f64) + ((alpha as f64) / (size as f64)) * sum
      const at = (c * pixels + p) << 2
      store<f32>(y + at, ((load<f32>(x + at) as f64) * pow(base, -(beta as f64))) as f32)
    }
  }
}
