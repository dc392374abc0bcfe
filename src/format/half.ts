/** IEEE 754 half precision and back, and the coded arrays that hold per-channel constants. */
import { WhiteDwarfError } from '../errors.js'
import type { CodedArray, HalfArray, UniformArray } from '../graph/model.js'

/** The number of a half precision bit pattern. */
export function halfToFloat(code: number): number {
  const sign = code & 0x8000 ? -1 : 1
  const exponent = (code >>> 10) & 31
  const fraction = code & 1023
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25)
}

const words = new DataView(new ArrayBuffer(4))

/** The number of a bfloat16 bit pattern, the upper half of an f32. */
export function brainToFloat(code: number): number {
  words.setUint32(0, code << 16)
  return words.getFloat32(0)
}

/** The nearest half precision bit pattern, ties to even; numbers beyond 65504 become infinite, NaN becomes 0x7e00. */
export function floatToHalf(value: number): number {
  if (Number.isNaN(value)) return 0x7e00
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0
  const x = Math.abs(value)
  if (x >= 65520) return sign | 0x7c00
  // In units of the last place at x's exponent; 2^-24 for subnormal numbers.
  const exponent = x < 2 ** -14 ? -14 : Math.floor(Math.log2(x))
  let scaled = x * 2 ** (10 - exponent)
  let e = exponent
  // log2 may be off by one next to a power of two.
  if (scaled >= 2048) {
    scaled /= 2
    e++
  } else if (scaled < 1024 && e > -14) {
    scaled *= 2
    e--
  }
  return sign | ((e + 14) * 1024 + roundToEven(scaled))
}

function roundToEven(x: number): number {
  const floor = Math.floor(x)
  const rest = x - floor
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor
}

/** The values that a coded array stands for, in single precision arithmetic. */
export function codedValues(a: CodedArray): Float32Array {
  const values = new Float32Array(a.codes.length)
  if (a.kind === 'f16') {
    for (let i = 0; i < values.length; i++) values[i] = halfToFloat(a.codes[i])
    return values
  }
  const lo = Math.fround(a.lo)
  const step = Math.fround(a.step)
  for (let i = 0; i < values.length; i++) values[i] = lo + Math.fround(step * a.codes[i])
  return values
}

/**
 * Half precision codes of finite values.
 * @throws WhiteDwarfError E_DATA for a value that is not finite or beyond 65504
 */
export function quantiseHalf(values: ArrayLike<number>): HalfArray {
  checkFinite(values)
  return { kind: 'f16', codes: Uint16Array.from(values, floatToHalf) }
}

/**
 * The values on a uniform grid of 2^bits points (1..8 bits) that spans them but for half a step, each rounded to the
 * nearest point; `lo` and `step` are half precision numbers. All codes lie in 0 .. 2^bits - 1. Equal values get code 0.
 * @throws WhiteDwarfError E_OPTION for bits, E_DATA for values that are not finite or beyond 65504
 */
export function quantiseUniform(values: ArrayLike<number>, bits: number): UniformArray {
  if (!Number.isInteger(bits) || bits < 1 || bits > 8) {
    throw new WhiteDwarfError('E_OPTION', `quantiseUniform: bits must be a whole number from 1 to 8, got ${bits}`)
  }
  checkFinite(values)
  const top = 2 ** bits - 1
  let min = Number.POSITIVE_INFINITY
  let max = Number.NEGATIVE_INFINITY
  for (let i = 0; i < values.length; i++) {
    min = Math.min(min, values[i])
    max = Math.max(max, values[i])
  }
  if (!(max > min)) {
    const lo = values.length > 0 ? halfToFloat(floatToHalf(min)) : 0
    return { kind: 'uniform', bits, lo, step: 0, codes: new Uint8Array(values.length) }
  }
  // A step of 6 significant bits and a low end on its grid take 2 bytes less in a file than arbitrary numbers. Where the values hardly
  // differ, a larger step keeps the low end within the grid's reach.
  const step = coarseStep(Math.max((max - min) / top, Math.abs(min) / MAX_GRID))
  const lo = gridPoint(Math.max(-MAX_GRID, Math.min(MAX_GRID, Math.round(min / step))), step)
  const codes = Uint8Array.from(values, (v) => Math.min(top, Math.max(0, Math.round((v - lo) / step))))
  return { kind: 'uniform', bits, lo, step, codes }
}

/** Furthest multiple of the step that the file stores as such. */
export const MAX_GRID = 1023

/** `index` steps from zero, as a half precision number. */
export const gridPoint = (index: number, step: number): number => halfToFloat(floatToHalf(index * step))

/** The least half precision number >= x > 0 whose low five fraction bits are zero; at least 2^-19, at most 64512. */
function coarseStep(x: number): number {
  const nearest = floatToHalf(x)
  const above = halfToFloat(nearest) < x ? nearest + 1 : nearest
  return halfToFloat(Math.min(0x7be0, Math.max(32, (above + 31) & ~31)))
}

function checkFinite(values: ArrayLike<number>): void {
  for (let i = 0; i < values.length; i++) {
    if (!(Math.abs(values[i]) <= 65504)) {
      throw new WhiteDwarfError('E_DATA', `value ${i} is ${values[i]}: half precision holds finite numbers up to 65504`)
    }
  }
}
