/**
 * Tensor functions of constants, on the host: what becomes of shape arithmetic and of constants that are computed. Obvious
 * loops; whatever depends on the network's input runs on the kernels instead.
 */
import {
  type CombineFunction,
  type MapFunction,
  type ReduceFunction,
  type TensorFn,
  tensorShape,
} from '../graph/tensor-fn.js'
import { erf, exp, log, nearest, pow, sigmoid, tanh } from '../kernels/ref/tensor/math.js'
import {
  broadcastStrides,
  count,
  type HostTensor,
  type HostType,
  hostTensor,
  isFloat,
  offsetOf,
  strides,
} from './tensor.js'

const { fround } = Math

/** Functions that the importer meets in constants; all others are left to the kernels. */
const MAPS: Readonly<Partial<Record<MapFunction, (x: number, a: number, b: number) => number>>> = {
  affine: (x, a, b) => x * a + b,
  clip: (x, a, b) => Math.min(Math.max(x, a), b),
  leakyrelu: (x, a) => (x < 0 ? x * a : x),
  sigmoid: (x) => sigmoid(fround(x)),
  tanh: (x) => tanh(fround(x)),
  erf: (x) => erf(fround(x)),
  exp: (x) => exp(fround(x)),
  log,
  sqrt: Math.sqrt,
  reciprocal: (x) => 1 / x,
  abs: Math.abs,
  neg: (x) => -x,
  floor: Math.floor,
  ceil: Math.ceil,
  round: nearest,
  sign: Math.sign,
  not: (x) => (x === 0 ? 1 : 0),
}

const COMBINES: Readonly<Record<CombineFunction, (a: number, b: number, whole: boolean) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b, whole) => (whole ? Math.trunc(a / b) : a / b),
  min: (a, b) => Math.min(a, b),
  max: (a, b) => Math.max(a, b),
  pow,
  prelu: (a, b) => (a < 0 ? a * b : a),
  mod: (a, b) => a % b,
  less: (a, b) => Number(a < b),
  lessequal: (a, b) => Number(a <= b),
  greater: (a, b) => Number(a > b),
  greaterequal: (a, b) => Number(a >= b),
  equal: (a, b) => Number(a === b),
  and: (a, b) => Number(a !== 0 && b !== 0),
  or: (a, b) => Number(a !== 0 || b !== 0),
  xor: (a, b) => Number((a !== 0) !== (b !== 0)),
}

/** First value, and what each element does to it. */
const REDUCTIONS: Readonly<Record<ReduceFunction, readonly [number, (r: number, v: number) => number]>> = {
  sum: [0, (r, v) => r + v],
  mean: [0, (r, v) => r + v],
  max: [-Infinity, Math.max],
  min: [Infinity, Math.min],
  prod: [1, (r, v) => r * v],
  sumsquare: [0, (r, v) => r + v * v],
  l1: [0, (r, v) => r + Math.abs(v)],
}

/**
 * @param type of the result
 * @returns undefined for functions that are not computed on the host
 * @throws WhiteDwarfError E_SHAPE
 */
export function evaluate(
  fn: TensorFn,
  inputs: readonly HostTensor[],
  type: HostType,
  who: string,
): HostTensor | undefined {
  const dims = tensorShape(
    fn,
    inputs.map((t) => t.dims),
    who,
  )
  const [x] = inputs
  /** Element i of the result is an element of x. */
  const moved = (from: (i: number) => number) => hostTensor(type, dims, (i) => x.data[from(i)])
  switch (fn.kind) {
    case 'map': {
      const f = MAPS[fn.fn]
      return f && hostTensor(type, dims, (i) => f(x.data[i], fn.a ?? 0, fn.b ?? 0))
    }
    case 'combine': {
      const f = COMBINES[fn.fn]
      const [a, b] = inputs.map((t) => broadcastStrides(t.dims, dims))
      const whole = !isFloat(x.type)
      const y = inputs[1]
      return hostTensor(type, dims, (i) => f(x.data[offsetOf(i, dims, a)], y.data[offsetOf(i, dims, b)], whole))
    }
    case 'select': {
      const [c, a, b] = inputs.map((t) => ({ t, steps: broadcastStrides(t.dims, dims) }))
      const at = ({ t, steps }: typeof c, i: number) => t.data[offsetOf(i, dims, steps)]
      return hostTensor(type, dims, (i) => (at(c, i) !== 0 ? at(a, i) : at(b, i)))
    }
    case 'reduce': {
      const inner = count(x.dims.slice(fn.end))
      const n = count(x.dims.slice(fn.begin, fn.end))
      const [first, next] = REDUCTIONS[fn.fn]
      return hostTensor(type, dims, (i) => {
        const from = Math.floor(i / inner) * n * inner + (i % inner)
        let r = first
        for (let k = 0; k < n; k++) r = next(r, x.data[from + k * inner])
        return fn.fn === 'mean' ? r / n : r
      })
    }
    case 'reshape':
      return { type, dims, data: x.data }
    case 'permute': {
      const steps = strides(x.dims)
      const mine = fn.perm.map((p) => steps[p])
      return moved((i) => offsetOf(i, dims, mine))
    }
    case 'slice': {
      const steps = strides(x.dims)
      const first = fn.begin.reduce((sum, b, d) => sum + b * steps[d], 0)
      const mine = fn.step.map((s, d) => s * steps[d])
      return moved((i) => first + offsetOf(i, dims, mine))
    }
    case 'expand': {
      const steps = broadcastStrides(x.dims, dims)
      return moved((i) => offsetOf(i, dims, steps))
    }
    case 'take': {
      const inner = count(dims.slice(fn.axis + 1))
      const [from, to] = [x.dims[fn.axis], dims[fn.axis]]
      return moved((i) => {
        const row = Math.floor(i / inner)
        return (Math.floor(row / to) * from + fn.indices[row % to]) * inner + (i % inner)
      })
    }
    case 'concat': {
      const inner = count(dims.slice(fn.axis + 1))
      const rows = inputs.map((t) => t.dims[fn.axis] * inner)
      const whole = dims[fn.axis] * inner
      return hostTensor(type, dims, (i) => {
        let rest = i % whole
        let k = 0
        while (rest >= rows[k]) rest -= rows[k++]
        return inputs[k].data[Math.floor(i / whole) * rows[k] + rest]
      })
    }
    case 'pad': {
      const steps = strides(x.dims)
      return hostTensor(type, dims, (i) => {
        let from = 0
        for (let d = dims.length - 1; d >= 0; d--) {
          const at = (i % dims[d]) - fn.before[d]
          const each = fn.between[d] + 1
          if (at < 0 || at % each !== 0 || at / each >= x.dims[d]) return fn.value
          from += (at / each) * steps[d]
          i = Math.floor(i / dims[d])
        }
        return x.data[from]
      })
    }
    default:
      return undefined
  }
}
