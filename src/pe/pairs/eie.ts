/**
 * EIE: filter f is on element f mod E. Inputs that are not zero are broadcast one after another; each element queues them and takes a cycle for each
 * of its weights of that input, at least one. Weights are stored with the zeros before them as a number of 4 bits: longer runs of zeros need
 * padding, which takes cycles too. A broadcast waits while any queue is full.
 *
 *   broadcast(j) = max(broadcast(j - 1) + 1, starts of input j - depth on all elements)
 *   start(e, j)  = max(broadcast(j), end(e, j - 1))          end(e, j) = start(e, j) + max(1, weights(e, j))
 */
import { Rng } from '../../rng.js'
import type { PairArch } from '../arch.js'
import { largestOfNormals } from '../normal.js'
import { ceilDiv } from '../units.js'
import type { PeLayer } from '../workload.js'
import { activeShares } from './active.js'

/** Zeros that a weight of 4 index bits can have before it, and one for itself. */
const RUN = 16

/** Inputs that wait for an element, where the array does not say. */
const QUEUE = 8

/** Which inputs are zero is not known: pixels are drawn, as many as this at most, and stand for all. */
const DRAWN_PIXELS = 8

export interface EieTimes {
  readonly cycles: number
  /** Cycles of all elements on weights and on padding. */
  readonly pairs: number
  readonly padding: number
  /** Element-cycles of elements that have filters. */
  readonly used: number
}

/**
 * From densities. A queue of q inputs lets elements run apart by q * mean cycles; like a random walk between walls that far apart, the slowest
 * loses in proportion to variance / (q * mean) an input. At the end all wait for the slowest once, by the square root of the inputs.
 */
export function expectedEie(layer: PeLayer, { elements, queue = QUEUE }: PairArch): EieTimes {
  const { m, n, k, groups, weightDensity, activationDensity } = layer
  const used = Math.min(elements, n)
  const rows = ceilDiv(n, elements)
  const fullest = n - (rows - 1) * used
  const inputs = k * activationDensity
  const { mean, variance } = columnOf(rows, weightDensity)
  const apart = Math.hypot((inputs * variance) / (queue * mean), Math.sqrt(inputs * variance))
  const products = m * groups
  const cycles = products * (inputs * mean + largestOfNormals(fullest).mean * apart)
  return {
    cycles,
    pairs: products * inputs * n * weightDensity,
    padding: products * inputs * paddingOf(n, elements, weightDensity),
    used: used * cycles,
  }
}

/** Cycles of an element for one input: its weights and their padding, at least one. Padding is so rare that its variance is left out. */
function columnOf(rows: number, density: number): { mean: number; variance: number } {
  const none = (1 - density) ** rows
  const padding = paddingOf(rows, 1, density)
  const mean = rows * density + padding + none
  const square = rows * density * (1 - density) + (rows * density) ** 2 + none
  return { mean, variance: Math.max(0, square - (rows * density + none) ** 2) }
}

/** Padding of all elements for one input: of each weight, one for each 16 zeros before it. */
function paddingOf(filters: number, elements: number, density: number): number {
  let sum = 0
  for (let zeros = RUN; zeros < ceilDiv(filters, elements); zeros += RUN) {
    const behind = Math.max(0, filters - zeros * elements)
    sum += behind * density * (1 - density) ** zeros
  }
  return sum
}

/** From levels: the queues, input for input. */
export function countedEie(layer: PeLayer & Required<Pick<PeLayer, 'levels'>>, arch: PairArch): EieTimes {
  const { m, n, k, groups } = layer
  const used = Math.min(arch.elements, n)
  const shares = activeShares(layer)
  const certain = shares.every((share) => share === 0 || share === 1)
  const pixels = certain ? 1 : Math.min(m, DRAWN_PIXELS)
  const rng = new Rng(1)
  const sums = { cycles: 0, pairs: 0, padding: 0 }
  const channels = k / layer.taps
  for (let group = 0; group < groups; group++) {
    const { weights, entries } = columnsOf(layer, group, used)
    for (let p = 0; p < pixels; p++) {
      const inputs: number[] = []
      for (let j = 0; j < k; j++) {
        const share = shares[group * channels + Math.floor(j / layer.taps)]
        if (share === 1 || (share > 0 && rng.float() < share)) inputs.push(j)
      }
      sums.cycles += queued(entries, used, inputs, arch.queue ?? QUEUE)
      for (const j of inputs) {
        sums.pairs += weights[j]
        for (let e = 0; e < used; e++) sums.padding += entries[j * used + e]
        sums.padding -= weights[j]
      }
    }
  }
  const scale = m / pixels
  const cycles = sums.cycles * scale
  return { cycles, pairs: sums.pairs * scale, padding: sums.padding * scale, used: used * cycles }
}

/** For each input: its weights, and the entries, padding included, that each element stores for it. */
function columnsOf({ levels, n, k }: PeLayer & Required<Pick<PeLayer, 'levels'>>, group: number, elements: number) {
  const weights = new Uint32Array(k)
  const entries = new Uint32Array(k * elements)
  const zeros = new Uint32Array(k * elements)
  for (let f = 0; f < n; f++) {
    const element = f % elements
    const filter = (group * n + f) * k
    for (let j = 0; j < k; j++) {
      const at = j * elements + element
      if (levels.levels[filter + j] === 0) zeros[at]++
      else {
        weights[j]++
        entries[at] += 1 + Math.floor(zeros[at] / RUN)
        zeros[at] = 0
      }
    }
  }
  return { weights, entries }
}

/** Cycles until the last element is done. */
function queued(entries: Uint32Array, elements: number, inputs: readonly number[], depth: number): number {
  const ends = new Float64Array(elements)
  // The latest start of each of the last `depth` inputs.
  const starts = new Float64Array(depth)
  let broadcast = -1
  inputs.forEach((j, i) => {
    broadcast = Math.max(broadcast + 1, i < depth ? 0 : starts[i % depth])
    let latest = 0
    for (let e = 0; e < elements; e++) {
      const start = Math.max(broadcast, ends[e])
      latest = Math.max(latest, start)
      ends[e] = start + Math.max(1, entries[j * elements + e])
    }
    starts[i % depth] = latest
  })
  return ends.reduce((a, b) => Math.max(a, b), 0)
}
