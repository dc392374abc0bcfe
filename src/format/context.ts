import type { Mem } from '../kernels/row.js'
import type { BitCoder } from './coder.js'
export function beginContext(_m: Mem, _s: number): void {}
export function beginContextTensor(_m: Mem, _s: number): void {}
export function codeContextRow(coder: BitCoder, _m: Mem, _s: number, row: Int8Array): void {
  for (let i = 0; i < row.length; i++) row[i] = (coder.raw(4, row[i] & 15) << 28) >> 28
}
