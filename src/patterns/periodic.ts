/** PPS: sets of taps that repeat over channels and filters, and the ready-made ones of Kundu et al. (IEEE TC 2020). */
import { WhiteDwarfError } from '../errors.js'
import { dimsOf, type PeriodicPattern } from './pattern.js'

/** The place in the period of kernel (filter, channel). */
export const slotOf = ({ taps, rotate }: PeriodicPattern, filter: number, channel: number): number =>
  (channel + (rotate ? filter : 0)) % taps.length

export function periodicMask(pattern: PeriodicPattern, shape: readonly number[]): Uint8Array {
  const { out, in: ins, taps } = dimsOf(shape)
  const mask = new Uint8Array(out * ins * taps)
  for (let n = 0; n < out; n++) {
    for (let c = 0; c < ins; c++) {
      for (const tap of pattern.taps[slotOf(pattern, n, c)]) mask[(n * ins + c) * taps + tap] = 1
    }
  }
  return mask
}

/** Weights that the mask keeps: filters and channels count by their places in the period. */
export function periodicCount(pattern: PeriodicPattern, shape: readonly number[]): number {
  const { out, in: ins } = dimsOf(shape)
  const period = pattern.taps.length
  /** Numbers below `length` that leave this rest. */
  const count = (length: number, rest: number) => Math.ceil((length - rest) / period)
  let sum = 0
  for (let n = 0; n < Math.min(period, out); n++) {
    for (let c = 0; c < Math.min(period, ins); c++) {
      sum += count(out, n) * count(ins, c) * pattern.taps[slotOf(pattern, n, c)].length
    }
  }
  return sum
}

/** Sets of a 3 x 3 kernel: the four corners, six pairs, nine single taps. */
const SETS: Readonly<Record<number, readonly (readonly number[])[]>> = {
  4: [
    [0, 1, 3, 4],
    [1, 2, 4, 5],
    [3, 4, 6, 7],
    [4, 5, 7, 8],
  ],
  2: [
    [0, 1],
    [1, 2],
    [3, 4],
    [4, 5],
    [6, 7],
    [7, 8],
  ],
  1: Array.from({ length: 9 }, (_, tap) => [tap]),
}
const ALL = Array.from({ length: 9 }, (_, tap) => tap)

/**
 * A pattern by its name: PS4_P4 keeps 4 taps with a period of 4, PSD2_P8 keeps 2 with a period of 8 of which the last kernel is dense.
 * Kernels are 3 x 3, 4, 2 or 1 taps are kept, the sets repeat within the period, rotated by one from filter to filter.
 * @throws WhiteDwarfError E_OPTION
 */
export function periodicPattern(name: string): PeriodicPattern {
  const match = /^ps(d?)([124])_p(\d{1,3})$/i.exec(name)
  const period = match ? Number(match[3]) : 0
  if (match === null || period < 1 || period > 256) {
    throw new WhiteDwarfError(
      'E_OPTION',
      `a periodic pattern is called like PS4_P4 or PSD2_P8 (4, 2 or 1 taps), got '${name}'`,
    )
  }
  const sets = SETS[Number(match[2])]
  const dense = match[1] !== ''
  const taps = Array.from({ length: period }, (_, slot) =>
    dense && slot === period - 1 ? ALL : sets[slot % sets.length],
  )
  return { kind: 'periodic', kernel: 3, taps, rotate: true }
}

/** The name by which periodicPattern makes this pattern, or undefined. */
export function readyName({ kernel, taps, rotate }: PeriodicPattern): string | undefined {
  if (kernel !== 3 || !rotate) return undefined
  const sets = JSON.stringify(taps)
  const names = ['PS4', 'PSD4', 'PS2', 'PSD2', 'PS1', 'PSD1'].map((family) => `${family}_P${taps.length}`)
  return names.find((name) => JSON.stringify(periodicPattern(name).taps) === sets)
}
