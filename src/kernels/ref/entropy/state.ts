/**
 * The state of the level decoder: one block of linear memory, laid out alike for TypeScript and WebAssembly.
 * Byte offsets from its start, which is a multiple of 8:
 *
 *   0        words              see WORD
 *   84       indices            7 u32: context slots of the decision at hand, from the second on
 *   112      inputs             7 i32: what the mixer was given
 *   192      rates              1024 u32, see slots.ts
 *   4288     run slots          114 u32, runs mode
 *   4744     context slots      SLOTS u32, context mode
 *   6280     mixer weights      WEIGHTS i32, context mode
 *   6464     stretch            4096 i16
 *   14656    squash             4096 u16
 *   22848    tree slots         128 u32, runs mode: magnitudes of 8-bit levels
 *   23360    arrays with an entry per column, then per row: see arraysOf
 */
export const WORD = {
  /** Coder: width of the interval, offset in it, next byte to read (pointer), end of the stream (pointer). */
  range: 0,
  code: 4,
  next: 8,
  end: 12,
  /** Current tensor. plane: columns per input channel; width: columns per line of a plane, 0 if they have no order. */
  rows: 16,
  cols: 20,
  plane: 24,
  width: 28,
  maxLevel: 32,
  /** 0 when signs are stored, else 1 + the seed. */
  signs: 36,
  /** 1 for weights with kernel positions [out, in, kh, kw], 0 for [out, in]. */
  conv: 40,
  /** 0 context, 1 runs. */
  mode: 44,
  /** Pointer to one byte per row: the class of its scale, 0..7. */
  classes: 48,
  /** Rows decoded. */
  row: 52,
  /** Runs mode: zeros before the next level; whether a level follows them; whether these two were read yet. */
  run: 56,
  follows: 60,
  pending: 64,
  /** Rows of the tensor before, 0 for none. */
  producers: 68,
  /** Where entropy_decode_program stopped writing. */
  out: 72,
  /** Largest cols and rows of the file, as given to entropy_begin. */
  maxCols: 76,
  maxRows: 80,
} as const

export const INDICES = 84
export const INPUTS = 112
export const RATES = 192
export const RUN_SLOTS = 4288
export const SLOTS = 4744
export const WEIGHTS = 6280
export const STRETCH = 6464
export const SQUASH = 14656
export const TREE_SLOTS = 22848
const ARRAYS = 23360

/** Pointers to the arrays that follow the fixed part. */
export function arraysOf(state: number, maxCols: number, maxRows: number) {
  const cols = (maxCols + 7) & ~7
  const rows = (maxRows + 7) & ~7
  /** u32 per column: non-zero levels in earlier rows. */
  const columnCounts = state + ARRAYS
  /** u16 per column, u16 per input channel: generators of seeded signs. */
  const signWords = columnCounts + 4 * cols
  const signStates = signWords + 2 * cols
  /** i8 per column: levels of the current row. */
  const levels = signStates + 2 * cols
  /** u32 per row: non-zero levels of each row of this tensor, and of the one before. */
  const rowCounts = levels + cols
  const producerCounts = rowCounts + 4 * rows
  /** (u32 column, i32 level) per column: the non-zero levels of a row. */
  const pairs = producerCounts + 4 * rows
  return { columnCounts, signWords, signStates, levels, rowCounts, producerCounts, pairs, end: pairs + 8 * cols }
}

/** Size of the state for tensors of at most `maxCols` columns and `maxRows` rows. */
export const stateBytes = (maxCols: number, maxRows: number): number => arraysOf(0, maxCols, maxRows).end
