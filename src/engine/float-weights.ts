/**
 * Plain f32 weights into memory: as programs of those that are not zero, or as dense matrices, whichever is faster for the
 * share of them.
 */
import type { Arena } from '../wasm/arena.js'
import type { WasmInstance } from '../wasm/exports.js'

/** Below this share of non-zero weights a program is faster than the dense kernel; measured from 0.54 to 0.85, by layer (npm run bench -- layers). */
export const SPARSE_LIMIT = 0.55
/** Rows that the dense kernel computes together: with fewer in a group, most of its work is for nothing. */
export const DENSE_ROWS = 4

export function prefersProgram(density: number, rowsPerGroup: number): boolean {
  return density < SPARSE_LIMIT || rowsPerGroup < DENSE_ROWS
}

export interface FloatProgram {
  readonly address: number
  readonly nonzeros: number
  readonly bytes: number
}

export interface FloatProgramRequest {
  readonly rows: number
  readonly cols: number
  /** Byte offset of each column, for the rows of the first group. */
  readonly offsets: ArrayLike<number>
  readonly groups: number
  /** Bytes to add for each further group. */
  readonly groupStep: number
}

/** The program of kernel gather_mul_f32: for each row its number of weights, then pairs of byte offset and weight. */
export function writeFloatProgram(
  weights: Float32Array,
  { rows, cols, offsets, groups, groupStep }: FloatProgramRequest,
  instance: WasmInstance,
  arena: Arena,
): FloatProgram {
  const nonzeros = countNonzeros(weights)
  const address = arena.alloc((rows + 2 * nonzeros) * 4)
  const words = new Uint32Array(instance.memory.buffer, address, rows + 2 * nonzeros)
  const floats = new Float32Array(words.buffer, address, words.length)
  const each = rows / groups
  let p = 0
  for (let r = 0; r < rows; r++) {
    const step = Math.floor(r / each) * groupStep
    const header = p++
    for (let k = 0; k < cols; k++) {
      const w = weights[r * cols + k]
      if (w === 0) continue
      words[p++] = offsets[k] + step
      floats[p++] = w
    }
    words[header] = (p - header - 1) / 2
  }
  return { address, nonzeros, bytes: words.byteLength }
}

export const countNonzeros = (weights: ArrayLike<number>): number => {
  let n = 0
  for (let i = 0; i < weights.length; i++) if (weights[i] !== 0) n++
  return n
}
