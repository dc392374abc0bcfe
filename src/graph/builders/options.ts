/** Checks that builders share. Sizes need none here: shape inference refuses those that are not whole numbers >= 1. */
import { WhiteDwarfError } from '../../errors.js'

/**
 * The entry of a table that an option names.
 * @throws WhiteDwarfError E_OPTION listing the names
 */
export function choice<T>(option: string, value: string | number, table: Readonly<Record<string, T>>): T {
  if (Object.hasOwn(table, value)) return table[value]
  throw new WhiteDwarfError(
    'E_OPTION',
    `${option} must be one of ${Object.keys(table).join(', ')}, got '${String(value)}'`,
  )
}

/**
 * `channels` times a width multiplier, as a multiple of 8 and at least 8, never less than 90 % of the product (the rule of the
 * MobileNets).
 * @throws WhiteDwarfError E_OPTION for a multiplier that is not a number above 0 and at most 16
 */
export function scaledChannels(channels: number, multiplier: number): number {
  if (!(multiplier > 0 && multiplier <= 16)) {
    throw new WhiteDwarfError('E_OPTION', `width must be a number above 0 and at most 16, got ${String(multiplier)}`)
  }
  const exact = channels * multiplier
  const nearest = Math.max(8, 8 * Math.floor((exact + 4) / 8))
  return nearest < 0.9 * exact ? nearest + 8 : nearest
}
