/**
 * Lowering: a deployed graph becomes a list of operations on values. ReLU is fused into the weighted layer before it,
 * value grids are chosen from the calibrated ranges, and padding is collected so that every value can be stored with
 * the zero border its readers need.
 */
import { WhiteDwarfError } from '../errors.js'
import {
  type Graph,
  type InputSpec,
  isWeighted,
  type Node,
  type Pads,
  type PoolNode,
  type Shape,
  type WeightedNode,
} from '../graph/ir.js'
import { rangeMax } from '../graph/model.js'
import { INT8, MAX_INTEGER } from '../kernels/grid.js'
import type { ResolvedOptions } from './options.js'
import { maxStored, type Value } from './values.js'

export type Op =
  | { readonly kind: 'input'; readonly name: string; readonly spec: InputSpec; readonly out: Value }
  | {
      readonly kind: 'weighted'
      readonly name: string
      readonly node: WeightedNode
      readonly x: Value
      /** Shape of the layer's own result, before `pool`. */
      readonly shape: Shape
      readonly out: Value
      readonly relu: boolean
      /** Max pooling of the sums, see fuse.ts. */
      readonly pool?: PoolNode
    }
  | { readonly kind: 'pool'; readonly name: string; readonly node: PoolNode; readonly x: Value; readonly out: Value }
  | { readonly kind: 'flatten'; readonly name: string; readonly x: Value; readonly out: Value }
  /** Requantises elementwise: a ReLU that stands alone, or the f32 copy of an output that other nodes use too. */
  | { readonly kind: 'convert'; readonly name: string; readonly x: Value; readonly out: Value; readonly relu: boolean }

export type WeightedOp = Op & { readonly kind: 'weighted' }

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
 * @throws WhiteDwarfError E_GRAPH (nodes that only exist in training, missing ranges)
 */
export function lower(
  graph: Graph,
  shapes: ReadonlyMap<string, Shape>,
  ranges: Readonly<Record<string, number>>,
  options: ResolvedOptions,
): Lowered {
  const readers = new Map<string, Node[]>()
  for (const node of graph.nodes) {
    for (const name of node.inputs) readers.set(name, [...(readers.get(name) ?? []), node])
  }
  const readersOf = (name: string) => readers.get(name) ?? []
  const isOutput = new Set(graph.outputs)

  const ops: Op[] = []
  const values: Value[] = []
  const byName = new Map<string, Value>()
  const outputs = new Map<string, Value>()

  const define = (name: string, nonnegative: boolean, grid: Value['grid'], gridScale: number): Value => {
    const lane = grid === undefined || maxStored(grid) > MAX_INTEGER ? 'f32' : maxStored(grid) <= 32767 ? 'i16' : 'i32'
    const shape = shapes.get(name) as Shape
    const value: Value = { name, shape, nonnegative, grid, gridScale, lane, pad: NO_PAD, base: 0 }
    values.push(value)
    byName.set(name, value)
    return value
  }
  /** A value rounded to the precision's grid, scaled by its calibrated range. */
  const quantised = (name: string, nonnegative: boolean): Value => {
    if (options.precision === 'f32') return define(name, nonnegative, undefined, 1)
    const max = rangeOf(name, ranges, readersOf)
    if (options.precision === 'int8') return define(name, nonnegative, INT8, Math.fround(INT8.max / max))
    return define(name, nonnegative, options.fp8, 2 ** Math.floor(Math.log2(options.fp8.max / max)))
  }
  /** Same grid as x: nothing is requantised on the way. */
  const sameGrid = (name: string, x: Value): Value => define(name, x.nonnegative, x.grid, x.gridScale)

  for (const spec of graph.inputs) {
    ops.push({ kind: 'input', name: spec.name, spec, out: quantised(spec.name, false) })
  }
  const fused = new Set<string>()
  for (const node of graph.nodes) {
    if (fused.has(node.name)) continue
    const x = byName.get(node.inputs[0]) as Value
    if (isWeighted(node)) {
      const next = readersOf(node.name)
      const relu = next.length === 1 && next[0].op === 'relu' && !isOutput.has(node.name)
      const name = relu ? next[0].name : node.name
      if (relu) fused.add(name)
      const last = isOutput.has(name) && readersOf(name).length === 0
      const out = last ? define(name, relu, undefined, 1) : quantised(name, relu)
      if (node.op === 'conv2d') x.pad = widest(x.pad, node.pad)
      ops.push({ kind: 'weighted', name: node.name, node, x, shape: out.shape, out, relu })
      if (last) outputs.set(name, out)
    } else if (node.op === 'maxpool' || node.op === 'avgpool') {
      ops.push({ kind: 'pool', name: node.name, node, x, out: sameGrid(node.name, x) })
    } else if (node.op === 'flatten') {
      ops.push({ kind: 'flatten', name: node.name, x, out: sameGrid(node.name, x) })
    } else if (node.op === 'relu') {
      ops.push({ kind: 'convert', name: node.name, x, out: define(node.name, true, x.grid, x.gridScale), relu: true })
    } else {
      throw new WhiteDwarfError(
        'E_GRAPH',
        `'${node.name}' (${node.op}) exists only in training: fold it before running`,
      )
    }
  }
  for (const name of graph.outputs) {
    if (outputs.has(name)) continue
    const x = byName.get(name) as Value
    const out: Value = { ...x, name: `${name}:f32`, grid: undefined, gridScale: 1, lane: 'f32', pad: NO_PAD, base: 0 }
    values.push(out)
    ops.push({ kind: 'convert', name: out.name, x, out, relu: false })
    outputs.set(name, out)
  }
  return { ops, values, outputs }
}

/**
 * The calibrated maximum of a value: its own, or that of a value made from it without arithmetic.
 */
function rangeOf(name: string, ranges: Readonly<Record<string, number>>, readersOf: (name: string) => Node[]): number {
  for (let at = name; ; ) {
    if (Object.hasOwn(ranges, at)) return rangeMax(ranges[at])
    const next = readersOf(at)
    if (next.length !== 1 || !['maxpool', 'flatten', 'relu'].includes(next[0].op)) break
    at = next[0].name
  }
  throw new WhiteDwarfError(
    'E_GRAPH',
    `the model has no activation range for '${name}': it can run in precision 'f32' only`,
  )
}

const widest = (a: Pads, b: Pads): Pads => [
  Math.max(a[0], b[0]),
  Math.max(a[1], b[1]),
  Math.max(a[2], b[2]),
  Math.max(a[3], b[3]),
]
