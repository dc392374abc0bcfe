/**
 * Context mode: the small code. Every weight is a few binary decisions: zero or not; then its sign (unless seeded); then
 * its magnitude in unary. The probability of each decision is mixed from what was seen in several contexts.
 *
 * Each kind of decision has a base slot b, which sees all of them, and one slot per value of each context. A slot that
 * has seen n decisions counts as evidence for or against the base, the more the larger n is (logistic mixing, in
 * units of 1/256 of log odds):
 *
 *     x[0] = stretch(b)        x[i] = (stretch(slot[i]) - stretch(b)) * n / (n + 1.5)
 *     p(1) = squash(sum of w[i] * x[i])
 *     w[i] += rate * x[i] * (bit - p)
 */
import type { Mem } from '../../row.js'
import type { BitCoder } from './coder.js'
import { confidence, EVEN_SLOT, learned } from './slots.js'
import { arraysOf, INDICES, INPUTS, SLOTS, SQUASH, STRETCH, WEIGHTS, WORD } from './state.js'

/** Kinds of decision: zero or not, sign, then |level| > 1 .. |level| > 6. */
const ZERO = 0
const SIGN = 1
const MAGNITUDE = 2

/** Slot numbers. Base slots come first, one per kind. */
const Z_NEAR = 8
const Z_COLUMN = Z_NEAR + 16
const Z_PRODUCER = Z_COLUMN + 16
const Z_WIDE = Z_PRODUCER + 17
const Z_CLASS = Z_WIDE + 35
const Z_ROW = Z_CLASS + 8
const S_NEAR = Z_ROW + 1
const S_SUM = S_NEAR + 9
const S_WIDE = S_SUM + 9
const S_ROW = S_WIDE + 45
/** Per unary step: 8 by the larger neighbour, 16 by the density of the row, 1 for the row. */
const M_FIRST = S_ROW + 1
const M_DENSITY = 8
const M_ROW = 24
const M_SLOTS = 25
const SLOT_COUNT = M_FIRST + 6 * M_SLOTS

/** Weight numbers: 7 for zero, 5 for sign, 4 for each unary step. */
const MIXERS = [0, 7, 12, 16, 20, 24, 28, 32]
const WEIGHT_COUNT = 36
const ONE = 65536
const START = 19660
const MAX_WEIGHT = 4 * ONE - 1
/** Learning rate of the weights: 2^-6, as a shift of the product of error and input. */
const RATE_SHIFT = 14
/** Counts that slots keep from one tensor to the next, at most. */
const CARRY = 12
const NO_PRODUCER = 16

/** Tables and slots for a new file. */
export function beginContext(mem: Mem, state: number): void {
  fillTables(mem, state)
  const slots = (state + SLOTS) >> 2
  mem.u32.fill(0, slots, slots + SLOT_COUNT)
  mem.u32.fill(EVEN_SLOT, slots, slots + 8)
}

/** squash(x) = 65536 / (1 + e^(-x / 256)) for x = -2048 .. 2047, and its inverse for p = 0, 16, 32, ... 65520. */
function fillTables(mem: Mem, state: number): void {
  const squash = ((state + SQUASH) >> 1) + 2048
  mem.u16[squash] = 32768
  let e = 1
  for (let x = 1; x <= 2047; x++) {
    e *= 0.9961013694701175
    const p = Math.floor(65536 / (1 + e))
    mem.u16[squash + x] = p
    mem.u16[squash - x] = 65536 - p
  }
  mem.u16[squash - 2048] = mem.u16[squash - 2047]
  const stretch = (state + STRETCH) >> 1
  let next = 0
  for (let x = -2047; x <= 2047; x++) {
    const p = mem.u16[squash + x] >>> 4
    for (; next <= p; next++) mem.i16[stretch + next] = x
  }
  for (; next < 4096; next++) mem.i16[stretch + next] = 2047
}

