/**
 * SCNN and the elements of Eyeriss v2: an element takes the non-zero inputs of a channel, I at a time, and the non-zero weights that look at
 * that channel, F at a time, and multiplies all by all.
 *
 *   element   sum over its channels of ceil(inputs / I) * ceil(weights / F)
 *
 *   scnn         elements have different pixels; passes of `filters` filters, in which all wait for the slowest
 *   eyeriss-v2   elements have different filters, and different pixels where there are more elements than filters; they wait at the end
 *
 * An input counts once for each output that a tap moves it to, m of a channel in all: strides leave none over. Which pixels are not zero is
 * not known, only how many of a channel: each is by the same chance.
 */
import type { PairArch } from '../arch.js'
import { largestOfNormals } from '../normal.js'
import { spreadOver } from '../spread.js'
import { ceilDiv } from '../units.js'
import type { PeLayer } from '../workload.js'
import { activeShares } from './active.js'
import { portions } from './binomial.js'

export interface Times {
  readonly cycles: number
  /** Element-cycles: of those that had work in all, of those that worked. */
  readonly used: number
  readonly busy: number
  /** Pairs of non-zero operands. */
  readonly pairs: number
}

/** Filters that work side by side on the elements, and then, pass for pass, other ones. */
interface Passes {
  readonly passes: readonly (readonly Filters[])[]
  /** Elements with the same filters: `full` of them have `pixels`, one more has `rest`, unless that is 0. */
  readonly full: number
  readonly pixels: number
  readonly rest: number
}

/** Filters first, first + step, ..., `count` of them. */
interface Filters {
  readonly first: number
  readonly step: number
  readonly count: number
}

function passesOf({ m, n, groups }: PeLayer, arch: PairArch): Passes {
  const { elements, design, filters = n } = arch
  const pixelsOver = (units: number) => {
    const pixels = ceilDiv(m, units)
    const full = Math.floor(m / pixels)
    return { full, pixels, rest: m - full * pixels }
  }
  if (design === 'scnn') {
    const passes: Filters[][] = []
    for (let group = 0; group < groups; group++) {
      for (let f = 0; f < n; f += filters) {
        passes.push([{ first: group * n + f, step: 1, count: Math.min(filters, n - f) }])
      }
    }
    return { passes, ...pixelsOver(elements) }
  }
  const all = n * groups
  const { filtersAtOnce, pixelsAtOnce } = spreadOver(elements, all, m)
  const sideBySide = Array.from({ length: filtersAtOnce }, (_, first) => ({
    first,
    step: filtersAtOnce,
    count: ceilDiv(all - first, filtersAtOnce),
  }))
  return { passes: [sideBySide], ...pixelsOver(pixelsAtOnce) }
}

/** From densities: weights and inputs are not zero by chance. */
export function expectedTimes(layer: PeLayer, arch: PairArch): Times {
  const { m, n, k, groups, taps, weightDensity, activationDensity } = layer
  const [inputs, weights] = arch.fetch ?? [1, 1]
  const { passes, full, pixels, rest } = passesOf(layer, arch)
  const active = portions(pixels, activationDensity, inputs)
  const activeRest = portions(rest, activationDensity, inputs)
  const units = full + (rest > 0 ? 1 : 0)
  const ofCount = memoised((count) => {
    // Filters of different groups look at different channels.
    const together = Math.max(1, Math.round(count / (arch.design === 'scnn' ? 1 : Math.min(groups, count))))
    return { channels: (count * (k / taps)) / together, ...portions(together * taps, weightDensity, weights) }
  })
  const times = { cycles: 0, used: 0, busy: 0 }
  for (const side of passes) {
    const { channels, mean, variance, square } = ofCount(side[0].count)
    const spread = (side.length > 1 ? variance * active.mean ** 2 : 0) + (full > 1 ? square * active.variance : 0)
    const cycles = channels * mean * active.mean + largestOf(side.length * full) * Math.sqrt(channels * spread)
    times.cycles += cycles
    times.used += side.length * units * cycles
    for (const { count } of side) {
      const set = ofCount(count)
      times.busy += set.channels * set.mean * (full * active.mean + activeRest.mean)
    }
  }
  return { ...times, pairs: m * n * groups * k * weightDensity * activationDensity }
}

/** From levels, and the inputs that a run counted. */
export function countedTimes(layer: PeLayer & Required<Pick<PeLayer, 'levels'>>, arch: PairArch): Times {
  const { m, n, k, groups, taps } = layer
  const { levels } = layer.levels
  const [inputs, weights] = arch.fetch ?? [1, 1]
  const { passes, full, pixels, rest } = passesOf(layer, arch)
  const shares = activeShares(layer)
  const active = Array.from(
    shares,
    memoised((share) => portions(pixels, share, inputs)),
  )
  const activeRest = Array.from(
    shares,
    memoised((share) => portions(rest, share, inputs).mean),
  )
  const units = full + (rest > 0 ? 1 : 0)
  const channels = k / taps
  const slowestOf = largestOf(full)
  const counts = new Uint32Array(groups * channels)
  const times = { cycles: 0, used: 0, busy: 0, pairs: 0 }
  for (const side of passes) {
    let slowest = 0
    for (const { first, step, count } of side) {
      counts.fill(0)
      for (let i = 0, f = first; i < count; i++, f += step) {
        const group = Math.floor(f / n)
        for (let c = 0, at = f * k; c < channels; c++) {
          for (let t = 0; t < taps; t++, at++) counts[group * channels + c] += levels[at] === 0 ? 0 : 1
        }
      }
      let [mean, variance] = [0, 0]
      counts.forEach((number, c) => {
        if (number === 0) return
        const fetches = Math.ceil(number / weights)
        mean += fetches * active[c].mean
        variance += fetches * fetches * active[c].variance
        times.busy += fetches * (full * active[c].mean + activeRest[c])
        times.pairs += number * m * shares[c]
      })
      slowest = Math.max(slowest, mean + slowestOf * Math.sqrt(variance))
    }
    times.cycles += slowest
    times.used += side.length * units * slowest
  }
  return times
}

const largestOf = (n: number) => largestOfNormals(n).mean

function memoised<T>(compute: (n: number) => T): (n: number) => T {
  const known = new Map<number, T>()
  return (n) => {
    const before = known.get(n)
    if (before !== undefined) return before
    const value = compute(n)
    known.set(n, value)
    return value
  }
}
