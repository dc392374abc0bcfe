/** Scalar references of assembly/kernels/gather. */

import { at, type Lane, laneAdd, laneBytes, laneView } from '../lanes.js'
import { levelDigits } from '../levels.js'
import type { Mem } from '../row.js'

/** The planar gather: interprets the row program one output lane at a time. */
export const gather =
  (lane: Lane) =>
  (mem: Mem, program: number, rows: number, planes: number, x: number, y: number, yStride: number, vectors: number) => {
    const bytes = laneBytes(lane)
    const view = laneView(mem, lane)
    const outputs = (vectors * 16) / bytes
    let p = at(program, 4)
    for (let r = 0; r < rows; r++) {
      const acc = new Float64Array(outputs)
      for (let plane = 0; plane < planes; plane++) {
        const plus = mem.u32[p++]
        const minus = mem.u32[p++]
        for (let j = 0; j < outputs; j++) {
          let a = laneAdd(lane, acc[j], acc[j])
          for (let i = 0; i < plus + minus; i++) {
            const v = view[at(x + mem.u32[p + i], bytes) + j]
            a = laneAdd(lane, a, i < plus ? v : -v)
          }
          acc[j] = a
        }
        p += plus + minus
      }
      const out = at(y + r * yStride, bytes)
      for (let j = 0; j < outputs; j++) view[out + j] = acc[j]
    }
    return undefined
  }

/** The scalar gather: four partial sums per plane, in the order that the kernel documents. */
export const gatherScalar =
  (lane: Lane) => (mem: Mem, program: number, rows: number, planes: number, x: number, y: number) => {
    const sumLane: Lane = lane === 'f32' ? 'f32' : 'i32'
    const bytes = laneBytes(lane)
    const view = laneView(mem, lane)
    let p = at(program, 4)
    for (let r = 0; r < rows; r++) {
      let acc = 0
      for (let plane = 0; plane < planes; plane++) {
        const counts = [mem.u32[p++], mem.u32[p++]]
        const s = [0, 0, 0, 0]
        counts.forEach((count, minus) => {
          for (let i = 0; i < count; i++) {
            const v = view[at(x + mem.u32[p++], bytes)]
            const part = i < (count & ~3) ? i & 3 : 0
            s[part] = laneAdd(sumLane, s[part], minus ? -v : v)
          }
        })
        const sum = laneAdd(sumLane, laneAdd(sumLane, s[0], s[1]), laneAdd(sumLane, s[2], s[3]))
        acc = laneAdd(sumLane, laneAdd(sumLane, acc, acc), sum)
      }
      laneView(mem, sumLane)[at(y, 4) + r] = acc
    }
    return undefined
  }

/**
 * The program of one row, written at `out`; updates the statistics in ctx (largest level sums, non-zeros).
 * @param nonzeros [column, level] of the row's non-zeros, columns ascending
 * @returns the pointer behind it
 */
export function emitRow(mem: Mem, nonzeros: readonly (readonly [number, number])[], ctx: number, out: number): number {
  const planes = mem.u32[at(ctx, 4)]
  const offsets = at(mem.u32[at(ctx, 4) + 1], 4)
  let p = at(out, 4)
  for (let plane = planes - 1; plane >= 0; plane--) {
    const header = p
    p += 2
    for (const sign of [1, -1]) {
      const begin = p
      for (const [column, level] of nonzeros) {
        if (levelDigits(level, planes)[plane] === sign) mem.u32[p++] = mem.u32[offsets + column]
      }
      mem.u32[header + (sign === 1 ? 0 : 1)] = p - begin
    }
  }
  const positive = nonzeros.reduce((sum, [, level]) => sum + Math.max(level, 0), 0)
  const negative = nonzeros.reduce((sum, [, level]) => sum + Math.max(-level, 0), 0)
  const maxima = at(ctx, 4) + 2
  mem.u32[maxima] = Math.max(mem.u32[maxima], positive)
  mem.u32[maxima + 1] = Math.max(mem.u32[maxima + 1], negative)
  mem.u32[maxima + 2] = Math.max(mem.u32[maxima + 2], positive + negative)
  mem.u32[maxima + 3] += nonzeros.length
  return p * 4
}

export function programFromLevels(
  mem: Mem,
  levels: number,
  rows: number,
  cols: number,
  _pairs: number,
  ctx: number,
  out: number,
): number {
  for (let r = 0; r < rows; r++) {
    const nonzeros: [number, number][] = []
    for (let k = 0; k < cols; k++) {
      const level = mem.i8[levels + r * cols + k]
      if (level !== 0) nonzeros.push([k, level])
    }
    out = emitRow(mem, nonzeros, ctx, out)
  }
  return out
}
