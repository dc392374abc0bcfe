// Decoder of level tensors: from the coded stream of a .wd file straight to row programs or dense levels, row by row.
//
//   entropy_begin   once per file: coder and tables
//   entropy_tensor  once per tensor, in the order of the file
//   entropy_decode_dense / entropy_decode_program   rows of that tensor, in order, in as many calls as wanted
//   entropy_decode_subsets   after the rows of a packed tensor: which members of their groups its levels are
//   entropy_end     once, after the last tensor
//
// Contract: `state` is a multiple of 8 and has the bytes that stateBytes in src/format/state.ts computes; its layout is in
// state.ts. Whatever the stream holds, reads stay inside the stream and the state, and writes inside the state and the
// given output. Exact: equal to the TypeScript decoder, bit for bit, state included.
import { emitRow } from '../gather/program'
import { closeStream, decodeBit, exhausted, openStream, overrun } from './coder'
import { beginContext, beginContextTensor, decodeContextRow } from './context'
import { beginRuns, decodeRunsRow } from './runs'
import { isNegative, prepareSigns } from './signs'
import { fillRates } from './slots'
import {
  CLASSES,
  CODE,
  COLS,
  CONV,
  columnCounts,
  END,
  MAX_COLS,
  MAX_LEVEL,
  MAX_ROWS,
  MODE,
  NEXT,
  OUT,
  PLANE,
  PRODUCERS,
  producerCounts,
  RANGE,
  ROW,
  ROWS,
  rowCounts,
  rowLevels,
  rowPairs,
  SIGNS,
  WIDTH,
} from './state'

/** Sets the coder to its place in the stream ([next, end), pointers), and fresh models. */
export function entropy_begin(
  state: usize,
  range: u32,
  code: u32,
  next: usize,
  end: usize,
  maxCols: u32,
  maxRows: u32,
): void {
  assert((state & 7) == 0)
  store<u32>(state, range, RANGE)
  store<u32>(state, code, CODE)
  store<u32>(state, next as u32, NEXT)
  store<u32>(state, end as u32, END)
  memory.fill(state + ROWS, 0, MAX_COLS - ROWS)
  store<u32>(state, maxCols, MAX_COLS)
  store<u32>(state, maxRows, MAX_ROWS)
  fillRates(state)
  beginContext(state)
}

/**
 * Begins a tensor.
 * @param plane columns per input channel, a divisor of cols
 * @param width columns per line of a plane, 0 if they have no order
 * @param signs 0, or 1 + the seed of the signs
 * @param conv 1 for [out, in, kh, kw], 0 for [out, in]
 * @param mode 0 context, 1 runs
 * @param classes one byte 0..7 per row
 */
export function entropy_tensor(
  state: usize,
  rows: u32,
  cols: u32,
  plane: u32,
  width: u32,
  maxLevel: u32,
  signs: u32,
  conv: u32,
  mode: u32,
  classes: usize,
): void {
  assert(rows <= load<u32>(state, MAX_ROWS) && cols <= load<u32>(state, MAX_COLS))
  assert(plane > 0 && cols % plane == 0 && width <= plane)
  const before = load<u32>(state, ROWS)
  memory.copy(producerCounts(state), rowCounts(state), (before as usize) << 2)
  store<u32>(state, rows, ROWS)
  store<u32>(state, cols, COLS)
  store<u32>(state, plane, PLANE)
  store<u32>(state, width, WIDTH)
  store<u32>(state, maxLevel, MAX_LEVEL)
  store<u32>(state, signs, SIGNS)
  store<u32>(state, conv, CONV)
  store<u32>(state, mode, MODE)
  store<u32>(state, classes as u32, CLASSES)
  store<u32>(state, 0, ROW)
  store<u32>(state, before, PRODUCERS)
  memory.fill(columnCounts(state), 0, (cols as usize) << 2)
  beginRuns(state)
  beginContextTensor(state)
}

