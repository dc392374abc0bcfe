/**
 * The state of the level decoder, in one block of linear memory that TypeScript and WebAssembly share. Byte offsets;
 * `cols` is the largest number of columns of the file's tensors.
 *
 *   0     words: see WORD
 *   128   runs      RUN_SLOTS u32 slots
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
  /** Rows decoded. */
  row: 48,
  /** Runs mode: zeros before the next level; whether a level follows them; whether these two were read yet. */
  run: 52,
  follows: 56,
  pending: 60,
  /** Where entropy_decode_program stopped writing. */
  out: 64,
} as const

export const RUN_SLOTS = 128
const FIXED_BYTES = 32768

/** Pointers to the arrays with an entry per column, which follow the fixed part. */
export function columnArrays(state: number, cols: number) {
  const padded = (cols + 7) & ~7
  const signWords = state + FIXED_BYTES
  const signStates = signWords + 2 * padded
  return { signWords, signStates, end: signStates + 2 * padded }
}

/** Size of the state for tensors of at most `cols` columns. */
export const stateBytes = (cols: number): number => columnArrays(0, cols).end
