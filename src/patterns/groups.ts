/** Groups of weights of which only some may be other than zero: where they lie, and the largest of each. */
import { dimsOf, type GroupPattern } from './pattern.js'

/**
 * Calls `visit` for each line of groups, `run` of them whose members are neighbours in memory: member j of the line's group k is weight
 * members[j] + k, for j < size and k < run. The array is used again. Lines come in the order of the packed form: for 'out' by group of
 * filters; else by filter, then place.
 */
export function eachLine(
  { axis, of, order }: GroupPattern,
  shape: readonly number[],
  visit: (members: Int32Array, size: number, run: number) => void,
): void {
  const { out, in: ins, taps } = dimsOf(shape)
  const cols = ins * taps
  const members = new Int32Array(of)
  if (axis === 'out') {
    for (let first = 0; first < out; first += of) {
      const size = Math.min(of, out - first)
      for (let j = 0; j < size; j++) members[j] = (order?.[first + j] ?? first + j) * cols
      visit(members, size, cols)
    }
    return
  }
  const [length, run] = axis === 'in' ? [ins, taps] : [of, cols / of]
  for (let row = 0; row < out * cols; row += cols) {
    for (let first = 0; first < length; first += of) {
      const size = Math.min(of, length - first)
      for (let j = 0; j < size; j++) members[j] = row + (first + j) * run
      visit(members, size, run)
    }
  }
}

/** Calls `visit` for each group with the places of its weights, line after line. The array is used again; `size` says how many of it count. */
export function eachGroup(
  pattern: GroupPattern,
  shape: readonly number[],
  visit: (places: Int32Array, size: number) => void,
): void {
  const places = new Int32Array(pattern.of)
  eachLine(pattern, shape, (members, size, run) => {
    for (let k = 0; k < run; k++) {
      for (let j = 0; j < size; j++) places[j] = members[j] + k
      visit(places, size)
    }
  })
}

/** How many weights of a group of this size may stay. */
export const keptOf = ({ keep }: GroupPattern, size: number): number => Math.min(keep, size)

/** The mask of the largest `keep` weights by size of each group; of equal ones the first. */
export function largestOfGroups(
  pattern: GroupPattern,
  shape: readonly number[],
  weights: ArrayLike<number>,
): Uint8Array {
  const mask = new Uint8Array(weights.length)
  eachGroup(pattern, shape, (places, size) => {
    for (let kept = keptOf(pattern, size); kept > 0; kept--) {
      let best = -1
      let largest = -1
      for (let j = 0; j < size; j++) {
        const w = Math.abs(weights[places[j]])
        if (mask[places[j]] === 0 && w > largest) {
          largest = w
          best = places[j]
        }
      }
      mask[best] = 1
    }
  })
  return mask
}
