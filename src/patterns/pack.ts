/**
 * The dense form of the levels that a pattern allows: as many values as the pattern has places, and for groups whose place each is.
 *
 *   groups     the weights with the pattern's axis shortened: [groups * keep][in * taps] for 'out', [out][groups * keep][taps] for 'in',
 *              [out][keep][segment] for 'in-strided'. A value's owner is its number within its group. An unused place is a value of 0.
 *   blocks     the kept blocks by rows of blocks, then columns; in a block by output, input, tap. The seed says which they are.
 *   periodic   the order of the kernels: tiles of filters with one residue modulo the period, then channel, tap, filter of the tile.
 */
import { WhiteDwarfError } from '../errors.js'
import { keptAreas } from './blocks.js'
import { eachGroup, keptOf } from './groups.js'
import { capacity, violation } from './mask.js'
import {
  type BlockPattern,
  checkFits,
  dimsOf,
  type GroupPattern,
  type Pattern,
  type PeriodicPattern,
} from './pattern.js'
import { slotOf } from './periodic.js'

export interface Packed {
  /** capacity(pattern, shape) levels */
  readonly values: Int8Array
  /** Bit planes of the owners, lowest first, ceil(log2 of) of them: bit i % 32 of word i >> 5 is of value i. None but for groups. */
  readonly owners: readonly Uint32Array[]
}

/** Filters of a tile of a periodic pattern. */
export const LANES = 16

/**
 * @param levels of the shape, which keep to the pattern
 * @throws WhiteDwarfError E_OPTION, E_SHAPE, or E_DATA for levels that break the pattern
 */
export function pack(pattern: Pattern, shape: readonly number[], levels: Int8Array, lanes = LANES): Packed {
  checkFits(pattern, shape, 'levels')
  checkLength(levels.length, shape)
  const why = violation(pattern, shape, levels)
  if (why !== undefined) throw new WhiteDwarfError('E_DATA', `levels do not keep to the pattern: ${why}`)
  return pattern.kind === 'groups'
    ? packGroups(pattern, shape, levels)
    : { values: Int8Array.from(storedPlaces(pattern, shape, lanes), (place) => levels[place]), owners: [] }
}

/**
 * The levels of a packed form.
 * @throws WhiteDwarfError E_OPTION, E_SHAPE, or E_FORMAT for owners that do not exist
 */
export function unpack(pattern: Pattern, shape: readonly number[], packed: Packed, lanes = LANES): Int8Array {
  checkFits(pattern, shape, 'levels')
  const { values, owners } = packed
  const wanted = capacity(pattern, shape)
  if (values.length !== wanted) {
    throw new WhiteDwarfError('E_SHAPE', `the pattern has ${wanted} places in [${shape}], got ${values.length} values`)
  }
  const levels = new Int8Array(shape.reduce((a, b) => a * b, 1))
  if (pattern.kind !== 'groups') {
    storedPlaces(pattern, shape, lanes).forEach((place, i) => {
      levels[place] = values[i]
    })
    return levels
  }
  const planes = ownerPlanes(pattern)
  if (owners.length !== planes || owners.some((plane) => plane.length !== Math.ceil(values.length / 32))) {
    throw new WhiteDwarfError(
      'E_SHAPE',
      `owners of ${values.length} values in groups of ${pattern.of} are ${planes} bit planes`,
    )
  }
  eachPackedGroup(pattern, shape, (places, size, first, kept, stride) => {
    for (let d = 0, i = first; d < kept; d++, i += stride) {
      if (values[i] === 0) continue
      const owner = ownerOf(owners, i)
      if (owner >= size || levels[places[owner]] !== 0) {
        throw new WhiteDwarfError(
          'E_FORMAT',
          `value ${i} has owner ${owner}, which ${owner < size ? 'has one already' : `its group of ${size} lacks`}`,
        )
      }
      levels[places[owner]] = values[i]
    }
  })
  return levels
}

/** Bits of a packed form, headers left out: values of `bits` bits, and the owners' planes. */
export const packedBits = ({ values, owners }: Packed, bits: number): number =>
  values.length * bits + owners.reduce((sum, plane) => sum + 32 * plane.length, 0)

/** The owner of value i. */
export const ownerOf = (owners: readonly Uint32Array[], i: number): number =>
  owners.reduce((owner, plane, p) => owner | (((plane[i >> 5] >>> (i & 31)) & 1) << p), 0)

const ownerPlanes = ({ of }: GroupPattern): number => Math.ceil(Math.log2(of))

