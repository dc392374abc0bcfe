/**
 * Runs mode: the fast code. The tensor, row after row, is a sequence of
 *
 *     run of zeros, level, run of zeros, level, ...
 *
 * A run r below 4095 is Exp-Golomb: v = r + 1 has n + 1 bits; n ones and a zero, then the low n bits of v, the first three of
 * them adaptive. n = 12 stands for 4095 zeros that no level follows, and takes one raw 0 bit, so that even an empty
 * tensor costs something. |level| is unary, up to the largest; the sign is a raw bit (1: negative), absent when signs are seeded. The last
 * run of a tensor, if it reaches the end, is not followed by a level.
 *
 * |level| of 8-bit levels is seven bits from the highest, a tree of adaptive decisions. No encoder writes 0, which reads as 1.
 */
import type { Mem } from '../../row.js'
import type { BitCoder } from './coder.js'
import { EVEN_SLOT, learned } from './slots.js'
import { RUN_SLOTS, TREE_SLOTS, WORD } from './state.js'

const LONG = 12
const LONG_RUN = 4095
/** Slots: 12 of the unary part, then 8 for the first mantissa bits of each length, then 6 for the magnitude. */
const MANTISSA = 12
const MAGNITUDE = MANTISSA + 8 * 12
const SLOT_COUNT = MAGNITUDE + 6
/** Levels up to this are unary. */
const UNARY = 7
/** Probabilities stay this far from 0 and 65536. */
const MARGIN = 64

export function beginRuns(mem: Mem, state: number): void {
  for (let i = 0; i < SLOT_COUNT; i++) mem.u32[((state + RUN_SLOTS) >> 2) + i] = EVEN_SLOT
  mem.u32.fill(EVEN_SLOT, (state + TREE_SLOTS) >> 2, ((state + TREE_SLOTS) >> 2) + 128)
  mem.u32[(state + WORD.pending) >> 2] = 0
  mem.u32[(state + WORD.run) >> 2] = 0
  mem.u32[(state + WORD.follows) >> 2] = 0
}

function adaptive(coder: BitCoder, mem: Mem, state: number, index: number, bit: number): number {
  return decide(coder, mem, state, ((state + RUN_SLOTS) >> 2) + index, bit)
}

function decide(coder: BitCoder, mem: Mem, state: number, at: number, bit: number): number {
  const slot = mem.u32[at]
  const coded = coder.bit(Math.min(65536 - MARGIN, Math.max(MARGIN, slot >>> 16)), bit)
  mem.u32[at] = learned(mem, state, slot, coded)
  return coded
}

/** A run below 4095, or LONG_RUN. */
function codeRun(coder: BitCoder, mem: Mem, state: number, run: number): number {
  const bits = 31 - Math.clz32(run + 1)
  let n = 0
  while (n < LONG && adaptive(coder, mem, state, n, n < bits ? 1 : 0)) n++
  if (n === LONG) {
    coder.raw(1, 0)
    return LONG_RUN
  }
  let v = 1
  for (let i = n - 1; i >= 0; i--) {
    const bit = ((run + 1) >>> i) & 1
    v = v * 2 + (v < 8 ? adaptive(coder, mem, state, MANTISSA + 8 * n + v, bit) : coder.raw(1, bit))
  }
  return v - 1
}

function codeMagnitude(coder: BitCoder, mem: Mem, state: number, magnitude: number, maxLevel: number): number {
  if (maxLevel > UNARY) return codeTree(coder, mem, state, magnitude)
  let m = 1
  while (m < maxLevel && adaptive(coder, mem, state, MAGNITUDE + m - 1, m < magnitude ? 1 : 0)) m++
  return m
}

function codeTree(coder: BitCoder, mem: Mem, state: number, magnitude: number): number {
  let v = 1
  for (let i = 6; i >= 0; i--)
    v = v * 2 + decide(coder, mem, state, ((state + TREE_SLOTS) >> 2) + v, (magnitude >> i) & 1)
  return Math.max(1, v - 128)
}

function codeLevel(coder: BitCoder, mem: Mem, state: number, level: number): number {
  const magnitude = codeMagnitude(coder, mem, state, Math.abs(level), mem.u32[(state + WORD.maxLevel) >> 2])
  if (mem.u32[(state + WORD.signs) >> 2] !== 0) return magnitude
  return coder.raw(1, level < 0 ? 1 : 0) ? -magnitude : magnitude
}

export function encodeRuns(coder: BitCoder, mem: Mem, state: number, levels: Int8Array): void {
  let begin = 0
  for (let i = 0; i <= levels.length; i++) {
    if (i < levels.length && levels[i] === 0) continue
    if (i === levels.length && begin === i) break
    for (; i - begin >= LONG_RUN; begin += LONG_RUN) codeRun(coder, mem, state, LONG_RUN)
    if (i === levels.length && begin === i) break
    codeRun(coder, mem, state, i - begin)
    if (i < levels.length) codeLevel(coder, mem, state, levels[i])
    begin = i + 1
  }
}

/** Decodes the next row to `begin`, one byte per level. With seeded signs, all levels come out positive. */
export function decodeRunsRow(coder: BitCoder, mem: Mem, state: number, begin: number): void {
  const u32 = mem.u32
  const w = state >> 2
  let run = u32[w + WORD.run / 4]
  let pending = u32[w + WORD.pending / 4]
  let follows = u32[w + WORD.follows / 4]
  const cols = u32[w + WORD.cols / 4]
  const row = mem.i8.subarray(begin, begin + cols)
  row.fill(0)
  for (let c = 0; c < cols; ) {
    if (!pending) {
      run = codeRun(coder, mem, state, 0)
      follows = run < LONG_RUN ? 1 : 0
      pending = 1
    }
    const step = Math.min(run, cols - c)
    c += step
    run -= step
    if (run > 0) break
    if (follows) {
      if (c === cols) break
      row[c++] = codeLevel(coder, mem, state, 0)
    }
    pending = 0
  }
  u32[w + WORD.run / 4] = run
  u32[w + WORD.pending / 4] = pending
  u32[w + WORD.follows / 4] = follows
}
