/** Ownership transfer: places of a pattern of groups move to weights that the gradient asks for (after RigL, Evci et al., ICML 2020). */
import { eachGroup } from './groups.js'
import type { GroupPattern } from './pattern.js'

/** Who gives its place, and the member of the same group that takes it. */
export type Move = readonly [from: number, to: number]

/**
 * The `count` weights on the pattern with the smallest |score| each give their place to the member of their group, off the pattern, that
 * gains most. Where a group has nobody left to take a place, it stays.
 * @param states -1 off the pattern, 0 on it; changed
 * @param gain what a weight off the pattern promises
 */
export function transfer(
  pattern: GroupPattern,
  shape: readonly number[],
  states: Int8Array,
  scores: ArrayLike<number>,
  gain: (place: number) => number,
  count: number,
): Move[] {
  const sizes = Float64Array.from(states, (state, i) => (state < 0 ? Number.POSITIVE_INFINITY : Math.abs(scores[i])))
  const sorted = sizes.slice().sort()
  const bar = count > 0 ? sorted[count - 1] : -1
  if (!Number.isFinite(bar)) return []
  /** Of those as large as the bar, so many still go. */
  let equal = count - sorted.indexOf(bar)
  const moves: Move[] = []
  eachGroup(pattern, shape, (places, size) => {
    const members = places.subarray(0, size)
    const free = Array.from(members.filter((p) => states[p] < 0))
    for (const from of members.filter((p) => sizes[p] <= bar)) {
      if (sizes[from] === bar && equal-- <= 0) continue
      const to = takeBest(free, gain)
      if (to === undefined) return
      moves.push([from, to])
    }
  })
  for (const [from, to] of moves) {
    states[from] = -1
    states[to] = 0
  }
  return moves
}

/** Takes the one with the largest gain, of equal ones the first, out of a list. */
function takeBest(list: number[], gain: (place: number) => number): number | undefined {
  let best = 0
  for (let i = 1; i < list.length; i++) if (gain(list[i]) > gain(list[best])) best = i
  return list.splice(best, 1)[0]
}
