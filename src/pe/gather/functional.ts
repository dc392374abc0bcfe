/**
 * A whole model on the array: weighted layers by the elements' arithmetic (elements.ts), all else as docs/numerics.md says, so that the results
 * are those of an InferenceSession of precision 'fp8' with the same format, bit for bit. Where the session sums in f32 (formats of more than
 * 22 bits, such as E5M2) it may round what the array adds exactly: `wide` tells how many sums could differ.
 */
import { WhiteDwarfError } from '../../errors.js'
import { codedValues } from '../../format/half.js'
import {
  elements,
  type Graph,
  inferShapes,
  isWeighted,
  type Node,
  opName,
  type PoolNode,
  type Shape,
  type WeightedNode,
  weightShape,
} from '../../graph/ir.js'
import { type Model, rangeMax } from '../../graph/model.js'
import { fusedAdds } from '../../graph/ranges.js'
import { fp8Format, type Grid, gridScale, gridUnit, INT8 } from '../../kernels/grid.js'
import { toGrid } from '../../kernels/ref/grid.js'
import { affine } from '../../kernels/ref/requant.js'
import type { GatherArch } from '../arch.js'
import { elementSums, type Sums } from './elements.js'

const { fround } = Math

export interface ArrayRun {
  /** By the names of the graph's outputs. */
  readonly outputs: Readonly<Record<string, Float32Array>>
  readonly layers: readonly LayerRun[]
}

export interface LayerRun extends Omit<Sums, 'sums'> {
  readonly name: string
}

/** A value as it is stored: `data` are whole multiples of a grid's finest spacing, or f32 numbers where there is no grid. */
interface Value {
  readonly shape: Shape
  readonly data: Float64Array
  readonly grid: Grid | undefined
  /** Grid value = real value * scale. */
  readonly scale: number
}

/** Real size of one stored step. */
const unitOf = ({ grid, scale }: Value): number => (grid === undefined ? 1 : gridUnit(grid) / scale)

/**
 * One image through a model.
 * @param image raw values, [channels, height, width] or [features], as a session is fed
 * @throws WhiteDwarfError E_GRAPH for nodes that the array's model does not know, or without ranges; E_SHAPE when the image does not fit
 */
export function runOnArray(
  model: Model,
  image: ArrayLike<number>,
  arch: Pick<GatherArch, 'digits' | 'accumulator' | 'format'>,
): ArrayRun {
  const { graph } = model
  const format = fp8Format(arch.format)
  const shapes = inferShapes(graph)
  const values = new Map<string, Value>()
  const layers: LayerRun[] = []
  const uses = (name: string) =>
    [...graph.nodes.flatMap((node) => node.inputs), ...graph.outputs].filter((used) => used === name).length
  const known = (name: string): Value => values.get(name) as Value
  values.set(graph.inputs[0].name, inputValue(model, image))

  /** What a layer or an addition leaves, with the activation behind it: terms are added, and rounded once. */
  const finish = (node: Node, layer: WeightedNode | undefined, others: readonly string[]): void => {
    const readers = readersOf(graph, node.name)
    const activation = uses(node.name) === 1 && /^relu6?$/.test(readers[0]?.op ?? '') ? readers[0] : undefined
    const name = activation?.name ?? node.name
    const isResult = graph.outputs.includes(name) && readersOf(graph, name).length === 0
    const grid = isResult ? undefined : format
    const scale = grid === undefined ? 1 : gridScale(grid, rangeOf(model, name))
    const shape = shapes.get(name) as Shape
    const data = new Float64Array(elements(shape))
    if (layer !== undefined) {
      const x = known(layer.inputs[0])
      const { sums, ...run } = layerSums(model, layer, x, shape, arch)
      layers.push({ name: layer.name, ...run })
      requantise(model, layer, sums, unitOf(x), scale, data)
    }
    for (const other of others.map(known)) {
      const factor = fround(unitOf(other) * scale)
      other.data.forEach((v, i) => {
        data[i] = fround(data[i] + fround(fround(v) * factor))
      })
    }
    const ceiling = activation?.op === 'relu6' ? fround(6 * scale) : Number.POSITIVE_INFINITY
    const active = activation === undefined ? data : data.map((v) => Math.min(Math.max(v, 0), ceiling))
    values.set(name, { shape, data: stored(active, grid), grid, scale })
  }

  const adds = fusedAdds(graph)
  const fused = new Set([...adds.values()].map((node) => node.name))
  for (const node of graph.nodes) {
    if (values.has(node.name) || fused.has(node.name)) continue
    if (isWeighted(node)) finish(node, node, [])
    else if (node.op === 'add') {
      const layer = adds.get(node.name)
      finish(
        node,
        layer,
        node.inputs.filter((name) => name !== layer?.name),
      )
    } else values.set(node.name, moved(node, known(node.inputs[0]), shapes.get(node.name) as Shape))
  }
  const real = ({ data, grid, scale }: Value) =>
    Float32Array.from(data, (v) => (grid === undefined ? v : fround(fround(v * gridUnit(grid)) * fround(1 / scale))))
  return { outputs: Object.fromEntries(graph.outputs.map((name) => [name, real(known(name))])), layers }
}

