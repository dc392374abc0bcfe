/**
 * Real weights on a complementary array: how many want each slot, and how many passes that takes.
 *
 *   ws   a fold is done as many times as its fullest slot has weights
 *   os   an input's step takes as many cycles as its fullest slot in the fold's columns
 *   is   a filter's step takes as many cycles as its fullest slot in the fold's rows
 */
import type { Skipping, SystolicArch } from '../arch.js'
import { ceilDiv } from '../units.js'
import { cuts, type Fold, foldsOf } from './folds.js'
import type { KnownLayer } from './plan.js'

/** Weights that want each slot, [inputs][filters] after packing. */
export interface Collisions {
  readonly inputs: number
  readonly filters: number
  readonly wanted: Uint16Array
}

type Complementary = Extract<Skipping, { kind: 'complementary' }>

/** Of one group of a convolution. */
export function collisionsOf(layer: KnownLayer, { factor, axis }: Complementary, group: number): Collisions {
  const { n, k } = layer
  const { levels } = layer.levels
  const places = axis === 'n' ? undefined : packedPlaces(layer, factor)
  const filterOf = axis === 'n' ? packedFilters(layer, factor, group) : undefined
  const inputs = places?.count ?? k
  const filters = filterOf === undefined ? n : ceilDiv(n, factor)
  const wanted = new Uint16Array(inputs * filters)
  for (let filter = 0; filter < n; filter++) {
    const row = (group * n + filter) * k
    const column = filterOf?.[filter] ?? filter
    for (let i = 0; i < k; i++) {
      if (levels[row + i] !== 0) wanted[(places?.slotOf[i] ?? i) * filters + column]++
    }
  }
  if (axis === 'p' && places !== undefined) permute(layer, factor, group, places.slotOf, { inputs, filters, wanted })
  return { inputs, filters, wanted }
}

/**
 * Which weights of a filter share a slot: `factor` consecutive inputs at one tap. With fewer inputs neighbours of all taps; where the weights
 * have the pattern of segments, those at the same place of each segment.
 */
function packedPlaces({ k, taps, levels }: KnownLayer, factor: number): { count: number; slotOf: Uint32Array } {
  const { pattern } = levels
  if (pattern?.kind === 'groups' && pattern.axis === 'in-strided' && pattern.of === factor) {
    const count = k / factor
    return { count, slotOf: Uint32Array.from({ length: k }, (_, i) => i % count) }
  }
  const channels = k / taps
  const few = channels < factor
  const perTap = ceilDiv(channels, factor)
  const slotOf = Uint32Array.from({ length: k }, (_, i) => {
    const [channel, tap] = [Math.floor(i / taps), i % taps]
    return few ? Math.floor((tap * channels + channel) / factor) : tap * perTap + Math.floor(channel / factor)
  })
  return { count: few ? ceilDiv(k, factor) : taps * perTap, slotOf }
}

/** Which filters share a column: neighbours, in the order of the weights' pattern where it has one. */
function packedFilters({ n, levels }: KnownLayer, factor: number, group: number): Uint32Array {
  const { pattern } = levels
  const order = pattern?.kind === 'groups' ? pattern.order : undefined
  const mine = order?.filter((filter) => Math.floor(filter / n) === group)
  const columns = new Uint32Array(n)
  for (let i = 0; i < n; i++) columns[mine === undefined ? i : mine[i] - group * n] = Math.floor(i / factor)
  return columns
}

/**
 * Of `factor` inputs and filters, permutations have each once: a block takes as many as its fullest row or column has weights (a bipartite
 * graph is the union of as many matchings as its largest degree). All filters of a block go in step.
 */
function permute(
  { n, k, levels: { levels } }: KnownLayer,
  factor: number,
  group: number,
  slotOf: Uint32Array,
  { inputs, filters, wanted }: Collisions,
): void {
  for (let first = 0; first < n; first += factor) {
    const last = Math.min(n, first + factor)
    // Filters of the block that want each input, then the most of them for each slot.
    const users = new Uint16Array(k)
    for (let filter = first; filter < last; filter++) {
      const row = (group * n + filter) * k
      for (let i = 0; i < k; i++) if (levels[row + i] !== 0) users[i]++
    }
    const most = new Uint16Array(inputs)
    for (let i = 0; i < k; i++) most[slotOf[i]] = Math.max(most[slotOf[i]], users[i])
    for (let slot = 0; slot < inputs; slot++) {
      const row = slot * filters
      let fullest = most[slot]
      for (let filter = first; filter < last; filter++) fullest = Math.max(fullest, wanted[row + filter])
      wanted.fill(fullest, row + first, row + last)
    }
  }
}

interface PackedFolds {
  readonly folds: Fold[]
  /** Slots of one sweep over the weights, all passes. */
  readonly slots: number
  readonly passes: number
}

/** Slots that nothing wants take a cycle as well: what streams does not stop for them. */
export function packedFolds({ inputs, filters, wanted }: Collisions, m: number, arch: SystolicArch): PackedFolds {
  const { rows, columns, dataflow } = arch
  /** The fullest of the slots in a rectangle of them. */
  const fullest = (input: number, height: number, filter: number, width: number): number => {
    let most = 1
    for (let i = input; i < input + height; i++) {
      for (let j = filter; j < filter + width; j++) most = Math.max(most, wanted[i * filters + j])
    }
    return most
  }
  const folds: Fold[] = []
  let [slots, passes] = [0, 1]
  const steps = (length: number, of: (step: number) => number): number => {
    let cycles = 0
    for (let step = 0; step < length; step++) {
      const most = of(step)
      passes = Math.max(passes, most)
      cycles += most
    }
    return cycles
  }
  switch (dataflow) {
    case 'ws':
      for (let i = 0; i < inputs; i += rows) {
        for (let j = 0; j < filters; j += columns) {
          const [height, width] = [Math.min(rows, inputs - i), Math.min(columns, filters - j)]
          const times = steps(1, () => fullest(i, height, j, width))
          folds.push({ rows: height, columns: width, streamed: m, times })
          slots += height * width * times
        }
      }
      break
    case 'os':
      for (let j = 0; j < filters; j += columns) {
        const width = Math.min(columns, filters - j)
        const streamed = steps(inputs, (i) => fullest(i, 1, j, width))
        folds.push(...foldsOf({ m, n: width, k: streamed }, arch))
        slots += streamed * width
      }
      break
    case 'is':
      for (let i = 0; i < inputs; i += rows) {
        const height = Math.min(rows, inputs - i)
        const streamed = steps(filters, (j) => fullest(i, height, j, 1))
        for (const [width, times] of cuts(m, columns)) folds.push({ rows: height, columns: width, streamed, times })
        slots += streamed * height
      }
  }
  return { folds, slots, passes }
}
