/**
 * Adaptive probabilities. A slot is one u32 word: an estimate of the probability of a 1 in its high 22 bits, and in its
 * low 10 bits how many decisions it has seen, up to a limit. With n seen before, a decision moves the estimate by
 * 1 / (n + 2) of its error: at first the estimate is the mean of what was seen, later it forgets slowly.
 */
import type { Mem } from '../../row.js'
import { RATES } from './state.js'

/** Where counts stop: the slowest rate is 1 / (LIMIT + 2). */
const LIMIT = 1023

export const EVEN_SLOT = 0x80000000

/** By count n: floor(65536 / (n + 2)) in the low half, confidence floor(512 n / (2 n + 3)) in the high half. */
export function fillRates(mem: Mem, state: number): void {
  for (let n = 0; n <= LIMIT; n++) {
    mem.u32[((state + RATES) >> 2) + n] = Math.floor(65536 / (n + 2)) | (Math.floor((512 * n) / (2 * n + 3)) << 16)
  }
}

/** 256 n / (n + 1.5), rounded down: how much a slot that has seen n decisions counts. */
export function confidence(mem: Mem, state: number, n: number): number {
  return mem.u32[((state + RATES) >> 2) + n] >>> 16
}

/** The slot after a decision. */
export function learned(mem: Mem, state: number, slot: number, bit: number): number {
  const n = slot & LIMIT
  const p = slot >>> 10
  const error = (bit ? 4194303 : 0) - p
  const rate = mem.u32[((state + RATES) >> 2) + n] & 65535
  const moved = p + Math.floor((error * rate) / 65536)
  return ((moved << 10) | (n < LIMIT ? n + 1 : n)) >>> 0
}
