/** Emitting tensor functions: kernel calls on flat values, image by image. */
import { elements, type Shape } from '../graph/ir.js'
import { COMBINE_FUNCTIONS, MAP_FUNCTIONS, REDUCE_FUNCTIONS, type TensorFn } from '../graph/tensor-fn.js'
import type { OpOf } from './lower.js'
import { perImage, type Step } from './requant.js'
import type { Tables } from './tables.js'
import { flatStep, type Value } from './values.js'

/** Loops of the kernels that walk through shapes. */
const LOOPS = 6

const stepsOf = (shape: Shape): number[] => shape.map((_, d) => elements(shape.slice(d + 1)))

/** Steps of an operand within the shape that it broadcasts to. */
function spread(own: Shape, to: Shape): number[] {
  const steps = stepsOf(own)
  return to.map((_, d) => {
    const k = d - to.length + own.length
    return k < 0 || own[k] === 1 ? 0 : steps[k]
  })
}

/**
 * The words of a walk: sizes and the steps of some tensors, neighbouring dimensions joined where one loop does for all of them,
 * and loops of one added to make six.
 */
function walk(shape: Shape, ...tensors: readonly (readonly number[])[]): number[] {
  const loops: { size: number; steps: readonly number[] }[] = []
  shape.forEach((size, d) => {
    if (size === 1) return
    const steps = tensors.map((t) => t[d])
    const outer = loops[loops.length - 1]
    if (outer?.steps.every((step, t) => step === steps[t] * size)) {
      loops[loops.length - 1] = { size: outer.size * size, steps }
    } else loops.push({ size, steps })
  })
  while (loops.length < LOOPS) loops.unshift({ size: 1, steps: tensors.map(() => 0) })
  return [...loops.map((loop) => loop.size), ...tensors.flatMap((_, t) => loops.map((loop) => loop.steps[t]))]
}

const product = (shape: Shape, begin: number, end = shape.length) => elements(shape.slice(begin, end))

/** The steps of a tensor function for all images of a batch. */
export function emitTensor(op: OpOf<'tensor'>, tables: Tables, batch: number): Step[] {
  const { fn, inputs, out, name } = op
  if (fn.kind === 'constant' || out.alias !== undefined) return []
  return perImage(batch, (n) => {
    const at = (v: Value) => v.base + n * flatStep(v)
    return calls(fn, inputs, out, at, tables).map(([kernel, ...args]): Step => ({ op: name, kernel, args }))
  })
}

type Call = readonly [kernel: string, ...args: number[]]

