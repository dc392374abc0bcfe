/** The mask engine: what a pattern allows in a layer, whether levels keep to it, and how much that is. */
import { blockMask, keptAreas } from './blocks.js'
import { eachLine, keptOf, largestOfGroups } from './groups.js'
import { eachKeptRow } from './panels.js'
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
    let outside = 0
    for (let i = 0; i < weights.length; i++) if (weights[i] !== 0) outside++
    eachKeptRow(pattern, shape, (begin, columns) => {
      for (let i = 0; i < columns.length; i++) if (weights[begin + columns[i]] !== 0) outside--
    })
    if (outside === 0) return undefined
    const wrong = project(pattern, shape, weights).findIndex((allowed, i) => allowed === 0 && weights[i] !== 0)
    return `weight ${wrong} is not zero, but not on the pattern`
  }
  let found: string | undefined
  eachLine(pattern, shape, (members, size, run) => {
    if (found !== undefined) return
    const most = keptOf(pattern, size)
    for (let k = 0; k < run; k++) {
      let count = 0
      for (let j = 0; j < size; j++) if (weights[members[j] + k] !== 0) count++
      if (count <= most) continue
      found = `the group of weight ${members[0] + k} has ${count} that are not zero, at most ${most} are allowed`
      return
    }
  })
  return found
}

/** The most weights of a layer that may be other than zero. */
export function capacity(pattern: Pattern, shape: readonly number[]): number {
  switch (pattern.kind) {
    case 'groups': {
      let sum = 0
      eachLine(pattern, shape, (_, size, run) => {
        sum += run * keptOf(pattern, size)
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
