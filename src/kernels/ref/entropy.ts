/** Scalar references of assembly/kernels/entropy: the decoder of src/format on a state in linear memory. */
import { RangeDecoder } from '../../format/coder.js'
import { beginLevels, beginTensor, decodeRow } from '../../format/levels.js'
import { arraysOf, WORD } from '../../format/state.js'
import type { Mem } from '../row.js'

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

/** Decodes the next row to the state's row of levels and lists its non-zero levels in the state's pairs. */
function decodePairs(coder: RangeDecoder, mem: Mem, state: number): number {
  const cols = word(mem, state, WORD.cols)
  const at = arraysOf(state, word(mem, state, WORD.maxCols), word(mem, state, WORD.maxRows))
  const row = new Int8Array(cols)
  decodeRow(coder, mem, state, at.levels)
  row.set(mem.i8.subarray(at.levels, at.levels + cols))
  let count = 0
  for (let c = 0; c < cols; c++) {
    if (row[c] === 0) continue
    mem.u32[(at.pairs >> 2) + 2 * count] = c
    mem.i32[(at.pairs >> 2) + 2 * count + 1] = row[c]
    count++
  }
  return count
}

export function entropyDecodeDense(mem: Mem, state: number, rowBegin: number, rowEnd: number, levels: number): number {
  const cols = word(mem, state, WORD.cols)
  const at = arraysOf(state, word(mem, state, WORD.maxCols), word(mem, state, WORD.maxRows))
  const coder = open(mem, state)
  for (let r = rowBegin; r < rowEnd; r++) {
    decodePairs(coder, mem, state)
    close(mem, state, coder)
    if (coder.overrun) return -1
    mem.i8.copyWithin(levels + (r - rowBegin) * cols, at.levels, at.levels + cols)
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
  const at = arraysOf(state, word(mem, state, WORD.maxCols), word(mem, state, WORD.maxRows))
  const planes = word(mem, ctx, 0)
  const worst = 8 * planes + cols * (planes > 1 ? 8 : 4) + 4
  const coder = open(mem, state)
  let r = rowBegin
  for (; r < rowEnd && out + worst <= outEnd; r++) {
    const count = decodePairs(coder, mem, state)
    close(mem, state, coder)
    if (coder.overrun) return -1
    out = emitRow(mem, at.pairs, count, ctx, out)
  }
  mem.u32[(state + WORD.out) >> 2] = out
  return r - rowBegin
}

export function entropyEnd(mem: Mem, state: number): number {
  return open(mem, state).exhausted ? 1 : 0
}
