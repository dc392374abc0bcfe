/** Periodic patterns found in trained weights, instead of ready-made ones. */
import { WhiteDwarfError } from '../errors.js'
import { checkPattern, dimsOf, type PeriodicPattern } from './pattern.js'
import { slotOf } from './periodic.js'

export interface MineOptions {
  /** Taps of each set, 1 to kernel^2. */
  readonly kept: number
  /** Sets of a period, 1 to 256. */
  readonly period: number
  /** Whether the sets move on by one from filter to filter. Default: true. */
  readonly rotate?: boolean
  /**
   * 'kernels': the sets that single kernels would choose most often, each with the centre (PatDNN's rule); fewer where kernels choose fewer.
   * 'slots': for each place in the period the taps with the most energy over all its kernels. Default: 'slots'.
   */
  readonly by?: 'kernels' | 'slots'
}

/**
 * @param weights [out, in, k, k] of a trained layer
 * @throws WhiteDwarfError E_OPTION, E_SHAPE
 */
export function minePattern(
  weights: ArrayLike<number>,
  shape: readonly number[],
  options: MineOptions,
): PeriodicPattern {
  const { kept, period, rotate = true, by = 'slots' } = options
  const [out, ins, kernel, width] = shape
  if (shape.length !== 4 || kernel !== width || weights.length !== out * ins * kernel ** 2) {
    throw new WhiteDwarfError(
      'E_SHAPE',
      `patterns are mined in weights [out, in, k, k], got ${weights.length} of [${shape}]`,
    )
  }
  if (!Number.isInteger(kept) || kept < 1 || kept > kernel ** 2) {
    throw new WhiteDwarfError('E_OPTION', `kept must be a whole number from 1 to ${kernel ** 2}, got ${kept}`)
  }
  if (!Number.isInteger(period) || period < 1 || period > 256) {
    throw new WhiteDwarfError('E_OPTION', `period must be a whole number from 1 to 256, got ${period}`)
  }
  const some = Array.from({ length: kept }, (_, tap) => tap)
  const of = (sets: readonly (readonly number[])[]): PeriodicPattern => {
    const pattern: PeriodicPattern = { kind: 'periodic', kernel, taps: sets, rotate }
    checkPattern(pattern)
    return pattern
  }
  const blank = of(Array.from({ length: period }, () => some))
  if (by === 'slots') return minedLike(blank, weights, shape)
  const frequent = kernelSets(weights, shape, kept).slice(0, period)
  const sets = frequent.map(({ taps }) => taps)
  return of(assignSlots(sets, slotEnergies(weights, shape, of(sets))))
}

/**
 * The pattern's sets with other taps, as many as it has for each place in the period: those with the most energy over all its kernels.
 * @param weights of a layer that the pattern fits, [out, in, k, k]
 */
export function minedLike(
  pattern: PeriodicPattern,
  weights: ArrayLike<number>,
  shape: readonly number[],
): PeriodicPattern {
  const taps = slotEnergies(weights, shape, pattern).map((energy, i) => largestTaps(energy, pattern.taps[i].length))
  return { ...pattern, taps }
}

/**
 * The set of taps that each kernel would keep: its centre and the largest others. Sorted by how many kernels would, of equally frequent ones by taps.
 * @throws WhiteDwarfError E_SHAPE when kernels have no centre
 */
export function kernelSets(
  weights: ArrayLike<number>,
  shape: readonly number[],
  kept: number,
): { taps: number[]; kernels: number }[] {
  const { out, in: ins, taps: size } = dimsOf(shape)
  if (size % 2 === 0) throw new WhiteDwarfError('E_SHAPE', `kernels of [${shape}] have no centre`)
  const centre = (size - 1) / 2
  const sets = new Map<string, { taps: number[]; kernels: number }>()
  const sizes = new Float64Array(size)
  for (let kernel = 0; kernel < out * ins; kernel++) {
    for (let t = 0; t < size; t++) sizes[t] = Math.abs(weights[kernel * size + t])
    sizes[centre] = Number.POSITIVE_INFINITY
    const taps = largestTaps(sizes, kept)
    const key = taps.join()
    const set = sets.get(key) ?? { taps, kernels: 0 }
    set.kernels++
    sets.set(key, set)
  }
  const before = (a: readonly number[], b: readonly number[]) => a.map((t, i) => t - b[i]).find((d) => d !== 0) ?? 0
  return [...sets.values()].sort((a, b) => b.kernels - a.kernels || before(a.taps, b.taps))
}

/** For each place in the period, the sum of squares of each tap over the kernels there. */
function slotEnergies(weights: ArrayLike<number>, shape: readonly number[], pattern: PeriodicPattern): Float64Array[] {
  const { out, in: ins, taps } = dimsOf(shape)
  const energies = pattern.taps.map(() => new Float64Array(taps))
  for (let n = 0; n < out; n++) {
    for (let c = 0; c < ins; c++) {
      const energy = energies[slotOf(pattern, n, c)]
      for (let t = 0; t < taps; t++) energy[t] += weights[(n * ins + c) * taps + t] ** 2
    }
  }
  return energies
}

/** The numbers of the largest values, ascending; of equal ones the first. */
function largestTaps(values: Float64Array, count: number): number[] {
  const order = Array.from(values, (_, tap) => tap).sort((a, b) => values[b] - values[a] || a - b)
  return order.slice(0, count).sort((a, b) => a - b)
}

/** Gives each place a set of its own: of all pairs the one that keeps the most energy first. */
function assignSlots(sets: readonly (readonly number[])[], energies: readonly Float64Array[]): (readonly number[])[] {
  const pairs = energies.flatMap((energy, slot) =>
    sets.map((taps, set) => ({ slot, set, energy: taps.reduce((sum, tap) => sum + energy[tap], 0) })),
  )
  pairs.sort((a, b) => b.energy - a.energy || a.slot - b.slot || a.set - b.set)
  const chosen = new Map<number, number>()
  const taken = new Set<number>()
  for (const { slot, set } of pairs) {
    if (chosen.has(slot) || taken.has(set)) continue
    chosen.set(slot, set)
    taken.add(set)
  }
  return energies.map((_, slot) => sets[chosen.get(slot) as number])
}
