/** Scalar references of assembly/kernels/fp8, from the definition of the formats. */

import { at } from '../lanes.js'
import type { Mem } from '../row.js'
import { readGrid, toGrid } from './grid.js'

/** The value of a 7-bit magnitude code. */
function magnitudeOf(code: number, mantissa: number, bias: number, maxCode: number, infCode: number): number {
  if (code > maxCode) return code === infCode ? Infinity : Number.NaN
  const exponent = code >> mantissa
  const fraction = (code & (2 ** mantissa - 1)) / 2 ** mantissa
  return exponent === 0 ? 2 ** (1 - bias) * fraction : 2 ** (exponent - bias) * (1 + fraction)
}

export function fp8Encode(
  mem: Mem,
  x: number,
  y: number,
  n: number,
  grid: number,
  mantissa: number,
  bias: number,
  nanCode: number,
): undefined {
  const fields = readGrid(mem, grid)
  for (let i = 0; i < n; i++) {
    const v = mem.f32[at(x, 4) + i]
    if (Number.isNaN(v)) {
      mem.u8[y + i] = nanCode
      continue
    }
    const target = Math.abs(toGrid(Math.max(-fields.max, Math.min(fields.max, v)), fields))
    let code = 0
    while (magnitudeOf(code, mantissa, bias, 127, -1) < target) code++
    mem.u8[y + i] = code | (v < 0 || Object.is(v, -0) ? 0x80 : 0)
  }
}

export function fp8Decode(
  mem: Mem,
  x: number,
  y: number,
  n: number,
  mantissa: number,
  bias: number,
  maxCode: number,
  infCode: number,
): undefined {
  for (let i = 0; i < n; i++) {
    const byte = mem.u8[x + i]
    const magnitude = magnitudeOf(byte & 0x7f, mantissa, bias, maxCode, infCode)
    if (Number.isNaN(magnitude)) mem.u32[at(y, 4) + i] = 0x7fc00000 | ((byte & 0x80) << 24)
    else mem.f32[at(y, 4) + i] = byte & 0x80 ? -magnitude : magnitude
  }
}
