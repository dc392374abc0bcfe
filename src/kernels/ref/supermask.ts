/** Scalar references of assembly/train/levels.ts and magnitudes.ts. */
import type { Mem } from '../row.js'

const { fround } = Math

/** Whether a level is negative: by its given sign, or where there is none by its score's. */
function isNegative({ f32, i8 }: Mem, scores: number, signs: number, i: number): boolean {
  const given = signs ? i8[signs + i] : 0
  return given === 0 ? f32[scores / 4 + i] < 0 : given < 0
}

export function levelsFromScores(
  mem: Mem,
  scores: number,
  n: number,
  scale: number,
  thresholds: number,
  coats: number,
  signs: number,
  levels: number,
): number {
  const { f32, i8 } = mem
  let squares = 0
  for (let i = 0; i < n; i++) {
    const size = fround(Math.abs(f32[scores / 4 + i]) * fround(scale))
    let level = 0
    for (let k = 0; k < coats; k++) if (size >= f32[thresholds / 4 + k]) level++
    squares += level * level
    i8[levels + i] = isNegative(mem, scores, signs, i) ? -level : level
  }
  return squares
}

export function freezeLevels(
  mem: Mem,
  scores: number,
  n: number,
  signs: number,
  frozen: number,
  levels: number,
): number {
  const { i8 } = mem
  let squares = 0
  for (let i = 0; i < n; i++) {
    if (i8[frozen + i] < 0) i8[levels + i] = 0
    else if (i8[frozen + i] > 0 && i8[levels + i] === 0) i8[levels + i] = isNegative(mem, scores, signs, i) ? -1 : 1
    squares += i8[levels + i] ** 2
  }
  return squares
}

export function fillRows(
  mem: Mem,
  scores: number,
  rows: number,
  cols: number,
  least: number,
  signs: number,
  frozen: number,
  levels: number,
): number {
  const { f32, i8 } = mem
  let added = 0
  for (let r = 0; r < rows; r++) {
    const row = Array.from({ length: cols }, (_, c) => r * cols + c)
    const missing = least - row.filter((i) => i8[levels + i] !== 0).length
    const free = row.filter((i) => i8[levels + i] === 0 && !(frozen && i8[frozen + i] < 0))
    free.sort((i, j) => Math.abs(f32[scores / 4 + j]) - Math.abs(f32[scores / 4 + i]) || i - j)
    for (const i of free.slice(0, Math.max(0, missing))) {
      i8[levels + i] = isNegative(mem, scores, signs, i) ? -1 : 1
      added++
    }
  }
  return added
}

export function weightsFromLevels({ f32, i8 }: Mem, levels: number, n: number, c: number, weights: number): undefined {
  for (let i = 0; i < n; i++) f32[weights / 4 + i] = i8[levels + i] * fround(c)
}

export function levelsTranspose(
  { u8 }: Mem,
  levels: number,
  y: number,
  groups: number,
  outs: number,
  ins: number,
  taps: number,
): undefined {
  for (let g = 0; g < groups; g++) {
    for (let c = 0; c < ins; c++) {
      for (let o = 0; o < outs; o++) {
        for (let t = 0; t < taps; t++) {
          u8[y + ((g * ins + c) * outs + o) * taps + t] = u8[levels + ((g * outs + o) * ins + c) * taps + t]
        }
      }
    }
  }
}

export function countNonzero({ u8 }: Mem, levels: number, n: number): number {
  let count = 0
  for (let i = 0; i < n; i++) if (u8[levels + i] !== 0) count++
  return count
}

/** Visits the bit pattern of every key that is not frozen. */
function eachKey(
  { f32, i8 }: Mem,
  scores: number,
  n: number,
  scale: number,
  frozen: number,
  visit: (key: number) => void,
): void {
  const key = new Float32Array(1)
  const bits = new Uint32Array(key.buffer)
  for (let i = 0; i < n; i++) {
    if (frozen && i8[frozen + i] !== 0) continue
    key[0] = Math.abs(f32[scores / 4 + i]) * fround(scale)
    visit(bits[0] & 0x7fffffff)
  }
}

export function countMagnitudes(
  mem: Mem,
  scores: number,
  n: number,
  scale: number,
  frozen: number,
  counts: number,
): undefined {
  eachKey(mem, scores, n, scale, frozen, (key) => {
    mem.u32[counts / 4 + (key >>> 16)]++
  })
}

export function countWithin(
  mem: Mem,
  scores: number,
  n: number,
  scale: number,
  frozen: number,
  prefix: number,
  counts: number,
): undefined {
  eachKey(mem, scores, n, scale, frozen, (key) => {
    if (key >>> 16 === prefix) mem.u32[counts / 4 + (key & 65535)]++
  })
}
