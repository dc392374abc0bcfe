/** CGS and HCGS: which blocks a seed keeps. */
import { Rng } from '../rng.js'
import { type BlockPattern, type BlockSize, dimsOf } from './pattern.js'

const blocksIn = (length: number, block: number): number => Math.ceil(length / block)

/** Blocks kept in each row of `cols` of them. */
export const keptBlocks = (cols: number, ratio: number): number => Math.max(1, Math.round(cols / ratio))

/** For each row of blocks the columns that are kept, ascending: as many in each, drawn without replacement. */
export function drawBlocks(rows: number, cols: number, ratio: number, rng: Rng): number[][] {
  const kept = keptBlocks(cols, ratio)
  const drawn = Array.from({ length: rows }, () => {
    const order = Array.from({ length: cols }, (_, c) => c)
    rng.shuffle(order)
    return order.slice(0, kept)
  })
  fillColumns(drawn, cols)
  return drawn.map((row) => row.sort((a, b) => a - b))
}

/** Where there are enough blocks, gives each column one: an input that no block reads would be lost. */
function fillColumns(drawn: number[][], cols: number): void {
  const uses = new Array<number>(cols).fill(0)
  for (const row of drawn) for (const c of row) uses[c]++
  for (let empty = 0; empty < cols; empty++) {
    if (uses[empty] > 0) continue
    // The most used column gives one of its blocks, in the first row that has one.
    const most = uses.indexOf(Math.max(...uses))
    if (uses[most] < 2) return
    const row = drawn.find((r) => r.includes(most)) as number[]
    row[row.indexOf(most)] = empty
    uses[most]--
    uses[empty]++
  }
}

/** Blocks that a pattern keeps, as [row, column, height, width] of outputs and inputs; those of the inner level where there is one. */
export function keptAreas(pattern: BlockPattern, shape: readonly number[]): [number, number, number, number][] {
  const { out, in: ins } = dimsOf(shape)
  const rng = new Rng(pattern.seed)
  const level = (size: BlockSize, [y, x, h, w]: [number, number, number, number]) => {
    const { block, ratio } = size
    const drawn = drawBlocks(blocksIn(h, block), blocksIn(w, block), ratio, rng)
    return drawn.flatMap((columns, r) =>
      columns.map((c): [number, number, number, number] => [
        y + r * block,
        x + c * block,
        Math.min(block, h - r * block),
        Math.min(block, w - c * block),
      ]),
    )
  }
  const outer = level(pattern, [0, 0, out, ins])
  const { inner } = pattern
  return inner === undefined ? outer : outer.flatMap((area) => level(inner, area))
}

export function blockMask(pattern: BlockPattern, shape: readonly number[]): Uint8Array {
  const { out, in: ins, taps } = dimsOf(shape)
  const mask = new Uint8Array(out * ins * taps)
  for (const [y, x, h, w] of keptAreas(pattern, shape)) {
    for (let r = y; r < y + h; r++) mask.fill(1, (r * ins + x) * taps, (r * ins + x + w) * taps)
  }
  return mask
}
