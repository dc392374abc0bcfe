/** Which filters form groups together, for groups along the outputs: chosen so that the groups keep as much as they can. */
import type { Rng } from '../rng.js'
import { dimsOf, type GroupPattern } from './pattern.js'

/** Pairs of filters that are tried, for each filter. */
const PROPOSALS = 10

/**
 * Swaps filters between groups while the sum of |weight| that the pattern keeps grows, over random pairs.
 * @param pattern its order, if it has one, is where the search begins
 * @param shape [out, in, kh, kw] or [out, in]
 * @returns an order of filters that keeps at least as much; groups ascend by their first filters, filters within groups too
 */
export function regroup(
  pattern: GroupPattern,
  shape: readonly number[],
  weights: ArrayLike<number>,
  rng: Rng,
): number[] {
  const { out, in: ins, taps } = dimsOf(shape)
  const { of, keep } = pattern
  const cols = ins * taps
  const order = [...(pattern.order ?? Array.from({ length: out }, (_, n) => n))]
  const groups = Array.from({ length: Math.ceil(out / of) }, () => new Kept(cols, keep))
  const fill = (g: number) => groups[g].fill(weights, order.slice(g * of, (g + 1) * of))
  for (let g = 0; g < groups.length; g++) fill(g)
  for (let tries = groups.length > 1 ? PROPOSALS * out : 0; tries > 0; tries--) {
    const [i, j] = [rng.below(out), rng.below(out)]
    const [a, b] = [Math.floor(i / of), Math.floor(j / of)]
    if (a === b) continue
    const gain = groups[a].gain(weights, order[i], order[j]) + groups[b].gain(weights, order[j], order[i])
    if (gain <= 0) continue
    ;[order[i], order[j]] = [order[j], order[i]]
    fill(a)
    fill(b)
  }
  return canonical(order, of)
}

/** What a group of filters keeps at each input and tap: enough to know what another filter in it would change. */
class Kept {
  /** At each place the smallest |weight| that is kept, and the largest that is not. */
  private readonly least: Float64Array
  private readonly next: Float64Array

  constructor(
    private readonly cols: number,
    private readonly keep: number,
  ) {
    this.least = new Float64Array(cols)
    this.next = new Float64Array(cols)
  }

  fill(weights: ArrayLike<number>, filters: readonly number[]): void {
    const { cols, keep } = this
    const sizes = new Float64Array(Math.max(filters.length, keep + 1))
    for (let k = 0; k < cols; k++) {
      sizes.fill(0)
      filters.forEach((filter, j) => {
        sizes[j] = Math.abs(weights[filter * cols + k])
      })
      sizes.sort()
      this.least[k] = sizes[sizes.length - keep]
      this.next[k] = sizes[sizes.length - keep - 1]
    }
  }

  /** How much more the group would keep with one filter in place of another of its own. */
  gain(weights: ArrayLike<number>, leaving: number, joining: number): number {
    const { cols, least, next } = this
    let sum = 0
    for (let k = 0; k < cols; k++) {
      const lost = Math.abs(weights[leaving * cols + k])
      const won = Math.abs(weights[joining * cols + k])
      // Without the one that leaves, the group keeps `next` in its place, if it was kept at all.
      const kept = lost >= least[k]
      const bar = kept ? next[k] : least[k]
      if (kept) sum += bar - lost
      if (won > bar) sum += won - bar
    }
    return sum
  }
}

/** The same groups in the one order that all equal ones share. A smaller last group stays the last. */
function canonical(order: readonly number[], of: number): number[] {
  const groups = Array.from({ length: Math.ceil(order.length / of) }, (_, g) =>
    order.slice(g * of, (g + 1) * of).sort((a, b) => a - b),
  )
  const rest = order.length % of === 0 ? [] : (groups.pop() as number[])
  return [...groups.sort((a, b) => a[0] - b[0]).flat(), ...rest]
}
