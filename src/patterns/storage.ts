/**
 * Bits of one layer's weights in the formats that sparse networks are stored in, from counts alone: the shape, how many weights are
 * not zero, and the bits of a value. Values and index are told apart, because papers compare either.
 *
 * N filters of C x k x k weights, n of all N * C * k^2 not zero; packed numbers take the least bits, ceil(log2 of how many there are):
 *
 *   dense        every weight
 *   bitmask      a bit for each weight
 *   coo          filter, channel, row and column of each
 *   csr          place in its filter of each, a pointer for each filter;    csr16: 16 bits a place, 32 a pointer
 *   csc          filter of each, a pointer for each place in a filter
 *   in-kernel    place in its kernel of each; how many the kernel has, unless all have as many
 *   pattern-id   for each kernel the number of its set of taps (PCONV, PatDNN); the sets, once for a network (setTableBits)
 */
import { keptAreas, keptBlocks } from './blocks.js'
import { capacity, indexBits } from './mask.js'
import { type BlockPattern, dimsOf, misfit, type Pattern, type PeriodicPattern } from './pattern.js'

export interface StoredBits {
  readonly values: number
  readonly index: number
}

/** Bits of a value where zeros are stored too, and where they are not: a non-zero INT2 level is a sign, with zero it takes two bits. */
export interface ValueBits {
  readonly dense: number
  readonly nonZero: number
}

export interface LayerCount {
  /** [out, in, kh, kw] or [out, in] */
  readonly shape: readonly number[]
  readonly nonZeros: number
  /** How many weights each kernel has that are not zero, if all have as many. */
  readonly perKernel?: number
}

export interface CountedOptions {
  /** Different sets of taps that the kernels have, for 'pattern-id'. Default 8, as PCONV and PatDNN have. */
  readonly sets?: number
  /** Kernels that are not zero altogether, for 'pattern-id'. Default all. */
  readonly kernels?: number
}

export const COUNTED_FORMATS = ['dense', 'bitmask', 'coo', 'csr', 'csr16', 'csc', 'in-kernel', 'pattern-id'] as const
export type CountedFormat = (typeof COUNTED_FORMATS)[number]

export const DEFAULT_SETS = 8

/** Bits of a number below `count`. */
const width = (count: number): number => Math.ceil(Math.log2(Math.max(1, count)))

/**
 * Pointers into the non-zeros count up to `nonZeros` included.
 * @param bits of a value; a number is both
 */
export function formatBits(
  format: CountedFormat,
  layer: LayerCount,
  bits: number | ValueBits,
  options: CountedOptions = {},
): StoredBits {
  const { nonZeros } = layer
  const { out, in: ins, taps } = dimsOf(layer.shape)
  const each = typeof bits === 'number' ? { dense: bits, nonZero: bits } : bits
  if (format === 'dense') return { values: out * ins * taps * each.dense, index: 0 }
  return { values: nonZeros * each.nonZero, index: indexOf(format, layer, options) }
}

function indexOf(format: Exclude<CountedFormat, 'dense'>, layer: LayerCount, options: CountedOptions): number {
  const { shape, nonZeros, perKernel } = layer
  const { out, in: ins, taps } = dimsOf(shape)
  const pointer = width(nonZeros + 1)
  switch (format) {
    case 'bitmask':
      return out * ins * taps
    case 'coo': {
      const [height = 1, breadth = 1] = shape.slice(2)
      return nonZeros * (width(out) + width(ins) + width(height) + width(breadth))
    }
    case 'csr':
      return nonZeros * width(ins * taps) + (out + 1) * pointer
    case 'csr16':
      return nonZeros * 16 + (out + 1) * 32
    case 'csc':
      return nonZeros * width(out) + (ins * taps + 1) * pointer
    case 'in-kernel':
      return nonZeros * width(taps) + (perKernel === undefined ? out * ins * width(taps + 1) : 0)
    case 'pattern-id': {
      const { sets = DEFAULT_SETS, kernels = out * ins } = options
      // A kernel of one tap has two sets only, with it and without.
      const id = width(Math.min(sets, 2 ** taps))
      if (kernels === out * ins) return kernels * id
      // Kernels that are left out make it a CSR of kernels.
      return kernels * (id + width(ins)) + (out + 1) * width(kernels + 1)
    }
  }
}

/** The table of 'pattern-id': a bit for each tap of each set. */
export const setTableBits = (kernel: number, sets = DEFAULT_SETS): number => kernel ** 2 * sets

/**
 * A layer whose weights keep to a pattern, in the pattern's own format: a value in each of its slots, and indexBits for where they lie;
 * where filters have an order of their own, that too.
 * A layer that the pattern does not fit is dense.
 * @param nonZeros fewer than the pattern's slots where some hold zeros, which then have the bits of dense values
 * @param blocks how the places of blocks are stored: the seed that draws them, or their columns
 */
export function patternBits(
  pattern: Pattern,
  shape: readonly number[],
  bits: number | ValueBits,
  { nonZeros, blocks = 'seed' }: { readonly nonZeros?: number; readonly blocks?: 'seed' | 'columns' } = {},
): StoredBits {
  const each = typeof bits === 'number' ? { dense: bits, nonZero: bits } : bits
  if (misfit(pattern, shape) !== undefined) return formatBits('dense', { shape, nonZeros: 0 }, each)
  const slots = capacity(pattern, shape)
  const values = slots * (nonZeros === undefined || nonZeros === slots ? each.nonZero : each.dense)
  if (pattern.kind === 'blocks' && blocks === 'columns') return { values, index: columnBits(pattern, shape) }
  const order = pattern.kind === 'groups' ? (pattern.order?.length ?? 0) : 0
  return { values, index: indexBits(pattern, shape) + order * width(order) }
}

/** The columns of all blocks that are kept, as many in each row of blocks; with blocks within blocks those of both levels. */
function columnBits({ inner, ...outer }: BlockPattern, shape: readonly number[]): number {
  const blocks = keptAreas(outer, shape)
  const bits = blocks.length * width(Math.ceil(dimsOf(shape).in / outer.block))
  if (inner === undefined) return bits
  return blocks.reduce((sum, [, , height, breadth]) => {
    const [rows, cols] = [Math.ceil(height / inner.block), Math.ceil(breadth / inner.block)]
    return sum + rows * keptBlocks(cols, inner.ratio) * width(cols)
  }, bits)
}

/** How many weights each kernel of a periodic pattern keeps, if all keep as many. */
export function tapsPerKernel({ taps }: PeriodicPattern): number | undefined {
  return taps.every((set) => set.length === taps[0].length) ? taps[0].length : undefined
}
