/** Levels as signed binary digits, the way row programs hold them (assembly/kernels/gather/program.ts). */

/** Largest |level| of a tensor: INT2, INT3, INT4, or 8 bits. */
export type MaxLevel = 1 | 3 | 7 | 127

/** Digit planes that levels up to `maxLevel` need. 7 is 8 - 1, hence four for INT4; 127 is 128 - 1. */
export const planesOf = (maxLevel: MaxLevel): number => ({ 1: 1, 3: 2, 7: 4, 127: 8 })[maxLevel]

/**
 * Signed binary digits of a level, lowest plane first. Up to four planes: 7 is 8 - 1, everything else plain binary; eight planes:
 * non-adjacent form.
 */
export function levelDigits(level: number, planes: number): number[] {
  const magnitude = Math.abs(level)
  const digits: number[] = []
  let rest = magnitude
  for (let plane = 0; plane < planes; plane++) {
    // In non-adjacent form an odd number takes the digit that leaves a multiple of four.
    const digit = rest % 2 === 0 ? 0 : planes > 4 || magnitude === 7 ? 2 - (rest % 4) : 1
    digits.push(digit)
    rest = (rest - digit) / 2
  }
  return level < 0 ? digits.map((d) => -d) : digits
}
