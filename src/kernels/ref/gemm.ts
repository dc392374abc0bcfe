/** Scalar reference of assembly/kernels/gemm. */
import type { Mem } from '../row.js'

const { fround } = Math

/** Bytes of scratch that gemm_f32 needs: packed blocks of A and B, and a border tile. */
export const GEMM_SCRATCH_BYTES = (128 * 256 + 256 * 256 + 32) * 4

export function gemm(
  { f32 }: Mem,
  m: number,
  n: number,
  k: number,
  a: number,
  aRow: number,
  aCol: number,
  b: number,
  bRow: number,
  bCol: number,
  c: number,
  cRow: number,
  accumulate: number,
): undefined {
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      const to = c / 4 + i * cRow + j
      let sum = accumulate ? f32[to] : 0
      for (let l = 0; l < k; l++) {
        sum = fround(sum + fround(f32[a / 4 + i * aRow + l * aCol] * f32[b / 4 + l * bRow + j * bCol]))
      }
      f32[to] = sum
    }
  }
}

export function gemmMicro({ f32 }: Mem, k: number, a: number, b: number, c: number, repeats: number): undefined {
  for (let times = 0; times < repeats; times++) {
    for (let i = 0; i < 4; i++) {
      for (let j = 0; j < 8; j++) {
        let sum = f32[c / 4 + i * 8 + j]
        for (let l = 0; l < k; l++) sum = fround(sum + fround(f32[a / 4 + l * 4 + i] * f32[b / 4 + l * 8 + j]))
        f32[c / 4 + i * 8 + j] = sum
      }
    }
  }
}