const readersOf = (graph: Graph, name: string): Node[] => graph.nodes.filter((node) => node.inputs.includes(name))

/** The calibrated range of a value: its own, or the largest of those of the values made from it without arithmetic. */
function rangeOf(model: Model, name: string): number {
  if (Object.hasOwn(model.ranges, name)) return rangeMax(model.ranges[name])
  const ranges = readersOf(model.graph, name).map((node) => rangeOf(model, node.name))
  if (ranges.length > 0) return Math.max(...ranges)
  throw new WhiteDwarfError('E_GRAPH', `the model has no activation range for '${name}': export it with ranges`)
}

/** Pixels are 8-bit integers whatever the format of all other values is. */
function inputValue(model: Model, image: ArrayLike<number>): Value {
  const [{ name, shape, scale, offset }] = model.graph.inputs
  if (image.length !== elements(shape)) {
    throw new WhiteDwarfError(
      'E_SHAPE',
      `'${name}' needs ${elements(shape)} numbers, [${shape.join(', ')}], got ${image.length}`,
    )
  }
  const steps = gridScale(INT8, rangeOf(model, name))
  const plane = image.length / shape[0]
  const of = (list: readonly number[], i: number) => fround(list[list.length === 1 ? 0 : Math.floor(i / plane)] * steps)
  const data = Float64Array.from(image, (v, i) => affine(v, of(scale, i), of(offset, i)))
  return { shape, data: stored(data, INT8), grid: INT8, scale: steps }
}

/** Numbers of a grid's domain, rounded to it, as multiples of its finest spacing. */
function stored(data: Float64Array, grid: Grid | undefined): Float64Array {
  if (grid === undefined) return data
  const unit = gridUnit(grid)
  const fields = { ...grid, lowest: -grid.max, inverseUnit: 1 / unit }
  return data.map((v) => toGrid(v, fields) / unit)
}

/** scale * sum + bias of each filter, in the domain of the result's grid. */
function requantise(
  model: Model,
  node: WeightedNode,
  sums: Float64Array,
  unit: number,
  gridScale: number,
  out: Float64Array,
): void {
  const { scale, bias } = model.layers[node.name]
  const [scales, biases] = [codedValues(scale), codedValues(bias)]
  const plane = sums.length / scales.length
  for (let i = 0; i < sums.length; i++) {
    const filter = Math.floor(i / plane)
    out[i] = affine(sums[i], fround(scales[filter] * unit * gridScale), fround(biases[filter] * gridScale))
  }
}

