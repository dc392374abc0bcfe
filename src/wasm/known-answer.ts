/**
 * The known-answer test of the relaxed build. Validation is not enough: there are engines that accept relaxed SIMD and
 * lose accumulated sums. Every relaxed instruction is therefore run in a chain with live accumulators, on small
 * integers, where the sum is exact however products are rounded.
 */
import { ARENA_START } from './arena.js'
import type { WasmInstance } from './exports.js'

const ROWS = 7
const COLS = 67

export function passesKnownAnswer({ exports, memory }: WasmInstance): boolean {
  const w = (i: number) => ((i * 37) % 23) - 11
  const x = (i: number) => ((i * 29) % 19) - 9
  const f32 = new Float32Array(memory.buffer)
  const at = ARENA_START / 4
  const xAt = at + ROWS * COLS
  const yAt = xAt + COLS
  for (let i = 0; i < ROWS * COLS; i++) f32[at + i] = w(i)
  for (let k = 0; k < COLS; k++) f32[xAt + k] = x(k)
  exports.gemv_f32(at * 4, xAt * 4, yAt * 4, ROWS, COLS)
  for (let r = 0; r < ROWS; r++) {
    let sum = 0
    for (let k = 0; k < COLS; k++) sum += w(r * COLS + k) * x(k)
    if (f32[yAt + r] !== sum) return false
  }
  return true
}
