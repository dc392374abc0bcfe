/**
 * Max pooling before requantisation. Requantising (scale, bias, ReLU, rounding) never reverses an order when the scale is
 * not negative, so the largest of the requantised numbers is the requantised largest sum: pooling the sums first gives
 * the same bits and leaves only the survivors to requantise, a quarter of them for 2 x 2 windows.
 */

import { type Lowered, type Op, operands } from './lower.js'
import type { Value } from './values.js'

/**
 * Moves max pools into the weighted layers whose values only they read.
 * @param rising whether all scales of a weighted node are >= 0
 */
export function fusePooling(lowered: Lowered, rising: (node: string) => boolean): Lowered {
  const kept = new Set([...lowered.outputs.values()])
  const ops: Op[] = []
  const gone = new Set<Op>()
  const readersOf = new Map<Value, Op[]>()
  for (const op of lowered.ops) {
    for (const x of operands(op)) {
      const readers = readersOf.get(x)
      if (readers === undefined) readersOf.set(x, [op])
      else readers.push(op)
    }
  }
  for (const op of lowered.ops) {
    if (gone.has(op)) continue
    const plain = op.kind === 'weighted' && op.node.op === 'conv2d' && op.shortcut === undefined
    if (plain && !kept.has(op.out) && rising(op.name)) {
      const readers = readersOf.get(op.out) ?? []
      const [pool] = readers
      const whole = readers.length === 1 && pool.kind === 'pool' && pool.firstChannel === undefined
      if (whole && pool.node.op === 'maxpool') {
        gone.add(pool)
        ops.push({ ...op, out: pool.out, pool: pool.node })
        continue
      }
    }
    ops.push(op)
  }
  const used = new Set(ops.map((op) => op.out))
  return { ...lowered, ops, values: lowered.values.filter((v) => used.has(v)) }
}
