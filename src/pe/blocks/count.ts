/**
 * Blocks that an engine for coarse-grained sparsity works through. Weights are a matrix of filters by channels, each with all taps of the
 * kernel, cut into blocks; each row of blocks keeps as many, so that the index memory is a table and no row waits for another. Here a
 * row is one of filters, as in src/patterns/blocks.ts; hardware that scatters has the transposed matrix.
 */
import { keptAreas, keptBlocks } from '../../patterns/blocks.js'
import { misfit } from '../../patterns/pattern.js'
import type { BlockArch } from '../arch.js'
import { ceilDiv } from '../units.js'
import type { PeLayer } from '../workload.js'

export interface Blocks {
  /** Rows of blocks, and blocks in each: of the fullest row. */
  readonly rows: number
  readonly perRow: number
  /** Blocks of all rows without those that only fill shorter rows up: rows * perRow where all keep as many. */
  readonly kept: number
  /** Weights of a whole block. */
  readonly size: number
  /** Channels of a block. */
  readonly channels: number
  readonly filters: number
  /** Weights that lie in kept blocks: blocks at the edges of the matrix are not whole. */
  readonly inside: number
  /** Of those, how many are not zero. */
  readonly nonZeros: number
  /** Bits of the place of a block in its row. */
  readonly placeBits: number
}

/** Of weights that are not known: one block in `ratio`, rounded; layers of fewer channels than two blocks are dense. */
export function expectedBlocks(layer: PeLayer, arch: BlockArch): Blocks {
  const { n, k, groups, taps } = layer
  const channels = k / taps
  const columns = ceilDiv(channels, arch.blockInputs)
  const perRow = channels < 2 * arch.blockInputs ? columns : keptBlocks(columns, arch.ratio)
  const rows = ceilDiv(n * groups, arch.blockOutputs)
  const inside = n * groups * taps * perRow * (channels / columns)
  return {
    ...sizesOf(layer, arch.blockInputs, arch.blockOutputs),
    rows,
    perRow,
    kept: rows * perRow,
    inside,
    nonZeros: Math.min(inside, n * groups * k * layer.weightDensity),
  }
}

/** Of levels: the blocks of their pattern; without one, the array's blocks that have a weight. */
export function countedBlocks(layer: PeLayer & Required<Pick<PeLayer, 'levels'>>, arch: BlockArch): Blocks {
  const { pattern, shape, levels } = layer.levels
  const drawn = pattern?.kind === 'blocks' && misfit(pattern, shape) === undefined ? pattern : undefined
  const block = drawn?.inner?.block ?? drawn?.block
  const sizes = sizesOf(layer, block ?? arch.blockInputs, block ?? arch.blockOutputs)
  const areas = drawn === undefined ? usedAreas(layer, arch) : keptAreas(drawn, shape)
  const perRow = new Map<number, number>()
  for (const [row] of areas) perRow.set(row, (perRow.get(row) ?? 0) + 1)
  return {
    ...sizes,
    rows: ceilDiv(layer.n * layer.groups, sizes.filters),
    perRow: Math.max(0, ...perRow.values()),
    kept: areas.length,
    inside: areas.reduce((sum, [, , height, width]) => sum + height * width * layer.taps, 0),
    nonZeros: levels.reduce((sum, level) => sum + (level === 0 ? 0 : 1), 0),
  }
}

function sizesOf({ k, taps }: PeLayer, channels: number, filters: number) {
  const placeBits = Math.ceil(Math.log2(ceilDiv(k / taps, channels)))
  return { channels, filters, size: channels * filters * taps, placeBits }
}

type Area = readonly [row: number, column: number, height: number, width: number]

function usedAreas(layer: PeLayer & Required<Pick<PeLayer, 'levels'>>, arch: BlockArch): Area[] {
  const { blockInputs, blockOutputs } = arch
  const filters = layer.n * layer.groups
  const channels = layer.k / layer.taps
  const columns = ceilDiv(channels, blockInputs)
  const used = new Uint8Array(ceilDiv(filters, blockOutputs) * columns)
  layer.levels.levels.forEach((level, i) => {
    if (level === 0) return
    const filter = Math.floor(i / layer.k)
    const channel = Math.floor((i - filter * layer.k) / layer.taps)
    used[Math.floor(filter / blockOutputs) * columns + Math.floor(channel / blockInputs)] = 1
  })
  return Array.from(used.keys())
    .filter((i) => used[i] === 1)
    .map((i) => {
      const [y, x] = [Math.floor(i / columns) * blockOutputs, (i % columns) * blockInputs]
      return [y, x, Math.min(blockOutputs, filters - y), Math.min(blockInputs, channels - x)]
    })
}
