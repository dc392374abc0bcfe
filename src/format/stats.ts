/**
 * Order-0 empirical entropy of levels in bits: what an ideal coder spends that knows how often each level occurs, and
 * nothing else. Not counted: telling it those frequencies.
 */
export function entropyBits(levels: ArrayLike<number>): number {
  const counts = new Map<number, number>()
  for (let i = 0; i < levels.length; i++) counts.set(levels[i], (counts.get(levels[i]) ?? 0) + 1)
  let bits = 0
  for (const count of counts.values()) bits -= count * Math.log2(count / levels.length)
  return bits
}
