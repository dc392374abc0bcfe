/** Scalar references of assembly/pe. */
import { at } from '../lanes.js'
import type { Mem } from '../row.js'

export function bitPlanes(
  { i8, u8 }: Mem,
  levels: number,
  rows: number,
  cols: number,
  planes: number,
  signed: number,
  masks: number,
  stride: number,
): undefined {
  for (let r = 0; r < rows; r++) {
    const row = masks + r * (planes + 1) * stride
    u8.fill(0, row, row + (planes + 1) * stride)
    for (let k = 0; k < cols; k++) {
      const magnitude = Math.abs(i8[levels + r * cols + k])
      const digits = signed ? nonAdjacent(magnitude) : magnitude
      if (magnitude > 0) u8[row + (k >> 3)] |= 1 << (k & 7)
      for (let p = 0; p < planes; p++) {
        if ((digits >> p) & 1) u8[row + (p + 1) * stride + (k >> 3)] |= 1 << (k & 7)
      }
    }
  }
}

/** Which digits of the non-adjacent form are not zero, found digit by digit. */
function nonAdjacent(magnitude: number): number {
  let mask = 0
  for (let p = 0, rest = magnitude; rest > 0; p++) {
    if (rest % 2 === 1) {
      mask |= 1 << p
      rest -= 2 - (rest % 4)
    }
    rest /= 2
  }
  return mask
}

export function gatherRows(
  { u8, i32 }: Mem,
  masks: number,
  rows: number,
  cols: number,
  planes: number,
  stride: number,
  shape: number,
  ends: number,
  out: number,
): undefined {
  const [window, issue, perCycle, queue, tile] = i32.subarray(at(shape, 4), at(shape, 4) + 5)
  const bit = (row: number, k: number) => (u8[row + (k >> 3)] >> (k & 7)) & 1
  let next = at(out, 4)
  for (let r = 0; r < rows; r++) {
    const row = masks + r * (planes + 1) * stride
    for (let begin = 0; begin < cols; begin += tile) {
      const end = Math.min(begin + tile, cols)
      const done: number[] = []
      let gathered = 0
      let total = 0
      let nonzeros = 0
      for (let w = begin; w < end; w += window) {
        let n = 0
        let x = 0
        for (let k = w; k < Math.min(w + window, end); k++) {
          n += bit(row, k)
          for (let p = 1; p <= planes; p++) x += bit(row + p * stride, k)
        }
        const start = Math.max(gathered, Math.ceil((done.at(-1 - queue) ?? 0) / perCycle))
        gathered = start + Math.max(1, Math.ceil(n / issue))
        done.push(Math.max(done.at(-1) ?? 0, start * perCycle) + x)
        total += x
        nonzeros += n
      }
      i32[next++] = Math.max(gathered, Math.ceil((done.at(-1) ?? 0) / perCycle))
      i32[next++] = total
      i32[next++] = nonzeros
      // The kernel's ring ends up with the last ends of computing, in the order in which it was written.
      const ring = new Array<number>(queue + 1).fill(0)
      done.forEach((value, i) => {
        ring[i % (queue + 1)] = value
      })
      i32.set(ring, at(ends, 4))
    }
  }
}
