/** Tensor functions as ONNX's operators. Their axes leave the batch out, ONNX's count it. */
import type { Shape } from '../graph/ir.js'
import type { CombineFunction, MapFunction, ReduceFunction, TensorFn } from '../graph/tensor-fn.js'
import { BOOL, FLOAT, type Writer } from './writer.js'

type Fn<K extends TensorFn['kind']> = TensorFn & { readonly kind: K }

/** Functions with an operator of their own. */
const MAPS: Readonly<Partial<Record<MapFunction, string>>> = {
  elu: 'Elu',
  leakyrelu: 'LeakyRelu',
  sigmoid: 'Sigmoid',
  hardsigmoid: 'HardSigmoid',
  hardswish: 'HardSwish',
  tanh: 'Tanh',
  erf: 'Erf',
  exp: 'Exp',
  log: 'Log',
  sqrt: 'Sqrt',
  reciprocal: 'Reciprocal',
  abs: 'Abs',
  neg: 'Neg',
  floor: 'Floor',
  ceil: 'Ceil',
  round: 'Round',
  sign: 'Sign',
  softplus: 'Softplus',
}

/** Comparisons give truth values, logic takes them too. */
const COMBINES: Readonly<Record<CombineFunction, readonly [op: string, kind?: 'comparison' | 'logic']>> = {
  add: ['Add'],
  sub: ['Sub'],
  mul: ['Mul'],
  div: ['Div'],
  min: ['Min'],
  max: ['Max'],
  pow: ['Pow'],
  prelu: ['PRelu'],
  mod: ['Mod'],
  less: ['Less', 'comparison'],
  lessequal: ['LessOrEqual', 'comparison'],
  greater: ['Greater', 'comparison'],
  greaterequal: ['GreaterOrEqual', 'comparison'],
  equal: ['Equal', 'comparison'],
  and: ['And', 'logic'],
  or: ['Or', 'logic'],
  xor: ['Xor', 'logic'],
}

const REDUCES: Readonly<Record<ReduceFunction, string>> = {
  sum: 'ReduceSum',
  mean: 'ReduceMean',
  max: 'ReduceMax',
  min: 'ReduceMin',
  prod: 'ReduceProd',
  sumsquare: 'ReduceSumSquare',
  l1: 'ReduceL1',
}

export function writeTensor(w: Writer, fn: TensorFn, inputs: readonly string[], name: string): void {
  const rank = w.shapeOf(name).length
  const x = () => w.value(inputs[0])
  /** With the batch in front, which is kept (0) or 1. */
  const whole = (list: Shape, first: number) => w.integers([first, ...list])
  switch (fn.kind) {
    case 'constant':
      w.constant(name, fn.shape, w.model.constants[name])
      return
    case 'map':
      writeMap(w, fn, x(), name)
      return
    case 'combine': {
      const [op, kind] = COMBINES[fn.fn]
      const operands = operandsOf(w, inputs, rank)
      const words = kind === 'logic' ? operands.map((o) => w.add('Cast', [o], { to: BOOL })) : operands
      if (kind === undefined) w.add(op, words, op === 'Mod' ? { fmod: 1 } : {}, name)
      else w.add('Cast', [w.add(op, words)], { to: FLOAT }, name)
      return
    }
    case 'select': {
      const [condition, a, b] = operandsOf(w, inputs, rank)
      w.add('Where', [w.add('Cast', [condition], { to: BOOL }), a, b], {}, name)
      return
    }
    case 'matmul':
      w.add('MatMul', operandsOf(w, inputs, rank), {}, name)
      return
    case 'reduce': {
      const axes = Array.from({ length: fn.end - fn.begin }, (_, i) => fn.begin + i + 1)
      const op = REDUCES[fn.fn]
      if (axes.length === 0) writeReduceOfOne(w, fn.fn, x(), name)
      // Of these operators only the sum takes its dimensions as an input in this set.
      else if (fn.fn === 'sum') w.add(op, [x(), w.integers(axes)], {}, name)
      else w.add(op, [x()], { axes }, name)
      return
    }
    case 'softmax':
      w.add(fn.log ? 'LogSoftmax' : 'Softmax', [x()], { axis: fn.axis + 1 }, name)
      return
    case 'normalise': {
      const dims = w.shapeOf(name).slice(fn.axis)
      const ones = w.floats(new Float32Array(dims.reduce((a, b) => a * b, 1)).fill(1), dims)
      w.add('LayerNormalization', [x(), ones], { axis: fn.axis + 1, epsilon: { float: fn.epsilon } }, name)
      return
    }
    case 'lrn': {
      const { size, alpha, beta, bias } = fn
      w.add('LRN', [x()], { size, alpha: { float: alpha }, beta: { float: beta }, bias: { float: bias } }, name)
      return
    }
    case 'reshape':
      w.add('Reshape', [x(), whole(fn.shape, 0)], {}, name)
      return
    case 'permute':
      w.add('Transpose', [x()], { perm: [0, ...fn.perm.map((p) => p + 1)] }, name)
      return
    case 'concat':
      w.add(
        'Concat',
        inputs.map((input) => w.value(input)),
        { axis: fn.axis + 1 },
        name,
      )
      return
    case 'expand':
      w.add('Expand', [w.widened(inputs[0], rank), whole(fn.shape, 1)], {}, name)
      return
    case 'take':
      w.add('Gather', [x(), w.integers(fn.indices)], { axis: fn.axis + 1 }, name)
      return
    case 'slice':
      writeSlice(w, fn, x(), name)
      return
    case 'pad':
      writePad(w, fn, x(), w.shapeOf(inputs[0]), name)
      return
    case 'resample':
      writeResample(w, fn, x(), w.shapeOf(name), name)
      return
  }
}

