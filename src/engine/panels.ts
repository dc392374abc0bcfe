/**
 * Dense layers of one vector in panels, rows that read the same inputs: those of a row of blocks, or all rows of a layer of 8-bit
 * levels. The scalar gather adds one input at a time; in panels the levels of four rows are multiplied at once, zeros included.
 */
import type { Panel } from '../patterns/panels.js'
import type { Arena } from '../wasm/arena.js'
import type { WasmInstance } from '../wasm/exports.js'
import { finishLayer, type Layer } from './emit.js'
import type { WeightedOp } from './lower.js'
import type { Scratch } from './memory.js'
import type { Step } from './requant.js'
import type { Tables } from './tables.js'

/** Rows of a tile of kernel panels_i16, and of a vector in it. */
const TILE = 16
const LANES = 4

/** Weights of kernel panels_i16. */
export interface PanelLevels {
  readonly address: number
  readonly panels: number
  readonly bytes: number
}

/** Columns in pairs of neighbours; undefined: one has none. */
function pairsOf(columns: Int32Array): [number, number | undefined][] {
  const pairs: [number, number | undefined][] = []
  for (let i = 0; i < columns.length; i++) {
    const pair = columns[i + 1] === columns[i] + 1
    pairs.push([columns[i], pair ? columns[i + 1] : undefined])
    if (pair) i++
  }
  return pairs
}

/** Multiplications of vectors that panels take: two levels of four rows each. */
export const panelProducts = (panels: readonly Panel[]): number =>
  panels.reduce((sum, { count, columns }) => sum + Math.ceil(count / LANES) * pairsOf(columns).length, 0)

/** @param panels whose rows follow each other */
export function writePanels(
  levels: Int8Array,
  rows: number,
  panels: readonly Panel[],
  instance: WasmInstance,
  arena: Arena,
): PanelLevels {
  const cols = levels.length / rows
  const laidOut = panels.map((panel) => ({ ...panel, pairs: pairsOf(panel.columns) }))
  const bytes = laidOut.reduce(
    (sum, { count, pairs }) => sum + 8 + pairs.length * (4 + Math.ceil(count / LANES) * LANES * 2),
    0,
  )
  const address = arena.alloc(bytes)
  const program = new DataView(instance.memory.buffer, address, bytes)
  let at = 0
  for (const { first, count, pairs } of laidOut) {
    program.setUint32(at, count, true)
    program.setUint32(at + 4, pairs.length, true)
    at += 8
    for (const [k] of pairs) {
      program.setUint32(at, 2 * k, true)
      at += 4
    }
    for (let tile = 0; tile < count; tile += TILE) {
      const height = Math.ceil(Math.min(TILE, count - tile) / LANES) * LANES
      for (const pair of pairs) {
        for (let r = tile; r < tile + height; r++) {
          for (const k of pair) program.setInt8(at++, r < count && k !== undefined ? levels[(first + r) * cols + k] : 0)
        }
      }
    }
  }
  return { address, panels: panels.length, bytes }
}

export function emitPanels(
  op: WeightedOp,
  layer: Layer,
  { address, panels }: PanelLevels,
  scratch: Scratch,
  tables: Tables,
  batch: number,
): Step[] {
  const product = { op: op.name, kernel: 'panels_i16', args: [address, panels, op.x.base, scratch.acc] }
  return [product, ...finishLayer(op, layer, scratch, tables, batch, 0)]
}
