/** Numeric options: a default, a range, and one message for all that do not fit. */
import { WhiteDwarfError } from '../errors.js'

export interface Range {
  readonly value: number
  readonly min: number
  readonly max: number
  readonly whole?: boolean
}

/** @param min Number.MIN_VALUE for "above 0" */
export function range(value: number | undefined, fallback: number, min: number, max: number, whole = false): Range {
  return { value: value ?? fallback, min, max, whole }
}

/**
 * The values, once all of them lie in their ranges.
 * @param prefix of the options' names in messages
 * @throws WhiteDwarfError E_OPTION naming the option and its range
 */
export function checked<K extends string>(ranges: Record<K, Range>, prefix: string): Record<K, number> {
  const out = {} as Record<K, number>
  for (const [name, { value, min, max, whole }] of Object.entries(ranges) as [K, Range][]) {
    const fits = typeof value === 'number' && value >= min && value <= max && (!whole || Number.isInteger(value))
    if (!fits) {
      const least = min === Number.MIN_VALUE ? 'above 0' : `from ${min}`
      throw new WhiteDwarfError(
        'E_OPTION',
        `${prefix}${name} must be a ${whole ? 'whole ' : ''}number ${least} to ${max}, got ${String(value)}`,
      )
    }
    out[name] = value
  }
  return out
}
