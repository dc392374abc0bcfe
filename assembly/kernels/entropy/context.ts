// Context mode: every weight as binary decisions (zero? sign; |level| > 1? ...), each predicted by mixing adaptive
// probabilities in the logistic domain. For a kind of decision with base slot b and contexts i = 1 ...:
//
//   x[0] = stretch(b)     x[i] = (stretch(slot[i]) - stretch(b)) * confidence(n[i])      in 1/256 of log odds
//   p(1) = squash(sum w[i] x[i])         w[i] += 2^-6 x[i] (bit - p)                      w in 1/65536
//
// Integers throughout, but for the tables, whose f64 arithmetic is exactly specified.
import { decodeBit } from './coder'
import { confidence, EVEN_SLOT, learned } from './slots'
import {
  CLASSES,
  COLS,
  columnCounts,
  INDICES,
  INPUTS,
  MAX_LEVEL,
  PLANE,
  PRODUCERS,
  producerCounts,
  ROW,
  SIGNS,
  SLOTS,
  SQUASH,
  STRETCH,
  WEIGHTS,
  WIDTH,
} from './state'

// Kinds of decision, which are the numbers of their base slots; then |level| > 2 .. |level| > 6.
const ZERO: u32 = 0
const SIGN: u32 = 1
const MAGNITUDE: u32 = 2

// Slot numbers.
const Z_NEAR: u32 = 8
const Z_COLUMN: u32 = 24
const Z_PRODUCER: u32 = 40
const Z_WIDE: u32 = 57
const Z_CLASS: u32 = 92
const Z_ROW: u32 = 100
const S_NEAR: u32 = 101
const S_SUM: u32 = 110
const S_WIDE: u32 = 119
const S_ROW: u32 = 164
const M_FIRST: u32 = 165
const M_DENSITY: u32 = 8
const M_ROW: u32 = 24
const M_SLOTS: u32 = 25
const SLOT_COUNT: u32 = 315

const WEIGHT_COUNT: u32 = 36
const ONE: i32 = 65536
const START: i32 = 19660
const MAX_WEIGHT: i32 = 262143
const RATE_SHIFT: i32 = 14
const CARRY: u32 = 12
const NO_PRODUCER: u32 = 16

/** Number of a kind's first weight: 7 for zero, 5 for sign, 4 for each magnitude. */
function firstWeight(kind: u32): u32 {
  return kind == ZERO ? 0 : kind == SIGN ? 7 : 4 + (kind << 2)
}

function slotAt(state: usize, index: u32): usize {
  return state + SLOTS + ((index as usize) << 2)
}

export function beginContext(state: usize): void {
  fillTables(state)
  memory.fill(slotAt(state, 0), 0, SLOT_COUNT << 2)
  for (let i: u32 = 0; i < 8; i++) store<u32>(slotAt(state, i), EVEN_SLOT)
}

/** squash(x) = 65536 / (1 + e^(-x / 256)), x = -2048 .. 2047, and its inverse for p = 0, 16, 32, ... 65520. */
function fillTables(state: usize): void {
  const squash = state + SQUASH + 4096
  store<u16>(squash, 32768)
  let e: f64 = 1
  for (let x = 1; x <= 2047; x++) {
    e *= 0.9961013694701175
    const p = floor<f64>(65536 / (1 + e)) as i32
    store<u16>(squash + (x << 1), p as u16)
    store<u16>(squash - (x << 1), (65536 - p) as u16)
  }
  store<u16>(squash - 4096, load<u16>(squash - 4094))
  const stretch = state + STRETCH
  let next = 0
  for (let x = -2047; x <= 2047; x++) {
    const p = (load<u16>(squash + (x << 1)) >>> 4) as i32
    for (; next <= p; next++) store<i16>(stretch + (next << 1), x as i16)
  }
  for (; next < 4096; next++) store<i16>(stretch + (next << 1), 2047)
}

export function beginContextTensor(state: usize): void {
  for (let i: u32 = 0; i < SLOT_COUNT; i++) {
    const slot = load<u32>(slotAt(state, i))
    store<u32>(slotAt(state, i), (slot & ~1023) | min<u32>(slot & 1023, CARRY))
  }
  memory.fill(slotAt(state, Z_CLASS), 0, 32)
  for (let i: u32 = 0; i < WEIGHT_COUNT; i++) store<i32>(state + ((i as usize) << 2), START, WEIGHTS)
  for (let kind: u32 = 0; kind < 8; kind++) store<i32>(state + ((firstWeight(kind) as usize) << 2), ONE, WEIGHTS)
}

