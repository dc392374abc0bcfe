// exp and log written out in f64 operations, so that every runtime gets the same bits.

/** e^x for -700 < x <= 0: 2^k times a series on |r| <= ln(2) / 2, error below 1e-15. */
export function expNegative(x: f64): f64 {
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
export function logAboveOne(x: f64): f64 {
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

/** Keeps the exponent of e^x a normal number; NaN stays NaN. */
export function clampLow(x: f64): f64 {
  return x < -700 ? -700 : x
}
