/**
 * A second implementation of inference, straight from the definitions: nested loops over channels and kernel positions,
 * no row programs, no padding in memory, no lanes. Sums are exact (int8, FP8) or rounded to f32 after each addition of
 * one digit plane in program order (f32).
 */
import { codedValues } from '../../src/format/half.js'
import { elements, inferShapes, isWeighted, type Node, type Shape, weightShape } from '../../src/graph/ir.js'
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

type Activation = 'relu' | 'relu6' | undefined

function activate(v: number, activation: Activation, gridScale: number): number {
  if (activation === undefined) return v
  return activation === 'relu6' ? Math.min(Math.max(v, 0), fround(6 * gridScale)) : Math.max(v, 0)
}

function round(v: number, grid: Grid | undefined): number {
  if (grid === undefined || v === 0) return v
  const exponent = Math.max(Math.floor(Math.log2(Math.abs(v))), grid.minExponent)
  const spacing = 2 ** (exponent - grid.mantissaBits)
  const q = Math.abs(v) / spacing
  const down = Math.floor(q)
  const even = q - down === 0.5 ? down + (down % 2) : Math.round(q)
  // Integers have no negative zero.
  return Math.sign(v) * Math.min(even * spacing, grid.max) + 0
}

/**
 * One image through the network. `image` holds raw values. Returns every output as f32 numbers.
 * @param grids the grid of all values, or that of values that are never negative, and of others
 */
export function runNaive(
  model: Model,
  image: ArrayLike<number>,
  grids: Grid | undefined | ((nonnegative: boolean) => Grid),
): Record<string, number[]> {
  const { graph } = model
  const shapes = inferShapes(graph)
  const results = new Map<string, Result>()
  const scaleFor = (max: number, grid: Grid) => {
    if (grid.minExponent === INT8.minExponent) return fround(grid.max / max)
    // Formats of many exponent bits keep three octaves for what int8 cuts off.
    const room = grid.minExponent <= -6 ? 3 : 0
    return 2 ** (Math.floor(Math.log2(grid.max / max)) - room)
  }
  const readers = (name: string) => graph.nodes.filter((n) => n.inputs.includes(name))
  const uses = (name: string) =>
    [...graph.nodes.flatMap((n) => n.inputs), ...graph.outputs].filter((used) => used === name).length
  const rangeOf = (name: string): number =>
    name in model.ranges ? rangeMax(model.ranges[name]) : Math.max(...readers(name).map((n) => rangeOf(n.name)))
  /** The node whose sums an add takes unrounded: an input of weights that nothing else uses, the later of two. */
  const sumsOf = (node: Node): Node | undefined =>
    graph.nodes
      .filter((n) => node.op === 'add' && node.inputs.includes(n.name) && isWeighted(n) && uses(n.name) === 1)
      .at(-1)

  const spec = graph.inputs[0]
  const per = image.length / spec.shape[0]
  const pick = (a: readonly number[], i: number) => a[a.length === 1 ? 0 : Math.floor(i / per)]
  // Inputs are 8-bit integers in fp8 too.
  const inGrid = grids && INT8
  const inScale = inGrid === undefined ? 1 : scaleFor(rangeOf(spec.name), inGrid)
  results.set(spec.name, {
    shape: spec.shape,
    gridScale: inScale,
    grid: inGrid,
    data: Float64Array.from({ length: image.length }, (_, i) => {
      const scaled = fround(fround(image[i]) * fround(pick(spec.scale, i) * inScale))
      return round(fround(scaled + fround(pick(spec.offset, i) * inScale)), inGrid)
    }),
  })

  /** What a weighted node or an add leaves, with the activation behind it: terms added and rounded once. */
  const finish = (node: Node, weighted: Node | undefined, stored: readonly string[]): string => {
    const [next, ...others] = readers(node.name)
    const fused = others.length === 0 && /^relu6?$/.test(next?.op ?? '') && uses(node.name) === 1
    const name = fused ? next.name : node.name
    const final = graph.outputs.includes(name) && readers(name).length === 0
    const outGrid = final ? undefined : typeof grids === 'function' ? grids(fused) : grids
    const outScale = outGrid === undefined ? 1 : scaleFor(rangeOf(name), outGrid)
    const shape = shapes.get(name) as Shape
    const data = weighted
      ? layer(model, weighted, results.get(weighted.inputs[0]) as Result, shape, outScale)
      : new Float64Array(elements(shape))
    for (const other of stored) {
      const r = results.get(other) as Result
      const factor = fround(storedUnit(r) * outScale)
      storedOf(r).forEach((v, i) => {
        data[i] = fround(data[i] + fround(v * factor))
      })
    }
    const activation = (fused ? next.op : undefined) as Activation
    results.set(name, {
      shape,
      data: data.map((v) => round(activate(v, activation, outScale), outGrid)),
      gridScale: outScale,
      grid: outGrid,
    })
    return name
  }

  const skip = new Set(graph.nodes.map(sumsOf).map((n) => n?.name))
  for (const node of graph.nodes) {
    if (skip.has(node.name)) continue
    if (isWeighted(node)) skip.add(finish(node, node, []))
    else if (node.op === 'add') {
      const sums = sumsOf(node)
      const stored = sums === undefined ? node.inputs : node.inputs.filter((name) => name !== sums.name)
      skip.add(finish(node, sums, stored))
    } else {
      const x = results.get(node.inputs[0]) as Result
      const shape = shapes.get(node.name) as Shape
      results.set(node.name, { ...x, shape, data: other(node, x, shape) })
    }
  }
  return Object.fromEntries(
    graph.outputs.map((name) => {
      const r = results.get(name) as Result
      return [name, Array.from(r.data, (v) => (r.grid === undefined ? v : fround(v * fround(1 / r.gridScale))))]
    }),
  )
}

