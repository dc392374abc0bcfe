/**
 * The plan of a session: which kernel runs each layer and why, where everything lies in memory, and the list of kernel
 * calls that make one run.
 */

import type { InputSpec, Shape } from '../graph/ir.js'
import { elements } from '../graph/ir.js'
import { type Lane, laneBytes } from '../kernels/lanes.js'
import type { MaxLevel } from '../kernels/levels.js'
import type { Pattern } from '../patterns/pattern.js'
import { SLACK } from '../wasm/arena.js'
import { accPlane } from './emit.js'
import { emitAdd, emitConvert, emitFlatten, emitInput, emitPad, emitPool, emitTranspose } from './emit-values.js'
import { fusePooling } from './fuse.js'
import { weightedGeometry } from './geometry.js'
import { sumBound } from './lanes.js'
import { type Lowered, lower, type Op, type WeightedOp } from './lower.js'
import { layOut, NO_SCRATCH, type Placed, type Scratch } from './memory.js'
import type { LayerInfo, Network, TensorInfo } from './network.js'
import { type InputPort, inputPort, type OutputPort, outputPort } from './ports.js'
import { loadProducts } from './products.js'
import type { Constants, Step } from './requant.js'
import type { General, Product, Site, Weighted } from './site.js'
import { Tables } from './tables.js'
import { isPlanes, type Value, valueUnit, vectorStep } from './values.js'

/** What the plan decided for one weighted layer. */
export interface LayerPlan {
  readonly name: string
  readonly op: 'conv2d' | 'dense'
  /** Of the weights: [out, in / groups, kh, kw] or [out, in]. */
  readonly shape: Shape
  /** Of the value that is read. */
  readonly input: Shape
  /** Of the layer's own result, before a pooling that is computed with it. */
  readonly output: Shape
  /** Share of non-zero weights. */
  readonly density: number
  /** The kernel of the products. */
  readonly kernel: string
  /** Largest |level| that the file allows for: 1 is INT2, 3 INT3, 7 INT4, 127 INT8; undefined for plain weights. */
  readonly maxLevel: MaxLevel | undefined
  /** That the levels keep to. */
  readonly pattern: Pattern | undefined
  /** How the numbers of the input, of the sums and of the result lie in memory. */
  readonly lanes: { readonly input: Lane; readonly sums: Lane; readonly result: Lane }
  /** Largest |sum| that the proof allows for, in stored units (undefined in f32). */
  readonly bound: number | undefined
  /** Multiply-accumulates on non-zero weights, per image. */
  readonly macs: number
  /** Neighbouring outputs that are computed for each row of weights, those between the rows of an image included. */
  readonly positions: number
  /** Bytes of the weights in memory, in the form that the kernel reads. */
  readonly bytes: number
}

export interface Plan {
  readonly steps: readonly Step[]
  readonly inputs: readonly InputPort[]
  readonly outputs: readonly OutputPort[]
  readonly layers: readonly LayerPlan[]
  /** What each operation makes, by the operation's name, in order. */
  readonly made: ReadonlyMap<string, Value>
  /** Where values and scratch lie, and when. */
  readonly blocks: readonly Placed[]
}

/**
 * Lays out memory, decodes the weights straight into row programs and emits the steps.
 * @throws WhiteDwarfError E_MEMORY, E_GRAPH, E_FORMAT
 */
