// Softmax cross-entropy with label smoothing on class-major scores z[classes][n].
//
//   p = softmax(z),   t = (1 - smoothing) * onehot(label) + smoothing / classes
//   loss = -sum_classes t * log p,   dz = (p - t) / n
//
// exp and log are written out in f64 operations, so that every runtime gets the same bits.
//
// Contract: 4-byte alignment (losses: 8); labels are u8 below `classes`. dz may be z. Losses and correct are f64 and i32
// sums that the kernel writes to out: | f64 sum of losses | i32 correct |
// Exact: f64 inside, one rounding to f32 at each stored dz.

/** e^x for -700 < x <= 0: 2^k times a series on |r| <= ln(2) / 2, error below 1e-15. */
function expNegative(x: f64): f64 {
  const k = nearest<f64>(x * Math.LOG2E)
  const r = x - k * Math.LN2
  let term: f64 = 1
  let sum: f64 = 1
  for (let i = 1; i <= 14; i++) {
    term = (term * r) / (i as f64)
    sum += term
  }
  return sum * reinterpret<f64>(((k as i64) + 1023) << 52)
}

/** ln x for 1 <= x: exponent and 2 atanh((m - 1) / (m + 1)) of the mantissa m in [1, 2). */
function logAboveOne(x: f64): f64 {
  const bits = reinterpret<u64>(x)
  const exponent = ((bits >> 52) as i64) - 1023
  const m = reinterpret<f64>((bits & 0x000fffffffffffff) | 0x3ff0000000000000)
  const s = (m - 1) / (m + 1)
  const square = s * s
  let power = s
  let sum: f64 = 0
  for (let i = 1; i <= 35; i += 2) {
    sum += power / (i as f64)
    power *= square
  }
  return (exponent as f64) * Math.LN2 + 2 * sum
}

/** Columns from `n` on are ignored (dz left alone); columns of z and dz are `pitch` elements per class. */
export function softmax_loss_f32(
  z: usize,
  dz: usize,
  labels: usize,
  classes: i32,
  n: i32,
  pitch: i32,
  smoothing: f32,
  out: usize,
): void {
  assert(classes > 0 && pitch >= n, 'softmax_loss_f32: sizes')
  assert((out & 7) == 0, 'softmax_loss_f32: out must be 8-byte aligned')
  const off = (smoothing as f64) / (classes as f64)
  const on = 1 - (smoothing as f64) + off
  let losses: f64 = 0
  let correct = 0
  for (let i = 0; i < n; i++) {
    const label = load<u8>(labels + i) as i32
    let best = 0
    let top = load<f32>(z + (i << 2))
    for (let c = 1; c < classes; c++) {
      const v = load<f32>(z + ((c * pitch + i) << 2))
      if (v > top) {
        top = v
        best = c
      }
    }
    if (best == label) correct++
    let sum: f64 = 0
    for (let c = 0; c < classes; c++)
      sum += expNegative(clampLow((load<f32>(z + ((c * pitch + i) << 2)) as f64) - (top as f64)))
    const log = logAboveOne(sum)
    for (let c = 0; c < classes; c++) {
      const at = (c * pitch + i) << 2
      const v = clampLow((load<f32>(z + at) as f64) - (top as f64))
      const target = c == label ? on : off
      losses += target * (log - v)
      store<f32>(dz + at, ((expNegative(v) / sum - target) / (n as f64)) as f32)
    }
  }
  store<f64>(out, losses)
  store<i32>(out, correct, 8)
}

/** Keeps the exponent of e^x a normal number; NaN stays NaN. */
function clampLow(x: f64): f64 {
  return x < -700 ? -700 : x
}
