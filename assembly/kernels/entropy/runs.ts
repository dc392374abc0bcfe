// Runs mode: zero runs in Exp-Golomb form, unary magnitudes, raw signs. Slots: 12 of the unary part of a run, 8 per
// length of it for the first mantissa bits, 6 of the unary magnitude. Magnitudes of 8-bit levels are a tree of seven decisions
// instead, with slots of its own.
import { decodeBit } from './coder'
import { EVEN_SLOT, learned } from './slots'
import { COLS, FOLLOWS, MAX_LEVEL, PENDING, RUN, RUN_SLOTS, SIGNS, TREE_SLOTS } from './state'

const LONG: u32 = 12
const LONG_RUN: u32 = 4095
const MANTISSA: u32 = 12
const MAGNITUDE: u32 = 108
const SLOT_COUNT: u32 = 114
/** Levels up to this are unary. */
const UNARY: i32 = 7
const MARGIN: u32 = 64

export function beginRuns(state: usize): void {
  for (let i: u32 = 0; i < SLOT_COUNT; i++) store<u32>(state + (i << 2), EVEN_SLOT, RUN_SLOTS)
  for (let i: u32 = 0; i < 128; i++) store<u32>(state + (i << 2), EVEN_SLOT, TREE_SLOTS)
  store<u32>(state, 0, RUN)
  store<u32>(state, 0, FOLLOWS)
  store<u32>(state, 0, PENDING)
}

function adaptive(state: usize, index: u32): i32 {
  return decide(state, state + RUN_SLOTS + (index << 2))
}

function decide(state: usize, at: usize): i32 {
  const slot = load<u32>(at)
  const bit = decodeBit(min<u32>(65536 - MARGIN, max<u32>(MARGIN, slot >>> 16)))
  store<u32>(at, learned(state, slot, bit))
  return bit
}

/** |level| of an 8-bit level: seven bits from the highest. No encoder writes 0, which reads as 1. */
function decodeTree(state: usize): i32 {
  let v: u32 = 1
  for (let i = 0; i < 7; i++) v = (v << 1) | (decide(state, state + TREE_SLOTS + (v << 2)) as u32)
  return max<i32>(1, (v - 128) as i32)
}

/** A run below 4095, or LONG_RUN, which no level follows. */
function decodeRun(state: usize): u32 {
  let n: u32 = 0
  while (n < LONG && adaptive(state, n)) n++
  if (n == LONG) {
    decodeBit(32768)
    return LONG_RUN
  }
  let v: u32 = 1
  for (let i = n; i > 0; i--) {
    v = (v << 1) | ((v < 8 ? adaptive(state, MANTISSA + (n << 3) + v) : decodeBit(32768)) as u32)
  }
  return v - 1
}

/** Decodes the next row: (u32 column, i32 level) of its non-zero levels to `pairs`. Returns how many. Seeded levels come out positive. */
export function decodeRunsRow(state: usize, pairs: usize): i32 {
  const cols = load<u32>(state, COLS)
  const maxLevel = load<i32>(state, MAX_LEVEL)
  const seeded = load<u32>(state, SIGNS) != 0
  let run = load<u32>(state, RUN)
  let follows = load<u32>(state, FOLLOWS)
  let pending = load<u32>(state, PENDING)
  let count = 0
  let c: u32 = 0
  while (c < cols) {
    if (!pending) {
      run = decodeRun(state)
      follows = run < LONG_RUN ? 1 : 0
      pending = 1
    }
    if (run >= cols - c) {
      run -= cols - c
      if (run == 0 && !follows) pending = 0
      break
    }
    c += run
    run = 0
    if (follows) {
      let level = 1
      if (maxLevel > UNARY) level = decodeTree(state)
      else while (level < maxLevel && adaptive(state, MAGNITUDE + level - 1)) level++
      if (!seeded) {
        const minus = -decodeBit(32768)
        level = (level ^ minus) - minus
      }
      const pair = pairs + ((count as usize) << 3)
      store<u32>(pair, c)
      store<i32>(pair, level, 4)
      count++
      c++
    }
    pending = 0
  }
  store<u32>(state, run, RUN)
  store<u32>(state, follows, FOLLOWS)
  store<u32>(state, pending, PENDING)
  return count
}
