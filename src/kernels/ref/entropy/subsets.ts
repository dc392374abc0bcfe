/**
 * Which members of a group are chosen, where it is known how many: for each member in turn whether it is, with the share of those to
 * come that are as its probability. All choices cost the same, the logarithm of their number: log2(size) bits for one member.
 */
import type { BitCoder } from './coder.js'

/** Codes `count` of `size` (at most 256) members, ascending numbers, at members[at ...]. */
export function codeSubset(coder: BitCoder, size: number, count: number, members: Uint8Array, at: number): void {
  for (let j = 0, i = 0; i < count; j++) {
    const [left, all] = [count - i, size - j]
    if (left === all || coder.bit(Math.floor((65536 * left) / all), members[at + i] === j ? 1 : 0)) {
      members[at + i++] = j
    }
  }
}
