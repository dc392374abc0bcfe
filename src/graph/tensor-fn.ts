/**
 * Tensor functions: what nodes of op 'tensor' compute. They are what networks from elsewhere need besides layers: general,
 * in f32, on row-major values of any rank. Axes count from 0 at the outermost dimension; a batch is left out, as everywhere.
 */
import { WhiteDwarfError } from '../errors.js'

/** y[i] = f(x[i]), with parameters a and b where the function has some. */
export const MAP_FUNCTIONS = [
  'affine', // a * x + b
  'clip', // to [a, b]
  'leakyrelu', // x < 0 ? a * x : x
  'elu', // x < 0 ? a * (e^x - 1) : x
  'sigmoid',
  'hardsigmoid', // a * x + b, clipped to [0, 1]
  'hardswish', // x * clip(x / 6 + 1/2)
  'silu', // x * sigmoid(x)
  'gelu',
  'gelu-tanh',
  'tanh',
  'erf',
  'exp',
  'log',
  'sqrt',
  'reciprocal',
  'abs',
  'neg',
  'floor',
  'ceil',
  'round', // halves to even
  'sign',
  'softplus',
  'not', // x == 0
] as const

/** y = f(a, b), with broadcasting. Comparisons and logic give 1 or 0. */
export const COMBINE_FUNCTIONS = [
  'add',
  'sub',
  'mul',
  'div',
  'min',
  'max',
  'pow',
  'prelu', // a < 0 ? a * b : a
  'mod', // with the sign of a
  'less',
  'lessequal',
  'greater',
  'greaterequal',
  'equal',
  'and',
  'or',
  'xor',
] as const

export const REDUCE_FUNCTIONS = ['sum', 'mean', 'max', 'min', 'prod', 'sumsquare', 'l1'] as const

export type MapFunction = (typeof MAP_FUNCTIONS)[number]
export type CombineFunction = (typeof COMBINE_FUNCTIONS)[number]
export type ReduceFunction = (typeof REDUCE_FUNCTIONS)[number]

type Numbers = readonly number[]

export type TensorFn =
  | { readonly kind: 'map'; readonly fn: MapFunction; readonly a?: number; readonly b?: number }
  | { readonly kind: 'combine'; readonly fn: CombineFunction }
  /** Three inputs: where the first is not 0 the second, else the third; with broadcasting. */
  | { readonly kind: 'select' }
  /** [..., m, k] x [..., k, n]; the leading dimensions broadcast. */
  | { readonly kind: 'matmul' }
  /** Over neighbouring dimensions begin..end-1, which stay with size 1. */
  | { readonly kind: 'reduce'; readonly fn: ReduceFunction; readonly begin: number; readonly end: number }
  | { readonly kind: 'softmax'; readonly axis: number; readonly log: boolean }
  /** (x - mean) / sqrt(variance + epsilon) over the dimensions from `axis` on. */
  | { readonly kind: 'normalise'; readonly axis: number; readonly epsilon: number }
  /** Local response normalisation of [C, H, W] across channels. */
  | {
      readonly kind: 'lrn'
      readonly size: number
      readonly alpha: number
      readonly beta: number
      readonly bias: number
    }
  | { readonly kind: 'reshape'; readonly shape: Numbers }
  /** Dimension d of the result is dimension perm[d] of the input. */
  | { readonly kind: 'permute'; readonly perm: Numbers }
  | { readonly kind: 'concat'; readonly axis: number }
  /** Element i of dimension d is element begin[d] + i * step[d]. Steps may be negative. */
  | { readonly kind: 'slice'; readonly begin: Numbers; readonly step: Numbers; readonly size: Numbers }
  /** `value` before, after and between the elements of each dimension. */
  | {
      readonly kind: 'pad'
      readonly before: Numbers
      readonly after: Numbers
      readonly between: Numbers
      readonly value: number
    }
  /** Repeats dimensions of size 1. */
  | { readonly kind: 'expand'; readonly shape: Numbers }
  /** Element i of the axis is element indices[i]. */
  | { readonly kind: 'take'; readonly axis: number; readonly indices: Numbers }
  /** Element i of the axis is the sum over t < taps of weights[i * taps + t] times element indices[i * taps + t]. */
  | {
      readonly kind: 'resample'
      readonly axis: number
      readonly taps: number
      readonly indices: Numbers
      readonly weights: Numbers
    }
  /** No input: values that come with the model. */
  | { readonly kind: 'constant'; readonly shape: Numbers }

/** How many values a function takes; undefined: one or more. */
export function tensorInputs(fn: TensorFn): number | undefined {
  switch (fn.kind) {
    case 'constant':
      return 0
    case 'combine':
    case 'matmul':
      return 2
    case 'select':
      return 3
    case 'concat':
      return undefined
    default:
      return 1
  }
}

/** How many numbers a function lists. */
export const listedNumbers = (fn: TensorFn): number =>
  Object.values(fn).reduce((sum: number, field) => sum + (Array.isArray(field) ? field.length : 0), 0)

/** Most dimensions of a value that are not 1: what the kernels' loops go through. */
export const MAX_RANK = 6
/** Most dimensions of a value. */
export const MAX_DIMENSIONS = 32

/**
 * The shape of a function's result.
 * @param who names the node in messages
 * @throws WhiteDwarfError E_SHAPE
 */
export function tensorShape(fn: TensorFn, inputs: readonly Numbers[], who: string): Numbers {
  const result = shapeOf(fn, inputs, who)
  for (const shape of [...inputs, result]) {
    if (shape.length <= MAX_DIMENSIONS && shape.filter((d) => d !== 1).length <= MAX_RANK) continue
    throw new WhiteDwarfError(
      'E_SHAPE',
      `${who} (${fn.kind}): at most ${MAX_RANK} dimensions may be other than 1, got [${shape.join(', ')}]`,
    )
  }
  return result
}

