/**
 * Packing of filters that are sparse already: which ones form groups of a complementary pattern, so that few of their weights
 * collide. The greedy rule is that of column combining (Kung et al., ASPLOS 2019), on filters.
 */
import { WhiteDwarfError } from '../errors.js'
import { largestOfGroups } from './groups.js'
import { checkFits, dimsOf, type GroupPattern } from './pattern.js'

export interface FilterPacking {
  /** Groups of filters, as neighbours in its order. */
  readonly pattern: GroupPattern
  /** 1 for the largest weight of each place of a group; the others are lost. */
  readonly mask: Uint8Array
  /** Filters that were combined within `gammaMax`, before what was left over filled the groups. All-zero filters are in none. */
  readonly clusters: readonly (readonly number[])[]
}

/**
 * Packs filters into groups of `of`. Two clusters combine if that leaves the fewest places unused, and if at most `gammaMax`
 * weights for each place collide in the result. Filters that no rule combines fill the groups where the least is lost, so that every
 * filter is in a group. Takes 4 bytes for each pair of filters.
 * @param weights [out, in, kh, kw] or [out, in], mostly zero
 * @throws WhiteDwarfError E_OPTION, E_SHAPE
 */
export function packFilters(
  weights: ArrayLike<number>,
  shape: readonly number[],
  of: number,
  gammaMax = Number.POSITIVE_INFINITY,
): FilterPacking {
  const natural: GroupPattern = { kind: 'groups', axis: 'out', of, keep: 1 }
  checkFits(natural, shape, 'weights')
  if (!(gammaMax >= 0)) throw new WhiteDwarfError('E_OPTION', `gammaMax must be 0 or more, got ${gammaMax}`)
  const { out, in: ins, taps } = dimsOf(shape)
  const cols = ins * taps
  if (weights.length !== out * cols) {
    throw new WhiteDwarfError('E_SHAPE', `[${shape}] has ${out * cols} weights, got ${weights.length}`)
  }
  const clusters = combine(usedPlaces(weights, out, cols), of, gammaMax * cols)
  const pattern = { ...natural, order: fillGroups(clusters, weights, out, cols, of) }
  return { pattern, mask: largestOfGroups(pattern, shape, weights), clusters }
}

/** Filters that are combined: the places that any of them uses, as bits, and how many weights they have together. */
interface Cluster {
  readonly filters: number[]
  readonly used: Uint32Array
  weights: number
}

function usedPlaces(weights: ArrayLike<number>, out: number, cols: number): Cluster[] {
  const clusters: Cluster[] = []
  for (let n = 0; n < out; n++) {
    const used = new Uint32Array(Math.ceil(cols / 32))
    let count = 0
    for (let k = 0; k < cols; k++) {
      if (weights[n * cols + k] === 0) continue
      used[k >> 5] |= 1 << (k & 31)
      count++
    }
    if (count > 0) clusters.push({ filters: [n], used, weights: count })
  }
  return clusters
}

/**
 * Collisions of a cluster are its weights less the places that they use, and places are unused where no bit is set: both follow from
 * the size of the union, so pairs are scored by counting bits, and only those of a new cluster anew.
 */
function combine(clusters: readonly Cluster[], of: number, mostCollisions: number): number[][] {
  const count = clusters.length
  const unions = new Int32Array(count * count)
  for (let a = 0; a < count; a++) {
    for (let b = a + 1; b < count; b++) unions[a * count + b] = unionSize(clusters[a].used, clusters[b].used)
  }
  let live = Array.from(clusters, (_, i) => i)
  for (;;) {
    let [bestA, bestB, largest] = [-1, -1, -1]
    for (let i = 0; i < live.length; i++) {
      const a = live[i]
      for (let j = i + 1; j < live.length; j++) {
        const b = live[j]
        const union = unions[a * count + b]
        if (union <= largest || clusters[a].filters.length + clusters[b].filters.length > of) continue
        if (clusters[a].weights + clusters[b].weights - union > mostCollisions) continue
        bestA = a
        bestB = b
        largest = union
      }
    }
    if (bestA < 0) return live.map((i) => clusters[i].filters)
    join(clusters[bestA], clusters[bestB])
    live = live.filter((i) => i !== bestB)
    const { used } = clusters[bestA]
    for (const i of live) {
      if (i < bestA) unions[i * count + bestA] = unionSize(clusters[i].used, used)
      if (i > bestA) unions[bestA * count + i] = unionSize(used, clusters[i].used)
    }
  }
}

function join(into: Cluster, from: Cluster): void {
  into.filters.push(...from.filters)
  for (let w = 0; w < into.used.length; w++) into.used[w] |= from.used[w]
  into.weights += from.weights
}

function unionSize(a: Uint32Array, b: Uint32Array): number {
  let sum = 0
  for (let w = 0; w < a.length; w++) {
    // Bits of a word, counted in pairs, fours, and bytes.
    let bits = a[w] | b[w]
    bits -= (bits >>> 1) & 0x55555555
    bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333)
    sum += Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
  }
  return sum
}

/**
 * The order of all filters: the largest clusters found the groups, and every other filter goes where the smallest sum of sizes is
 * lost. The last group is as small as the number of filters asks for.
 */
function fillGroups(
  clusters: readonly (readonly number[])[],
  weights: ArrayLike<number>,
  out: number,
  cols: number,
  of: number,
): number[] {
  const count = Math.ceil(out / of)
  const room = Array.from({ length: count }, (_, g) => Math.min(of, out - g * of))
  const largestFirst = [...clusters].sort((a, b) => b.length - a.length)
  const groups = room.map((size) => {
    const fitting = largestFirst.findIndex((cluster) => cluster.length <= size)
    return fitting < 0 ? [] : [...largestFirst.splice(fitting, 1)[0]]
  })
  /** Of each group the largest size at each place. */
  const kept = groups.map((filters) => {
    const sizes = new Float64Array(cols)
    for (const n of filters) enlarge(sizes, weights, n)
    return sizes
  })
  const placed = new Set(groups.flat())
  for (let n = 0; n < out; n++) {
    if (placed.has(n)) continue
    let best = -1
    let least = 0
    for (let g = 0; g < count; g++) {
      if (groups[g].length === room[g]) continue
      const loss = lost(kept[g], weights, n)
      if (best < 0 || loss < least) {
        least = loss
        best = g
      }
    }
    groups[best].push(n)
    enlarge(kept[best], weights, n)
  }
  return groups.flat()
}

function enlarge(sizes: Float64Array, weights: ArrayLike<number>, filter: number): void {
  const row = filter * sizes.length
  for (let k = 0; k < sizes.length; k++) sizes[k] = Math.max(sizes[k], Math.abs(weights[row + k]))
}

/** The sum of sizes that is lost when a filter joins a group: of two weights at a place the smaller goes. */
function lost(sizes: Float64Array, weights: ArrayLike<number>, filter: number): number {
  const row = filter * sizes.length
  let sum = 0
  for (let k = 0; k < sizes.length; k++) sum += Math.min(sizes[k], Math.abs(weights[row + k]))
  return sum
}
