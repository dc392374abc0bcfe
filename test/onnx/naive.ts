/**
 * A network of plain weights, computed by loops that follow the definitions: what importing is tested with, and what the engine is
 * compared with. f64 inside of an operation, f32 between operations.
 */
import { type ConvNode, elements, inferShapes, type Node, type PoolNode, type Shape } from '../../src/graph/ir.js'
import type { FloatModel, LayerWeights } from '../../src/graph/model.js'
import type { CombineFunction, MapFunction, ReduceFunction, TensorFn } from '../../src/graph/tensor-fn.js'

type Data = Float32Array

const erf = (x: number) => {
  if (Math.abs(x) > 6) return Math.sign(x)
  let [term, sum] = [x, x]
  for (let n = 1; n < 200; n++) {
    term *= (-x * x) / n
    sum += term / (2 * n + 1)
  }
  return (2 / Math.sqrt(Math.PI)) * sum
}
const clip = (x: number, a: number, b: number) => Math.min(Math.max(x, a), b)
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))
const even = (x: number) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x))

const MAPS: Readonly<Record<MapFunction, (x: number, a: number, b: number) => number>> = {
  affine: (x, a, b) => a * x + b,
  clip,
  leakyrelu: (x, a) => (x < 0 ? a * x : x),
  elu: (x, a) => (x < 0 ? a * Math.expm1(x) : x),
  sigmoid,
  hardsigmoid: (x, a, b) => clip(a * x + b, 0, 1),
  hardswish: (x) => x * clip(x / 6 + 0.5, 0, 1),
  silu: (x) => x * sigmoid(x),
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  'gelu-tanh': (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  tanh: Math.tanh,
  erf,
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  reciprocal: (x) => 1 / x,
  abs: Math.abs,
  neg: (x) => -x,
  floor: Math.floor,
  ceil: Math.ceil,
  round: even,
  sign: Math.sign,
  softplus: (x) => (x > 30 ? x : Math.log1p(Math.exp(x))),
  not: (x) => Number(x === 0),
}

const COMBINES: Readonly<Record<CombineFunction, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  min: (a, b) => Math.min(a, b),
  max: (a, b) => Math.max(a, b),
  pow: (a, b) => a ** b,
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

const REDUCES: Readonly<Record<ReduceFunction, (values: readonly number[]) => number>> = {
  sum: (v) => v.reduce((a, b) => a + b, 0),
  mean: (v) => v.reduce((a, b) => a + b, 0) / v.length,
  max: (v) => Math.max(...v),
  min: (v) => Math.min(...v),
  prod: (v) => v.reduce((a, b) => a * b, 1),
  sumsquare: (v) => v.reduce((a, b) => a + b * b, 0),
  l1: (v) => v.reduce((a, b) => a + Math.abs(b), 0),
}

/** Index of element i in each dimension. */
function indexOf(i: number, shape: Shape): number[] {
  const result = new Array<number>(shape.length)
  for (let d = shape.length - 1; d >= 0; d--) {
    result[d] = i % shape[d]
    i = Math.floor(i / shape[d])
  }
  return result
}

const flatOf = (index: readonly number[], shape: Shape) => index.reduce((sum, i, d) => sum * shape[d] + i, 0)

/** Element of a tensor at an index of a shape that it broadcasts to. */
const spread = (x: Data, shape: Shape, index: readonly number[]) =>
  x[
    flatOf(
      shape.map((n, d) => (n === 1 ? 0 : index[d + index.length - shape.length])),
      shape,
    )
  ]

interface Operand {
  readonly data: Data
  readonly shape: Shape
}

function tensorValue(fn: TensorFn, [x, y, z]: readonly Operand[], all: readonly Operand[], shape: Shape): Data {
  const make = (value: (index: number[], i: number) => number) =>
    Float32Array.from({ length: elements(shape) }, (_, i) => value(indexOf(i, shape), i))
  const at = (index: readonly number[]) => x.data[flatOf(index, x.shape)]
  /** The index with another number in dimension d. */
  const moved = (index: readonly number[], d: number, to: number) => index.map((i, k) => (k === d ? to : i))
  switch (fn.kind) {
    case 'map':
      return x.data.map((v) => MAPS[fn.fn](v, Math.fround(fn.a ?? 0), Math.fround(fn.b ?? 0)))
    case 'combine':
      return make((index) => COMBINES[fn.fn](spread(x.data, x.shape, index), spread(y.data, y.shape, index)))
    case 'select':
      return make((index) => {
        const chosen = spread(x.data, x.shape, index) !== 0 ? y : z
        return spread(chosen.data, chosen.shape, index)
      })
    case 'matmul':
      return make((index) => {
        const [row, column] = index.slice(-2)
        let sum = 0
        for (let k = 0; k < x.shape[x.shape.length - 1]; k++) {
          const a = spread(x.data, x.shape, [...index.slice(0, -2), row, k])
          sum += a * spread(y.data, y.shape, [...index.slice(0, -2), k, column])
        }
        return sum
      })
    case 'reduce':
      return make((index) => {
        const over = x.shape.slice(fn.begin, fn.end)
        const values = Array.from({ length: elements(over) }, (_, i) => {
          const inner = indexOf(i, over)
          return at([...index.slice(0, fn.begin), ...inner, ...index.slice(fn.end)])
        })
        return REDUCES[fn.fn](values)
      })
    case 'softmax':
      return make((index) => {
        const row = Array.from({ length: shape[fn.axis] }, (_, k) => at(moved(index, fn.axis, k)))
        const top = Math.max(...row)
        const sum = row.reduce((s, v) => s + Math.exp(v - top), 0)
        return fn.log ? at(index) - top - Math.log(sum) : Math.exp(at(index) - top) / sum
      })
    case 'normalise': {
      const n = elements(shape.slice(fn.axis))
      return x.data.map((v, i) => {
        const row = x.data.subarray(Math.floor(i / n) * n, Math.floor(i / n) * n + n)
        const mean = row.reduce((s, u) => s + u, 0) / n
        const variance = row.reduce((s, u) => s + (u - mean) ** 2, 0) / n
        return (v - mean) / Math.sqrt(variance + fn.epsilon)
      })
    }
    case 'lrn':
      return make(([c, i, j]) => {
        let sum = 0
        const first = c - Math.floor((fn.size - 1) / 2)
        for (let d = Math.max(0, first); d < Math.min(shape[0], first + fn.size); d++) sum += at([d, i, j]) ** 2
        return at([c, i, j]) / (fn.bias + (fn.alpha / fn.size) * sum) ** fn.beta
      })
    case 'reshape':
      return x.data
    case 'permute':
      return make((index) => {
        const from: number[] = []
        fn.perm.forEach((p, d) => {
          from[p] = index[d]
        })
        return at(from)
      })
    case 'concat':
      return make((index) => {
        let k = index[fn.axis]
        const part = all.find((o) => {
          if (k < o.shape[fn.axis]) return true
          k -= o.shape[fn.axis]
          return false
        }) as Operand
        return part.data[flatOf(moved(index, fn.axis, k), part.shape)]
      })
    case 'slice':
      return make((index) => at(index.map((i, d) => fn.begin[d] + i * fn.step[d])))
    case 'pad':
      return make((index) => {
        const from = index.map((i, d) => (i - fn.before[d]) / (fn.between[d] + 1))
        const inside = from.every((i, d) => Number.isInteger(i) && i >= 0 && i < x.shape[d])
        return inside ? at(from) : fn.value
      })
    case 'expand':
      return make((index) => spread(x.data, x.shape, index))
    case 'take':
      return make((index) => at(moved(index, fn.axis, fn.indices[index[fn.axis]])))
    case 'resample':
      return make((index) => {
        let sum = 0
        for (let t = 0; t < fn.taps; t++) {
          const k = index[fn.axis] * fn.taps + t
          sum += fn.weights[k] * at(moved(index, fn.axis, fn.indices[k]))
        }
        return sum
      })
    case 'constant':
      throw new Error('constants have no inputs')
  }
}

function conv(node: ConvNode, x: Operand, { weights, bias }: LayerWeights, shape: Shape): Data {
  const groups = node.groups ?? 1
  const [dy, dx] = node.dilation ?? [1, 1]
  const [channels, height, width] = x.shape
  const own = channels / groups
  const [kh, kw] = node.kernel
  return Float32Array.from({ length: elements(shape) }, (_, at) => {
    const [o, i, j] = indexOf(at, shape)
    const g = Math.floor(o / (shape[0] / groups))
    let sum = bias[o]
    for (let c = 0; c < own; c++) {
      for (let u = 0; u < kh; u++) {
        for (let v = 0; v < kw; v++) {
          const y = i * node.stride[0] + u * dy - node.pad[0]
          const z = j * node.stride[1] + v * dx - node.pad[1]
          if (y < 0 || z < 0 || y >= height || z >= width) continue
          const w = weights[((o * own + c) * kh + u) * kw + v]
          sum += w * x.data[((g * own + c) * height + y) * width + z]
        }
      }
    }
    return sum
  })
}

function pool(node: PoolNode, x: Operand, shape: Shape): Data {
  const [, height, width] = x.shape
  return Float32Array.from({ length: elements(shape) }, (_, at) => {
    const [c, i, j] = indexOf(at, shape)
    const values: number[] = []
    for (let u = 0; u < node.kernel[0]; u++) {
      for (let v = 0; v < node.kernel[1]; v++) {
        const y = i * node.stride[0] + u - node.pad[0]
        const z = j * node.stride[1] + v - node.pad[1]
        if (y >= 0 && z >= 0 && y < height && z < width) values.push(x.data[(c * height + y) * width + z])
      }
    }
    return node.op === 'maxpool' ? Math.max(...values) : values.reduce((a, b) => a + b, 0) / values.length
  })
}

function nodeValue(node: Node, inputs: readonly Operand[], model: FloatModel, shape: Shape): Data {
  const [x, y] = inputs
  switch (node.op) {
    case 'conv2d':
      return conv(node, x, model.weights[node.name], shape)
    case 'dense': {
      const { weights, bias } = model.weights[node.name]
      return bias.map((b, o) => x.data.reduce((sum, v, k) => sum + v * weights[o * x.data.length + k], b))
    }
    case 'maxpool':
    case 'avgpool':
      return pool(node, x, shape)
    case 'relu':
      return x.data.map((v) => Math.max(v, 0))
    case 'relu6':
      return x.data.map((v) => clip(v, 0, 6))
    case 'add':
      return x.data.map((v, i) => v + y.data[i])
    case 'flatten':
      return x.data
    case 'tensor':
      return node.fn.kind === 'constant' ? model.constants[node.name] : tensorValue(node.fn, inputs, inputs, shape)
    default:
      throw new Error(`'${node.op}' does not come from elsewhere`)
  }
}

/** All outputs for one example. */
export function runFloat(model: FloatModel, feeds: Readonly<Record<string, Data>>): Record<string, Data> {
  const shapes = inferShapes(model.graph)
  const values = new Map<string, Data>(Object.entries(feeds))
  for (const node of model.graph.nodes) {
    const inputs = node.inputs.map((name) => ({ data: values.get(name) as Data, shape: shapes.get(name) as Shape }))
    values.set(node.name, nodeValue(node, inputs, model, shapes.get(node.name) as Shape))
  }
  return Object.fromEntries(model.graph.outputs.map((name) => [name, values.get(name) as Data]))
}
