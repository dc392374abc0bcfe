/**
 * Layers in which the weights of two channels are often both there, as in blocks and periodic patterns: kernel pairs_* makes the sum
 * and the difference of the channels' planes once, and the row programs of the planar gather add those instead of both.
 */
import { type Lane, laneBytes } from '../kernels/lanes.js'
import { planesOf as digitPlanes, type MaxLevel } from '../kernels/levels.js'
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

/** Joint digits of all levels to 4 bits, made when they are first needed. */
class DigitTable {
  private readonly table = new Map<number, Digits>()
  private readonly planes: number

  constructor(private readonly maxLevel: MaxLevel) {
    this.planes = digitPlanes(maxLevel)
  }

  get(a: number, b: number): Digits {
    const key = a * (2 * this.maxLevel + 1) + b
    const known = this.table.get(key) ?? (jointDigits(a, b, this.planes) as Digits)
    this.table.set(key, known)
    return known
  }
}

/** Channels two by two, `distance` apart; a channel that is left over is paired with itself. */
export function pairChannels(channels: number, distance: number): [number, number][] {
  const pairs: [number, number][] = []
  for (let m = 0; m < Math.min(distance, channels); m++) {
    for (let c = m; c < channels; c += 2 * distance) pairs.push([c, c + distance < channels ? c + distance : c])
  }
  return pairs
}

/** A layer as the programs of pairs see it. */
export interface PairLayer {
  readonly levels: Int8Array
  readonly rows: number
  readonly channels: number
  readonly maxLevel: MaxLevel
  readonly pairs: readonly (readonly [number, number])[]
}

/** Calls `visit` with what each row adds for each pair and tap, from the top plane down; null at the end of a plane. */
function eachDigit(
  { levels, rows, channels, maxLevel, pairs }: PairLayer,
  visit: (digit: Digit | null, pair: number, tap: number) => void,
): void {
  const table = new DigitTable(maxLevel)
  const cols = levels.length / rows
  const taps = cols / channels
  for (let r = 0; r < rows; r++) {
    const found: [Digits, number, number][] = []
    for (const [p, [a, b]] of pairs.entries()) {
      for (let t = 0; t < taps; t++) {
        const [first, second] = [levels[r * cols + a * taps + t], a === b ? 0 : levels[r * cols + b * taps + t]]
        if (first !== 0 || second !== 0) found.push([table.get(first, second), p, t])
      }
    }
    for (let plane = digitPlanes(maxLevel) - 1; plane >= 0; plane--) {
      for (const [digits, p, t] of found) {
        const digit = digits[plane]
        if (digit !== undefined) visit(digit, p, t)
      }
      visit(null, 0, 0)
    }
  }
}

/** Additions of the row programs for each output. */
export function pairAdditions(layer: PairLayer): number {
  let n = 0
  eachDigit(layer, (digit) => {
    if (digit !== null) n++
  })
  return n
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
  const program: number[] = []
  let lists: [number[], number[]] = [[], []]
  eachDigit(layer, (digit, pair, tap) => {
    if (digit !== null) {
      // Offsets of the first channel are those of its taps.
      lists[digit.sign > 0 ? 0 : 1].push((4 * pair + digit.which) * plane + geometry.offsets[tap] * width)
      return
    }
    const [plus, minus] = lists
    program.push(plus.length, minus.length)
    for (const offset of plus) program.push(offset)
    for (const offset of minus) program.push(offset)
    lists = [[], []]
  })
  const pairs = layer.pairs.length
  const address = arena.alloc(program.length * 4)
  const list = arena.alloc(pairs * 8)
  new Uint32Array(instance.memory.buffer, address, program.length).set(program)
  new Uint32Array(instance.memory.buffer, list, 2 * pairs).set(layer.pairs.flat().map((c) => c * plane))
  return {
    address,
    planes,
    list,
    pairs,
    plane,
    bytes: program.length * 4 + pairs * 8,
    scratch: 4 * pairs * plane + 64,
  }
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