/** scale * sums + bias of a weighted node, in units of the result's grid. */
function layer(model: Model, node: Node, x: Result, shape: Shape, outScale: number): Float64Array {
  const sums = weightedSums(model, node, x, shape)
  const params = model.layers[node.name]
  const scale = codedValues(params.scale)
  const bias = codedValues(params.bias)
  const per = sums.length / scale.length
  // A stored integer is the grid value over the grid's unit: the sum's factor carries that unit.
  const unit = storedUnit(x)
  return sums.map((s, i) => {
    const c = Math.floor(i / per)
    return fround(fround(fround(s) * fround(scale[c] * unit * outScale)) + fround(bias[c] * outScale))
  })
}

const storedOf = (x: Result): Float64Array =>
  x.grid === undefined
    ? x.data
    : x.data.map((v) => v / 2 ** ((x.grid as Grid).minExponent - (x.grid as Grid).mantissaBits))

/** Sums are taken over stored numbers: integers for quantised values, the numbers themselves for f32. */
const storedUnit = (x: Result) =>
  x.grid === undefined ? 1 : 2 ** (x.grid.minExponent - x.grid.mantissaBits) / x.gridScale

function weightedSums(model: Model, node: Node, x: Result, shape: Shape): Float64Array {
  const tensor = model.tensors[model.layers[node.name].tensor]
  const stored = storedOf(x)
  const rows = shape[0]
  const cols = tensor.levels.length / rows
  const [, height, width] = shape.length === 3 ? shape : [0, 1, 1]
  const out = new Float64Array(rows * height * width)
  const column = (o: number, k: number, i: number, j: number): number => {
    if (node.op !== 'conv2d') return stored[k]
    const [, channels, kh, kw] = weightShape(node, x.shape)
    const [dy, dx] = node.dilation ?? [1, 1]
    const group = Math.floor(o / (rows / (node.groups ?? 1)))
    const c = group * channels + Math.floor(k / (kh * kw))
    const row = i * node.stride[0] - node.pad[0] + Math.floor((k % (kh * kw)) / kw) * dy
    const col = j * node.stride[1] - node.pad[1] + (k % kw) * dx
    const inside = row >= 0 && row < x.shape[1] && col >= 0 && col < x.shape[2]
    return inside ? stored[(c * x.shape[1] + row) * x.shape[2] + col] : 0
  }
  for (let o = 0; o < rows; o++) {
    const levels = tensor.levels.subarray(o * cols, (o + 1) * cols)
    for (let i = 0; i < height; i++) {
      for (let j = 0; j < width; j++) {
        const at = (o * height + i) * width + j
        if (x.grid !== undefined) {
          for (let k = 0; k < cols; k++) if (levels[k] !== 0) out[at] += levels[k] * column(o, k, i, j)
        } else {
          out[at] = f32Sum(levels, planesOf(tensor.maxLevel), node.op === 'dense', (k) => column(o, k, i, j))
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
      const columns = Array.from(levels.keys()).filter((k) => (levelDigits(levels[k], planes)[plane] ?? 0) === sign)
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
  if (node.op === 'relu' || node.op === 'relu6') {
    const ceiling = node.op === 'relu6' ? round(fround(6 * x.gridScale), x.grid) : Number.POSITIVE_INFINITY
    return x.data.map((v) => Math.min(Math.max(v, 0), ceiling))
  }
  const out = new Float64Array(shape[0] * shape[1] * shape[2])
  const plane = shape[1] * shape[2]
  if (node.op === 'padchannels') {
    out.set(x.data, node.before * plane)
    return out
  }
  if (node.op === 'transpose') {
    const pixels = x.shape[1] * x.shape[2]
    return out.map((_, i) => x.data[(i % plane) * pixels + Math.floor(i / plane)])
  }
  if (node.op !== 'maxpool' && node.op !== 'avgpool') throw new Error(node.op)
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
          out[at] = round(fround(fround(fround(sum) * unit) / window.length), x.grid)
        }
      }
    }
  }
  return out
}
