/**
 * The exact walk over a layer's real weights. What each row does with each tile is computed in WebAssembly from bit masks
 * (assembly/pe/gather-rows.ts has the recurrence); rows, blocks and passes then wait for each other here.
 */
import { Arena } from '../../wasm/arena.js'
import { instantiate } from '../../wasm/load.js'
import type { GatherArch } from '../arch.js'
import type { LayerCost } from '../cost.js'
import { ceilDiv } from '../units.js'
import type { PeLayer } from '../workload.js'
import { digitPlanes } from './digits.js'
import { type Block, loadCycles, passesOf, sourcesOf, tilesOf } from './layout.js'
import { costOf, type Pass } from './pass.js'

type Weighted = PeLayer & Required<Pick<PeLayer, 'levels'>>

/** Levels that are walked through at a time: what fits into a second-level cache with their masks. */
const CHUNK = 2 ** 18

/** Cycles, digits and non-zero weights of each filter and tile: [filters, tiles, WORDS]. */
type RowTable = Uint32Array

const WORDS = 3

export async function walk(layer: Weighted, arch: GatherArch): Promise<LayerCost> {
  const table = await rowTable(layer, arch)
  const order = orderOf(layer, arch, table)
  const passes = passesOf(layer, arch)
  let nonzeros = 0
  for (let i = 2; i < table.length; i += WORDS) nonzeros += table[i]
  return costOf(
    layer,
    arch,
    (lanes) => passes.map((blocks) => walkedPass(layer, arch, blocks, table, order, lanes)),
    nonzeros,
  )
}

async function rowTable({ levels, k }: Weighted, arch: GatherArch): Promise<RowTable> {
  const { exports, memory } = await instantiate('pe')
  const filters = levels.levels.length / k
  const tiles = ceilDiv(k, arch.tile)
  const planes = digitPlanes(levels.maxLevel, arch.digits)
  const stride = 8 * ceilDiv(k, 64) + 8
  const rows = Math.min(filters, Math.max(1, Math.floor(CHUNK / k)))
  // No more windows can wait than a tile has.
  const queue = Math.min(arch.queue, ceilDiv(Math.min(arch.tile, k), arch.window))
  const arena = new Arena(memory)
  const [at, masks, shape, ends, out] = [
    rows * k,
    rows * (planes + 1) * stride,
    20,
    4 * (queue + 1),
    rows * tiles * WORDS * 4,
  ].map((bytes) => arena.alloc(bytes))
  new Int32Array(memory.buffer, shape, 5).set([arch.window, arch.issue, arch.planes, queue, arch.tile])
  const input = new Int8Array(memory.buffer, at, rows * k)
  const result = new Uint32Array(memory.buffer, out, rows * tiles * WORDS)
  const table = new Uint32Array(filters * tiles * WORDS)
  for (let first = 0; first < filters; first += rows) {
    const count = Math.min(rows, filters - first)
    input.set(levels.levels.subarray(first * k, (first + count) * k))
    exports.bit_planes(at, count, k, planes, arch.digits === 'signed' ? 1 : 0, masks, stride)
    exports.gather_rows(masks, count, k, planes, stride, shape, ends, out)
    table.set(result.subarray(0, count * tiles * WORDS), first * tiles * WORDS)
  }
  return table
}

/** The filters of each group in the order in which they are laid out: [groups, n], numbers within the layer. */
function orderOf({ n, groups, k }: Weighted, arch: GatherArch, table: RowTable): Uint32Array {
  const order = Uint32Array.from({ length: groups * n }, (_, i) => i)
  if (arch.order === 'given') return order
  const tiles = ceilDiv(k, arch.tile)
  const digits = order.map((filter) => {
    let sum = 0
    for (let t = 0; t < tiles; t++) sum += table[WORDS * (filter * tiles + t) + 1]
    return sum
  })
  for (let g = 0; g < groups; g++) {
    order.subarray(g * n, (g + 1) * n).sort((a, b) => digits[b] - digits[a] || a - b)
  }
  return order
}

function walkedPass(
  layer: PeLayer,
  arch: GatherArch,
  blocks: readonly Block[],
  table: RowTable,
  order: Uint32Array,
  lanes: number,
): Pass {
  const tiles = tilesOf(layer.k, arch.tile)
  const sources = sourcesOf(blocks)
  const sums = { rows: 0, digits: 0, own: 0, held: 0, loading: 0 }
  let slowest = 0
  for (const { group, first, rows } of blocks) {
    const start = group * layer.n + first
    const filters = order.subarray(start, start + rows)
    let spent = 0
    tiles.forEach((weights, t) => {
      let last = 0
      for (const filter of filters) {
        const at = WORDS * (filter * tiles.length + t)
        sums.own += table[at]
        sums.digits += table[at + 1]
        last = Math.max(last, table[at])
      }
      const wait = Math.max(0, loadCycles(layer, arch, weights, lanes, sources) - last - arch.syncRows)
      sums.held += rows * last
      sums.loading += rows * wait
      spent += last + arch.syncRows + wait
    })
    sums.rows += rows
    slowest = Math.max(slowest, spent)
  }
  return { ...sums, count: 1, blocks: blocks.length, sources, cycles: slowest + arch.syncGroups }
}
