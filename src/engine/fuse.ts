/**
 * Max pooling before requantisation. Requantising (scale, bias, ReLU, rounding) never reverses an order when the scale is
 * not negative, so the largest of the requantised numbers is the requantised largest sum: pooling the sums first gives
 * the same bits and leaves only the survivors to requantise, a quarter of them for 2 x 2 windows.
 */
import type { Lowered, Op } from './lower.js'

/**
 * Moves max pools into the weighted layers whose values only they read.
 * @param rising whether all scales of a weighted node are >= 0
 */
export function fusePooling(lowered: Lowered, rising: (node: string) => boolean): Lowered {
  const kept = new Set([...lowered.outputs.values()])
  const ops: Op[] = []
  const gone = new Set<Op>()
  for (const op of lowered.ops) {
    if (gone.has(op)) continue
    if (op.kind === 'weighted' && op.node.op === 'conv2d' && !kept.has(op.out) && rising(op.name)) {
      const readers = lowered.ops.filter((o) => o.kind !== 'input' && o.x === op.out)
      const pool = readers[0]
      if (readers.length === 1 && pool.kind === 'pool' && pool.node.op === 'maxpool') {
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
