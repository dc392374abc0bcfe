/**
 * A second implementation of inference, straight from the definitions: nested loops over channels and kernel positions,
 * no row programs, no padding in memory, no lanes. Sums are exact (int8, FP8) or rounded to f32 after each addition of
 * one digit plane in program order (f32).
 */
import { codedValues } from '../../src/format/half.js'
import { inferShapes, isWeighted, type Node, type Shape, weightShape } from '../../src/graph/ir.js'
import { type Model, rangeMax } from '../../src/graph/model.js'
import { type Grid, INT8 } from '../../src/kernels/grid.js'
import { levelDigits, planesOf } from '../../src/kernels/levels.js'

const { fround } = Math

interface Result {
  shape: Shape
  /** real numbers times gridScale */
  data: Float64Array
  gridScale: number
  grid: Grid | undefined
}

function round(v: number, grid: Grid | undefined, relu: boolean): number {
  if (grid !== undefined && v !== 0) {
    const exponent = Math.max(Math.floor(Math.log2(Math.abs(v))), grid.minExponent)
    const spacing = 2 ** (exponent - grid.mantissaBits)
    const q = Math.abs(v) / spacing
    const down = Math.floor(q)
    const even = q - down === 0.5 ? down + (down % 2) : Math.round(q)
    v = Math.sign(v) * Math.min(even * spacing, grid.max)
  }
  return relu ? Math.max(v, 0) : v
}

/** One image through the network. `image` holds raw values. Returns every output as f32 numbers. */
export function runNaive(model: Model, image: ArrayLike<number>, grid: Grid | undefined): Record<string, number[]> {
  const shapes = inferShapes(model.graph)
  const results = new Map<string, Result>()
  const scaleFor = (max: number) => {
    if (grid === undefined) return 1
    return grid === INT8 ? fround(INT8.max / max) : 2 ** Math.floor(Math.log2(grid.max / max))
  }
  const readers = (name: string) => model.graph.nodes.filter((n) => n.inputs.includes(name))
  const rangeOf = (name: string): number =>
    name in model.ranges ? rangeMax(model.ranges[name]) : rangeOf(readers(name)[0].name)

  const spec = model.graph.inputs[0]
  const per = image.length / spec.shape[0]
  const pick = (a: readonly number[], i: number) => a[a.length === 1 ? 0 : Math.floor(i / per)]
  const inScale = grid === undefined ? 1 : scaleFor(rangeOf(spec.name))
  results.set(spec.name, {
    shape: spec.shape,
    gridScale: inScale,
    grid,
    data: Float64Array.from({ length: image.length }, (_, i) => {
      const scaled = fround(fround(image[i]) * fround(pick(spec.scale, i) * inScale))
      return round(fround(scaled + fround(pick(spec.offset, i) * inScale)), grid, false)
    }),
  })

  const skip = new Set<string>()
  for (const node of model.graph.nodes) {
    if (skip.has(node.name)) continue
    const x = results.get(node.inputs[0]) as Result
    const shape = shapes.get(node.name) as Shape
    if (isWeighted(node)) {
      const next = readers(node.name)
      const relu = next.length === 1 && next[0].op === 'relu' && !model.graph.outputs.includes(node.name)
      const name = relu ? next[0].name : node.name
      if (relu) skip.add(name)
      const final = model.graph.outputs.includes(name) && readers(name).length === 0
      const outGrid = final ? undefined : grid
      const outScale = final || grid === undefined ? 1 : scaleFor(rangeOf(name))
      const sums = weightedSums(model, node, x, shape)
      const params = model.layers[node.name]
      const scale = codedValues(params.scale)
      const bias = codedValues(params.bias)
      const per = sums.length / scale.length
      // A stored integer is the grid value over the grid's unit: the sum's factor carries that unit.
      const unit = storedUnit(x)
      const data = sums.map((s, i) => {
        const c = Math.floor(i / per)
        const v = fround(fround(fround(s) * fround(scale[c] * unit * outScale)) + fround(bias[c] * outScale))
        return round(v, outGrid, relu)
      })
      results.set(name, { shape, data, gridScale: outScale, grid: outGrid })
    } else {
      results.set(node.name, { ...x, shape, data: other(node, x, shape) })
    }
  }
  return Object.fromEntries(
    model.graph.outputs.map((name) => {
      const r = results.get(name) as Result
      return [name, Array.from(r.data, (v) => (r.grid === undefined ? v : fround(v * fround(1 / r.gridScale))))]
    }),
  )
}

