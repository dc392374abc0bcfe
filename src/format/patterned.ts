/**
 * Tensors with a sparsity pattern: the pattern in the header, and levels coded in their packed form. Readers load this file only for
 * files that have such tensors (PatternCode).
 */
import { WhiteDwarfError } from '../errors.js'
import { codeSubset } from '../kernels/ref/entropy/subsets.js'
import { violation } from '../patterns/mask.js'
import {
  type Axis,
  type BlockPattern,
  type BlockSize,
  checkPattern,
  type GroupPattern,
  misfit,
  type Pattern,
  type PeriodicPattern,
} from '../patterns/pattern.js'
import type { Fields } from './fields.js'
import { damaged, MAX_LISTED, refuse } from './limits.js'
import { type PackedWeights, pack, packedMatrix, runLength, unpack } from './packing.js'
import { seededSigns } from './signs.js'

/** How a tensor's levels are coded in packed form: as a matrix of another size, then the members of its groups. */
export interface Packing {
  readonly rows: number
  readonly cols: number
  /** As of a tensor (TensorHeader), of the packed columns. */
  readonly plane: number
  readonly width: number
  readonly pack: (levels: Int8Array) => PackedWeights
  /** @param membersOf decodes the members of groups. @throws WhiteDwarfError E_FORMAT */
  readonly unpack: (packed: Int8Array, membersOf: (groups: Uint32Array) => Uint8Array) => Int8Array
}

/** What packing a tensor depends on. */
export interface PackedTensor {
  readonly shape: readonly number[]
  readonly pattern: Pattern
  readonly plane: number
  readonly width: number
  readonly signSeed?: number
}

/** The functions of this file that a reader needs. */
export interface PatternCode {
  readonly PatternCoder: typeof PatternCoder
  readonly packingOf: typeof packingOf
  readonly checkerOf: typeof checkerOf
}

/** What checks levels that are coded as they are. */
export function checkerOf(name: string, { shape, pattern }: PackedTensor): (levels: Int8Array) => void {
  return (levels) => {
    const broken = violation(pattern, shape, levels)
    if (broken !== undefined) throw damaged(`'${name}' does not keep to its pattern: ${broken}`)
  }
}

export function packingOf(tensor: PackedTensor): Packing {
  const { shape, pattern, signSeed } = tensor
  const { plane, width } = packedPlane(tensor)
  return {
    ...packedMatrix(pattern, shape, plane),
    plane,
    width,
    pack: (levels) => pack(pattern, shape, levels, plane),
    unpack: (packed, membersOf) => {
      const levels = unpack(pattern, shape, packed, membersOf)
      if (signSeed === undefined) return levels
      // The signs that the decoder gave are those of the packed places.
      const signs = seededSigns(shape, signSeed)
      for (let i = 0; i < levels.length; i++) levels[i] = signs[i] * Math.abs(levels[i])
      return levels
    },
  }
}

/** Planes stay whole where the pattern keeps whole ones; of kernels of a period, that keep as many taps each, these are a plane. */
function packedPlane({ shape, pattern, plane, width }: PackedTensor): { plane: number; width: number } {
  if (pattern.kind === 'periodic') {
    const [{ length }, ...others] = pattern.taps
    return { plane: others.every((set) => set.length === length) ? length : 1, width: 0 }
  }
  return runLength(pattern, shape) % plane === 0 ? { plane, width } : { plane: 1, width: 0 }
}

/** Kinds and axes by their numbers in the file. */
const KINDS: readonly Pattern['kind'][] = ['groups', 'blocks', 'periodic']
const AXES: readonly Axis[] = ['out', 'in', 'in-strided']
const MAX_ORDER = 65536

/** Codes the patterns of one file's tensors. */
export class PatternCoder {
  private last: Pattern | undefined
  /** Numbers of orders and of sets of taps, so far. */
  private listed = 0

  constructor(private readonly f: Fields) {}

  code(shape: readonly number[], given?: Pattern): Pattern {
    const { f, last } = this
    const again = given !== undefined && last !== undefined && keyOf(given) === keyOf(last)
    if (last === undefined || !f.bit('pattern.again', again)) this.last = this.codeNew(shape, given)
    const pattern = this.last as Pattern
    const why = misfit(pattern, shape)
    if (why !== undefined) throw damaged(`its pattern does not fit weights of [${shape.join(', ')}]: ${why}`)
    return pattern
  }

  private codeNew(shape: readonly number[], given?: Pattern): Pattern {
    const pattern = codeNew(this.f, shape, this.last, given)
    if (this.f.coder.overrun) throw damaged('a pattern runs past the end of the file')
    this.listed += listedNumbers(pattern)
    if (this.listed > MAX_LISTED) {
      throw (given ? refuse : damaged)(`its patterns list more than ${MAX_LISTED} numbers`)
    }
    if (given === undefined) checkRead(pattern)
    return pattern
  }
}

