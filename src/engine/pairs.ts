/**
 * Layers in which the weights of two channels are often both there, as in blocks and periodic patterns: kernel pairs_* makes the sum
 * and the difference of the channels' planes once, and the row programs of the planar gather add those instead of both.
 */
import { type Lane, laneBytes } from '../kernels/lanes.js'
import { planesOf as digitPlanes, type MaxLevel } from '../kernels/levels.js'
import type { Panel } from '../patterns/panels.js'
import type { Arena } from '../wasm/arena.js'
import type { WasmInstance } from '../wasm/exports.js'
import { accPlane, finishLayer, type Layer, splitPhases } from './emit.js'
import type { Geometry } from './geometry.js'
import type { WeightedOp } from './lower.js'
import type { Scratch } from './memory.js'
import { perImage, type Step } from './requant.js'
import type { Weighted } from './site.js'
import type { Tables } from './tables.js'
import { isPlanes, planesOf, type Value, vectorStep } from './values.js'

/** What a row program adds for a pair of weights at one digit plane: a multiple of two bits, `sign` and which of the four planes. */
interface Digit {
  readonly sign: number
  /** 0: the first channel, 1: the second, 2: their sum, 3: their difference. */
  readonly which: number
}

/** Digits of two levels, from the lowest plane, undefined where both are 0. */
type Digits = readonly (Digit | undefined)[]

/** The digits of a pair with the fewest that are not zero, each level a sum of signed powers of two (joint sparse form). */
function jointDigits(a: number, b: number, planes: number): Digits | undefined {
  if (planes === 0) return a === 0 && b === 0 ? [] : undefined
  let best: Digits | undefined
  for (const da of a % 2 === 0 ? [0] : [1, -1]) {
    for (const db of b % 2 === 0 ? [0] : [1, -1]) {
      const rest = jointDigits((a - da) / 2, (b - db) / 2, planes - 1)
      if (rest === undefined) continue
      const digits = [digitOf(da, db), ...rest]
      if (best === undefined || additions(digits) < additions(best)) best = digits
    }
  }
  return best
}

function digitOf(a: number, b: number): Digit | undefined {
  if (a === 0 && b === 0) return undefined
  if (b === 0) return { sign: a, which: 0 }
  if (a === 0) return { sign: b, which: 1 }
  return { sign: a, which: a === b ? 2 : 3 }
}

const additions = (digits: Digits): number => digits.reduce((n, digit) => n + (digit === undefined ? 0 : 1), 0)

/** Joint digits of all pairs of levels to 4 bits; pair (a, b) is number (a + maxLevel) * side + b + maxLevel, side = 2 maxLevel + 1. */
interface DigitTable {
  readonly side: number
  /** Digits of each pair that are not zero. */
  readonly additions: Uint8Array
  /** For each plane, from the lowest, the digit of each pair: 0 if there is none, else 1 + 2 which + (1 if negative). */
  readonly planes: readonly Uint8Array[]
}

const digitTables = new Map<MaxLevel, DigitTable>()

/** The table of a largest level, made when it is first needed. */
function digitTable(maxLevel: MaxLevel): DigitTable {
  const known = digitTables.get(maxLevel)
  if (known !== undefined) return known
  const side = 2 * maxLevel + 1
  const count = digitPlanes(maxLevel)
  const planes = Array.from({ length: count }, () => new Uint8Array(side ** 2))
  const counts = new Uint8Array(side ** 2)
  for (let pair = 0; pair < side ** 2; pair++) {
    const digits = jointDigits(Math.floor(pair / side) - maxLevel, (pair % side) - maxLevel, count) as Digits
    counts[pair] = additions(digits)
    digits.forEach((digit, plane) => {
      if (digit !== undefined) planes[plane][pair] = 1 + 2 * digit.which + (digit.sign < 0 ? 1 : 0)
    })
  }
  const table = { side, additions: counts, planes }
  digitTables.set(maxLevel, table)
  return table
}

