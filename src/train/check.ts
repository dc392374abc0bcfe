/** Checking options one by one: a value or its default, and an error that names the option and what it takes. */
import { WhiteDwarfError } from '../errors.js'

export interface Range {
  readonly value: number
  readonly min: number
  readonly max: number
  readonly whole?: boolean
}

/** @param min Number.MIN_VALUE means above 0 */
export function range(value: number | undefined, fallback: number, min: number, max: number, whole = false): Range {
  return { value: value ?? fallback, min, max, whole }
}

/** @throws WhiteDwarfError E_OPTION naming the option and its range */
export function checked<K extends string>(ranges: Record<K, Range>, prefix = ''): Record<K, number> {
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

/** @throws WhiteDwarfError E_OPTION naming the option and its values */
export function oneOf<T extends string>(name: string, value: T | undefined, choices: readonly [T, ...T[]]): T {
  if (value === undefined) return choices[0]
  if (choices.includes(value)) return value
  throw new WhiteDwarfError('E_OPTION', `${name} must be one of ${choices.join(', ')}, got ${String(value)}`)
}
