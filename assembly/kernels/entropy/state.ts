// The decoder's state, one block of memory whose owner is the caller. docs/format.md defines what is computed in it;
// the layout is that of src/format/state.ts:
//
//   0        words (below)
//   84       indices        7 u32, context slots of the decision at hand, from the second on
//   112      inputs         7 i32, what the mixer was given
//   192      rates          1024 u32, see slots.ts
//   4288     run slots      114 u32
//   4744     context slots  u32
//   6280     mixer weights  i32
//   6464     stretch        4096 i16
//   14656    squash         4096 u16
//   22848    tree slots     128 u32, magnitudes of 8-bit levels
//   23360    column counts  u32 per column, sign words u16 per column, sign states u16 per column, row of levels i8 per
//            column, row counts u32 per row, producer counts u32 per row, pairs (u32 column, i32 level) per column;
//            the numbers of columns and rows are the largest of the file, each rounded up to a multiple of 8
//
// Words: byte offsets.
export const RANGE: usize = 0
export const CODE: usize = 4
export const NEXT: usize = 8
export const END: usize = 12
export const ROWS: usize = 16
export const COLS: usize = 20
export const PLANE: usize = 24
export const WIDTH: usize = 28
export const MAX_LEVEL: usize = 32
export const SIGNS: usize = 36
export const CONV: usize = 40
export const MODE: usize = 44
export const CLASSES: usize = 48
export const ROW: usize = 52
export const RUN: usize = 56
export const FOLLOWS: usize = 60
export const PENDING: usize = 64
export const PRODUCERS: usize = 68
export const OUT: usize = 72
export const MAX_COLS: usize = 76
export const MAX_ROWS: usize = 80

export const INDICES: usize = 84
export const INPUTS: usize = 112
export const RATES: usize = 192
export const RUN_SLOTS: usize = 4288
export const SLOTS: usize = 4744
export const WEIGHTS: usize = 6280
export const STRETCH: usize = 6464
export const SQUASH: usize = 14656
export const TREE_SLOTS: usize = 22848
const ARRAYS: usize = 23360

function columns(state: usize): usize {
  return ((load<u32>(state, MAX_COLS) + 7) & ~7) as usize
}

function rowsOf(state: usize): usize {
  return ((load<u32>(state, MAX_ROWS) + 7) & ~7) as usize
}

export function columnCounts(state: usize): usize {
  return state + ARRAYS
}

export function signWords(state: usize): usize {
  return state + ARRAYS + 4 * columns(state)
}

export function signStates(state: usize): usize {
  return state + ARRAYS + 6 * columns(state)
}

export function rowLevels(state: usize): usize {
  return state + ARRAYS + 8 * columns(state)
}

export function rowCounts(state: usize): usize {
  return state + ARRAYS + 9 * columns(state)
}

export function producerCounts(state: usize): usize {
  return rowCounts(state) + 4 * rowsOf(state)
}

export function rowPairs(state: usize): usize {
  return rowCounts(state) + 8 * rowsOf(state)
}