/** Channels two by two, `distance` apart; a channel that is left over is paired with itself. */
function pairChannels(channels: number, distance: number): [number, number][] {
  const pairs: [number, number][] = []
  for (let m = 0; m < Math.min(distance, channels); m++) {
    for (let c = m; c < channels; c += 2 * distance) pairs.push([c, c + distance < channels ? c + distance : c])
  }
  return pairs
}

/** Weights that the programs of pairs read, of rows that read the same columns: an entry for each pair and tap, in this order. */
interface PairPlaces {
  /** Columns of the two weights; the second is -1 where the pair is one channel, or the pattern keeps the first alone. */
  readonly first: Int32Array
  readonly second: Int32Array
  readonly pair: Int32Array
  readonly tap: Int32Array
}

/** A layer as the programs of pairs see it. */
export interface PairLayer {
  readonly levels: Int8Array
  readonly maxLevel: MaxLevel
  readonly pairs: readonly (readonly [number, number])[]
  /** Those of each row; rows of a panel have them in common. */
  readonly places: readonly PairPlaces[]
  /** Additions of the row programs for each output. */
  readonly additions: number
}

/** @param panels of all rows */
export function pairLayer(
  levels: Int8Array,
  rows: number,
  maxLevel: MaxLevel,
  panels: readonly Panel[],
  channels: number,
  distance: number,
): PairLayer {
  const pairs = pairChannels(channels, distance)
  const cols = levels.length / rows
  const places: PairPlaces[] = new Array(rows)
  for (const { first, step, count, columns } of panels) {
    const own = placesOf(pairs, columns, cols, cols / channels)
    for (let i = 0; i < count; i++) places[first + i * step] = own
  }
  const table = digitTable(maxLevel)
  let additions = 0
  places.forEach(({ first, second }, row) => {
    for (let i = 0; i < first.length; i++) {
      const a = levels[row * cols + first[i]]
      const b = second[i] < 0 ? 0 : levels[row * cols + second[i]]
      additions += table.additions[(a + maxLevel) * table.side + b + maxLevel]
    }
  })
  return { levels, maxLevel, pairs, places, additions }
}

/** Where a pattern keeps only a pair's second weight, its first column is read: the weight there is 0. */
function placesOf(pairs: PairLayer['pairs'], columns: Int32Array, cols: number, taps: number): PairPlaces {
  const kept = new Uint8Array(cols)
  for (const k of columns) kept[k] = 1
  const places = { first: [] as number[], second: [] as number[], pair: [] as number[], tap: [] as number[] }
  for (const [p, [a, b]] of pairs.entries()) {
    for (let t = 0; t < taps; t++) {
      const [one, other] = [a * taps + t, b * taps + t]
      if (kept[one] === 0 && kept[other] === 0) continue
      places.first.push(one)
      places.second.push(a === b || kept[other] === 0 ? -1 : other)
      places.pair.push(p)
      places.tap.push(t)
    }
  }
  const { first, second, pair, tap } = places
  return {
    first: Int32Array.from(first),
    second: Int32Array.from(second),
    pair: Int32Array.from(pair),
    tap: Int32Array.from(tap),
  }
}

/** Elements of a channel's planes: of the value, or of its phases where it has some. */
function channelElements(x: Value, { phases }: Geometry, batch: number): number {
  if (phases !== undefined) return phases.count[0] * phases.count[1] * phases.yPlane
  return isPlanes(x) ? planesOf(x.shape, x.pad).plane : vectorStep(batch)
}

/** Row programs over planes of pairs. */
export interface PairProgram {
  readonly address: number
  /** Digit planes. */
  readonly planes: number
  /** Byte offsets of the planes of each pair. */
  readonly list: number
  readonly pairs: number
  /** Bytes of a plane. */
  readonly plane: number
  /** In all, the list included. */
  readonly bytes: number
  /** Of the planes of all pairs. */
  readonly scratch: number
}

