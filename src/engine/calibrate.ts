/** Activation ranges of a network of plain weights, measured on examples. */
import { WhiteDwarfError } from '../errors.js'
import { Magnitudes } from '../format/magnitudes.js'
import type { FloatModel } from '../graph/model.js'
import { rangedValues } from '../graph/ranges.js'
import type { TensorLike } from '../tensor.js'
import { InferenceSession } from './session.js'

/** A value's numbers, as far as they have been seen. */
interface Seen {
  largest: number
  readonly magnitudes: Magnitudes
}

/**
 * Runs the network in f32 and chooses a range for every value that int8 rounds (format/magnitudes.ts).
 * @param feeds what the network is fed, as for `run`; some hundred examples of what it will see
 * @returns range codes by value, for `quantiseModel`
 * @throws WhiteDwarfError E_DATA for values that are not finite, and what `run` throws
 */
export async function calibrate(
  model: FloatModel,
  feeds: Readonly<Record<string, TensorLike>>,
): Promise<Record<string, number>> {
  const ranged = rangedValues(model.graph)
  const seen = new Map<string, Seen>()
  const look = (name: string, values: Float32Array) => {
    const entry = seen.get(name) ?? { largest: 0, magnitudes: new Magnitudes() }
    seen.set(name, entry)
    for (const v of values) entry.largest = Math.max(entry.largest, Math.abs(v))
    if (!Number.isFinite(entry.largest)) {
      throw new WhiteDwarfError('E_DATA', `'${name}' becomes ${entry.largest} on an example: it cannot have a range`)
    }
    entry.magnitudes.add(values)
  }
  const session = await InferenceSession.create(model, { precision: 'f32' })
  try {
    await session.observe(feeds, ranged, look)
  } finally {
    session.dispose()
  }
  for (const [name, values] of Object.entries(model.constants)) if (ranged.has(name)) look(name, values)
  const missing = [...ranged].find((name) => !seen.has(name))
  if (missing !== undefined) throw new WhiteDwarfError('E_GRAPH', `the network computes no '${missing}' to measure`)
  return Object.fromEntries([...seen].map(([name, { largest, magnitudes }]) => [name, magnitudes.rangeCode(largest)]))
}