/** The non-zero levels of the next row as (u32 column, i32 level) in the state's pairs; returns how many. */
export function decodeRow(state: usize): i32 {
  const pairs = rowPairs(state)
  let count = 0
  if (load<u32>(state, MODE) == 1) {
    count = decodeRunsRow(state, pairs)
  } else {
    const row = rowLevels(state)
    decodeContextRow(state, row)
    const cols = load<u32>(state, COLS)
    for (let c: u32 = 0; c < cols; c++) {
      const level = load<i8>(row + c) as i32
      if (level == 0) continue
      const pair = pairs + ((count as usize) << 3)
      store<u32>(pair, c)
      store<i32>(pair, level, 4)
      count++
    }
  }
  if (load<u32>(state, SIGNS)) {
    prepareSigns(state)
    const pairsEnd = pairs + ((count as usize) << 3)
    for (let pair = pairs; pair < pairsEnd; pair += 8) {
      if (isNegative(state, load<u32>(pair))) store<i32>(pair, -load<i32>(pair, 4), 4)
    }
  }
  const row = load<u32>(state, ROW)
  store<u32>(rowCounts(state) + ((row as usize) << 2), count as u32)
  store<u32>(state, row + 1, ROW)
  return count
}

/** Rows rowBegin .. rowEnd - 1 as int8 levels [rows, cols]. rowBegin must be the next row. Returns the number of rows, or -1 for a damaged stream. */
export function entropy_decode_dense(state: usize, rowBegin: u32, rowEnd: u32, levels: usize): i32 {
  assert(rowBegin == load<u32>(state, ROW) && rowEnd <= load<u32>(state, ROWS))
  const cols = load<u32>(state, COLS) as usize
  openStream(state)
  for (let r = rowBegin; r < rowEnd; r++) {
    const count = decodeRow(state)
    if (overrun()) {
      closeStream(state)
      return -1
    }
    memory.fill(levels, 0, cols)
    const pairs = rowPairs(state)
    const pairsEnd = pairs + ((count as usize) << 3)
    for (let pair = pairs; pair < pairsEnd; pair += 8) {
      store<i8>(levels + load<u32>(pair), load<i32>(pair, 4) as i8)
    }
    levels += cols
  }
  closeStream(state)
  return rowEnd - rowBegin
}

/**
 * Rows rowBegin .. rowEnd - 1 as row programs for the gather kernels (gather/program.ts), to [out, outEnd). rowBegin must
 * be the next row. Stops before a row that might not fit: 8 * planes + 4 * digits * cols + 4 bytes, with 1 digit per level
 * for one plane, else 2. Returns the number of rows done, or -1 for a damaged stream; word `out` of the state then holds the end of what was written.
 */
export function entropy_decode_program(
  state: usize,
  rowBegin: u32,
  rowEnd: u32,
  ctx: usize,
  out: usize,
  outEnd: usize,
): i32 {
  assert(rowBegin == load<u32>(state, ROW) && rowEnd <= load<u32>(state, ROWS))
  const planes = load<u32>(ctx) as u64
  const worst = 8 * planes + (load<u32>(state, COLS) as u64) * (planes > 1 ? 8 : 4) + 4
  openStream(state)
  let r = rowBegin
  for (; r < rowEnd && (out as u64) + worst <= (outEnd as u64); r++) {
    const count = decodeRow(state)
    if (overrun()) {
      closeStream(state)
      return -1
    }
    out = emitRow(rowPairs(state), count, ctx, out)
  }
  store<u32>(state, out as u32, OUT)
  closeStream(state)
  return r - rowBegin
}

/**
 * Which members of groups are chosen: for each member in turn, with the share of those to come that are as its probability.
 * @param groups one u32 each: size (at most 256) + 65536 * chosen (at most all)
 * @param members receives the numbers of the chosen ones, ascending, u8, group after group
 * @returns the bytes written, or -1 for a damaged stream
 */
export function entropy_decode_subsets(state: usize, groups: usize, count: u32, members: usize): i32 {
  openStream(state)
  let out = members
  for (let i: u32 = 0; i < count; i++, groups += 4) {
    const group = load<u32>(groups)
    let left = group >>> 16
    let all = group & 65535
    assert(left <= all && all <= 256)
    for (let member: u32 = 0; left > 0; member++, all--) {
      if (left == all || decodeBit((left << 16) / all)) {
        store<u8>(out++, member)
        left--
      }
    }
    if (overrun()) break
  }
  closeStream(state)
  return overrun() ? -1 : ((out - members) as i32)
}

/** 1 if the stream was read to its end and no further, else 0: then it is damaged. */
export function entropy_end(state: usize): i32 {
  openStream(state)
  return exhausted() ? 1 : 0
}
