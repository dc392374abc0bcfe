// Seeded signs: 16-bit xorshift, one draw per column and block of 16 rows; bit (row mod 16) of the draw set: negative.
//
//   step: x ^= x << 7;  x ^= x >> 9;  x ^= x << 8
//   [out, in]          block b, inputs 8 g .. 8 g + 7: seed ((s + 1) << 10) ^ ((b + 1) << 5) ^ (g + 1)
//   [out, in, kh, kw]  input channel i: seed ((s + 1) << 10) ^ i, running on over kernel positions and blocks
//   (modulo 2^16; a seed of 0 becomes 1)
import { COLS, CONV, PLANE, ROW, SIGNS, signStates, signWords } from './state'

function step(x: u32): u32 {
  x ^= (x << 7) & 0xffff
  x ^= x >>> 9
  x ^= (x << 8) & 0xffff
  return x
}

function startState(seed: u32): u32 {
  const x = seed & 0xffff
  return x == 0 ? 1 : x
}

function drawBlock(state: usize, block: u32): void {
  const cols = load<u32>(state, COLS)
  const seed = load<u32>(state, SIGNS)
  const words = signWords(state)
  let x: u32 = 0
  if (load<u32>(state, CONV)) {
    const plane = load<u32>(state, PLANE)
    const states = signStates(state)
    let pos: u32 = 0
    let channel: u32 = 0
    for (let c: u32 = 0; c < cols; c++) {
      if (pos == 0) x = block == 0 ? startState((seed << 10) ^ channel) : load<u16>(states + (channel << 1))
      x = step(x)
      store<u16>(words + (c << 1), x as u16)
      pos++
      if (pos == plane) {
        store<u16>(states + (channel << 1), x as u16)
        pos = 0
        channel++
      }
    }
    return
  }
  for (let c: u32 = 0; c < cols; c++) {
    if ((c & 7) == 0) x = startState((seed << 10) ^ ((block + 1) << 5) ^ ((c >>> 3) + 1))
    x = step(x)
    store<u16>(words + (c << 1), x as u16)
  }
}

/** Readies the signs of the next row. */
export function prepareSigns(state: usize): void {
  const row = load<u32>(state, ROW)
  if ((row & 15) == 0) drawBlock(state, row >>> 4)
}

/** Whether a column's sign is negative in the next row. */
export function isNegative(state: usize, column: u32): bool {
  return ((load<u16>(signWords(state) + (column << 1)) >>> (load<u32>(state, ROW) & 15)) & 1) != 0
}
