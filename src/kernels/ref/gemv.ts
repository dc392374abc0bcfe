/** Scalar reference of assembly/kernels/gemv. */

import { at } from '../lanes.js'
import type { Mem } from '../row.js'

const { fround } = Math

export function gemv(mem: Mem, w: number, x: number, y: number, rows: number, cols: number): undefined {
  const wi = at(w, 4)
  const xi = at(x, 4)
  const product = (r: number, k: number) => fround(mem.f32[wi + r * cols + k] * mem.f32[xi + k])
  for (let r = 0; r < rows; r++) {
    const lanes = [0, 0, 0, 0]
    const whole = cols & ~3
    for (let k = 0; k < whole; k++) lanes[k & 3] = fround(product(r, k) + lanes[k & 3])
    let sum = fround(fround(lanes[0] + lanes[1]) + fround(lanes[2] + lanes[3]))
    for (let k = whole; k < cols; k++) sum = fround(sum + product(r, k))
    mem.f32[at(y, 4) + r] = sum
  }
}