/** Sums are taken over stored numbers: integers for quantised values, the numbers themselves for f32. */
const storedUnit = (x: Result) =>
  x.grid === undefined ? 1 : 2 ** (x.grid.minExponent - x.grid.mantissaBits) / x.gridScale

function weightedSums(model: Model, node: Node, x: Result, shape: Shape): Float64Array {
  const tensor = model.tensors[model.layers[node.name].tensor]
  const stored =
    x.grid === undefined
      ? x.data
      : x.data.map((v) => v / 2 ** ((x.grid as Grid).minExponent - (x.grid as Grid).mantissaBits))
  const rows = shape[0]
  const cols = tensor.levels.length / rows
  const [, height, width] = shape.length === 3 ? shape : [0, 1, 1]
  const out = new Float64Array(rows * height * width)
  const column = (k: number, i: number, j: number): number => {
    if (node.op !== 'conv2d') return stored[k]
    const [, kh, kw] = weightShape(node, x.shape).slice(1)
    const c = Math.floor(k / (kh * kw))
    const row = i * node.stride[0] - node.pad[0] + Math.floor((k % (kh * kw)) / kw)
    const col = j * node.stride[1] - node.pad[1] + (k % kw)
    const inside = row >= 0 && row < x.shape[1] && col >= 0 && col < x.shape[2]
    return inside ? stored[(c * x.shape[1] + row) * x.shape[2] + col] : 0
  }
  for (let o = 0; o < rows; o++) {
    const levels = tensor.levels.subarray(o * cols, (o + 1) * cols)
    for (let i = 0; i < height; i++) {
      for (let j = 0; j < width; j++) {
        const at = (o * height + i) * width + j
        if (x.grid !== undefined) {
          for (let k = 0; k < cols; k++) if (levels[k] !== 0) out[at] += levels[k] * column(k, i, j)
        } else {
          out[at] = f32Sum(levels, planesOf(tensor.maxLevel), node.op === 'dense', (k) => column(k, i, j))
        }
      }
    }
  }
  return out
}

/** The documented f32 order: planes from the top, plus before minus; vectors in four partial sums. */
function f32Sum(levels: Int8Array, planes: number, partial: boolean, x: (k: number) => number): number {
  let acc = 0
  for (let plane = planes - 1; plane >= 0; plane--) {
    const s = [0, 0, 0, 0]
    acc = fround(acc + acc)
    for (const sign of [1, -1]) {
      const columns = Array.from(levels.keys()).filter((k) => (levelDigits(levels[k])[plane] ?? 0) === sign)
      columns.forEach((k, n) => {
        if (!partial) acc = fround(acc + sign * x(k))
        else {
          const part = n < (columns.length & ~3) ? n & 3 : 0
          s[part] = fround(s[part] + sign * x(k))
        }
      })
    }
    if (partial) acc = fround(acc + fround(fround(s[0] + s[1]) + fround(s[2] + s[3])))
  }
  return acc
}

function other(node: Node, x: Result, shape: Shape): Float64Array {
  if (node.op === 'flatten') return x.data
  if (node.op === 'relu') return x.data.map((v) => Math.max(v, 0))
  if (node.op !== 'maxpool' && node.op !== 'avgpool') throw new Error(node.op)
  const out = new Float64Array(shape[0] * shape[1] * shape[2])
  const unit = x.grid === undefined ? 1 : 2 ** (x.grid.minExponent - x.grid.mantissaBits)
  for (let c = 0; c < shape[0]; c++) {
    for (let i = 0; i < shape[1]; i++) {
      for (let j = 0; j < shape[2]; j++) {
        const window: number[] = []
        for (let u = 0; u < node.kernel[0]; u++) {
          for (let v = 0; v < node.kernel[1]; v++) {
            const row = i * node.stride[0] - node.pad[0] + u
            const col = j * node.stride[1] - node.pad[1] + v
            if (row >= 0 && row < x.shape[1] && col >= 0 && col < x.shape[2]) {
              window.push(x.data[(c * x.shape[1] + row) * x.shape[2] + col])
            }
          }
        }
        const at = (c * shape[1] + i) * shape[2] + j
        if (node.op === 'maxpool') out[at] = Math.max(...window)
        else {
          const sum = window.reduce((a, b) => (x.grid === undefined ? fround(a + b) : a + b / unit), 0)
          out[at] = round(fround(fround(fround(sum) * unit) / window.length), x.grid, false)
        }
      }
    }
  }
  return out
}