/** Operands that broadcast: constants as they are, unless all of them are. */
function operandsOf(w: Writer, inputs: readonly string[], rank: number): string[] {
  const all = inputs.every((input) => w.isConstant(input))
  return inputs.map((input) => (w.isConstant(input) && !all ? input : w.widened(input, rank)))
}

function writeMap(w: Writer, { fn, a = 0, b = 0 }: Fn<'map'>, x: string, name: string): void {
  switch (fn) {
    case 'affine':
      w.add('Add', [w.add('Mul', [x, w.scalar(a)]), w.scalar(b)], {}, name)
      return
    case 'clip': {
      const bound = (v: number) => (Number.isFinite(v) ? w.scalar(v) : '')
      w.add('Clip', [x, bound(a), bound(b)], {}, name)
      return
    }
    case 'silu':
      w.add('Mul', [x, w.add('Sigmoid', [x])], {}, name)
      return
    case 'gelu':
      writeGate(w, x, w.add('Erf', [w.add('Mul', [x, w.scalar(Math.SQRT1_2)])]), name)
      return
    case 'gelu-tanh': {
      const cube = w.add('Mul', [w.add('Mul', [x, x]), x])
      const sum = w.add('Add', [x, w.add('Mul', [cube, w.scalar(0.044715)])])
      writeGate(w, x, w.add('Tanh', [w.add('Mul', [sum, w.scalar(Math.sqrt(2 / Math.PI))])]), name)
      return
    }
    case 'not':
      w.add('Cast', [w.add('Equal', [x, w.scalar(0)])], { to: FLOAT }, name)
      return
    default: {
      const alpha = { alpha: { float: a } }
      const attributes =
        fn === 'hardsigmoid' ? { ...alpha, beta: { float: b } } : fn === 'elu' || fn === 'leakyrelu' ? alpha : {}
      w.add(MAPS[fn] as string, [x], attributes, name)
    }
  }
}

/** x * (1 + gate) / 2 */
function writeGate(w: Writer, x: string, gate: string, name: string): void {
  w.add('Mul', [x, w.add('Mul', [w.add('Add', [gate, w.scalar(1)]), w.scalar(0.5)])], {}, name)
}

/** A reduction of no dimension at all. */
function writeReduceOfOne(w: Writer, fn: ReduceFunction, x: string, name: string): void {
  if (fn === 'sumsquare') w.add('Mul', [x, x], {}, name)
  else w.add(fn === 'l1' ? 'Abs' : 'Identity', [x], {}, name)
}

function writeSlice(w: Writer, fn: Fn<'slice'>, x: string, name: string): void {
  const axes = fn.begin.map((_, d) => d + 1)
  // Behind the last element: for negative steps before the first, which only a very negative number can say.
  const ends = fn.begin.map((b, d) => {
    const end = b + fn.size[d] * fn.step[d]
    return end < 0 ? Number.MIN_SAFE_INTEGER : end
  })
  w.add('Slice', [x, ...[fn.begin, ends, axes, fn.step].map((list) => w.integers(list))], {}, name)
}

/** Elements between others are padding of dimensions of 1 behind theirs. */
function writePad(
  w: Writer,
  { before, after, between, value }: Fn<'pad'>,
  x: string,
  shape: Shape,
  name: string,
): void {
  const fill = w.scalar(value)
  if (between.every((n) => n === 0)) {
    w.add('Pad', [x, w.integers([0, ...before, 0, ...after]), fill], {}, name)
    return
  }
  const wide = w.add('Reshape', [x, w.integers([0, ...shape.flatMap((n) => [n, 1])])])
  const zeros = [0, ...shape.flatMap(() => [0, 0])]
  const spread = w.add('Pad', [wide, w.integers([...zeros, 0, ...between.flatMap((n) => [0, n])]), fill])
  const joined = w.add('Reshape', [spread, w.integers([0, ...shape.map((n, d) => n * (between[d] + 1))])])
  // The last element has some behind it too: they count as padding, or are cut off.
  const rest = after.map((n, d) => n - between[d])
  w.add('Pad', [joined, w.integers([0, ...before, 0, ...rest]), fill], {}, name)
}

/** Elements that are gathered, times their weights, summed tap by tap. */
function writeResample(
  w: Writer,
  { axis, taps, indices, weights }: Fn<'resample'>,
  x: string,
  shape: Shape,
  name: string,
): void {
  const taken = w.add('Gather', [x, w.integers(indices)], { axis: axis + 1 })
  const inner = shape.slice(axis + 1)
  const size = shape[axis]
  const wide = w.add('Reshape', [taken, w.integers([0, ...shape.slice(0, axis), size, taps, ...inner])])
  const factors = w.floats(weights, [size, taps, ...inner.map(() => 1)])
  w.add('ReduceSum', [w.add('Mul', [wide, factors]), w.integers([axis + 2])], { keepdims: 0 }, name)
}
