/**
 * Grids of representable numbers: int8 and every FP8 format as one description, and as the five words that kernels
 * read (assembly/lib/grid.ts).
 */
import { WhiteDwarfError } from '../errors.js'

/**
 * Representable magnitudes: multiples of 2^(e - mantissaBits) with e the number's own exponent, but never finer than
 * `unit` = 2^(minExponent - mantissaBits), and never above `max`.
 */
export interface Grid {
  readonly mantissaBits: number
  readonly minExponent: number
  readonly max: number
}

/** Eight-bit integers -127 .. 127: spacing 1 everywhere. */
export const INT8: Grid = { mantissaBits: 7, minExponent: 7, max: 127 }

/** Names of the integer grids below 8 bits. */
export const LOW_PRECISIONS = ['int7', 'int6', 'int5', 'int4', 'int3', 'int2', 'int1'] as const
export type LowPrecision = (typeof LOW_PRECISIONS)[number]

/**
 * The integers of a precision 'int1' to 'int8'. Values that are never negative have one bit more below 8 bits: 0 .. 2^bits - 1, as in
 * DoReFa networks (arXiv 1606.06160); others -m .. m with m = 2^(bits - 1) - 1, at least 1. 'int8' is INT8 for both.
 */
export function integerGrid(precision: 'int8' | LowPrecision, nonnegative: boolean): Grid {
  const bits = Number(precision.slice(3))
  if (bits === 8) return INT8
  return { ...INT8, max: nonnegative ? 2 ** bits - 1 : Math.max(1, 2 ** (bits - 1) - 1) }
}

export const isIntegerPrecision = (name: string): name is 'int8' | LowPrecision => /^int[1-8]$/.test(name)

/** Whether the grid's numbers are integers: spacing 1 everywhere. */
export const isIntegerGrid = (grid: Grid): boolean => gridUnit(grid) === 1 && grid.max < 2 ** (grid.minExponent + 1)

/** The finest spacing: every grid value is a whole multiple of it. */
export const gridUnit = (grid: Grid): number => 2 ** (grid.minExponent - grid.mantissaBits)

/** An 8-bit floating-point format, sign + exponent + mantissa = 8 bits. */
export interface Fp8Format extends Grid {
  readonly name: string
  readonly exponentBits: number
  readonly bias: number
  /** Largest magnitude code (7 bits) of a finite number. */
  readonly maxCode: number
  /** Magnitude code of infinity, or -1. */
  readonly infinityCode: number
  readonly nanCode: number
}

/**
 * An FP8 format by its split, 'e4m3' or 'E5M2' style, exponent 2..5 bits.
 *
 * E5M2 follows IEEE 754 (top exponent: infinity and NaN; max 57344). All others follow E4M3's convention: no infinity,
 * one NaN code (all ones), so that E4M3 reaches 448 (Micikevicius et al., "FP8 formats for deep learning", 2022).
 * @throws WhiteDwarfError E_OPTION
 */
export function fp8Format(name: string): Fp8Format {
  const match = /^e([2-5])m([2-5])$/i.exec(name)
  const exponentBits = match ? Number(match[1]) : 0
  const mantissaBits = match ? Number(match[2]) : 0
  if (exponentBits + mantissaBits !== 7) {
    throw new WhiteDwarfError('E_OPTION', `FP8 format must be e4m3, e5m2, e3m4 or e2m5, got '${name}'`)
  }
  const bias = 2 ** (exponentBits - 1) - 1
  const ieee = exponentBits === 5
  const maxCode = ieee ? 0x7b : 0x7e
  const top = (maxCode >> mantissaBits) - bias
  const fraction = 1 + (maxCode & (2 ** mantissaBits - 1)) / 2 ** mantissaBits
  return {
    name: `e${exponentBits}m${mantissaBits}`,
    exponentBits,
    mantissaBits,
    bias,
    minExponent: 1 - bias,
    max: 2 ** top * fraction,
    maxCode,
    infinityCode: ieee ? 0x7c : -1,
    nanCode: 0x7f,
  }
}

/**
 * Octaves above a value's range that floating-point formats keep: a range lets the largest numbers saturate in int8, whose steps it
 * makes finer (format/magnitudes.ts). A format of four or five exponent bits has room for those numbers; its steps are
 * relative, so that the room costs nothing.
 */
const headroom = (format: Fp8Format): number => (format.exponentBits >= 4 ? 3 : 0)

/** What a real number is multiplied with before it is rounded: any f32 for int8, a power of two for floating point. */
export function gridScale(grid: Grid | Fp8Format, range: number): number {
  if (!('exponentBits' in grid)) return Math.fround(grid.max / range)
  return 2 ** (Math.floor(Math.log2(grid.max / range)) - headroom(grid))
}

/** Size of a grid descriptor in memory. */
export const GRID_BYTES = 24

/** Largest integer that the kernels' conversion from f32 to integer lanes reaches. */
export const MAX_INTEGER = 2 ** 22 - 1

/** The grid number nearest to x >= 0, ties to even, at most max. */
function nearest(grid: Grid, x: number): number {
  const exponent = Math.max(Math.floor(Math.log2(x)), grid.minExponent)
  const spacing = 2 ** (exponent - grid.mantissaBits)
  const floor = Math.floor(x / spacing)
  const rest = x / spacing - floor
  const up = rest > 0.5 || (rest === 0.5 && floor % 2 === 1)
  return Math.min((up ? floor + 1 : floor) * spacing, grid.max)
}

/**
 * The descriptor that kernels take. `grid` undefined means f32: no rounding.
 * @param clamps from below at zero instead of -max (ReLU)
 * @param integers the results go to integer lanes; a grid of constant spacing then needs no rounding of its own
 * @param ceiling clamps from above where it is below max (ReLU6): rounding keeps the order, so clamping rounded numbers at
 *   the rounded ceiling is the same as clamping before
 */
export function gridWords(
  grid: Grid | undefined,
  clamps: boolean,
  integers: boolean,
  ceiling = Number.POSITIVE_INFINITY,
): Uint8Array {
  const constantSpacing = grid !== undefined && grid.max < 2 ** (grid.minExponent + 1)
  const rounds = grid !== undefined && !(integers && constantSpacing)
  const high = grid === undefined ? ceiling : ceiling < grid.max ? nearest(grid, ceiling) : grid.max
  const words = new DataView(new ArrayBuffer(GRID_BYTES))
  words.setFloat32(0, high, true)
  words.setFloat32(4, clamps ? 0 : -(grid?.max ?? Infinity), true)
  words.setUint32(8, grid ? (grid.minExponent + 127) << 23 : 0, true)
  words.setUint32(12, rounds ? (23 - (grid as Grid).mantissaBits) << 23 : 0, true)
  words.setFloat32(16, grid ? 1 / gridUnit(grid) : 1, true)
  words.setFloat32(20, 1.5 * 2 ** 23, true)
  return new Uint8Array(words.buffer)
}