/** Filters in their usual order need none in the file. */
const orderOf = ({ order }: GroupPattern): readonly number[] | undefined =>
  order?.some((filter, i) => filter !== i) ? order : undefined

const FIELDS = ['kind', 'axis', 'of', 'keep', 'order', 'block', 'ratio', 'seed', 'inner', 'kernel', 'taps', 'rotate']

/** The same text for patterns that the file codes alike. */
const keyOf = (pattern: Pattern): string =>
  JSON.stringify(pattern.kind === 'groups' ? { ...pattern, order: orderOf(pattern) } : pattern, FIELDS)

const listedNumbers = (pattern: Pattern): number => {
  if (pattern.kind === 'periodic') return pattern.taps.reduce((sum, set) => sum + 1 + set.length, 0)
  return pattern.kind === 'groups' ? (pattern.order?.length ?? 0) : 0
}

function checkRead(pattern: Pattern): void {
  try {
    checkPattern(pattern)
  } catch (cause) {
    if (cause instanceof WhiteDwarfError) throw damaged(cause.message)
    throw cause
  }
}

function codeNew(f: Fields, shape: readonly number[], last: Pattern | undefined, given?: Pattern): Pattern {
  const kind = f.uint('pattern.kind', given === undefined ? 0 : KINDS.indexOf(given.kind), 255)
  switch (KINDS[kind]) {
    case 'groups':
      return codeGroups(f, shape, given as GroupPattern | undefined)
    case 'blocks':
      return codeBlocks(f, last, given as BlockPattern | undefined)
    case 'periodic':
      return codePeriodic(f, given as PeriodicPattern | undefined)
    default:
      throw new WhiteDwarfError(
        'E_FORMAT',
        `this .wd file has a pattern of kind ${kind}, unknown here: update whitedwarf`,
      )
  }
}

function codeGroups(f: Fields, shape: readonly number[], given?: GroupPattern): GroupPattern {
  const axis = AXES[f.uint('pattern.axis', given === undefined ? 0 : AXES.indexOf(given.axis), AXES.length - 1)]
  const of = 2 + f.uint('pattern.of', (given?.of ?? 2) - 2, 254)
  const keep = 1 + f.uint('pattern.keep', (given?.keep ?? 1) - 1, of - 2)
  const pattern = { kind: 'groups', axis, of, keep } as const
  const order = given && orderOf(given)
  if (axis !== 'out' || !f.rare('pattern.ordered', order !== undefined)) return pattern
  const count = shape[0]
  if (count > MAX_ORDER) throw damaged(`it orders ${count} filters, at most ${MAX_ORDER} are allowed`)
  const bits = Math.ceil(Math.log2(count))
  return { ...pattern, order: Array.from({ length: count }, (_, i) => f.coder.raw(bits, order?.[i] ?? 0)) }
}

function codeBlocks(f: Fields, last: Pattern | undefined, given?: BlockPattern): BlockPattern {
  const outer = codeBlockSize(f, 'pattern', given)
  const pattern = { kind: 'blocks', ...outer, seed: codeSeed(f, last, given?.seed) } as const
  if (!f.bit('pattern.nested', given?.inner !== undefined)) return pattern
  return { ...pattern, inner: codeBlockSize(f, 'pattern.inner', given?.inner) }
}

/** Layers tend to have consecutive seeds. */
function codeSeed(f: Fields, last: Pattern | undefined, given = 0): number {
  if (last?.kind !== 'blocks') return f.coder.raw(32, given)
  const step = (given - last.seed) >>> 0
  if (!f.bit('pattern.seed.near', step < 256)) return f.coder.raw(32, given)
  return (last.seed + f.uint('pattern.seed.step', step, 255)) >>> 0
}

function codeBlockSize(f: Fields, name: string, given?: BlockSize): BlockSize {
  const block = 1 + f.uint(`${name}.block`, (given?.block ?? 1) - 1, 4095)
  const ratio = given?.ratio ?? 1
  const fraction = f.rare(`${name}.fraction`, !Number.isInteger(ratio))
  return { block, ratio: fraction ? f.float(`${name}.ratio`, ratio) : 1 + f.uint(`${name}.ratio`, ratio - 1, 65535) }
}

function codePeriodic(f: Fields, given?: PeriodicPattern): PeriodicPattern {
  const kernel = 1 + f.uint('pattern.kernel', (given?.kernel ?? 1) - 1, 15)
  const rotate = f.bit('pattern.rotate', given?.rotate ?? false)
  const period = 1 + f.uint('pattern.period', (given?.taps.length ?? 1) - 1, 255)
  const taps = Array.from({ length: period }, (_, slot) => {
    const set = Uint8Array.from(given?.taps[slot] ?? [])
    const count = f.uint('pattern.taps', set.length, kernel ** 2)
    const coded = given === undefined ? new Uint8Array(count) : set
    codeSubset(f.coder, kernel ** 2, count, coded, 0)
    return Array.from(coded)
  })
  return { kind: 'periodic', kernel, taps, rotate }
}
