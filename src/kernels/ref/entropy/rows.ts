/** The level decoder row by row: what is common to both modes, seeded signs included. */
import type { Mem } from '../../row.js'
import type { BitCoder } from './coder.js'
import { beginContext, beginContextTensor, codeContextRow } from './context.js'
import { beginRuns, decodeRunsRow } from './runs.js'
import { drawSigns } from './signs.js'
import { fillRates } from './slots.js'
import { arraysOf, WORD } from './state.js'

/** Tables and slots for a new file. */
export function beginLevels(mem: Mem, state: number, maxCols: number, maxRows: number): void {
  const w = state >> 2
  mem.u32.fill(0, w + WORD.rows / 4, w + WORD.maxCols / 4)
  mem.u32[w + WORD.maxCols / 4] = maxCols
  mem.u32[w + WORD.maxRows / 4] = maxRows
  fillRates(mem, state)
  beginContext(mem, state)
}

/** Sets the words of a tensor and forgets what was learned of the last. `args` as tensorArguments, then the pointer to the row classes. */
export function beginTensor(mem: Mem, state: number, args: readonly number[]): void {
  const w = state >> 2
  const u32 = mem.u32
  const at = arraysOf(state, u32[w + WORD.maxCols / 4], u32[w + WORD.maxRows / 4])
  const before = u32[w + WORD.rows / 4]
  u32.copyWithin(at.producerCounts >> 2, at.rowCounts >> 2, (at.rowCounts >> 2) + before)
  u32.set(args, w + WORD.rows / 4)
  u32[w + WORD.row / 4] = 0
  u32[w + WORD.producers / 4] = before
  u32.fill(0, at.columnCounts >> 2, (at.columnCounts >> 2) + args[1])
  beginRuns(mem, state)
  beginContextTensor(mem, state)
}

/** Decodes the next row to `row`, one byte per level. */
export function decodeRow(coder: BitCoder, mem: Mem, state: number, row: number): void {
  const w = state >> 2
  if (mem.u32[w + WORD.mode / 4] === 1) decodeRunsRow(coder, mem, state, row)
  else codeContextRow(coder, mem, state, row)
  if (mem.u32[w + WORD.signs / 4] !== 0) applySigns(mem, state, row)
  endRow(mem, state, row)
}

/** Counts the levels of the row that was just coded. */
export function endRow(mem: Mem, state: number, row: number): void {
  const w = state >> 2
  const u32 = mem.u32
  let count = 0
  for (let c = 0; c < u32[w + WORD.cols / 4]; c++) count += mem.i8[row + c] !== 0 ? 1 : 0
  const r = u32[w + WORD.row / 4]++
  u32[(arraysOf(state, u32[w + WORD.maxCols / 4], u32[w + WORD.maxRows / 4]).rowCounts >> 2) + r] = count
}

/** Gives the magnitudes of the next row the signs of their generators. */
function applySigns(mem: Mem, state: number, row: number): void {
  const w = state >> 2
  const u32 = mem.u32
  const [r, cols] = [u32[w + WORD.row / 4], u32[w + WORD.cols / 4]]
  const at = arraysOf(state, u32[w + WORD.maxCols / 4], u32[w + WORD.maxRows / 4])
  const words = mem.u16.subarray(at.signWords >> 1, (at.signWords >> 1) + cols)
  if (r % 16 === 0) {
    const states = mem.u16.subarray(at.signStates >> 1, (at.signStates >> 1) + cols)
    const plane = u32[w + WORD.conv / 4] ? u32[w + WORD.plane / 4] : 0
    drawSigns(words, states, u32[w + WORD.signs / 4] - 1, plane, r >>> 4)
  }
  for (let c = 0; c < cols; c++) if ((words[c] >>> (r % 16)) & 1) mem.i8[row + c] = -mem.i8[row + c]
}
