/**
 * Sparsity patterns: rules that say which weights of a layer may be other than zero, regular enough to be stored with almost no
 * index and to run without irregular accesses. One vocabulary for all families:
 *
 *   groups     of `of` weights, `keep` at most: N:M along the inputs; complementary along the outputs (Ozen & Orailoglu, TCAD
 *              2023), where `of` filters share one dense kernel; segments of one filter (Zhao et al., TMLR 2023)
 *   blocks     of inputs by outputs, drawn by a seed before training: CGS, and HCGS with blocks within blocks (Kadetotad et al.,
 *              ICCAD 2016; Yin et al., arXiv 1804.07370)
 *   periodic   taps of each k x k kernel, the sets repeating over channels and filters: PPS (Heo et al., arXiv 2207.00068;
 *              Kundu et al., IEEE TC 2020)
 *
 * Weights are [out, in, kh, kw] or [out, in], row-major, everywhere. With groups of channels `in` counts those of one group.
 */
import { WhiteDwarfError } from '../errors.js'

/**
 * What the weights of a group differ in. 'out': the filter, at the same input and tap. 'in': the input channel, consecutive ones of
 * one filter at the same tap. 'in-strided': the segment of a filter, at the same place in each of `of` equal segments.
 */
export type Axis = 'out' | 'in' | 'in-strided'

/** At most `keep` of each `of` weights. The last group of an axis that `of` does not divide is smaller. */
export interface GroupPattern {
  readonly kind: 'groups'
  readonly axis: Axis
  /** 2..256 */
  readonly of: number
  /** 1..of - 1 */
  readonly keep: number
  /** Axis 'out': the filters in the order in which neighbours form groups. Absent: as they are. */
  readonly order?: readonly number[]
}

/** Square blocks of which one in `ratio` is kept. */
export interface BlockSize {
  /** Outputs and inputs of a block, 1..4096; blocks at the edges are smaller. */
  readonly block: number
  /** Of the blocks in a row of blocks, 1 / ratio is kept, rounded, at least one. 1 or more, maybe fractional. */
  readonly ratio: number
}

/** Each row of blocks keeps the same number of blocks, with all kernel positions. */
export interface BlockPattern extends BlockSize {
  readonly kind: 'blocks'
  /** Determines which, 0 to 2^32 - 1. */
  readonly seed: number
  /** Blocks within the blocks that are kept (hierarchical CGS). */
  readonly inner?: BlockSize
}

/** Kernel (filter n, channel c) keeps the taps of set (c + n) mod period with rotation, c mod period without. */
export interface PeriodicPattern {
  readonly kind: 'periodic'
  /** Height and width of the kernels. */
  readonly kernel: number
  /** A set of taps for each place in the period, ascending, row-major numbers below kernel^2. */
  readonly taps: readonly (readonly number[])[]
  readonly rotate: boolean
}

export type Pattern = GroupPattern | BlockPattern | PeriodicPattern

/** Sizes of a layer's weights. */
export interface Dims {
  readonly out: number
  readonly in: number
  /** Kernel positions, 1 for a dense layer. */
  readonly taps: number
}

export function dimsOf(shape: readonly number[]): Dims {
  const [out, channels, ...kernel] = shape
  return { out, in: channels, taps: kernel.reduce((a, b) => a * b, 1) }
}

const whole = (v: unknown, min: number, max: number): boolean =>
  Number.isInteger(v) && (v as number) >= min && (v as number) <= max

