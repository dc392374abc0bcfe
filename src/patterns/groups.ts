/** Groups of weights of which only some may be other than zero: where they lie, and the largest of each. */
import { dimsOf, type GroupPattern } from './pattern.js'

/**
 * Calls `visit` for each group with the places of its weights. The array is used again; `size` says how many of it count.
 * Groups come in the order of the packed form: for 'out' by group of filters, then input and tap; else by filter, then place.
 */
export function eachGroup(
  { axis, of, order }: GroupPattern,
  shape: readonly number[],
  visit: (places: Int32Array, size: number) => void,
): void {
  const { out, in: ins, taps } = dimsOf(shape)
  const cols = ins * taps
  const places = new Int32Array(of)
  if (axis === 'out') {
    for (let first = 0; first < out; first += of) {
      const size = Math.min(of, out - first)
      for (let k = 0; k < cols; k++) {
        for (let j = 0; j < size; j++) places[j] = (order?.[first + j] ?? first + j) * cols + k
        visit(places, size)
      }
    }
    return
  }
  if (axis === 'in-strided') {
    const segment = cols / of
    for (let n = 0; n < out; n++) {
      for (let k = 0; k < segment; k++) {
        for (let j = 0; j < of; j++) places[j] = n * cols + j * segment + k
        visit(places, of)
      }
    }
    return
  }
  for (let n = 0; n < out; n++) {
    for (let first = 0; first < ins; first += of) {
      const size = Math.min(of, ins - first)
      for (let t = 0; t < taps; t++) {
        for (let j = 0; j < size; j++) places[j] = n * cols + (first + j) * taps + t
        visit(places, size)
      }
    }
  }
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