export function buildPlan(site: Site): Plan {
  const { network, instance, arena, options } = site
  const { batch } = options
  const rising = (node: string) => layerOf(network, node).scale.every((s) => s >= 0)
  const { graph, shapes, ranges, constants: given } = network
  const lowered = fusePooling(lower(graph, shapes, ranges, given, options), rising)
  const weighted = describeWeighted(site, lowered)
  const products = loadProducts(site, lowered, weighted)
  const productOf = (op: Op) => products.get(op) as Product
  const { blocks, scratch } = layOut(
    lowered,
    (op) => scratchBytes(op, weighted.get(op), products.get(op), batch),
    batch,
    instance,
    arena,
  )
  const tables = new Tables(instance, arena)
  const staging = new Map<InputSpec, number>()
  const layers: LayerPlan[] = []
  const emit = (op: Op): Step[] => {
    const own = scratch.get(op) ?? NO_SCRATCH
    switch (op.kind) {
      case 'input': {
        const address = arena.alloc(elements(op.spec.shape) * batch * 4)
        staging.set(op.spec, address)
        return emitInput(op, address, own.acc, tables, batch)
      }
      case 'weighted': {
        const w = weighted.get(op) as Weighted
        const product = productOf(op)
        layers.push(layerPlan(w, product))
        const layer = {
          geometry: w.geometry,
          rows: w.tensor.rows,
          kernel: w.scalar ? ('scalar' as const) : ('planar' as const),
          planes: undefined,
          program: 0,
          ...layerConstants(network, op, tables),
        }
        return product.emit(op, layer, own, tables, batch)
      }
      case 'pool':
        return emitPool(op, tables, batch)
      case 'add':
        return emitAdd(op, tables, batch)
      case 'flatten':
        return emitFlatten(op, batch)
      case 'pad':
        return emitPad(op, batch)
      case 'transpose':
        return emitTranspose(op, batch)
      case 'tensor':
        return (site.general as General).emitTensor(op, tables, batch)
      case 'convert':
        return emitConvert(op, tables, batch)
    }
  }
  const steps = lowered.ops.flatMap(emit)
  // The memory does not grow any more: views of it last.
  const { buffer } = instance.memory
  return {
    steps,
    inputs: [...staging].map(([spec, address]) => inputPort(spec, address, buffer, batch)),
    outputs: [...lowered.outputs].map(([name, value]) => outputPort(name, value, buffer, batch)),
    layers,
    made: new Map(lowered.ops.map((op) => [op.name, op.out])),
    blocks,
  }
}

function describeWeighted({ network, arena, options }: Site, lowered: Lowered): Map<Op, Weighted> {
  // Offset tables of columns are the largest thing made outside of the arena.
  for (const tensor of network.tensors) arena.check(tensor.cols * 16)
  const tensors = new Map(network.tensors.map((t) => [t.name, t]))
  const result = new Map<Op, Weighted>()
  for (const op of lowered.ops) {
    if (op.kind !== 'weighted') continue
    const tensor = tensors.get(layerOf(network, op.name).tensor) as TensorInfo
    const geometry = weightedGeometry(op.node, op.x, op.shape, options.batch)
    result.set(op, { op, tensor, geometry, scalar: !isPlanes(op.x) && options.batch === 1 })
  }
  return result
}

const layerOf = (network: Network, name: string): LayerInfo => network.layers.get(name) as LayerInfo

/** Addresses of a layer's scales and biases, with the units of its input and output folded in. */
function layerConstants(network: Network, { x, out, name }: WeightedOp, tables: Tables): Constants {
  const { scale, bias } = layerOf(network, name)
  const unit = valueUnit(x)
  return {
    scale: tables.f32(scale.map((s) => s * unit * out.gridScale)),
    bias: tables.f32(bias.map((b) => b * out.gridScale)),
  }
}

function scratchBytes(op: Op, w: Weighted | undefined, product: Product | undefined, batch: number): Scratch {
  if (op.kind === 'input' && op.out.layout === 'vector' && batch > 1) {
    return { ...NO_SCRATCH, acc: elements(op.spec.shape) * vectorStep(batch) * 4 }
  }
  if (op.kind !== 'weighted' || w === undefined || product === undefined || product.fused) return NO_SCRATCH
  const { geometry, tensor } = w
  const bytes = laneBytes(product.lane)
  return {
    // Whole vectors of the input's lanes, also where they are summed in wider ones.
    acc: tensor.rows * accPlane(geometry, op.x.lane) * bytes,
    pooled: op.pool ? elements(op.out.shape) * bytes : 0,
    phases: geometry.phases === undefined ? 0 : geometry.phases.size * laneBytes(op.x.lane) + SLACK,
    pairs: product.pairs ?? 0,
  }
}

function layerPlan({ op, tensor, geometry }: Weighted, product: Product): LayerPlan {
  const { kernel, lane, nonzeros, sums, bytes } = product
  return {
    name: op.name,
    op: op.node.op,
    shape: tensor.shape,
    input: op.x.shape,
    output: op.shape,
    density: nonzeros / (tensor.rows * tensor.cols),
    kernel,
    maxLevel: tensor.maxLevel,
    pattern: tensor.pattern,
    lanes: { input: op.x.lane, sums: lane, result: op.out.lane },
    bound: sums === undefined || op.x.grid === undefined ? undefined : sumBound(op.x, sums),
    macs: nonzeros * (op.node.op === 'conv2d' ? geometry.outHeight * geometry.outWidth : 1),
    positions: geometry.flat,
    bytes,
  }
}