/** @throws WhiteDwarfError E_OPTION naming the field */
export function checkPattern(pattern: Pattern): void {
  switch (pattern.kind) {
    case 'groups': {
      const { axis, of, keep, order } = pattern
      if (!['out', 'in', 'in-strided'].includes(axis)) refuse('axis', "'out', 'in' or 'in-strided'", axis)
      if (!whole(of, 2, 256)) refuse('of', 'a whole number from 2 to 256', of)
      if (!whole(keep, 1, of - 1)) refuse('keep', `a whole number from 1 to ${of - 1}`, keep)
      if (order === undefined) return
      if (axis !== 'out') refuse('order', "absent unless axis is 'out'", order)
      if (!Array.isArray(order) || order.length > 65536 || [...order].sort((a, b) => a - b).some((n, i) => n !== i)) {
        refuse('order', 'each filter once, by number', order)
      }
      return
    }
    case 'blocks': {
      if (!whole(pattern.seed, 0, 2 ** 32 - 1)) refuse('seed', 'a whole number from 0 to 2^32 - 1', pattern.seed)
      checkBlock(pattern, '')
      if (pattern.inner === undefined) return
      if (typeof pattern.inner !== 'object' || pattern.inner === null) {
        refuse('inner', 'absent, or a block size and a ratio', pattern.inner)
      }
      checkBlock(pattern.inner, 'inner.')
      if (pattern.block % pattern.inner.block !== 0) {
        refuse('inner.block', `a divisor of ${pattern.block}`, pattern.inner.block)
      }
      return
    }
    case 'periodic': {
      const { kernel, taps, rotate } = pattern
      if (!whole(kernel, 1, 16)) refuse('kernel', 'a whole number from 1 to 16', kernel)
      if (typeof rotate !== 'boolean') refuse('rotate', 'true or false', rotate)
      if (!Array.isArray(taps) || !taps.every(Array.isArray)) refuse('taps', 'an array of sets of taps', taps)
      if (!whole(taps.length, 1, 256)) refuse('taps', 'a period of 1 to 256 sets', taps.length)
      for (const set of taps) {
        const ascending = set.every((t, i) => whole(t, i === 0 ? 0 : set[i - 1] + 1, kernel ** 2 - 1))
        if (!ascending) refuse('taps', `ascending numbers below ${kernel ** 2}`, `[${set.join(', ')}]`)
      }
      if (taps.every((set) => set.length === 0)) refuse('taps', 'at least one tap in all', 'none')
      return
    }
    default:
      refuse('kind', "'groups', 'blocks' or 'periodic'", (pattern as { kind: unknown }).kind)
  }
}

function checkBlock({ block, ratio }: BlockSize, prefix: string): void {
  if (!whole(block, 1, 4096)) refuse(`${prefix}block`, 'a whole number from 1 to 4096', block)
  if (typeof ratio !== 'number' || !(ratio >= 1 && ratio <= 65536)) {
    refuse(`${prefix}ratio`, 'a number from 1 to 65536', ratio)
  }
}

function refuse(field: string, expected: string, got: unknown): never {
  throw new WhiteDwarfError('E_OPTION', `pattern.${field} must be ${expected}, got ${String(got)}`)
}

/** Why a pattern says nothing of weights of this shape, or undefined where it does. */
export function misfit(pattern: Pattern, shape: readonly number[]): string | undefined {
  const dims = dimsOf(shape)
  switch (pattern.kind) {
    case 'groups': {
      const { axis, of, order } = pattern
      const length = axis === 'out' ? dims.out : axis === 'in' ? dims.in : dims.in * dims.taps
      if (length < of) return `groups of ${of} along '${axis}' need as many, the layer has ${length}`
      if (axis === 'in-strided' && length % of !== 0)
        return `${length} weights of a filter are not ${of} equal segments`
      if (order !== undefined && order.length !== dims.out) return `order names ${order.length} filters of ${dims.out}`
      return undefined
    }
    case 'blocks':
      return dims.in < 2 * pattern.block ? `${dims.in} inputs are fewer than two blocks of ${pattern.block}` : undefined
    case 'periodic': {
      const { kernel } = pattern
      const fits = shape.length === 4 && shape[2] === kernel && shape[3] === kernel
      return fits ? undefined : `it is for ${kernel} x ${kernel} kernels`
    }
  }
}

/** @throws WhiteDwarfError E_SHAPE, E_OPTION */
export function checkFits(pattern: Pattern, shape: readonly number[], what: string): void {
  checkPattern(pattern)
  const why = misfit(pattern, shape)
  if (why !== undefined)
    throw new WhiteDwarfError('E_SHAPE', `the pattern does not fit ${what} [${shape.join(', ')}]: ${why}`)
}
