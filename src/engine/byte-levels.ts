/**
 * Layers of 8-bit levels. Where most of them are not zero, the dense integer kernel multiplies by all; else a row program adds their
 * binary digits, as with fewer bits.
 */
import { planesOf } from '../kernels/levels.js'
import type { Arena } from '../wasm/arena.js'
import type { WasmInstance } from '../wasm/exports.js'
import type { LevelSums } from './lanes.js'
import type { Program, ProgramRequest } from './weights.js'

/** Above this share of non-zero levels the dense kernel is faster (npm run bench -- layers): it does without the 2.7 additions that a level's digits take. */
export const DENSE_LIMIT = 0.25
/** Rows that the dense kernel computes together: with fewer in a group, most of its work is for nothing. */
export const DENSE_TILE = 4

export const prefersDense = (density: number, rowsPerGroup: number): boolean =>
  density > DENSE_LIMIT && rowsPerGroup >= DENSE_TILE

/** Level sums of the rows, for the proof of lanes. */
export function sumsOf(levels: Int8Array, rows: number): LevelSums {
  const cols = levels.length / rows
  let [positive, negative, total] = [0, 0, 0]
  for (let r = 0; r < rows; r++) {
    let [plus, minus] = [0, 0]
    for (let k = r * cols; k < (r + 1) * cols; k++) {
      if (levels[k] > 0) plus += levels[k]
      else minus -= levels[k]
    }
    positive = Math.max(positive, plus)
    negative = Math.max(negative, minus)
    total = Math.max(total, plus + minus)
  }
  return { positive, negative, total }
}

/** Weights of kernel dense_i16. */
export interface DenseLevels {
  readonly address: number
  /** Byte offsets of the columns, two for each pair. */
  readonly offsets: number
  readonly pairs: number
  /** Bytes from one group's weights to the next. */
  readonly groupBytes: number
  /** In all, the offsets included. */
  readonly bytes: number
}

/** Writes levels in tiles of four rows, pair after pair of columns; each group of rows by itself. */
export function writeDenseLevels(
  levels: Int8Array,
  rows: number,
  { offsets, groups }: Pick<ProgramRequest, 'offsets' | 'groups'>,
  instance: WasmInstance,
  arena: Arena,
): DenseLevels {
  const cols = levels.length / rows
  const each = rows / groups
  const pairs = Math.ceil(cols / 2)
  const groupBytes = Math.ceil(each / DENSE_TILE) * pairs * 2 * DENSE_TILE * 2
  const address = arena.alloc(groups * groupBytes)
  const table = arena.alloc(pairs * 8)
  const places = new Uint32Array(instance.memory.buffer, table, 2 * pairs)
  places.set(offsets)
  // The column that an odd number lacks reads anything, times 0.
  if (cols % 2 === 1) places[cols] = places[cols - 1]
  const words = new Int16Array(instance.memory.buffer, address, (groups * groupBytes) / 2).fill(0)
  for (let r = 0; r < rows; r++) {
    const group = Math.floor(r / each)
    const own = r % each
    const tile =
      (group * groupBytes) / 2 + Math.floor(own / DENSE_TILE) * pairs * 2 * DENSE_TILE + (own % DENSE_TILE) * 2
    for (let k = 0; k < cols; k++) words[tile + (k >> 1) * 2 * DENSE_TILE + (k & 1)] = levels[r * cols + k]
  }
  return { address, offsets: table, pairs, groupBytes, bytes: groups * groupBytes + pairs * 8 }
}

/** A program from levels that are at hand. */
export function writeProgram(
  levels: Int8Array,
  rows: number,
  maxLevel: 127,
  { offsets, groups, groupStep }: ProgramRequest,
  instance: WasmInstance,
  arena: Arena,
): Program {
  const { exports, memory } = instance
  const cols = levels.length / rows
  const planes = planesOf(maxLevel)
  const nonzeros = levels.reduce((n, level) => n + (level === 0 ? 0 : 1), 0)
  // A level has at most four digits in non-adjacent form of eight planes.
  const address = arena.alloc(rows * planes * 8 + nonzeros * 16 + 4)
  const mark = arena.mark()
  const [from, pairs, ctx, table] = [levels.length, cols * 8, 24, cols * 4].map((bytes) => arena.alloc(bytes))
  new Int8Array(memory.buffer, from, levels.length).set(levels)
  new Uint32Array(memory.buffer, ctx, 6).set([planes, table, 0, 0, 0, 0])
  const each = rows / groups
  let out = address
  for (let group = 0; group < groups; group++) {
    const places = new Uint32Array(memory.buffer, table, cols)
    for (let k = 0; k < cols; k++) places[k] = offsets[k] + group * groupStep
    out = exports.program_from_levels(from + group * each * cols, each, cols, pairs, ctx, out) >>> 0
  }
  arena.release(mark)
  return { address, rows, planes, sums: sumsOf(levels, rows), nonzeros, bytes: out - address }
}
