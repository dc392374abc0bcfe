/**
 * What the elements of a gather array compute, bit for bit. A row goes through the mask of its filter and takes its non-zero weights, sign and
 * magnitude, in order. For each digit of a weight, every lane shifts the significand of its own FP8 input by the input's exponent and the digit's
 * plane, and adds it to or subtracts it from an accumulator of fixed point:
 *
 *   accumulator +- significand << (exponent + plane)
 *
 * Nothing is multiplied and nothing is rounded. Accumulators are two's complement and wrap around, so that a sum is exact whenever the result
 * fits, whatever partial sums do.
 */
import type { GatherArch } from '../arch.js'

/** Levels of some filters: [rows, cols]. */
export interface FilterLevels {
  readonly rows: number
  readonly cols: number
  readonly levels: Int8Array
}

export interface Sums {
  /** [rows, lanes], in units of the finest spacing of the inputs. */
  readonly sums: Float64Array
  /** Digits that were added or subtracted. */
  readonly digits: number
  /** Bits of the narrowest accumulator that holds all results. */
  readonly bits: number
  /** Results that the array's accumulators do not hold: those sums are wrong. */
  readonly overflows: number
  /** Results that an engine which sums in f32 may round: their terms span more than its 24 bits. */
  readonly wide: number
}

/** @param inputs [cols, lanes] whole numbers, at most 2^33: grid numbers in units of their finest spacing */
export function elementSums(
  { rows, cols, levels }: FilterLevels,
  inputs: Float64Array,
  { digits: form, accumulator }: Pick<GatherArch, 'digits' | 'accumulator'>,
): Sums {
  const lanes = inputs.length / cols
  const sums = new Float64Array(rows * lanes)
  // Aligning an input by its exponent is the same for all rows: done once here, while each element does it for each of its weights.
  const exponents = Uint8Array.from(inputs, exponentOf)
  const aligned = inputs.map((v, i) => significandOf(v, exponents[i]) * 2 ** exponents[i])
  const exact = new Float64Array(lanes)
  const span = new Float64Array(lanes)
  const lowest = new Uint8Array(lanes)
  const found = { digits: 0, overflows: 0, wide: 0 }
  let largest = 0
  for (let r = 0; r < rows; r++) {
    const accumulators = sums.subarray(r * lanes, (r + 1) * lanes)
    exact.fill(0)
    span.fill(0)
    lowest.fill(255)
    for (let k = 0; k < cols; k++) {
      const level = levels[r * cols + k]
      if (level === 0) continue
      const at = k * lanes
      for (const { plane, sign } of digitsOf(level, form)) {
        found.digits += lanes
        // A product with a power of two is a shift.
        const shift = sign * 2 ** plane
        for (let j = 0; j < lanes; j++) {
          const term = aligned[at + j] * shift
          accumulators[j] = wrap(accumulators[j] + term, accumulator)
          exact[j] += term
        }
      }
      for (let j = 0; j < lanes; j++) {
        if (aligned[at + j] === 0) continue
        span[j] += Math.abs(level * aligned[at + j])
        lowest[j] = Math.min(lowest[j], exponents[at + j])
      }
    }
    for (let j = 0; j < lanes; j++) {
      largest = Math.max(largest, exact[j] < 0 ? -exact[j] - 1 : exact[j])
      if (accumulators[j] !== exact[j]) found.overflows++
      // Half of what f32 holds: signed digits, as 8 - 1, pass through up to twice the magnitudes.
      if (span[j] > 2 ** (23 + lowest[j])) found.wide++
    }
  }
  return { sums, ...found, bits: 1 + (largest >= 1 ? Math.floor(Math.log2(largest)) + 1 : 0) }
}

/** How often a whole number can be halved; 0 for 0. */
function exponentOf(v: number): number {
  let exponent = 0
  for (let rest = Math.abs(v); rest !== 0 && rest % 2 === 0; rest /= 2) exponent++
  return exponent
}

/**
 * What is left of a number behind its exponent: at most 7 with sign for FP8 numbers of 2 mantissa bits, 15 for 3, 127 for 8-bit pixels.
 * @throws RangeError when it is none of those
 */
function significandOf(v: number, exponent: number): number {
  const significand = v / 2 ** exponent
  if (Number.isInteger(significand) && Math.abs(significand) < 128) return significand
  throw new RangeError(`inputs of the array are FP8 numbers or 8-bit integers, got ${v}`)
}

interface Digit {
  readonly plane: number
  readonly sign: 1 | -1
}

/** Non-zero digits of a level, lowest plane first. */
function digitsOf(level: number, form: GatherArch['digits']): readonly Digit[] {
  const found: Digit[] = []
  const sign = level < 0 ? -1 : 1
  for (let rest = Math.abs(level), plane = 0; rest > 0; rest /= 2, plane++) {
    if (rest % 2 === 0) continue
    // 3 mod 4: in non-adjacent form the digit is -1, and one is carried.
    const digit = form === 'signed' && rest % 4 === 3 ? -1 : 1
    found.push({ plane, sign: (sign * digit) as 1 | -1 })
    rest -= digit
  }
  return found
}

/** A number as two's complement of so many bits holds it. All numbers here are below 2^53, where f64 is exact. */
function wrap(value: number, bits: number): number {
  const half = 2 ** (bits - 1)
  if (value < half && value >= -half) return value
  return value - 2 * half * Math.floor((value + half) / (2 * half))
}