/** The sums of all filters: [filters, height, width]. */
function layerSums(
  model: Model,
  node: WeightedNode,
  x: Value,
  shape: Shape,
  arch: Pick<GatherArch, 'digits' | 'accumulator'>,
): Sums {
  const { levels } = model.tensors[model.layers[node.name].tensor]
  const groups = node.op === 'conv2d' ? (node.groups ?? 1) : 1
  const rows = shape[0] / groups
  const cols = levels.length / shape[0]
  const sums = new Float64Array(elements(shape))
  const all = { digits: 0, bits: 0, overflows: 0, wide: 0 }
  for (let group = 0; group < groups; group++) {
    const filters = { rows, cols, levels: levels.subarray(group * rows * cols, (group + 1) * rows * cols) }
    const inputs = node.op === 'conv2d' ? columns(node, x, shape, group) : x.data
    const result = elementSums(filters, inputs, arch)
    sums.set(result.sums, group * result.sums.length)
    all.digits += result.digits
    all.bits = Math.max(all.bits, result.bits)
    all.overflows += result.overflows
    all.wide += result.wide
  }
  return { sums, ...all }
}

/** Inputs of one group as columns: [channels * kernel, pixels], zeros outside of the image. */
function columns(node: WeightedNode & { op: 'conv2d' }, x: Value, shape: Shape, group: number): Float64Array {
  const [, channels, kh, kw] = weightShape(node, x.shape)
  const [, height, width] = shape
  const [dy, dx] = node.dilation ?? [1, 1]
  const out = new Float64Array(channels * kh * kw * height * width)
  let at = 0
  for (let k = 0; k < channels * kh * kw; k++) {
    const c = group * channels + Math.floor(k / (kh * kw))
    const top = Math.floor((k % (kh * kw)) / kw) * dy - node.pad[0]
    const left = (k % kw) * dx - node.pad[1]
    for (let i = 0; i < height; i++) {
      for (let j = 0; j < width; j++, at++) {
        const row = i * node.stride[0] + top
        const col = j * node.stride[1] + left
        const inside = row >= 0 && row < x.shape[1] && col >= 0 && col < x.shape[2]
        if (inside) out[at] = x.data[(c * x.shape[1] + row) * x.shape[2] + col]
      }
    }
  }
  return out
}

/** Nodes that keep the grid of their input. */
function moved(node: Node, x: Value, shape: Shape): Value {
  switch (node.op) {
    case 'flatten':
      return { ...x, shape }
    case 'relu':
    case 'relu6': {
      const top = node.op === 'relu6' ? stored(Float64Array.of(fround(6 * x.scale)), x.grid)[0] : Infinity
      return { ...x, data: x.data.map((v) => Math.min(Math.max(v, 0), top)) }
    }
    case 'padchannels': {
      const data = new Float64Array(elements(shape))
      data.set(x.data, node.before * shape[1] * shape[2])
      return { ...x, shape, data }
    }
    case 'transpose': {
      const pixels = x.shape[1] * x.shape[2]
      const data = Float64Array.from(
        { length: elements(shape) },
        (_, i) => x.data[(i % x.shape[0]) * pixels + Math.floor(i / x.shape[0])],
      )
      return { ...x, shape, data }
    }
    case 'maxpool':
    case 'avgpool':
      return { ...x, shape, data: pooled(node, x, shape) }
    default:
      throw new WhiteDwarfError(
        'E_GRAPH',
        `'${node.name}' (${opName(node)}) is none of the operations that the gather array runs`,
      )
  }
}

function pooled(node: PoolNode, x: Value, shape: Shape): Float64Array {
  const [, height, width] = x.shape
  const unit = x.grid === undefined ? 1 : gridUnit(x.grid)
  const data = new Float64Array(elements(shape))
  for (let at = 0; at < data.length; at++) {
    const c = Math.floor(at / (shape[1] * shape[2]))
    const top = (Math.floor(at / shape[2]) % shape[1]) * node.stride[0] - node.pad[0]
    const left = (at % shape[2]) * node.stride[1] - node.pad[1]
    let largest = Number.NEGATIVE_INFINITY
    let sum = 0
    let count = 0
    for (let row = Math.max(0, top); row < Math.min(height, top + node.kernel[0]); row++) {
      for (let col = Math.max(0, left); col < Math.min(width, left + node.kernel[1]); col++) {
        const v = x.data[(c * height + row) * width + col]
        largest = Math.max(largest, v)
        sum += v
        count++
      }
    }
    data[at] = node.op === 'maxpool' ? largest : fround(fround(fround(sum) * unit) / count)
  }
  return node.op === 'maxpool' ? data : stored(data, x.grid)
}