function packGroups(pattern: GroupPattern, shape: readonly number[], levels: Int8Array): Packed {
  const values = new Int8Array(capacity(pattern, shape))
  const owners = Array.from({ length: ownerPlanes(pattern) }, () => new Uint32Array(Math.ceil(values.length / 32)))
  eachPackedGroup(pattern, shape, (places, size, first, _, stride) => {
    let i = first
    for (let owner = 0; owner < size; owner++) {
      if (levels[places[owner]] === 0) continue
      values[i] = levels[places[owner]]
      for (let p = 0; p < owners.length; p++) owners[p][i >> 5] |= ((owner >> p) & 1) << (i & 31)
      i += stride
    }
  })
  return { values, owners }
}

/** Groups with the places of their values in the packed form: `kept` of them from `first` on, `stride` apart. */
function eachPackedGroup(
  pattern: GroupPattern,
  shape: readonly number[],
  visit: (places: Int32Array, size: number, first: number, kept: number, stride: number) => void,
): void {
  const { in: ins, taps } = dimsOf(shape)
  const stride = { out: ins * taps, in: taps, 'in-strided': (ins * taps) / pattern.of }[pattern.axis]
  // Groups come in runs of `stride` whose values lie side by side.
  let run = 0
  let inner = 0
  eachGroup(pattern, shape, (places, size) => {
    const kept = keptOf(pattern, size)
    visit(places, size, run + inner, kept, stride)
    inner++
    if (inner === stride) {
      run += kept * stride
      inner = 0
    }
  })
}

/** For patterns that do not depend on weights: the place among the weights of each stored value, in storage order. */
export function storedPlaces(
  pattern: BlockPattern | PeriodicPattern,
  shape: readonly number[],
  lanes = LANES,
): Uint32Array {
  return pattern.kind === 'blocks' ? blockPlaces(pattern, shape) : periodicPlaces(pattern, shape, lanes)
}

/** The kept blocks (the inner ones where there are) by rows, then columns: [row, column, height, width]. */
const storedAreas = (pattern: BlockPattern, shape: readonly number[]): [number, number, number, number][] =>
  keptAreas(pattern, shape).sort(([y, x], [v, u]) => y - v || x - u)

/** Column of each stored block, in blocks. Each row of blocks has equally many, unless blocks within blocks are cut at the edge. */
export function blockColumns(pattern: BlockPattern, shape: readonly number[]): Uint32Array {
  const { block } = pattern.inner ?? pattern
  return Uint32Array.from(storedAreas(pattern, shape), ([, x]) => x / block)
}

function blockPlaces(pattern: BlockPattern, shape: readonly number[]): Uint32Array {
  const { in: ins, taps } = dimsOf(shape)
  const places = new Uint32Array(capacity(pattern, shape))
  let i = 0
  for (const [y, x, height, width] of storedAreas(pattern, shape)) {
    for (let r = y; r < y + height; r++) {
      for (let k = x * taps; k < (x + width) * taps; k++) places[i++] = r * ins * taps + k
    }
  }
  return places
}

/** Filters in the order of storage: by residue modulo the period where sets rotate, so that neighbours share their taps; else as they are. */
export function filterOrder({ taps, rotate }: PeriodicPattern, out: number): Uint32Array {
  const order = new Uint32Array(out)
  const step = rotate ? taps.length : 1
  let i = 0
  for (let residue = 0; residue < step; residue++) for (let n = residue; n < out; n += step) order[i++] = n
  return order
}

function periodicPlaces(pattern: PeriodicPattern, shape: readonly number[], lanes: number): Uint32Array {
  const { out, in: ins, taps } = dimsOf(shape)
  const order = filterOrder(pattern, out)
  const sameTaps = (a: number, b: number) => slotOf(pattern, a, 0) === slotOf(pattern, b, 0)
  const places = new Uint32Array(capacity(pattern, shape))
  let i = 0
  for (let first = 0, end = 0; first < out; first = end) {
    while (end < out && end < first + lanes && sameTaps(order[first], order[end])) end++
    for (let c = 0; c < ins; c++) {
      for (const tap of pattern.taps[slotOf(pattern, order[first], c)]) {
        for (let lane = first; lane < end; lane++) places[i++] = (order[lane] * ins + c) * taps + tap
      }
    }
  }
  return places
}

function checkLength(length: number, shape: readonly number[]): void {
  const wanted = shape.reduce((a, b) => a * b, 1)
  if (length !== wanted) throw new WhiteDwarfError('E_SHAPE', `[${shape}] has ${wanted} levels, got ${length}`)
}
