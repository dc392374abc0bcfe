/**
 * Packed weights: those that a pattern lets be other than zero, as one plain matrix without the places between them.
 *
 *   static patterns   the kept places of the whole tensor in row-major order, cut into rows of the average length, which is every
 *                     row's own where all keep as many; zeros fill the last
 *   groups            `keep` lines for each line of groups: of every group the weights that are not zero, in the order of its
 *                     members, then zeros. Which members they are is told beside the matrix
 */
import { WhiteDwarfError } from '../errors.js'
import { eachLine, keptOf } from '../patterns/groups.js'
import { capacity } from '../patterns/mask.js'
import { eachKeptRow } from '../patterns/panels.js'
import { type Dims, dimsOf, type GroupPattern, type Pattern } from '../patterns/pattern.js'

export interface PackedWeights {
  /** [rows, cols] of packedMatrix. */
  readonly levels: Int8Array
  /** For each group, in the order of eachLine, its size + 65536 times how many of its weights are not zero. Empty for static patterns. */
  readonly groups: Uint32Array
  /** The numbers of those weights within their groups, ascending, group after group. */
  readonly members: Uint8Array
}

/** Sizes of the packed matrix; it has at most as many rows and columns as the tensor. @param plane what divides the columns */
export function packedMatrix(
  pattern: Pattern,
  shape: readonly number[],
  plane: number,
): { readonly rows: number; readonly cols: number } {
  const dims = dimsOf(shape)
  if (pattern.kind !== 'groups') {
    const places = capacity(pattern, shape)
    const cols = plane * Math.max(1, Math.ceil(places / (dims.out * plane)))
    return { rows: Math.max(1, Math.ceil(places / cols)), cols }
  }
  const { of, keep, axis } = pattern
  const { length } = alongAxis(pattern, dims)
  const kept = Math.floor(length / of) * keep + keptOf(pattern, length % of)
  if (axis === 'out') return { rows: kept, cols: dims.in * dims.taps }
  return { rows: dims.out, cols: (kept * dims.in * dims.taps) / length }
}

/** How many weights that follow each other in memory a pattern treats alike: those of a line of groups, or of a block's row. */
export function runLength(pattern: Pattern, shape: readonly number[]): number {
  const dims = dimsOf(shape)
  switch (pattern.kind) {
    case 'groups':
      return alongAxis(pattern, dims).run
    case 'blocks':
      return (pattern.inner ?? pattern).block * dims.taps
    case 'periodic':
      return 1
  }
}

/** Members along a pattern's axis, and the groups of neighbours whose members are neighbours each. */
function alongAxis({ axis, of }: GroupPattern, dims: Dims): { length: number; run: number } {
  const cols = dims.in * dims.taps
  if (axis === 'out') return { length: dims.out, run: cols }
  return axis === 'in' ? { length: dims.in, run: dims.taps } : { length: cols, run: cols / of }
}

function groupCount(pattern: GroupPattern, shape: readonly number[]): number {
  const { length } = alongAxis(pattern, dimsOf(shape))
  return (Math.ceil(length / pattern.of) * shape.reduce((a, b) => a * b, 1)) / length
}

/** @param levels which keep to the pattern */
export function pack(pattern: Pattern, shape: readonly number[], levels: Int8Array, plane: number): PackedWeights {
  const { rows, cols } = packedMatrix(pattern, shape, plane)
  const packed = new Int8Array(rows * cols)
  if (pattern.kind !== 'groups') {
    let at = 0
    eachKeptRow(pattern, shape, (begin, columns) => {
      for (let i = 0; i < columns.length; i++) packed[at + i] = levels[begin + columns[i]]
      at += columns.length
    })
    return { levels: packed, groups: new Uint32Array(0), members: new Uint8Array(0) }
  }
  const groups = new Uint32Array(groupCount(pattern, shape))
  const chosen = new Uint8Array(packed.length)
  let [line, group, member] = [0, 0, 0]
  eachLine(pattern, shape, (members, size, run) => {
    for (let k = 0; k < run; k++) {
      let count = 0
      for (let j = 0; j < size; j++) {
        const level = levels[members[j] + k]
        if (level === 0) continue
        packed[line + count++ * run + k] = level
        chosen[member++] = j
      }
      groups[group++] = size + 65536 * count
    }
    line += run * keptOf(pattern, size)
  })
  return { levels: packed, groups, members: chosen.subarray(0, member) }
}

/**
 * @param packed [rows, cols] of packedMatrix
 * @param membersOf gives the members of groups (as in PackedWeights)
 * @throws WhiteDwarfError E_FORMAT where `packed` is not what `pack` gives
 */
export function unpack(
  pattern: Pattern,
  shape: readonly number[],
  packed: Int8Array,
  membersOf: (groups: Uint32Array) => Uint8Array,
): Int8Array {
  const levels = new Int8Array(shape.reduce((a, b) => a * b, 1))
  if (pattern.kind !== 'groups') {
    let at = 0
    eachKeptRow(pattern, shape, (begin, columns) => {
      for (let i = 0; i < columns.length; i++) levels[begin + columns[i]] = packed[at + i]
      at += columns.length
    })
    if (packed.subarray(at).some((level) => level !== 0)) throw damaged('levels follow the last place of the pattern')
    return levels
  }
  const groups = countedGroups(pattern, shape, packed)
  const chosen = membersOf(groups)
  let [line, group, next] = [0, 0, 0]
  eachLine(pattern, shape, (members, size, run) => {
    // Variables of the function itself: those outside of it take several times as long.
    const begin = line
    const first = group
    let member = next
    for (let k = 0; k < run; k++) {
      const end = begin + k + (groups[first + k] >>> 16) * run
      for (let at = begin + k; at < end; at += run) levels[members[chosen[member++]] + k] = packed[at]
    }
    line += run * keptOf(pattern, size)
    group += run
    next = member
  })
  return levels
}

/** Groups as in PackedWeights, by the levels of a packed matrix. */
function countedGroups(pattern: GroupPattern, shape: readonly number[], packed: Int8Array): Uint32Array {
  const groups = new Uint32Array(groupCount(pattern, shape))
  let [line, group] = [0, 0]
  eachLine(pattern, shape, (_, size, run) => {
    const begin = line
    const first = group
    const layers = keptOf(pattern, size)
    for (let k = 0; k < run; k++) {
      let count = 0
      let nonZeros = 0
      for (let layer = 0; layer < layers; layer++) {
        if (packed[begin + layer * run + k] === 0) continue
        count = layer + 1
        nonZeros++
      }
      if (nonZeros !== count) throw damaged('a level follows a zero of its group')
      groups[first + k] = size + 65536 * count
    }
    line += run * layers
    group += run
  })
  return groups
}

const damaged = (what: string) => new WhiteDwarfError('E_FORMAT', `damaged packed weights: ${what}`)
