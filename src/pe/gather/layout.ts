/**
 * How a layer lies on the array. A pass is the time in which the array computes one set of filters for `lanes` pixels:
 *
 *   block   up to `rows` filters on the rows of one group, which read the same inputs
 *   pass    up to `groups` blocks, one to a group
 *   tile    `tile` consecutive weights of every filter of a pass, whose inputs lie in the groups' tile memories
 *
 * Filters of different groups of a convolution read different inputs, so they never share a block. A depthwise convolution therefore has one
 * filter in a block. Every pass is repeated for each `lanes` pixels of the output.
 */
import type { GatherArch } from '../arch.js'
import { ceilDiv } from '../units.js'
import type { PeLayer } from '../workload.js'

/** Bits of an activation: one FP8 number. */
export const ACTIVATION_BITS = 8

export interface Block {
  /** Which of the layer's groups. */
  readonly group: number
  /** First filter of the block, counted in its group in the order in which filters are laid out. */
  readonly first: number
  readonly rows: number
}

/** The blocks of each pass. */
export function passesOf({ n, groups }: PeLayer, arch: GatherArch): Block[][] {
  const passes: Block[][] = []
  for (let group = 0; group < groups; group++) {
    for (let first = 0; first < n; first += arch.rows) {
      const block = { group, first, rows: Math.min(arch.rows, n - first) }
      const last = passes.at(-1)
      if (last === undefined || last.length === arch.groups) passes.push([block])
      else last.push(block)
    }
  }
  return passes
}

/** Groups of a convolution that a pass needs the inputs of: its blocks come group by group. */
export const sourcesOf = (blocks: readonly Block[]): number => 1 + blocks[blocks.length - 1].group - blocks[0].group

/** Weights of each tile of a filter. */
export const tilesOf = (k: number, tile: number): number[] =>
  Array.from({ length: ceilDiv(k, tile) }, (_, t) => Math.min(tile, k - t * tile))

/** How many pixels an activation is used for once it is in a tile. */
export const reuseOf = (layer: PeLayer, arch: GatherArch): number => Math.min(arch.reuse, layer.taps)

/** Cycles in which a tile of so many weights is filled with the inputs of `lanes` pixels, of so many groups of a convolution. */
export function loadCycles(layer: PeLayer, arch: GatherArch, weights: number, lanes: number, sources: number): number {
  const { tileBandwidth } = arch
  if (tileBandwidth === undefined) return 0
  return Math.ceil((weights * lanes * sources * ACTIVATION_BITS) / (tileBandwidth * reuseOf(layer, arch)))
}