function calls(fn: TensorFn, inputs: readonly Value[], out: Value, at: (v: Value) => number, tables: Tables): Call[] {
  const [x] = inputs
  const { shape } = out
  const own = x.shape
  const from = at(x)
  const to = at(out)
  const size = elements(shape)
  /** A walk with steps of the input and of the result, both from an element of theirs. */
  const copy = (loops: Shape, xSteps: readonly number[], ySteps: readonly number[], x0 = 0, y0 = 0): Call => [
    'copy_f32',
    from + 4 * x0,
    to + 4 * y0,
    tables.i32(walk(loops, xSteps, ySteps)),
  ]
  switch (fn.kind) {
    case 'map':
      return [['map_f32', MAP_FUNCTIONS.indexOf(fn.fn), from, to, size, fn.a ?? 0, fn.b ?? 0]]
    case 'combine': {
      const words = walk(shape, spread(own, shape), spread(inputs[1].shape, shape))
      return [['combine_f32', COMBINE_FUNCTIONS.indexOf(fn.fn), from, at(inputs[1]), to, tables.i32(words)]]
    }
    case 'select': {
      const words = walk(shape, ...inputs.map((v) => spread(v.shape, shape)))
      return [['select_f32', ...inputs.map(at), to, tables.i32(words)]]
    }
    case 'matmul':
      return products(own, inputs[1].shape, shape).map(([a, b, y]) => {
        const [rows, depth] = own.slice(-2)
        const cols = shape[shape.length - 1]
        return ['matmul_f32', from + 4 * a, at(inputs[1]) + 4 * b, to + 4 * y, rows, depth, cols]
      })
    case 'reduce': {
      const f = REDUCE_FUNCTIONS.indexOf(fn.fn)
      const [outer, n, inner] = [product(own, 0, fn.begin), product(own, fn.begin, fn.end), product(own, fn.end)]
      return [['reduce_f32', f, from, to, outer, n, inner]]
    }
    case 'softmax': {
      const [outer, inner] = [product(own, 0, fn.axis), product(own, fn.axis + 1)]
      return [['softmax_f32', from, to, outer, own[fn.axis], inner, fn.log ? 1 : 0]]
    }
    case 'normalise':
      return [['normalise_f32', from, to, product(own, 0, fn.axis), product(own, fn.axis), fn.epsilon]]
    case 'lrn':
      return [['lrn_f32', from, to, own[0], own[1] * own[2], fn.size, fn.alpha, fn.beta, fn.bias]]
    case 'reshape':
      return [copy([size], [1], [1])]
    case 'permute': {
      const steps = stepsOf(own)
      return [
        copy(
          shape,
          fn.perm.map((p) => steps[p]),
          stepsOf(shape),
        ),
      ]
    }
    case 'expand':
      return [copy(shape, spread(own, shape), stepsOf(shape))]
    case 'slice': {
      const steps = stepsOf(own)
      const first = fn.begin.reduce((sum, b, d) => sum + b * steps[d], 0)
      return [
        copy(
          shape,
          steps.map((s, d) => s * fn.step[d]),
          stepsOf(shape),
          first,
        ),
      ]
    }
    case 'pad': {
      const steps = stepsOf(shape)
      const first = fn.before.reduce((sum, b, d) => sum + b * steps[d], 0)
      const around: Call = ['fill_f32', to, size, fn.value]
      return [
        around,
        copy(
          own,
          stepsOf(own),
          steps.map((s, d) => s * (fn.between[d] + 1)),
          0,
          first,
        ),
      ]
    }
    case 'concat': {
      const outer = product(shape, 0, fn.axis)
      const row = product(shape, fn.axis)
      let begin = 0
      return inputs.map((v): Call => {
        const part = product(v.shape, fn.axis)
        const words = walk([outer, part], [part, 1], [row, 1])
        const call: Call = ['copy_f32', at(v), to + 4 * begin, tables.i32(words)]
        begin += part
        return call
      })
    }
    case 'take': {
      const [outer, inner] = [product(own, 0, fn.axis), product(own, fn.axis + 1)]
      const index = tables.i32(fn.indices)
      return [['take_f32', from, to, index, outer, own[fn.axis], fn.indices.length, inner]]
    }
    case 'resample': {
      const [outer, inner] = [product(own, 0, fn.axis), product(own, fn.axis + 1)]
      const places = [tables.i32(fn.indices), tables.f32(fn.weights)]
      return [['resample_f32', from, to, ...places, outer, own[fn.axis], shape[fn.axis], inner, fn.taps]]
    }
    case 'constant':
      return []
  }
}

/** Offsets of each pair of matrices, and of their product. */
function products(a: Shape, b: Shape, y: Shape): [number, number, number][] {
  const leading = y.slice(0, -2)
  const steps = [a, b, y].map((shape) => {
    const matrix = elements(shape.slice(-2))
    return spread(shape.slice(0, -2), leading).map((s) => s * matrix)
  })
  return Array.from({ length: elements(leading) }, (_, i) => {
    const offsets: [number, number, number] = [0, 0, 0]
    for (let d = leading.length - 1, rest = i; d >= 0; d--) {
      for (const k of [0, 1, 2]) offsets[k] += (rest % leading[d]) * steps[k][d]
      rest = Math.floor(rest / leading[d])
    }
    return offsets
  })
}