function shapeOf(fn: TensorFn, inputs: readonly Numbers[], who: string): Numbers {
  const [x = []] = inputs
  const fail = (message: string) => new WhiteDwarfError('E_SHAPE', `${who} (${fn.kind}): ${message}`)
  const need = (fine: boolean, message: string) => {
    if (!fine) throw fail(`${message}, got ${inputs.map((s) => `[${s.join(', ')}]`).join(' and ')}`)
  }
  const axis = (a: number) => need(Number.isInteger(a) && a >= 0 && a < x.length, `axis ${a} is not one of its input's`)
  const ranked = (...lists: Numbers[]) =>
    need(
      lists.every((list) => list.length === x.length),
      `needs one number for each dimension`,
    )
  const known = (functions: readonly string[], name: string) => {
    if (!functions.includes(name)) throw new WhiteDwarfError('E_GRAPH', `${who}: unknown ${fn.kind} function '${name}'`)
  }
  switch (fn.kind) {
    case 'map':
      known(MAP_FUNCTIONS, fn.fn)
      return x
    case 'combine':
      known(COMBINE_FUNCTIONS, fn.fn)
      return broadcastShapes(x, inputs[1], who)
    case 'select':
      return broadcastShapes(broadcastShapes(x, inputs[1], who), inputs[2], who)
    case 'matmul': {
      const y = inputs[1]
      need(x.length >= 2 && y.length >= 2 && x[x.length - 1] === y[y.length - 2], 'sizes of a matrix product must fit')
      return [...broadcastShapes(x.slice(0, -2), y.slice(0, -2), who), x[x.length - 2], y[y.length - 1]]
    }
    case 'reduce':
      known(REDUCE_FUNCTIONS, fn.fn)
      need(
        Number.isInteger(fn.begin) &&
          fn.begin >= 0 &&
          Number.isInteger(fn.end - fn.begin) &&
          fn.begin <= fn.end &&
          fn.end <= x.length,
        `no dimensions ${fn.begin} to ${fn.end}`,
      )
      return x.map((d, i) => (i >= fn.begin && i < fn.end ? 1 : d))
    case 'softmax':
    case 'normalise':
      axis(fn.axis)
      return x
    case 'lrn':
      need(x.length === 3, 'needs [channels, height, width]')
      need(Number.isInteger(fn.size) && fn.size >= 1 && fn.size <= 65535, `${fn.size} channels cannot be summed`)
      return x
    case 'reshape':
      need(product(fn.shape) === product(x), `cannot become [${fn.shape.join(', ')}]`)
      return fn.shape
    case 'permute':
      need(fn.perm.length === x.length && [...fn.perm].sort().join() === [...x.keys()].sort().join(), 'no permutation')
      return fn.perm.map((p) => x[p])
    case 'concat': {
      axis(fn.axis)
      const fits = inputs.every((s) => s.length === x.length && s.every((d, i) => i === fn.axis || d === x[i]))
      need(fits, `only dimension ${fn.axis} may differ`)
      return x.map((d, i) => (i === fn.axis ? inputs.reduce((sum, s) => sum + s[i], 0) : d))
    }
    case 'slice':
      ranked(fn.begin, fn.step, fn.size)
      fn.size.forEach((size, d) => {
        const last = fn.begin[d] + (size - 1) * fn.step[d]
        const inside = (i: number) => Number.isInteger(i) && i >= 0 && i < x[d]
        need(
          size >= 1 && Number.isInteger(fn.step[d]) && inside(fn.begin[d]) && inside(last),
          `dimension ${d} has no elements ${fn.begin[d]} to ${last}`,
        )
      })
      return fn.size
    case 'pad':
      ranked(fn.before, fn.after, fn.between)
      need(
        [...fn.before, ...fn.after, ...fn.between].every((n) => Number.isInteger(n) && n >= 0),
        'padding below 0',
      )
      return x.map((d, i) => fn.before[i] + d + (d - 1) * fn.between[i] + fn.after[i])
    case 'expand':
      need(broadcastShapes(x, fn.shape, who).join() === fn.shape.join(), `cannot become [${fn.shape.join(', ')}]`)
      return fn.shape
    case 'take':
    case 'resample': {
      axis(fn.axis)
      need(
        fn.indices.every((i) => Number.isInteger(i) && i >= 0 && i < x[fn.axis]),
        'an index is out of range',
      )
      const size = fn.kind === 'take' ? fn.indices.length : fn.indices.length / fn.taps
      if (fn.kind === 'resample')
        need(
          fn.taps >= 1 && fn.taps <= 65536 && Number.isInteger(size) && fn.weights.length === fn.indices.length,
          'taps are missing',
        )
      return x.map((d, i) => (i === fn.axis ? size : d))
    }
    case 'constant':
      return fn.shape
    default:
      throw new WhiteDwarfError('E_GRAPH', `${who}: unknown tensor function '${String((fn as TensorFn).kind)}'`)
  }
}

const product = (shape: Numbers) => shape.reduce((a, b) => a * b, 1)

/**
 * Dimensions are aligned at the end; those of size 1 repeat.
 * @throws WhiteDwarfError E_SHAPE
 */
export function broadcastShapes(a: Numbers, b: Numbers, who: string): number[] {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, d) => {
    const [m, n] = [a, b].map((shape) => shape[d - rank + shape.length] ?? 1)
    if (m !== n && m !== 1 && n !== 1) {
      throw new WhiteDwarfError('E_SHAPE', `${who}: [${a.join(', ')}] and [${b.join(', ')}] do not broadcast`)
    }
    return m === 1 ? n : m
  })
}
