/** Scalar reference of assembly/tensor/math.ts: the same f32 operations in the same order. */

const { fround } = Math

/** A polynomial in x, coefficients from the highest power down, every product and sum rounded to f32. */
function horner(x: number, coefficients: readonly number[]): number {
  return coefficients.slice(1).reduce((p, c) => fround(fround(p * x) + fround(c)), fround(coefficients[0]))
}

const LOG2E = fround(Math.LOG2E)
const LN2_HIGH = fround(0.693359375)
const LN2_LOW = fround(-2.1219444e-4)
const EXP = [1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1]

/** The nearest whole number; halves go to the even one. */
export function nearest(x: number): number {
  const floor = Math.floor(x)
  const part = x - floor
  const r = part < 0.5 || (part === 0.5 && floor % 2 === 0) ? floor : floor + 1
  // Of the sign of x even where it is 0.
  return r === 0 ? x * 0 : r
}

export function exp(x: number): number {
  x = Math.max(Math.min(x, 89), -104)
  const k = nearest(fround(x * LOG2E))
  const r = fround(fround(x - fround(k * LN2_HIGH)) - fround(k * LN2_LOW))
  const p = horner(r, EXP)
  const sum = fround(fround(fround(p * fround(r * r)) + r) + 1)
  const whole = Number.isNaN(k) ? 0 : k
  const half = whole >> 1
  return fround(fround(sum * 2 ** half) * 2 ** (whole - half))
}

export const sigmoid = (x: number): number => fround(1 / fround(1 + exp(-x)))

const TANH = [-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1]

export function tanh(x: number): number {
  const square = fround(x * x)
  if (Math.abs(x) < fround(0.625)) return fround(fround(fround(horner(square, TANH) * square) * x) + x)
  const grown = fround(exp(fround(2 * Math.abs(x))) + 1)
  return withSign(fround(1 - fround(2 / grown)), x)
}

const ERF_NEAR = [-8.548327e-4, 5.2239776e-3, -2.6866171e-2, 1.1283792e-1, -3.7612639e-1, 1.1283792]
const ERF_FAR = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592]

export function erf(x: number): number {
  const square = fround(x * x)
  if (Math.abs(x) < 0.5) return fround(horner(square, ERF_NEAR) * x)
  const t = fround(1 / fround(fround(fround(0.3275911) * Math.abs(x)) + 1))
  return withSign(fround(1 - fround(fround(horner(t, ERF_FAR) * t) * exp(-square))), x)
}

const withSign = (size: number, x: number) => (x < 0 || Object.is(x, -0) ? -size : size)

const words = new DataView(new ArrayBuffer(8))

export function log(x: number): number {
  if (!(x > 0)) return x === 0 ? -Infinity : Number.NaN
  if (x === Infinity) return x
  words.setFloat64(0, x)
  let exponent = (words.getUint32(0) >>> 20) - 1023
  words.setUint32(0, (words.getUint32(0) & 0xfffff) | 0x3ff00000)
  let m = words.getFloat64(0)
  if (m > Math.SQRT2) {
    m *= 0.5
    exponent++
  }
  const s = (m - 1) / (m + 1)
  let term = s
  let sum = 0
  for (let i = 1; i <= 25; i += 2) {
    sum += term / i
    term *= s * s
  }
  return exponent * Math.LN2 + 2 * sum
}

function exp64(x: number): number {
  if (x < -700) return 0
  if (x > 700) return Infinity
  const k = nearest(x * Math.LOG2E)
  const r = x - k * Math.LN2
  let term = 1
  let sum = 1
  for (let i = 1; i <= 14; i++) {
    term = (term * r) / i
    sum += term
  }
  return sum * 2 ** k
}

export function pow(x: number, y: number): number {
  if (y === 0 || x === 1) return 1
  const whole = Math.round(y) === y
  const odd = whole && Math.abs(y) < 2 ** 53 && y % 2 !== 0
  if (x === 0 || Math.abs(x) === Infinity) {
    const size = (x === 0 ? y < 0 : y > 0) ? Infinity : 0
    return odd && (x < 0 || Object.is(x, -0)) ? -size : size
  }
  if (x > 0) return exp64(y * log(x))
  if (!whole) return Number.NaN
  return odd ? -exp64(y * log(-x)) : exp64(y * log(-x))
}
