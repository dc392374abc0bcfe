/** Digits of weights: what an element spends its cycles on. */

/** Which digits of a magnitude an element computes: the bits that are one, or the non-zero digits of the non-adjacent form. */
export type Digits = 'binary' | 'signed'

/** Non-zero digits of |level|, as bits: bit p is set when digit p, of weight 2^p, is not zero. |level| up to 127. */
export function digitMask(level: number, digits: Digits): number {
  const magnitude = Math.abs(level)
  // Tripling carries exactly where the non-adjacent form has a digit: x = (3 x - x) / 2.
  return digits === 'binary' ? magnitude : (magnitude ^ (3 * magnitude)) >> 1
}

export function popcount(mask: number): number {
  let count = 0
  for (let rest = mask; rest !== 0; rest &= rest - 1) count++
  return count
}

/** Digit planes that levels of so many bits need, sign included: 7 of them for 8 bits, one more in non-adjacent form. */
export const digitPlanes = (maxLevel: number, digits: Digits): number => {
  let used = 0
  for (let level = 1; level <= maxLevel; level++) used |= digitMask(level, digits)
  return 32 - Math.clz32(used)
}

/** Largest magnitude of a weight of `bits` bits, sign included. */
export const largestLevel = (bits: number): number => Math.max(1, 2 ** (bits - 1) - 1)

/** Share of the non-zero weights that have 0, 1, 2, ... digits: sums to 1. */
export type DigitShares = readonly number[]

/** Every magnitude from 1 to `maxLevel` equally often. */
export function uniformShares(maxLevel: number, digits: Digits): DigitShares {
  const counts = new Array<number>(9).fill(0)
  for (let level = 1; level <= maxLevel; level++) counts[popcount(digitMask(level, digits))]++
  return trimmed(counts)
}

/** As levels have them. Without a non-zero level, one digit: it makes no difference then. */
export function measuredShares(levels: Int8Array, digits: Digits): DigitShares {
  const ofLevel = new Uint32Array(256)
  for (let i = 0; i < levels.length; i++) ofLevel[levels[i] & 255]++
  const counts = new Array<number>(9).fill(0)
  for (let level = -127; level <= 127; level++) {
    if (level !== 0) counts[popcount(digitMask(level, digits))] += ofLevel[level & 255]
  }
  return counts.some((count) => count > 0) ? trimmed(counts) : [0, 1]
}

function trimmed(counts: readonly number[]): DigitShares {
  const total = counts.reduce((a, b) => a + b, 0)
  const most = counts.reduce((last, count, digits) => (count > 0 ? digits : last), 0)
  return counts.slice(0, most + 1).map((count) => count / total)
}

/** Mean of the number of digits. */
export const meanDigits = (shares: DigitShares): number => shares.reduce((sum, share, count) => sum + share * count, 0)
