/** Tensor functions in the header: the kind, then its fields. Later kinds go to the end of the list. */
import { COMBINE_FUNCTIONS, MAP_FUNCTIONS, MAX_RANK, REDUCE_FUNCTIONS, type TensorFn } from '../graph/tensor-fn.js'
import type { Fields } from './fields.js'
import { damaged, MAX_DIM, MAX_LISTED } from './limits.js'

export const TENSOR_KINDS = [
  'constant',
  'map',
  'combine',
  'select',
  'matmul',
  'reduce',
  'softmax',
  'normalise',
  'lrn',
  'reshape',
  'permute',
  'concat',
  'slice',
  'pad',
  'expand',
  'take',
  'resample',
] as const

type Of<Kind extends TensorFn['kind']> = TensorFn & { readonly kind: Kind }

export function codeTensorFn(f: Fields, given?: TensorFn): TensorFn {
  const index = f.uint('fn', given === undefined ? 0 : TENSOR_KINDS.indexOf(given.kind), 255)
  const kind = TENSOR_KINDS[index]
  /** The given function, if it is of this kind. */
  const of = <Kind extends TensorFn['kind']>(k: Kind): Of<Kind> | undefined =>
    given?.kind === k ? (given as Of<Kind>) : undefined
  switch (kind) {
    case 'constant':
      return { kind, shape: sizes(f, 'fn.size', of('constant')?.shape) }
    case 'map': {
      const g = of('map')
      const fn = choice(f, 'fn.map', MAP_FUNCTIONS, g?.fn)
      const a = number(f, 'fn.a', g?.a)
      const b = number(f, 'fn.b', g?.b)
      return { kind, fn, ...(a !== undefined && { a }), ...(b !== undefined && { b }) }
    }
    case 'combine':
      return { kind, fn: choice(f, 'fn.combine', COMBINE_FUNCTIONS, of('combine')?.fn) }
    case 'select':
    case 'matmul':
      return { kind }
    case 'reduce': {
      const g = of('reduce')
      const fn = choice(f, 'fn.reduce', REDUCE_FUNCTIONS, g?.fn)
      const begin = f.uint('fn.begin', g?.begin ?? 0, MAX_RANK)
      return { kind, fn, begin, end: begin + f.uint('fn.count', (g?.end ?? 0) - (g?.begin ?? 0), MAX_RANK) }
    }
    case 'softmax': {
      const g = of('softmax')
      return { kind, axis: axis(f, g), log: f.bit('fn.log', g?.log ?? false, 8192) }
    }
    case 'normalise': {
      const g = of('normalise')
      return { kind, axis: axis(f, g), epsilon: f.float('fn.epsilon', g?.epsilon ?? 0) }
    }
    case 'lrn': {
      const g = of('lrn')
      const size = f.uint('fn.lrn', g?.size ?? 0, 65535)
      const [alpha, beta, bias] = [g?.alpha, g?.beta, g?.bias].map((v) => f.float('fn.lrn.number', v ?? 0))
      return { kind, size, alpha, beta, bias }
    }
    case 'reshape':
    case 'expand':
      return { kind, shape: sizes(f, 'fn.size', of(kind)?.shape) }
    case 'permute':
      return { kind, perm: list(f, 'fn.perm', of('permute')?.perm, 0, MAX_RANK - 1) }
    case 'concat':
      return { kind, axis: axis(f, of('concat')) }
    case 'slice': {
      const g = of('slice')
      const size = sizes(f, 'fn.size', g?.size)
      const each = (name: string, values: readonly number[] | undefined, usual: number) =>
        size.map((_, d) => f.near(name, values?.[d] ?? 0, usual, -MAX_DIM, MAX_DIM))
      return { kind, size, begin: each('fn.slice.begin', g?.begin, 0), step: each('fn.slice.step', g?.step, 1) }
    }
    case 'pad': {
      const g = of('pad')
      const before = list(f, 'fn.pad', g?.before, 0, MAX_DIM)
      const each = (values: readonly number[] | undefined) =>
        before.map((_, d) => f.near('fn.pad.other', values?.[d] ?? 0, 0, 0, MAX_DIM))
      const [after, between] = [each(g?.after), each(g?.between)]
      return {
        kind,
        before,
        after,
        between,
        value: number(f, 'fn.pad.value', Object.is(g?.value, 0) ? undefined : g?.value) ?? 0,
      }
    }
    case 'take': {
      const g = of('take')
      return { kind, axis: axis(f, g), indices: indices(f, g?.indices) }
    }
    case 'resample': {
      const g = of('resample')
      const taps = 1 + f.uint('fn.taps', (g?.taps ?? 1) - 1, 65535)
      const where = indices(f, g?.indices)
      const weights = where.map((_, i) => {
        if (f.coder.overrun) throw damaged('the header runs past the end of the file')
        return f.float('fn.weight', g?.weights[i] ?? 0)
      })
      return { kind, axis: axis(f, g), taps, indices: where, weights }
    }
    default:
      throw damaged(`tensor function ${index} is unknown here: update whitedwarf`)
  }
}

const axis = (f: Fields, given: { readonly axis: number } | undefined) => f.uint('fn.axis', given?.axis ?? 0, MAX_RANK)

function choice<T extends string>(f: Fields, name: string, all: readonly T[], given: T | undefined): T {
  return all[f.uint(name, given === undefined ? 0 : all.indexOf(given), all.length - 1)]
}

/** A parameter that may be missing. */
const number = (f: Fields, name: string, given: number | undefined): number | undefined =>
  f.bit(`${name}.given`, given !== undefined) ? bounded(f, name, given ?? 0) : undefined

/** Any number, infinities included. */
function bounded(f: Fields, name: string, given: number): number {
  if (!f.rare(`${name}.infinite`, !Number.isFinite(given))) return f.float(name, given)
  return f.bit(`${name}.negative`, given < 0) ? -Infinity : Infinity
}

function list(
  f: Fields,
  name: string,
  given: readonly number[] | undefined,
  low: number,
  high: number,
  most = MAX_RANK,
): number[] {
  const length = f.uint(`${name}.length`, given?.length ?? 0, most)
  const result: number[] = []
  for (let i = 0; i < length; i++) {
    if (f.coder.overrun) throw damaged('the header runs past the end of the file')
    result.push(low + f.uint(name, (given?.[i] ?? low) - low, high - low))
  }
  return result
}

const sizes = (f: Fields, name: string, given?: readonly number[]) => list(f, name, given, 1, MAX_DIM)

/** Indices mostly count on by one. */
function indices(f: Fields, given?: readonly number[]): number[] {
  const length = f.uint('fn.indices', given?.length ?? 0, MAX_LISTED)
  const result: number[] = []
  for (let i = 0; i < length; i++) {
    if (f.coder.overrun) throw damaged('the header runs past the end of the file')
    const expected = i === 0 ? 0 : Math.min(MAX_DIM, result[i - 1] + 1)
    result.push(f.near('fn.index', given?.[i] ?? 0, expected, 0, MAX_DIM))
  }
  return result
}
