/**
 * Lowering: a deployed graph becomes a list of operations on values. ReLU and the addition of a shortcut are fused into
 * the weighted layer before them, value grids are chosen from the calibrated ranges, and padding is collected so that
 * every value can be stored with the zero border its readers need.
 */
import { WhiteDwarfError } from '../errors.js'
import {
  type ConvNode,
  type Graph,
  type InputSpec,
  isWeighted,
  type Node,
  type Pads,
  type PoolNode,
  type Shape,
  type TransposeNode,
  type WeightedNode,
} from '../graph/ir.js'
import { rangeMax } from '../graph/model.js'
import { fusedAdds } from '../graph/ranges.js'
import type { TensorFn } from '../graph/tensor-fn.js'
import { type Grid, gridScale, INT8, integerGrid, MAX_INTEGER } from '../kernels/grid.js'
import type { ResolvedOptions } from './options.js'
import { type Activation, type Layout, layerLayout, maxStored, type Value } from './values.js'

export type Op =
  | { readonly kind: 'input'; readonly name: string; readonly spec: InputSpec; readonly out: Value }
  | {
      readonly kind: 'weighted'
      readonly name: string
      readonly node: WeightedNode
      readonly x: Value
      /** Shape of the layer's own result, before `pool`. */
      readonly shape: Shape
      /** Added before the activation. */
      readonly shortcut?: Value | undefined
      readonly out: Value
      readonly activation: Activation | undefined
      /** Max pooling of the sums, see fuse.ts. */
      readonly pool?: PoolNode
    }
  | {
      readonly kind: 'pool'
      readonly name: string
      readonly node: PoolNode
      readonly x: Value
      readonly out: Value
      /** Where x's channels go in an output that has more of them, zeros else: a padchannels node behind the pool. */
      readonly firstChannel?: number
    }
  /** The sum of two stored values. */
  | {
      readonly kind: 'add'
      readonly name: string
      readonly x: Value
      readonly shortcut: Value
      readonly out: Value
      readonly activation: Activation | undefined
    }
  | { readonly kind: 'flatten'; readonly name: string; readonly x: Value; readonly out: Value }
  | { readonly kind: 'pad'; readonly name: string; readonly before: number; readonly x: Value; readonly out: Value }
  | {
      readonly kind: 'transpose'
      readonly name: string
      readonly node: TransposeNode
      readonly x: Value
      readonly out: Value
    }
  /** A tensor function of flat values. */
  | {
      readonly kind: 'tensor'
      readonly name: string
      readonly fn: TensorFn
      readonly inputs: readonly Value[]
      readonly out: Value
    }
  /** Requantises elementwise: an activation that stands alone, another layout, or the f32 copy of an output that other nodes use too. */
  | {
      readonly kind: 'convert'
      readonly name: string
      readonly x: Value
      readonly out: Value
      readonly activation: Activation | undefined
    }

export type OpOf<Kind extends Op['kind']> = Op & { readonly kind: Kind }
export type WeightedOp = OpOf<'weighted'>

/** The values that an operation reads. */
export function operands(op: Op): readonly Value[] {
  if (op.kind === 'input') return []
  if (op.kind === 'tensor') return op.inputs
  return 'shortcut' in op && op.shortcut !== undefined ? [op.x, op.shortcut] : [op.x]
}

export interface Lowered {
  readonly ops: readonly Op[]
  readonly values: readonly Value[]
  /** Output name -> f32 value */
  readonly outputs: ReadonlyMap<string, Value>
}

const NO_PAD: Pads = [0, 0, 0, 0]

/**
 * @param shapes from inferShapes
 * @param ranges value name -> range code (see graph/model.ts)
 * @param constants values of constant nodes, by name
 * @throws WhiteDwarfError E_GRAPH (nodes that only exist in training, missing ranges)
 */
