/** CGS and HCGS: which blocks a seed keeps. */
import { Rng } from '../rng.js'
import { type BlockPattern, type BlockSize, dimsOf } from './pattern.js'

const blocksIn = (length: number, block: number): number => Math.ceil(length / block)

/** Blocks kept in each row of `cols` of them. */
export const keptBlocks = (cols: number, ratio: number): number => Math.max(1, Math.round(cols / ratio))

/** For each row of blocks the columns that are kept, ascending: as many in each, drawn without replacement. */
function drawBlocks(rows: number, cols: number, ratio: number, rng: Rng): Uint32Array[] {
  const kept = keptBlocks(cols, ratio)
  const order = new Uint32Array(cols)
  const drawn = Array.from({ length: rows }, () => {
    for (let c = 0; c < cols; c++) order[c] = c
    rng.shuffle(order)
    return order.slice(0, kept)
  })
  fillColumns(drawn, cols)
  return drawn.map((row) => row.sort())
}

/** Where there are enough blocks, gives each column one: an input that no block reads would be lost. */
function fillColumns(drawn: readonly Uint32Array[], cols: number): void {
  const uses = new Uint32Array(cols)
  for (const row of drawn) for (const c of row) uses[c]++
  const empty = Array.from(uses.keys()).filter((c) => uses[c] === 0)
  if (empty.length === 0) return
  // The most used column gives one of its blocks, in the first row that has one; of several such columns the first.
  const blocks = blocksOfColumns(drawn, uses)
  let next = 0
  for (let most = uses.reduce((a, b) => Math.max(a, b)); most > 1; most--) {
    for (let c = 0; c < cols && next < empty.length; c++) {
      if (uses[c] < most) continue
      const [row, place] = blocks(c)
      drawn[row][place] = empty[next++]
      uses[c]--
    }
  }
}

/** Gives for a column its blocks, one a call, as row and place in it: from the first row on. */
function blocksOfColumns(drawn: readonly Uint32Array[], uses: Uint32Array): (column: number) => [number, number] {
  const kept = drawn[0].length
  const next = new Uint32Array(uses.length)
  for (let c = 1; c < uses.length; c++) next[c] = next[c - 1] + uses[c - 1]
  const blocks = new Uint32Array(drawn.length * kept)
  const end = next.slice()
  drawn.forEach((row, r) => {
    for (let place = 0; place < kept; place++) blocks[end[row[place]]++] = r * kept + place
  })
  return (column) => {
    const block = blocks[next[column]++]
    return [Math.floor(block / kept), block % kept]
  }
}

type Area = [row: number, column: number, height: number, width: number]

/** Calls `visit` for each block that a pattern keeps: of the inner level where there is one. */
function eachArea(pattern: BlockPattern, shape: readonly number[], visit: (...area: Area) => void): void {
  const { out, in: ins } = dimsOf(shape)
  const rng = new Rng(pattern.seed)
  const level = ({ block, ratio }: BlockSize, [y, x, h, w]: Area, each: (...area: Area) => void) => {
    drawBlocks(blocksIn(h, block), blocksIn(w, block), ratio, rng).forEach((columns, r) => {
      for (const c of columns) {
        each(y + r * block, x + c * block, Math.min(block, h - r * block), Math.min(block, w - c * block))
      }
    })
  }
  const { inner } = pattern
  // All outer blocks are drawn before the first inner one.
  level(pattern, [0, 0, out, ins], inner === undefined ? visit : (...area) => level(inner, area, visit))
}

/** Blocks that a pattern keeps, as [row, column, height, width] of outputs and inputs; those of the inner level where there is one. */
export function keptAreas(pattern: BlockPattern, shape: readonly number[]): Area[] {
  const areas: Area[] = []
  eachArea(pattern, shape, (...area) => areas.push(area))
  return areas
}

export function blockMask(pattern: BlockPattern, shape: readonly number[]): Uint8Array {
  const { out, in: ins, taps } = dimsOf(shape)
  const mask = new Uint8Array(out * ins * taps)
  eachArea(pattern, shape, (y, x, h, w) => {
    for (let r = y; r < y + h; r++) mask.fill(1, (r * ins + x) * taps, (r * ins + x + w) * taps)
  })
  return mask
}
