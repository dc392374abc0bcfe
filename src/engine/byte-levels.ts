/**
 * Layers of 8-bit levels. Where most of them are not zero, the dense integer kernel multiplies by all; else a row program adds their
 * binary digits, as with fewer bits.
 */
import { levelDigits, type MaxLevel, planesOf } from '../kernels/levels.js'
import { type Panel, wholePanel } from '../patterns/panels.js'
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

/** What is known of levels in memory. */
export interface LevelCounts {
  /** For the proof of lanes. */
  readonly sums: LevelSums
  readonly nonzeros: number
  /** Binary digits of all levels that are not zero: what row programs add. */
  readonly digits: number
}

/** @param panels of all rows, with the columns of all levels that are not zero */
export function countLevels(
  levels: Int8Array,
  rows: number,
  maxLevel: MaxLevel,
  panels: readonly Panel[],
): LevelCounts {
  const cols = levels.length / rows
  const planes = planesOf(maxLevel)
  const digitsOf = Uint8Array.from({ length: 128 }, (_, v) => levelDigits(v, planes).filter((d) => d !== 0).length)
  const sums = { positive: 0, negative: 0, total: 0 }
  let [nonzeros, digits] = [0, 0]
  for (const { first, step, count, columns } of panels) {
    for (let i = 0; i < count; i++) {
      const row = (first + i * step) * cols
      let [sum, total] = [0, 0]
      for (let c = 0; c < columns.length; c++) {
        const level = levels[row + columns[c]]
        const size = Math.abs(level)
        sum += level
        total += size
        digits += digitsOf[size]
        nonzeros += size === 0 ? 0 : 1
      }
      sums.positive = Math.max(sums.positive, (total + sum) / 2)
      sums.negative = Math.max(sums.negative, (total - sum) / 2)
      sums.total = Math.max(sums.total, total)
    }
  }
  return { sums, nonzeros, digits }
}

/** A call of kernel dense_i16: rows that read the same columns. */
export interface DensePanel {
  readonly address: number
  /** Byte offsets of the columns, two for each pair. */
  readonly offsets: number
  readonly pairs: number
  /** Rows first, first + step, ...: `count` of them. */
  readonly first: number
  readonly step: number
  readonly count: number
  /** Bytes from the layer's inputs to those of the panel. */
  readonly from: number
}

/** Weights of kernel dense_i16. */
export interface DenseLevels {
  readonly panels: readonly DensePanel[]
  /** In all, the offsets included. */
  readonly bytes: number
}

/** The groups of rows of a layer without a pattern, each of which reads all its columns. */
export function groupPanels(rows: number, cols: number, groups: number): Panel[] {
  const whole = wholePanel(rows / groups, cols)
  return Array.from({ length: groups }, (_, group) => ({ ...whole, first: (group * rows) / groups }))
}

/** Writes the levels of each panel in tiles of four rows, pair after pair of columns. */
export function writeDenseLevels(
  levels: Int8Array,
  rows: number,
  panels: readonly Panel[],
  { offsets, groups, groupStep }: ProgramRequest,
  instance: WasmInstance,
  arena: Arena,
): DenseLevels {
  const cols = levels.length / rows
  /** Offsets of columns: panels may have the same. */
  const tables = new Map<Int32Array, number>()
  let bytes = 0
  const alloc = (n: number) => {
    bytes += n
    return arena.alloc(n)
  }
  const written = panels.map(({ first, step, count, columns }): DensePanel => {
    const pairs = Math.ceil(columns.length / 2)
    const tileLength = DENSE_TILE * pairs * 2
    const length = Math.ceil(count / DENSE_TILE) * tileLength
    const address = alloc(length * 2)
    const table = tables.get(columns) ?? alloc(pairs * 8)
    tables.set(columns, table)
    const places = new Uint32Array(instance.memory.buffer, table, 2 * pairs)
    places.set(columns.map((k) => offsets[k]))
    // The column that an odd number lacks reads anything, times 0.
    if (columns.length % 2 === 1) places[columns.length] = places[columns.length - 1]
    const words = new Int16Array(instance.memory.buffer, address, length).fill(0)
    for (let r = 0; r < count; r++) {
      const tile = Math.floor(r / DENSE_TILE) * tileLength + (r % DENSE_TILE) * 2
      writeDenseRow(levels, (first + r * step) * cols, columns, words, tile)
    }
    const from = Math.floor(first / (rows / groups)) * groupStep
    return { address, offsets: table, pairs, first, step, count, from }
  })
  return { panels: written, bytes }
}

function writeDenseRow(levels: Int8Array, row: number, columns: Int32Array, words: Int16Array, tile: number): void {
  for (let i = 0; i < columns.length; i++) {
    words[tile + (i >> 1) * 2 * DENSE_TILE + (i & 1)] = levels[row + columns[i]]
  }
}

/** A program from levels that are at hand. */
export function writeProgram(
  levels: Int8Array,
  counts: LevelCounts,
  rows: number,
  maxLevel: MaxLevel,
  { offsets, groups, groupStep }: ProgramRequest,
  instance: WasmInstance,
  arena: Arena,
): Program {
  const { exports, memory } = instance
  const cols = levels.length / rows
  const planes = planesOf(maxLevel)
  const address = arena.alloc(rows * planes * 8 + counts.digits * 4 + 4)
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
  return { address, rows, planes, sums: counts.sums, nonzeros: counts.nonzeros, bytes: out - address }
}
