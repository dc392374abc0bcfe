/** The mask engine: what a pattern allows in a layer, whether levels keep to it, and how much that is. */
import { blockMask, keptAreas } from './blocks.js'
import { eachGroup, keptOf, largestOfGroups } from './groups.js'
import { checkFits, dimsOf, type Pattern } from './pattern.js'
import { periodicCount, periodicMask } from './periodic.js'

/** Whether training may choose where the pattern's weights are; else they are known from the pattern alone. */
export const isDynamic = (pattern: Pattern): boolean => pattern.kind === 'groups'

/**
 * 1 where a weight may be other than zero. Groups keep their largest weights by size.
 * @param shape [out, in, kh, kw] or [out, in], which the pattern must fit (checkFits)
 */
export function project(pattern: Pattern, shape: readonly number[], weights: ArrayLike<number>): Uint8Array {
  switch (pattern.kind) {
    case 'groups':
      return largestOfGroups(pattern, shape, weights)
    case 'blocks':
      return blockMask(pattern, shape)
    case 'periodic':
      return periodicMask(pattern, shape)
  }
}

/** Where weights break a pattern, in words; undefined: they keep to it. */
export function violation(pattern: Pattern, shape: readonly number[], weights: ArrayLike<number>): string | undefined {
  if (pattern.kind !== 'groups') {
    const mask = project(pattern, shape, weights)
    const wrong = mask.findIndex((allowed, i) => allowed === 0 && weights[i] !== 0)
    return wrong < 0 ? undefined : `weight ${wrong} is not zero, but not on the pattern`
  }
  let found: string | undefined
  eachGroup(pattern, shape, (places, size) => {
    if (found !== undefined) return
    let count = 0
    for (let j = 0; j < size; j++) if (weights[places[j]] !== 0) count++
    const most = keptOf(pattern, size)
    if (count > most)
      found = `the group of weight ${places[0]} has ${count} that are not zero, at most ${most} are allowed`
  })
  return found
}

/** The most weights of a layer that may be other than zero. */
export function capacity(pattern: Pattern, shape: readonly number[]): number {
  switch (pattern.kind) {
    case 'groups': {
      let sum = 0
      eachGroup(pattern, shape, (_, size) => {
        sum += keptOf(pattern, size)
      })
      return sum
    }
    case 'blocks':
      return dimsOf(shape).taps * keptAreas(pattern, shape).reduce((sum, [, , h, w]) => sum + h * w, 0)
    case 'periodic':
      return periodicCount(pattern, shape)
  }
}

/**
 * Bits that the places of a layer's weights cost at most: ceil(log2 of) for each one kept in a group; a 32-bit seed for blocks; a number
 * for each tap of the sets, once, for kernels of a period. Not counted: the order of filters (orderBits).
 */
export function indexBits(pattern: Pattern, shape: readonly number[]): number {
  checkFits(pattern, shape, 'weights')
  switch (pattern.kind) {
    case 'groups':
      return capacity(pattern, shape) * Math.ceil(Math.log2(pattern.of))
    case 'blocks':
      return 32
    case 'periodic': {
      const { kernel, taps } = pattern
      return taps.reduce((sum, set) => sum + set.length, 0) * Math.ceil(Math.log2(kernel ** 2))
    }
  }
}
