/** Levels as signed binary digits, the way row programs hold them (assembly/kernels/gather/program.ts). */

/** Digit planes that levels up to `maxLevel` need. 7 is 8 - 1, hence four for INT4. */
export const planesOf = (maxLevel: 1 | 3 | 7): number => (maxLevel === 1 ? 1 : maxLevel === 3 ? 2 : 4)

/** Signed binary digits of a level, lowest plane first: 7 is 8 - 1, everything else plain binary. */
export function levelDigits(level: number): number[] {
  const magnitude = Math.abs(level)
  const digits = magnitude === 7 ? [-1, 0, 0, 1] : [magnitude & 1, (magnitude >> 1) & 1, (magnitude >> 2) & 1, 0]
  return level < 0 ? digits.map((d) => -d) : digits
}