/** Fresh weights; slots keep what they learned, with less confidence; those of rows and classes start anew. */
export function beginContextTensor(mem: Mem, state: number): void {
  const slots = (state + SLOTS) >> 2
  for (let i = 0; i < SLOT_COUNT; i++) {
    const slot = mem.u32[slots + i]
    mem.u32[slots + i] = ((slot & ~1023) | Math.min(slot & 1023, CARRY)) >>> 0
  }
  mem.u32.fill(0, slots + Z_CLASS, slots + Z_CLASS + 8)
  const weights = (state + WEIGHTS) >> 2
  mem.i32.fill(START, weights, weights + WEIGHT_COUNT)
  for (const first of MIXERS) mem.i32[weights + first] = ONE
}

/** 0, 1, 2, 3, then two steps per octave, up to 15. */
function bucket(v: number): number {
  if (v < 4) return v
  const e = 31 - Math.clz32(v)
  return Math.min(15, 2 * e + ((v >>> (e - 1)) & 1))
}

/** One decision of a kind, in the contexts whose slots are indices[1 .. count - 1] of the state. */
function decide(coder: BitCoder, mem: Mem, state: number, kind: number, count: number, bit: number): number {
  const u32 = mem.u32
  const slots = (state + SLOTS) >> 2
  const stretch = (state + STRETCH) >> 1
  const weights = ((state + WEIGHTS) >> 2) + MIXERS[kind]
  const base = u32[slots + kind]
  const baseInput = mem.i16[stretch + (base >>> 20)]
  const indices = (state + INDICES) >> 2
  const inputs = (state + INPUTS) >> 2
  mem.i32[inputs] = baseInput
  let dot = (mem.i32[weights] * baseInput) >> 8
  for (let i = 1; i < count; i++) {
    const slot = u32[slots + u32[indices + i]]
    const n = slot & 1023
    let x = 0
    if (n > 0) {
      x = ((mem.i16[stretch + (slot >>> 20)] - baseInput) * confidence(mem, state, n)) >> 8
      dot += (mem.i32[weights + i] * x) >> 8
    }
    mem.i32[inputs + i] = x
  }
  const clamped = Math.max(-2047, Math.min(2047, dot >> 8))
  const p = mem.u16[((state + SQUASH) >> 1) + 2048 + clamped]
  const coded = coder.bit(p, bit)
  const error = (coded ? 65536 : 0) - p
  for (let i = 0; i < count; i++) {
    const w = mem.i32[weights + i] + ((mem.i32[inputs + i] * error) >> RATE_SHIFT)
    mem.i32[weights + i] = Math.max(-MAX_WEIGHT, Math.min(MAX_WEIGHT, w))
  }
  for (let i = 1; i < count; i++) {
    const at = slots + u32[indices + i]
    const slot = u32[at]
    u32[at] = learned(mem, state, (slot & 1023) === 0 ? (base & ~1023) >>> 0 : slot, coded)
  }
  u32[slots + kind] = learned(mem, state, base, coded)
  return coded
}