export function writePairs(
  layer: PairLayer,
  { op, geometry }: Weighted,
  batch: number,
  instance: WasmInstance,
  arena: Arena,
): PairProgram {
  const width = laneBytes(op.x.lane)
  const plane = channelElements(op.x, geometry, batch) * width
  const planes = digitPlanes(layer.maxLevel)
  const pairs = layer.pairs.length
  const words = layer.places.length * planes * 2 + layer.additions
  const address = arena.alloc(words * 4)
  const list = arena.alloc(pairs * 8)
  // Offsets of the first channel are those of its taps.
  const offset = (pair: number, tap: number) => 4 * pair * plane + geometry.offsets[tap] * width
  writeRows(layer, plane, offset, new Uint32Array(instance.memory.buffer, address, words))
  new Uint32Array(instance.memory.buffer, list, 2 * pairs).set(layer.pairs.flat().map((c) => c * plane))
  return { address, planes, list, pairs, plane, bytes: words * 4 + pairs * 8, scratch: 4 * pairs * plane + 64 }
}

/** The row programs: for each plane from the top how many offsets are added and subtracted, then these offsets. */
function writeRows(
  { levels, maxLevel, places }: PairLayer,
  planeBytes: number,
  offset: (pair: number, tap: number) => number,
  program: Uint32Array,
): void {
  const table = digitTable(maxLevel)
  const cols = levels.length / places.length
  const offsets = new Map<PairPlaces, Uint32Array>()
  /** Of the row's pairs that are not both 0: their offsets, and numbers in the table. */
  const from = new Uint32Array(cols)
  const found = new Uint8Array(cols)
  const minus = new Uint32Array(cols)
  let out = 0
  places.forEach((own, row) => {
    const { first, second } = own
    const offsetOf = offsets.get(own) ?? Uint32Array.from(own.pair, (pair, i) => offset(pair, own.tap[i]))
    offsets.set(own, offsetOf)
    let count = 0
    for (let i = 0; i < first.length; i++) {
      const a = levels[row * cols + first[i]]
      const b = second[i] < 0 ? 0 : levels[row * cols + second[i]]
      if (a === 0 && b === 0) continue
      from[count] = offsetOf[i]
      found[count++] = (a + maxLevel) * table.side + b + maxLevel
    }
    for (let plane = table.planes.length - 1; plane >= 0; plane--) {
      const digits = table.planes[plane]
      const header = out
      let subtracted = 0
      out += 2
      for (let i = 0; i < count; i++) {
        const digit = digits[found[i]] - 1
        if (digit < 0) continue
        const place = from[i] + (digit >> 1) * planeBytes
        if (digit % 2 === 0) program[out++] = place
        else minus[subtracted++] = place
      }
      program[header] = out - header - 2
      program[header + 1] = subtracted
      for (let i = 0; i < subtracted; i++) program[out++] = minus[i]
    }
  })
}

export function emitPairs(
  op: WeightedOp,
  layer: Layer,
  { address, planes, list, pairs, plane }: PairProgram,
  scratch: Scratch,
  tables: Tables,
  batch: number,
): Step[] {
  const { x } = op
  const { geometry, rows } = layer
  const lane: Lane = x.lane
  const row = accPlane(geometry, lane) * laneBytes(lane)
  return perImage(isPlanes(x) ? batch : 1, (n) => {
    const image = isPlanes(x) ? n * planesOf(x.shape, x.pad).image : 0
    const source = geometry.phases === undefined ? x.base + image * laneBytes(lane) : scratch.phases
    const from = scratch.pairs + geometry.start * laneBytes(lane)
    return [
      ...splitPhases(op, layer, scratch, n),
      { op: op.name, kernel: `pairs_${lane}`, args: [list, pairs, source, scratch.pairs, plane] },
      { op: op.name, kernel: `gather_${lane}`, args: [address, rows, planes, from, scratch.acc, row, row / 16] },
      ...finishLayer(op, layer, scratch, tables, batch, n),
    ]
  })
}
