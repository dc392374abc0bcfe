/**
 * What an array that skips zeros does of a layer, as a dense array would: products of fewer inputs or filters. From sizes alone; layers are
 * taken to keep to the array's pattern. masks.ts makes the same of real weights.
 *
 *   n:m              K' = ceil(K / m) n         an element selects one of m inputs
 *   complementary k  K' = ceil(K / D)           an element selects one of D inputs, D of them share a row
 *                 p  K' = ceil(K / D)           inputs of a row are permuted among D filters
 *                 n  N' = ceil(N / D)           an element hands its product to one of D sums
 *   periodic         K' = C n for k x k kernels of the array's size; others unchanged
 */
import type { LevelTensor } from '../../graph/model.js'
import type { Skipping, SystolicArch } from '../arch.js'
import { ceilDiv } from '../units.js'
import type { PeLayer } from '../workload.js'
import { type Fold, foldsOf } from './folds.js'

export interface Plan {
  readonly folds: readonly Fold[]
  /** Places for weights, those that are used for zeros among them, each once. */
  readonly slots: number
  /** Bits that say which input or filter each of them is for. */
  readonly indexBits: number
  /** Inputs that come to a row for each slot, and outputs that a column makes of each: K / K' and N / N'. */
  readonly streams: number
  readonly sums: number
  /** Inputs or sums that an element chooses from; 1: it has no choice. */
  readonly choices: number
  /** Entries of the table of taps, of periodic patterns. */
  readonly table: number
  /** Weights of the layer that are not zero, as far as they are known. */
  readonly nonZero: number
  readonly notes: readonly string[]
}

export type KnownLayer = PeLayer & { readonly levels: LevelTensor }

export const DENSE = { indexBits: 0, streams: 1, sums: 1, choices: 1, table: 0 } as const

export const bitsFor = (choices: number): number => Math.ceil(Math.log2(choices))

/** @returns bits for each slot; of permutations ceil(log2 D!) for D of them */
export function indexBitsOf(skipping: Skipping): number {
  if (skipping.kind === 'n:m') return bitsFor(skipping.m)
  if (skipping.kind !== 'complementary') return 0
  const { factor, axis } = skipping
  if (axis !== 'p') return bitsFor(factor)
  let bits = 0
  for (let i = 2; i <= factor; i++) bits += Math.log2(i)
  return Math.ceil(bits) / factor
}

/** What skips in a layer: its own N:M before that of the array. */
export const skippingOf = ({ kept }: PeLayer, { skipping }: SystolicArch): Skipping =>
  skipping.kind === 'n:m' && kept !== undefined ? { kind: 'n:m', n: kept[0], m: kept[1] } : skipping

/** Whether the kernels of a layer are of the size that a periodic array has its table for. */
export const isPeriodic = ({ taps }: PeLayer, { kernel = 3 }: Extract<Skipping, { kind: 'periodic' }>): boolean =>
  taps === kernel ** 2

export function planOf(layer: PeLayer, arch: SystolicArch): Plan {
  const { m, n, k, groups } = layer
  const skipping = skippingOf(layer, arch)
  const plan = (product: { n: number; k: number }, more: Partial<Plan> = {}): Plan => {
    const slots = groups * product.n * product.k
    const known = Math.round(n * k * groups * layer.weightDensity)
    const folds = foldsOf({ m, ...product }, arch, groups)
    return { ...DENSE, folds, slots, nonZero: Math.min(known, slots), notes: [], ...more }
  }
  const indexBits = indexBitsOf(skipping)
  switch (skipping.kind) {
    case 'none':
      return plan({ n, k })
    case 'n:m': {
      const left = ceilDiv(k, skipping.m) * skipping.n
      return plan({ n, k: left }, { indexBits, streams: k / left, choices: skipping.m })
    }
    case 'complementary': {
      const { factor, axis } = skipping
      const left = ceilDiv(axis === 'n' ? n : k, factor)
      return axis === 'n'
        ? plan({ n: left, k }, { indexBits, sums: n / left, choices: factor })
        : plan({ n, k: left }, { indexBits, streams: k / left, choices: factor })
    }
    case 'periodic': {
      if (!isPeriodic(layer, skipping)) return plan({ n, k })
      const { taps, period } = skipping
      return plan({ n, k: (k / layer.taps) * taps }, { table: period * taps })
    }
  }
}