/** Codes the row of levels at `row`, one byte each. */
export function codeContextRow(coder: BitCoder, mem: Mem, state: number, row: number): void {
  const w = state >> 2
  const u32 = mem.u32
  const cols = u32[w + WORD.cols / 4]
  const plane = u32[w + WORD.plane / 4]
  const width = u32[w + WORD.width / 4]
  const maxLevel = u32[w + WORD.maxLevel / 4]
  const seeded = u32[w + WORD.signs / 4] !== 0
  const r = u32[w + WORD.row / 4]
  const producers = u32[w + WORD.producers / 4]
  const at = arraysOf(state, u32[w + WORD.maxCols / 4], u32[w + WORD.maxRows / 4])
  const slots = (state + SLOTS) >> 2
  const indices = (state + INDICES) >> 2
  u32[slots + Z_ROW] = 0
  u32[slots + S_ROW] = 0
  for (let k = 0; k < 6; k++) u32[slots + M_FIRST + k * M_SLOTS + M_ROW] = 0
  const produced = producers > 0 && producers * plane === cols
  const rowClass = Math.min(7, mem.u8[u32[w + WORD.classes / 4] + r])
  const counts = at.columnCounts >> 2
  const share = Math.floor(65536 / (r + 4))
  let count = 0
  let x = 0
  let y = 0
  let pos = 0
  let channel = 0
  for (let c = 0; c < cols; c++) {
    // The level dy lines up and dx columns to the left in the same plane, 0 outside. Without lines, dx columns back.
    const up = (dy: number, dx: number): number => {
      if (width === 0) return dy === 0 && c >= dx ? mem.i8[row + c - dx] : 0
      return y < dy || x < dx || x - dx >= width ? 0 : mem.i8[row + c - dy * width - dx]
    }
    const near = [up(0, 1), up(1, 0), up(1, 1), up(1, -1)]
    const far = [up(0, 2), up(2, 0), up(1, 2), up(1, -2), up(2, 1), up(2, -1)]
    const nearCount = near.filter((v) => v !== 0).length
    const farCount = far.filter((v) => v !== 0).length
    let activity = u32[counts + c] * (width === 0 ? 8 : 4)
    if (width > 0) {
      if (x > 0) activity += u32[counts + c - 1]
      if (x + 1 < width && pos + 1 < plane) activity += u32[counts + c + 1]
      if (y > 0) activity += u32[counts + c - width]
      if (pos + width < plane) activity += u32[counts + c + width]
    }
    u32[indices + 1] = Z_NEAR + near.reduce((bits, v) => bits * 2 + (v !== 0 ? 1 : 0), 0)
    u32[indices + 2] = Z_COLUMN + bucket((activity * share) >>> 12)
    u32[indices + 3] = Z_PRODUCER + (produced ? bucket(u32[(at.producerCounts >> 2) + channel]) : NO_PRODUCER)
    u32[indices + 4] = Z_WIDE + nearCount * 7 + farCount
    u32[indices + 5] = Z_CLASS + rowClass
    u32[indices + 6] = Z_ROW
    let level = mem.i8[row + c]
    if (decide(coder, mem, state, ZERO, 7, level !== 0 ? 1 : 0)) {
      let negative = 0
      if (!seeded) {
        const sum = near.reduce((a, v) => a + Math.sign(v), 0)
        const wide = [...far, up(2, 2), up(2, -2)].reduce((a, v) => a + Math.sign(v), 0)
        u32[indices + 1] = S_NEAR + (Math.sign(near[0]) + 1) * 3 + Math.sign(near[1]) + 1
        u32[indices + 2] = S_SUM + sum + 4
        u32[indices + 3] = S_WIDE + (sum + 4) * 5 + Math.max(-2, Math.min(2, wide)) + 2
        u32[indices + 4] = S_ROW
        negative = decide(coder, mem, state, SIGN, 5, level < 0 ? 1 : 0)
      }
      const larger = Math.max(Math.abs(near[0]), Math.abs(near[1]))
      const density = bucket(Math.floor((Math.min(count, 2 ** 24) * 64) / (c + 8)))
      let m = 1
      for (; m < maxLevel; m++) {
        const first = M_FIRST + (m - 1) * M_SLOTS
        u32[indices + 1] = first + larger
        u32[indices + 2] = first + M_DENSITY + density
        u32[indices + 3] = first + M_ROW
        if (!decide(coder, mem, state, MAGNITUDE + m - 1, 4, Math.abs(level) > m ? 1 : 0)) break
      }
      level = negative ? -m : m
      count++
    } else {
      level = 0
    }
    mem.i8[row + c] = level
    if (++pos === plane) {
      pos = 0
      x = 0
      y = 0
      channel++
    } else if (++x === width) {
      x = 0
      y++
    }
  }
  for (let c = 0; c < cols; c++) if (mem.i8[row + c] !== 0) u32[counts + c]++
}