/** 0, 1, 2, 3, then two steps per octave, up to 15. */
function bucket(v: u32): u32 {
  if (v < 4) return v
  const e = 31 - clz<u32>(v)
  return min<u32>(15, 2 * e + ((v >>> (e - 1)) & 1))
}

function setContext(state: usize, i: usize, index: u32): void {
  store<u32>(state + (i << 2), index, INDICES)
}

/** One decision of a kind, in the contexts 1 .. count - 1 that were set. */
function decide(state: usize, kind: u32, count: usize): i32 {
  const weights = state + WEIGHTS + ((firstWeight(kind) as usize) << 2)
  const base = load<u32>(slotAt(state, kind))
  const baseInput = load<i16>(state + ((base >>> 20) << 1), STRETCH) as i32
  store<i32>(state, baseInput, INPUTS)
  let dot = (load<i32>(weights) * baseInput) >> 8
  for (let i: usize = 1; i < count; i++) {
    const slot = load<u32>(slotAt(state, load<u32>(state + (i << 2), INDICES)))
    // A slot that has seen nothing has confidence 0.
    const x = ((load<i16>(state + ((slot >>> 20) << 1), STRETCH) - baseInput) * confidence(state, slot)) >> 8
    dot += (load<i32>(weights + (i << 2)) * x) >> 8
    store<i32>(state + (i << 2), x, INPUTS)
  }
  const clamped = max<i32>(-2047, min<i32>(2047, dot >> 8))
  const p = load<u16>(state + SQUASH + 4096 + (clamped << 1)) as i32
  const bit = decodeBit(p as u32)
  const error = (bit ? 65536 : 0) - p
  for (let i: usize = 0; i < count; i++) {
    const at = weights + (i << 2)
    const w = load<i32>(at) + ((load<i32>(state + (i << 2), INPUTS) * error) >> RATE_SHIFT)
    store<i32>(at, max<i32>(-MAX_WEIGHT, min<i32>(MAX_WEIGHT, w)))
  }
  for (let i: usize = 1; i < count; i++) {
    const at = slotAt(state, load<u32>(state + (i << 2), INDICES))
    const slot = load<u32>(at)
    store<u32>(at, learned(state, slot & 1023 ? slot : base & ~1023, bit))
  }
  store<u32>(slotAt(state, kind), learned(state, base, bit))
  return bit
}

function signOf(level: i32): i32 {
  return (level >> 31) | (-level >>> 31)
}

function some(level: i32): u32 {
  return level != 0 ? 1 : 0
}