export function lower(
  graph: Graph,
  shapes: ReadonlyMap<string, Shape>,
  ranges: Readonly<Record<string, number>>,
  constants: Readonly<Record<string, Float32Array>>,
  options: ResolvedOptions,
): Lowered {
  const readers = new Map<string, Node[]>()
  for (const node of graph.nodes) {
    for (const name of node.inputs) {
      const list = readers.get(name)
      if (list === undefined) readers.set(name, [node])
      else list.push(node)
    }
  }
  const readersOf = (name: string) => readers.get(name) ?? []
  const isOutput = new Set(graph.outputs)
  const rounded = roundedValues(graph, ranges)
  const sumsOf = fusedAdds(graph)

  const ops: Op[] = []
  const values: Value[] = []
  const byName = new Map<string, Value>()
  const outputs = new Map<string, Value>()
  const done = new Set<string>([...sumsOf.values()].map((node) => node.name))

  const define = (name: string, nonnegative: boolean, grid: Value['grid'], gridScale: number): Value => {
    const shape = shapes.get(name) as Shape
    // What is no image and no vector can only be flat.
    const layout = shape.length === 1 || shape.length === 3 ? layerLayout(shape) : 'flat'
    return keep(name, makeValue(name, shape, layout, nonnegative, grid, gridScale))
  }
  const keep = (name: string, value: Value): Value => {
    values.push(value)
    byName.set(name, value)
    return value
  }
  /** A flat value. */
  const defineFlat = (name: string, more: Pick<Value, 'alias' | 'constant'> = {}): Value =>
    keep(name, { ...makeValue(name, shapes.get(name) as Shape, 'flat', false, undefined, 1), ...more })
  const { precision } = options
  const activationGrid = (nonnegative: boolean): Grid =>
    precision === 'fp8' || precision === 'f32' ? options.fp8 : integerGrid(precision, nonnegative)
  /** A value rounded to the precision's grid, scaled by its calibrated range. */
  const quantised = (name: string, nonnegative: boolean, grid = activationGrid(nonnegative)): Value => {
    if (precision === 'f32' || !rounded.has(name)) return define(name, nonnegative, undefined, 1)
    return define(name, nonnegative, grid, gridScale(grid, rangeOf(name, ranges, readersOf)))
  }
  /** Other forms of values: flat ones for tensor functions, planes and vectors for layers. */
  const forms = new Map<Value, Value>()
  const formOf = (x: Value, make: () => Value): Value => {
    const known = forms.get(x)
    if (known !== undefined) return known
    const out = make()
    values.push(out)
    forms.set(x, out)
    ops.push({ kind: 'convert', name: out.name, x, out, activation: undefined })
    return out
  }
  const flat = (name: string): Value => {
    const x = byName.get(name) as Value
    if (x.layout === 'flat') return x
    return formOf(x, () => makeValue(`${name}:flat`, x.shape, 'flat', x.nonnegative, undefined, 1))
  }
  /** For layers. Only what they multiply is rounded to a grid. */
  const layered = (name: string, rounded: boolean): Value => {
    const x = byName.get(name) as Value
    if (x.layout !== 'flat') return x
    return formOf(x, () => {
      const layout = layerLayout(x.shape)
      if (precision === 'f32' || !rounded) return makeValue(`${name}:${layout}`, x.shape, layout, false, undefined, 1)
      const grid = activationGrid(false)
      const scale = gridScale(grid, rangeOf(name, ranges, readersOf))
      return makeValue(`${name}:${layout}`, x.shape, layout, false, grid, scale)
    })
  }
  /** Same grid as x: nothing is requantised on the way. */
  const sameGrid = (name: string, x: Value): Value => define(name, x.nonnegative, x.grid, x.gridScale)
  /** The only reader of a value that nothing else needs, if it is one of these. */
  const onlyReader = (name: string, ...kinds: readonly Node['op'][]): Node | undefined => {
    const [reader, ...others] = readersOf(name)
    const only = reader !== undefined && others.length === 0 && !isOutput.has(name) && kinds.includes(reader.op)
    if (only) done.add(reader.name)
    return only ? reader : undefined
  }
  /** The value that a node's arithmetic makes, with the activation behind it. */
  const result = (node: string): { out: Value; activation: Activation | undefined } => {
    const next = onlyReader(node, 'relu', 'relu6')
    const name = next?.name ?? node
    const activation = next?.op as Activation | undefined
    if (!isOutput.has(name) || readersOf(name).length > 0) {
      return { out: quantised(name, activation !== undefined), activation }
    }
    const out = define(name, activation !== undefined, undefined, 1)
    outputs.set(name, out)
    return { out, activation }
  }
  const layer = (node: WeightedNode, from: string, shortcut?: Value): Op => {
    const x = layered(node.inputs[0], true)
    const shape = shapes.get(node.name) as Shape
    if (node.op === 'conv2d') x.pad = widest(x.pad, borderFor(node, x.shape, shape))
    return { kind: 'weighted', name: node.name, node, x, shape, shortcut, ...result(from) }
  }
  const tensor = (name: string, fn: TensorFn, names: readonly string[]): Op => {
    if (fn.kind === 'constant') {
      const out = defineFlat(name, { constant: constants[name] })
      return { kind: 'tensor', name, fn, inputs: [], out }
    }
    const inputs = names.map(flat)
    const out = defineFlat(name, fn.kind === 'reshape' && inputs[0].constant === undefined ? { alias: inputs[0] } : {})
    return { kind: 'tensor', name, fn, inputs, out }
  }
  const lowerNode = (node: Node): Op => {
    const { name } = node
    if (isWeighted(node)) return layer(node, name)
    if (node.op === 'tensor') return tensor(name, node.fn, node.inputs)
    const first = byName.get(node.inputs[0]) as Value
    if (first?.layout === 'flat' || byName.get(node.inputs[1] ?? '')?.layout === 'flat') {
      const fn = onFlat(node, shapes.get(name) as Shape)
      if (fn !== undefined && !sumsOf.has(name)) return tensor(name, fn, node.inputs)
    }
    const x = first && layered(node.inputs[0], false)
    switch (node.op) {
      case 'add': {
        const sums = sumsOf.get(name)
        const shortcut = layered(node.inputs[sums?.name === node.inputs[1] ? 0 : 1], false)
        return sums === undefined ? { kind: 'add', name, x, shortcut, ...result(name) } : layer(sums, name, shortcut)
      }
      case 'maxpool':
      case 'avgpool': {
        const pad = onlyReader(name, 'padchannels')
        if (pad?.op !== 'padchannels') return { kind: 'pool', name, node, x, out: sameGrid(name, x) }
        return { kind: 'pool', name, node, x, out: sameGrid(pad.name, x), firstChannel: pad.before }
      }
      case 'flatten':
        return { kind: 'flatten', name, x, out: sameGrid(name, x) }
      case 'padchannels':
        return { kind: 'pad', name, before: node.before, x, out: sameGrid(name, x) }
      case 'transpose':
        return { kind: 'transpose', name, node, x, out: sameGrid(name, x) }
      case 'relu':
      case 'relu6':
        return { kind: 'convert', name, x, out: define(name, true, x.grid, x.gridScale), activation: node.op }
      case 'batchnorm':
        throw new WhiteDwarfError('E_GRAPH', `'${name}' (${node.op}) exists only in training: fold it before running`)
    }
  }
  for (const spec of graph.inputs) {
    ops.push({ kind: 'input', name: spec.name, spec, out: quantised(spec.name, false, INT8) })
  }
  for (const node of graph.nodes) if (!done.has(node.name)) ops.push(lowerNode(node))
  for (const name of graph.outputs) {
    if (outputs.has(name)) continue
    const x = byName.get(name) as Value
    if (x.layout === 'flat' && x.constant === undefined) {
      outputs.set(name, x)
      continue
    }
    const out = makeValue(`${name}:f32`, x.shape, x.layout, x.nonnegative, undefined, 1)
    values.push(out)
    ops.push({ kind: 'convert', name: out.name, x, out, activation: undefined })
    outputs.set(name, out)
  }
  return { ops, values, outputs }
}

