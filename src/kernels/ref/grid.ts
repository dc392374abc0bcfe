/** Scalar reference of assembly/lib/grid.ts, written from the definition: divide by the spacing, round half to even. */

import { at, type Lane, laneView } from '../lanes.js'
import type { Mem } from '../row.js'

const bits = new DataView(new ArrayBuffer(4))

/** floor(log2 |v|) of a normal f32. */
function exponentOf(v: number): number {
  bits.setFloat32(0, v)
  return ((bits.getUint32(0) >>> 23) & 0xff) - 127
}

function roundHalfEven(v: number): number {
  const floor = Math.floor(v)
  const rest = v - floor
  if (rest !== 0.5) return Math.round(v)
  return floor % 2 === 0 ? floor : floor + 1
}

/** A grid descriptor read back from memory. */
export interface GridFields {
  readonly max: number
  readonly lowest: number
  readonly minExponent: number
  /** 0: clamp only */
  readonly mantissaBits: number
  readonly inverseUnit: number
}

export function readGrid(mem: Mem, pointer: number): GridFields {
  const w = at(pointer, 4)
  return {
    max: mem.f32[w],
    lowest: mem.f32[w + 1],
    minExponent: (mem.u32[w + 2] >>> 23) - 127,
    mantissaBits: mem.u32[w + 3] === 0 ? 0 : 23 - (mem.u32[w + 3] >>> 23),
    inverseUnit: mem.f32[w + 4],
  }
}

/** The grid value of one f32. */
export function toGrid(v: number, grid: GridFields): number {
  if (grid.mantissaBits > 0) {
    const spacing = 2 ** (Math.max(exponentOf(v), grid.minExponent) - grid.mantissaBits)
    const magnitude = roundHalfEven(Math.abs(v) / spacing) * spacing
    v = v < 0 || Object.is(v, -0) ? -magnitude : magnitude
  }
  // Math.min and Math.max would lose the sign of zero.
  if (v > grid.max) return grid.max
  if (v < grid.lowest) return grid.lowest
  return v
}

/** Stores a grid value as a lane: an integer in units of the grid, rounded half to even, or the f32 itself. */
export function storeLane(mem: Mem, lane: Lane, index: number, v: number, grid: GridFields): void {
  laneView(mem, lane)[index] = lane === 'f32' ? v : roundHalfEven(v * grid.inverseUnit)
}