/** Decodes the next row to `row`, one byte per level. Returns how many are not zero. Seeded levels come out positive. */
export function decodeContextRow(state: usize, row: usize): i32 {
  const cols = load<u32>(state, COLS)
  const plane = load<u32>(state, PLANE)
  const width = load<u32>(state, WIDTH)
  const maxLevel = load<i32>(state, MAX_LEVEL)
  const seeded = load<u32>(state, SIGNS) != 0
  const r = load<u32>(state, ROW)
  const producers = load<u32>(state, PRODUCERS)
  store<u32>(slotAt(state, Z_ROW), 0)
  store<u32>(slotAt(state, S_ROW), 0)
  for (let k: u32 = 0; k < 6; k++) store<u32>(slotAt(state, M_FIRST + k * M_SLOTS + M_ROW), 0)
  const produced = producers > 0 && (producers as u64) * (plane as u64) == (cols as u64)
  let producer = producerCounts(state)
  const counts = columnCounts(state)
  const share = 65536 / (r + 4)
  setContext(state, 5, Z_CLASS + min<u32>(7, load<u8>((load<u32>(state, CLASSES) + r) as usize)))
  setContext(state, 6, Z_ROW)
  let producerSlot = Z_PRODUCER + NO_PRODUCER
  let count: u32 = 0
  let x: u32 = 0
  let y: u32 = 0
  let pos: u32 = 0
  for (let c: u32 = 0; c < cols; c++) {
    const here = row + c
    if (pos == 0 && produced) {
      producerSlot = Z_PRODUCER + bucket(load<u32>(producer))
      producer += 4
    }
    // Levels already decoded: by lines up, then columns to the left (L) or to the right (R).
    let l1 = 0
    let l2 = 0
    let u1 = 0
    let u1l1 = 0
    let u1r1 = 0
    let u1l2 = 0
    let u1r2 = 0
    let u2 = 0
    let u2l1 = 0
    let u2r1 = 0
    let u2l2 = 0
    let u2r2 = 0
    const back = width == 0 ? c : x
    const left1 = back >= 1
    const left2 = back >= 2
    if (left1) l1 = load<i8>(here - 1)
    if (left2) l2 = load<i8>(here - 2)
    let activity = load<u32>(counts + (c << 2)) * (width == 0 ? 8 : 4)
    if (width != 0) {
      const right1 = x + 1 < width
      const right2 = x + 2 < width
      const lines = width as usize
      if (y >= 1) {
        const up = here - lines
        u1 = load<i8>(up)
        if (left1) u1l1 = load<i8>(up - 1)
        if (left2) u1l2 = load<i8>(up - 2)
        if (right1) u1r1 = load<i8>(up + 1)
        if (right2) u1r2 = load<i8>(up + 2)
        activity += load<u32>(counts + ((c - width) << 2))
        if (y >= 2) {
          const up2 = up - lines
          u2 = load<i8>(up2)
          if (left1) u2l1 = load<i8>(up2 - 1)
          if (left2) u2l2 = load<i8>(up2 - 2)
          if (right1) u2r1 = load<i8>(up2 + 1)
          if (right2) u2r2 = load<i8>(up2 + 2)
        }
      }
      if (left1) activity += load<u32>(counts + ((c - 1) << 2))
      if (right1 && pos + 1 < plane) activity += load<u32>(counts + ((c + 1) << 2))
      if (pos + width < plane) activity += load<u32>(counts + ((c + width) << 2))
    }
    const nearBits = (some(l1) << 3) | (some(u1) << 2) | (some(u1l1) << 1) | some(u1r1)
    const nearCount = some(l1) + some(u1) + some(u1l1) + some(u1r1)
    const farCount = some(l2) + some(u2) + some(u1l2) + some(u1r2) + some(u2l1) + some(u2r1)
    setContext(state, 1, Z_NEAR + nearBits)
    setContext(state, 2, Z_COLUMN + bucket((activity * share) >>> 12))
    setContext(state, 3, producerSlot)
    setContext(state, 4, Z_WIDE + nearCount * 7 + farCount)
    let level = 0
    if (decide(state, ZERO, 7)) {
      let negative = 0
      if (!seeded) {
        const sum = signOf(l1) + signOf(u1) + signOf(u1l1) + signOf(u1r1)
        const wide =
          signOf(l2) +
          signOf(u2) +
          signOf(u1l2) +
          signOf(u1r2) +
          signOf(u2l1) +
          signOf(u2r1) +
          signOf(u2l2) +
          signOf(u2r2)
        setContext(state, 1, S_NEAR + (((signOf(l1) + 1) * 3 + signOf(u1) + 1) as u32))
        setContext(state, 2, S_SUM + ((sum + 4) as u32))
        setContext(state, 3, S_WIDE + (((sum + 4) * 5 + max<i32>(-2, min<i32>(2, wide)) + 2) as u32))
        setContext(state, 4, S_ROW)
        negative = decide(state, SIGN, 5)
      }
      const larger = max<i32>(abs<i32>(l1), abs<i32>(u1)) as u32
      const density = bucket((min<u32>(count, 16777216) << 6) / (c + 8))
      level = 1
      while (level < maxLevel) {
        const first = M_FIRST + ((level - 1) as u32) * M_SLOTS
        setContext(state, 1, first + larger)
        setContext(state, 2, first + M_DENSITY + density)
        setContext(state, 3, first + M_ROW)
        if (!decide(state, MAGNITUDE + ((level - 1) as u32), 4)) break
        level++
      }
      if (negative) level = -level
      count++
    }
    store<i8>(here, level as i8)
    pos++
    if (pos == plane) {
      pos = 0
      x = 0
      y = 0
    } else {
      x++
      if (x == width) {
        x = 0
        y++
      }
    }
  }
  for (let c: u32 = 0; c < cols; c++) {
    const at = counts + (c << 2)
    store<u32>(at, load<u32>(at) + some(load<i8>(row + c)))
  }
  return count as i32
}