function makeValue(
  name: string,
  shape: Shape,
  layout: Layout,
  nonnegative: boolean,
  grid: Value['grid'],
  gridScale: number,
): Value {
  const lane = grid === undefined || maxStored(grid) > MAX_INTEGER ? 'f32' : maxStored(grid) <= 32767 ? 'i16' : 'i32'
  return { name, shape, layout, nonnegative, grid, gridScale, lane, pad: NO_PAD, base: 0 }
}

/** A node as a tensor function, where its input is flat already; undefined: it needs planes or a vector. */
function onFlat(node: Node, shape: Shape): TensorFn | undefined {
  switch (node.op) {
    case 'relu':
      return { kind: 'map', fn: 'clip', a: 0, b: Infinity }
    case 'relu6':
      return { kind: 'map', fn: 'clip', a: 0, b: 6 }
    case 'add':
      return { kind: 'combine', fn: 'add' }
    case 'flatten':
      return { kind: 'reshape', shape }
    default:
      return undefined
  }
}

/** Operations whose result has the grid of their input, and whose range therefore serves for both. */
const SAME_GRID: readonly Node['op'][] = ['maxpool', 'flatten', 'relu', 'relu6', 'padchannels', 'transpose']

/**
 * Values that something computes with as they are rounded, maybe pooled or moved before. What only tensor functions need is not
 * rounded, nor are outputs that have no range.
 */
function roundedValues(graph: Graph, ranges: Readonly<Record<string, number>>): Set<string> {
  const rounded = new Set(graph.outputs.filter((name) => Object.hasOwn(ranges, name)))
  for (const node of [...graph.nodes].reverse()) {
    const needs = SAME_GRID.includes(node.op) ? rounded.has(node.name) : node.op !== 'tensor'
    if (needs) for (const name of node.inputs) rounded.add(name)
  }
  return rounded
}

/**
 * The calibrated maximum of a value: its own, or the largest of those of the values made from it without arithmetic.
 */
function rangeOf(name: string, ranges: Readonly<Record<string, number>>, readersOf: (name: string) => Node[]): number {
  let max = 0
  let complete = true
  const names = [name]
  for (const at of names) {
    if (Object.hasOwn(ranges, at)) {
      max = Math.max(max, rangeMax(ranges[at]))
      continue
    }
    for (const reader of readersOf(at)) {
      if (SAME_GRID.includes(reader.op)) names.push(reader.name)
      // Tensor functions compute in f32 with whatever there is.
      else if (reader.op !== 'tensor') complete = false
    }
  }
  if (complete && max > 0) return max
  throw new WhiteDwarfError(
    'E_GRAPH',
    `the model has no activation range for '${name}': it can run in precision 'f32' only`,
  )
}

/**
 * The zero border that a convolution needs around its input: its padding, and rows at least as long as those of its output
 * where it has stride 1, whose outputs lie as far apart as its inputs.
 */
function borderFor(node: ConvNode, x: Shape, out: Shape): Pads {
  const [top, left, bottom, right] = node.pad
  return [top, left, bottom, node.stride[1] === 1 ? Math.max(right, out[2] - x[2]) : right]
}

const widest = (a: Pads, b: Pads): Pads => [
  Math.max(a[0], b[0]),
  Math.max(a[1], b[1]),
  Math.max(a[2], b[2]),
  Math.max(a[3], b[3]),
]
