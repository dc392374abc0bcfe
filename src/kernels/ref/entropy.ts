/** Scalar references of assembly/kernels/entropy. */

import type { Mem } from '../row.js'
import { RangeDecoder } from './entropy/coder.js'
import { beginLevels, beginTensor, decodeRow } from './entropy/rows.js'
import { arraysOf, WORD } from './entropy/state.js'
import { codeSubset } from './entropy/subsets.js'
import { emitRow } from './gather.js'

const word = (mem: Mem, state: number, at: number): number => mem.u32[(state + at) >> 2]

function open(mem: Mem, state: number): RangeDecoder {
  const get = (at: number) => word(mem, state, at)
  return RangeDecoder.resume(mem.u8, get(WORD.range), get(WORD.code), get(WORD.next), get(WORD.end))
}

function close(mem: Mem, state: number, coder: RangeDecoder): void {
  mem.u32.set([coder.range, coder.code, coder.next], state >> 2)
}

export function entropyBegin(
  mem: Mem,
  state: number,
  range: number,
  code: number,
  next: number,
  end: number,
  maxCols: number,
  maxRows: number,
): undefined {
  mem.u32.set([range, code, next, end], state >> 2)
  beginLevels(mem, state, maxCols, maxRows)
}

export function entropyTensor(mem: Mem, state: number, ...args: number[]): undefined {
  beginTensor(mem, state, args)
}

/** Decodes the next row to the state's row of levels. */
function decodeNext(coder: RangeDecoder, mem: Mem, state: number): Int8Array {
  const at = arraysOf(state, word(mem, state, WORD.maxCols), word(mem, state, WORD.maxRows))
  decodeRow(coder, mem, state, at.levels)
  close(mem, state, coder)
  return mem.i8.subarray(at.levels, at.levels + word(mem, state, WORD.cols))
}

export function entropyDecodeDense(mem: Mem, state: number, rowBegin: number, rowEnd: number, levels: number): number {
  const cols = word(mem, state, WORD.cols)
  const coder = open(mem, state)
  for (let r = rowBegin; r < rowEnd; r++) {
    const row = decodeNext(coder, mem, state)
    if (coder.overrun) return -1
    mem.i8.set(row, levels + (r - rowBegin) * cols)
  }
  return rowEnd - rowBegin
}

export function entropyDecodeProgram(
  mem: Mem,
  state: number,
  rowBegin: number,
  rowEnd: number,
  ctx: number,
  out: number,
  outEnd: number,
): number {
  const cols = word(mem, state, WORD.cols)
  const planes = word(mem, ctx, 0)
  const worst = 8 * planes + cols * (planes > 1 ? 8 : 4) + 4
  const coder = open(mem, state)
  let r = rowBegin
  for (; r < rowEnd && out + worst <= outEnd; r++) {
    const row = decodeNext(coder, mem, state)
    if (coder.overrun) return -1
    const nonzeros: [number, number][] = []
    for (const [column, level] of row.entries()) if (level !== 0) nonzeros.push([column, level])
    out = emitRow(mem, nonzeros, ctx, out)
  }
  mem.u32[(state + WORD.out) >> 2] = out
  return r - rowBegin
}

export function entropyDecodeSubsets(mem: Mem, state: number, groups: number, count: number, members: number): number {
  const coder = open(mem, state)
  let at = members
  for (let i = 0; i < count; i++) {
    const group = mem.u32[(groups >> 2) + i]
    codeSubset(coder, group & 65535, group >>> 16, mem.u8, at)
    if (coder.overrun) break
    at += group >>> 16
  }
  close(mem, state, coder)
  return coder.overrun ? -1 : at - members
}

export function entropyEnd(mem: Mem, state: number): number {
  return open(mem, state).exhausted ? 1 : 0
}
