/**
 * Plans from the real weights of a layer. N:M and periodic arrays run only layers that keep to their pattern as sparse ones: layers that have
 * no pattern run dense, those of another pattern are refused. A complementary array takes any weights: where several want the same slot, it
 * goes over it as many times, as column combining does.
 */
import { WhiteDwarfError } from '../../errors.js'
import type { LevelTensor } from '../../graph/model.js'
import { violation } from '../../patterns/mask.js'
import { dimsOf, misfit, type Pattern, type PeriodicPattern } from '../../patterns/pattern.js'
import type { Skipping, SystolicArch } from '../arch.js'
import { ceilDiv } from '../units.js'
import type { PeLayer } from '../workload.js'
import { collisionsOf, packedFolds } from './collisions.js'
import { type Fold, foldsOf } from './folds.js'
import { DENSE, indexBitsOf, isPeriodic, type KnownLayer, type Plan, skippingOf } from './plan.js'

/** @throws WhiteDwarfError E_OPTION when the weights have a pattern that the array cannot run */
export function planOfMasks(layer: KnownLayer, arch: SystolicArch): Plan {
  const skipping = skippingOf(layer, arch)
  const nonZero = count(layer.levels.levels)
  switch (skipping.kind) {
    case 'none':
      return { ...densePlan(layer, arch, []), nonZero }
    case 'n:m':
      return { ...nmPlan(layer, arch, skipping), nonZero }
    case 'periodic':
      return { ...periodicPlan(layer, arch, skipping), nonZero }
    case 'complementary':
      return { ...packedPlan(layer, arch, skipping, nonZero), nonZero }
  }
}

function count(levels: Int8Array): number {
  let nonZero = 0
  for (const level of levels) nonZero += level === 0 ? 0 : 1
  return nonZero
}

type Rest = Omit<Plan, 'nonZero'>

function densePlan({ m, n, k, groups }: PeLayer, arch: SystolicArch, notes: readonly string[]): Rest {
  return { ...DENSE, folds: foldsOf({ m, n, k }, arch, groups), slots: n * k * groups, notes }
}

/** Why weights do not keep to a pattern, in words. */
const broken = (pattern: Pattern, { shape, levels }: LevelTensor): string | undefined =>
  misfit(pattern, shape) ?? violation(pattern, shape, levels)

/** A layer that the array's pattern is not for: dense, unless the model says that it has another one. */
function otherwise(layer: KnownLayer, arch: SystolicArch, wanted: string, why: string): Rest {
  if (layer.levels.pattern === undefined) return densePlan(layer, arch, [`runs dense, not ${wanted}: ${why}`])
  const advice = 'choose an array of its pattern, or simulate it from densities'
  throw new WhiteDwarfError('E_OPTION', `'${layer.name}' does not keep to the array's ${wanted}: ${why}; ${advice}`)
}

function nmPlan(layer: KnownLayer, arch: SystolicArch, skipping: Extract<Skipping, { kind: 'n:m' }>): Rest {
  const { n, m: of } = skipping
  if (n === of) return densePlan(layer, arch, [])
  const why = broken({ kind: 'groups', axis: 'in', of, keep: n }, layer.levels)
  if (why !== undefined) return otherwise(layer, arch, `${n}:${of}`, why)
  // Of inputs that m does not divide, the last group of each tap has places that stay empty.
  const k = layer.taps * ceilDiv(layer.k / layer.taps, of) * n
  const folds = foldsOf({ m: layer.m, n: layer.n, k }, arch, layer.groups)
  const slots = layer.groups * layer.n * k
  return { ...DENSE, folds, slots, indexBits: indexBitsOf(skipping), streams: layer.k / k, choices: of, notes: [] }
}

/**
 * Filters whose sets of taps are the same go side by side; with rotation those that differ by a multiple of the period. Their order costs
 * nothing: the next layer's weights are in the same one.
 */
function periodicPlan(layer: KnownLayer, arch: SystolicArch, skipping: Extract<Skipping, { kind: 'periodic' }>): Rest {
  const { m, n, groups, levels } = layer
  if (!isPeriodic(layer, skipping)) return densePlan(layer, arch, [])
  const wanted = `${skipping.taps} taps with a period of ${skipping.period}`
  const pattern = levels.pattern?.kind === 'periodic' ? levels.pattern : commonSets(levels, skipping.period)
  const entries = pattern.taps.reduce((sum, set) => sum + set.length, 0)
  const why =
    entries > skipping.taps * skipping.period || pattern.taps.length > skipping.period
      ? `its kernels have ${entries} taps in a period of ${pattern.taps.length}`
      : broken(pattern, levels)
  if (why !== undefined) return otherwise(layer, arch, wanted, why)
  const { taps: sets, rotate } = pattern
  const channels = layer.k / layer.taps
  const folds: Fold[] = []
  let slots = 0
  for (let group = 0; group < groups; group++) {
    const filters = new Array<number>(sets.length).fill(0)
    for (let i = 0; i < n; i++) filters[rotate ? (group * n + i) % sets.length : 0]++
    filters.forEach((alike, turn) => {
      let k = 0
      for (let c = 0; c < channels; c++) k += sets[(c + turn) % sets.length].length
      if (alike === 0) return
      // Filters without a tap have a bias still.
      k = Math.max(1, k)
      folds.push(...foldsOf({ m, n: alike, k }, arch))
      slots += alike * k
    })
  }
  return { ...DENSE, folds: merged(folds), slots, table: entries, notes: [] }
}

/** For each place of the period the taps at which any kernel has a weight. */
function commonSets({ shape, levels }: LevelTensor, period: number): PeriodicPattern {
  const { in: channels, taps } = dimsOf(shape)
  const sets = Array.from({ length: Math.min(period, channels) }, () => new Set<number>())
  for (let i = 0; i < levels.length; i++) {
    if (levels[i] !== 0) sets[(Math.floor(i / taps) % channels) % period].add(i % taps)
  }
  const ascending = sets.map((set) => [...set].sort((a, b) => a - b))
  return { kind: 'periodic', kernel: Math.sqrt(taps), rotate: false, taps: ascending }
}

/** Folds that are alike, counted together. */
function merged(folds: readonly Fold[]): Fold[] {
  const kinds = new Map<string, Fold>()
  for (const fold of folds) {
    const key = `${fold.rows} ${fold.columns} ${fold.streamed}`
    kinds.set(key, { ...fold, times: fold.times + (kinds.get(key)?.times ?? 0) })
  }
  return [...kinds.values()]
}

function packedPlan(
  layer: KnownLayer,
  arch: SystolicArch,
  skipping: Extract<Skipping, { kind: 'complementary' }>,
  nonZero: number,
): Rest {
  const { m, n, k, groups } = layer
  const packed = Array.from({ length: groups }, (_, group) => collisionsOf(layer, skipping, group))
  const parts = packed.map((collisions) => packedFolds(collisions, m, arch))
  const slots = parts.reduce((sum, part) => sum + part.slots, 0)
  const passes = parts.reduce((most, part) => Math.max(most, part.passes), 1)
  const [inputs, filters] = [packed[0].inputs, packed[0].filters]
  return {
    folds: merged(parts.flatMap(({ folds }) => folds)),
    slots,
    indexBits: indexBitsOf(skipping),
    streams: k / inputs,
    sums: n / filters,
    choices: skipping.factor,
    table: 0,
    notes:
      passes === 1
        ? []
        : [`up to ${passes} weights want the same slot: ${nonZero} weights take ${slots} slots in all passes`],
  }
}
