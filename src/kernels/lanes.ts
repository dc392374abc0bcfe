/** Lanes: how numbers lie in memory, and element access for the scalar references. */
import type { Mem } from './row.js'

/** How a value's numbers lie in memory: 16- or 32-bit integers, or f32. */
export type Lane = 'i16' | 'i32' | 'f32'

export const LANES: readonly Lane[] = ['i16', 'i32', 'f32']

export const laneBytes = (lane: Lane): 2 | 4 => (lane === 'i16' ? 2 : 4)

/** The number by which kernels take a lane type as an argument. */
export const laneCode = (lane: Lane): number => LANES.indexOf(lane)

/** The view of `lane` elements; element i of a pointer p is at index p / laneBytes + i. */
export const laneView = (mem: Mem, lane: Lane): Int16Array | Int32Array | Float32Array => mem[lane]

/** The index of a pointer in its lane's view. The references insist on natural alignment. */
export function at(pointer: number, bytes: number): number {
  const index = pointer / bytes
  if (!Number.isInteger(index)) throw new RangeError(`pointer ${pointer} is not a multiple of ${bytes}`)
  return index
}

/** One addition in the lane's arithmetic: modulo 2^16, modulo 2^32, or rounded to f32. */
export function laneAdd(lane: Lane, a: number, b: number): number {
  if (lane === 'f32') return Math.fround(a + b)
  return lane === 'i16' ? ((a + b) << 16) >> 16 : (a + b) | 0
}
