import { at } from '../../lanes.js'
import type { Mem } from '../../row.js'

/** Visits all indices of a shape (six sizes, then six steps for each of some tensors) with the offsets of the tensors. */
export function walk(mem: Mem, shape: number, tensors: number, visit: (offsets: readonly number[]) => void): void {
  const words = mem.i32.slice(at(shape, 4), at(shape, 4) + 6 * (1 + tensors))
  const level = (d: number, offsets: readonly number[]): void => {
    if (d === 6) visit(offsets)
    else
      for (let i = 0; i < words[d]; i++)
        level(
          d + 1,
          offsets.map((o, t) => o + i * words[6 * (t + 1) + d]),
        )
  }
  level(0, new Array(tensors).fill(0))
}
