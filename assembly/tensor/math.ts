// Functions of four f32 at a time, written out in multiplications and additions that are each rounded to f32, so that every
// runtime gets the same bits. Coefficients are those of the Cephes library (single precision); errors are in units of the
// last place of the result, measured against f64 over the whole range.

const LN2_HIGH: f32 = 0.693359375
const LN2_LOW: f32 = -2.1219444e-4

/** c * x + d, rounded twice. */
function step(c: v128, x: v128, d: f32): v128 {
  return f32x4.add(f32x4.mul(c, x), f32x4.splat(d))
}

/** 2^k of whole numbers -126 <= k <= 127. */
function power(k: v128): v128 {
  return i32x4.shl(i32x4.add(k, i32x4.splat(127)), 23)
}

/** e^x, within 2 ulp; 0 below -104, infinity above 89. NaN stays NaN. */
export function exp(x: v128): v128 {
  x = f32x4.max(f32x4.min(x, f32x4.splat(89)), f32x4.splat(-104))
  const k = f32x4.nearest(f32x4.mul(x, f32x4.splat(Math.LOG2E as f32)))
  const r = f32x4.sub(f32x4.sub(x, f32x4.mul(k, f32x4.splat(LN2_HIGH))), f32x4.mul(k, f32x4.splat(LN2_LOW)))
  let p = step(f32x4.splat(1.98756915e-4), r, 1.3981999507e-3)
  p = step(p, r, 8.3334519073e-3)
  p = step(p, r, 4.1665795894e-2)
  p = step(p, r, 1.6666665459e-1)
  p = step(p, r, 5.0000001201e-1)
  p = f32x4.add(f32x4.add(f32x4.mul(p, f32x4.mul(r, r)), r), f32x4.splat(1))
  // In two factors, because 2^k alone may be no normal number.
  const whole = i32x4.trunc_sat_f32x4_s(k)
  const half = i32x4.shr_s(whole, 1)
  return f32x4.mul(f32x4.mul(p, power(half)), power(i32x4.sub(whole, half)))
}

/** 1 / (1 + e^-x), within 4 ulp. */
export function sigmoid(x: v128): v128 {
  const one = f32x4.splat(1)
  return f32x4.div(one, f32x4.add(one, exp(f32x4.neg(x))))
}

/** tanh x, within 4 ulp. */
export function tanh(x: v128): v128 {
  const one = f32x4.splat(1)
  const magnitude = f32x4.abs(x)
  const square = f32x4.mul(x, x)
  let p = step(f32x4.splat(-5.70498872745e-3), square, 2.06390887954e-2)
  p = step(p, square, -5.37397155531e-2)
  p = step(p, square, 1.33314422036e-1)
  p = step(p, square, -3.33332819422e-1)
  const near = f32x4.add(f32x4.mul(f32x4.mul(p, square), x), x)
  const grown = f32x4.add(exp(f32x4.add(magnitude, magnitude)), one)
  const far = f32x4.sub(one, f32x4.div(f32x4.splat(2), grown))
  const signed = v128.or(far, v128.and(x, i32x4.splat(0x80000000)))
  return v128.bitselect(near, signed, f32x4.lt(magnitude, f32x4.splat(0.625)))
}

/** The error function within 2e-7: a series below 0.5, beyond it formula 7.1.26 of Abramowitz and Stegun. */
export function erf(x: v128): v128 {
  const one = f32x4.splat(1)
  const magnitude = f32x4.abs(x)
  const square = f32x4.mul(x, x)
  let p = step(f32x4.splat(-8.548327e-4), square, 5.2239776e-3)
  p = step(p, square, -2.6866171e-2)
  p = step(p, square, 1.1283792e-1)
  p = step(p, square, -3.7612639e-1)
  p = step(p, square, 1.1283792)
  const near = f32x4.mul(p, x)
  const t = f32x4.div(one, step(f32x4.splat(0.3275911), magnitude, 1))
  let q = step(f32x4.splat(1.061405429), t, -1.453152027)
  q = step(q, t, 1.421413741)
  q = step(q, t, -0.284496736)
  q = step(q, t, 0.254829592)
  const far = f32x4.sub(one, f32x4.mul(f32x4.mul(q, t), exp(f32x4.neg(square))))
  const signed = v128.or(far, v128.and(x, i32x4.splat(0x80000000)))
  return v128.bitselect(near, signed, f32x4.lt(magnitude, f32x4.splat(0.5)))
}

/** ln x in f64: exponent, and 2 atanh((m - 1) / (m + 1)) of the mantissa m. Below 0 and for NaN it is NaN. */
export function log(x: f64): f64 {
  if (!(x > 0)) return x == 0 ? -Infinity : NaN
  if (x == Infinity) return x
  const bits = reinterpret<u64>(x)
  let exponent = ((bits >> 52) as i64) - 1023
  let m = reinterpret<f64>((bits & 0x000fffffffffffff) | 0x3ff0000000000000)
  // m around 1, so that logarithms near 0 keep their digits.
  if (m > Math.SQRT2) {
    m *= 0.5
    exponent++
  }
  const s = (m - 1) / (m + 1)
  const square = s * s
  let term = s
  let sum: f64 = 0
  for (let i = 1; i <= 25; i += 2) {
    sum += term / (i as f64)
    term *= square
  }
  return (exponent as f64) * Math.LN2 + 2 * sum
}

/** e^x in f64, by the same series as in training; 0 and infinity beyond +-700. */
function exp64(x: f64): f64 {
  if (x < -700) return 0
  if (x > 700) return Infinity
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

/** x^y in f64. */
export function pow(x: f64, y: f64): f64 {
  if (y == 0) return 1
  if (x == 1) return 1
  const whole = nearest<f64>(y) == y
  const odd = whole && abs<f64>(y) < 9007199254740992 && ((y as i64) & 1) == 1
  if (x == 0 || abs<f64>(x) == Infinity) {
    const large = x == 0 ? y < 0 : y > 0
    const size: f64 = large ? Infinity : 0
    return odd && reinterpret<u64>(x) >> 63 == 1 ? -size : size
  }
  if (x > 0) return exp64(y * log(x))
  if (!whole) return NaN
  const size = exp64(y * log(-x))
  return odd ? -size : size
}
