// Adaptive probabilities. A slot is one u32:
//
//   31              10 9        0
//   | P(1) * 2^22     | count n  |        P += (bit - P) / (n + 2);  n += 1, up to 1023
//
// Entry n of the rates holds floor(65536 / (n + 2)) in its low half and the confidence floor(512 n / (2 n + 3)) in its
// high half.
import { RATES } from './state'

export const EVEN_SLOT: u32 = 0x80000000
const LIMIT: u32 = 1023

export function fillRates(state: usize): void {
  for (let n: u32 = 0; n <= LIMIT; n++) {
    store<u32>(state + (n << 2), (65536 / (n + 2)) | (((512 * n) / (2 * n + 3)) << 16), RATES)
  }
}

export function confidence(state: usize, slot: u32): i32 {
  return (load<u32>(state + ((slot & LIMIT) << 2), RATES) >>> 16) as i32
}

/** The slot after a decision. */
export function learned(state: usize, slot: u32, bit: i32): u32 {
  const n = slot & LIMIT
  const p = (slot >>> 10) as i32
  const error = (-bit & 4194303) - p
  const rate = load<u32>(state + (n << 2), RATES) & 65535
  const moved = (p + (((error as i64) * (rate as i64)) >> 16)) as i32
  return ((moved as u32) << 10) | (n < LIMIT ? n + 1 : n)
}
