/**
 * Lane widths by proof. Integer sums are exact as long as the result fits the lane; whether it does follows from the
 * levels alone: for a row with positive levels summing to P and negative ones to -N, and inputs in [-M, M],
 *
 *   |y| <= (P + N) * M          and, when inputs are never negative,     -N * M <= y <= P * M.
 */
import type { Lane } from '../kernels/lanes.js'
import type { Lowered, Op } from './lower.js'
import { maxStored, type Value } from './values.js'

/** Maxima over a layer's rows. */
export interface LevelSums {
  readonly positive: number
  readonly negative: number
  readonly total: number
}

/** Largest |y| that inputs of value x can produce. */
export function sumBound(x: Value, sums: LevelSums): number {
  if (x.grid === undefined) return Infinity
  return (x.nonnegative ? Math.max(sums.positive, sums.negative) : sums.total) * maxStored(x.grid)
}

/** The largest |sum| that lanes hold. */
export const CAPACITY: Readonly<Record<Lane, number>> = {
  i16: 2 ** 15 - 1,
  i32: 2 ** 31 - 1,
  f32: Infinity,
}
const WIDER: Record<Lane, Lane> = { i16: 'i32', i32: 'f32', f32: 'f32' }

/**
 * Widens lanes until every layer's sums provably fit: i16, else i32, else f32 lanes, which round in a fixed order.
 * Values that are moved or pooled keep their lane; all others may differ.
 * @param sums level sums of each weighted operation, by name
 * @param scalar whether the operation runs on the scalar gather, which sums in i32 whatever its inputs are
 */
export function chooseLanes(lowered: Lowered, sums: ReadonlyMap<string, LevelSums>, scalar: (op: Op) => boolean): void {
  // There and back, so that a chain of moves needs two passes, however long it is.
  const ops = [...lowered.ops, ...[...lowered.ops].reverse()]
  for (let changed = true; changed; ) {
    changed = false
    const widen = (v: Value, lane: Lane) => {
      if (v.lane !== lane) {
        v.lane = lane
        changed = true
      }
    }
    for (const op of ops) {
      if (op.kind === 'weighted') {
        const bound = sumBound(op.x, sums.get(op.name) as LevelSums)
        while (bound > CAPACITY[scalar(op) && op.x.lane === 'i16' ? 'i32' : op.x.lane]) widen(op.x, WIDER[op.x.lane])
      } else if (op.kind === 'pool' || op.kind === 'flatten' || op.kind === 'pad' || op.kind === 'transpose') {
        const order: Lane[] = ['i16', 'i32', 'f32']
        const lane = order[Math.max(order.indexOf(op.x.lane), order.indexOf(op.out.lane))]
        widen(op.x, lane)
        widen(op.out, lane)
      }
    }
  }
}
