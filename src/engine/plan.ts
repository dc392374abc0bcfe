/**
 * The plan of a session: which kernel runs each layer and why, where everything lies in memory, and the list of kernel
 * calls that make one run.
 */

import { codedValues } from '../format/half.js'
import type { WdFile, WdTensor } from '../format/wd.js'
import type { InputSpec, Shape } from '../graph/ir.js'
import { elements } from '../graph/ir.js'
import { laneBytes } from '../kernels/lanes.js'
import { planesOf as digitPlanes } from '../kernels/levels.js'
import { type Arena, SLACK } from '../wasm/arena.js'
import type { WasmInstance } from '../wasm/exports.js'
import { type DenseWeights, emitDense, loadDenseWeights } from './dense.js'
import { accPlane, emitSparse, type Layer, type Scratch } from './emit.js'
import { emitAdd, emitConvert, emitFlatten, emitInput, emitPad, emitPool, emitTranspose } from './emit-values.js'
import { fusePooling } from './fuse.js'
import { type Geometry, weightedGeometry } from './geometry.js'
import { chooseLanes, type LevelSums, sumBound } from './lanes.js'
import { type Lowered, lower, type Op, type WeightedOp } from './lower.js'
import type { ResolvedOptions } from './options.js'
import type { Constants, Step } from './requant.js'
import { Tables } from './tables.js'
import { isPlanes, planesOf, type Value, valueBytes, valueUnit, vectorStep } from './values.js'
import { loadPrograms, type Program, rescaleOffsets } from './weights.js'

export interface InputPort {
  readonly spec: InputSpec
  /** f32 staging: images one after the other, or [feature][lane] for a batched vector. */
  readonly staging: number
  /** Elements from one element of an image to the next. */
  readonly elementStep: number
}

export interface OutputPort {
  readonly shape: Shape
  readonly value: Value
}

/** What the plan decided for one weighted layer. */
export interface LayerPlan {
  readonly name: string
  readonly op: 'conv2d' | 'dense'
  readonly shape: readonly number[]
  /** Share of non-zero weights. */
  readonly density: number
  readonly kernel: string
  /** Largest |sum| that the proof allows for, in stored units (undefined in f32). */
  readonly bound: number | undefined
  /** Multiply-accumulates on non-zero weights, per image. */
  readonly macs: number
}

export interface Plan {
  readonly steps: readonly Step[]
  readonly inputs: ReadonlyMap<string, InputPort>
  readonly outputs: ReadonlyMap<string, OutputPort>
  readonly layers: readonly LayerPlan[]
}

/** A weighted operation with what the plan knows of it. */
interface Weighted {
  readonly op: WeightedOp
  readonly tensor: WdTensor
  readonly geometry: Geometry
  /** Runs on the scalar gather: one vector, no lanes to fill. */
  readonly scalar: boolean
}

/** What a session is made of while its plan is built. */
interface Site {
  readonly bytes: Uint8Array
  readonly file: WdFile
  readonly instance: WasmInstance
  readonly arena: Arena
  readonly options: ResolvedOptions
}

/**
 * Lays out memory, decodes the weights straight into row programs and emits the steps.
 * @throws WhiteDwarfError E_MEMORY, E_GRAPH, E_FORMAT
 */
export function buildPlan(site: Site): Plan {
  const { file, instance, arena, options } = site
  const { batch } = options
  const rising = (node: string) => codedValues(file.layers[node].scale).every((s) => s >= 0)
  const lowered = fusePooling(lower(file.graph, file.shapes, file.ranges, options), rising)
  const weighted = describeWeighted(site, lowered)
  const programs = options.dense ? undefined : sparsePrograms(site, lowered, weighted)
  const matrices = options.dense ? denseMatrices(site, weighted) : undefined
  const tables = new Tables(instance, arena)
  const constants = new Map([...weighted].map(([op, w]) => [op, layerConstants(file, w.op, tables)]))
  for (const value of lowered.values) {
    const bytes = valueBytes(value, batch)
    value.base = arena.alloc(bytes)
    // The zero border is written here once: memory that decoding has used and given back is not clean.
    new Uint8Array(instance.memory.buffer, value.base, bytes).fill(0)
  }
  const scratch = allocateScratch(arena, [...weighted.values()])

  const inputs = new Map<string, InputPort>()
  const layers: LayerPlan[] = []
  const emit = (op: Op): Step[] => {
    switch (op.kind) {
      case 'input': {
        const port = inputPort(op.spec, op.out, arena, batch)
        inputs.set(op.name, port)
        return emitInput(op, port.staging, tables, batch)
      }
      case 'weighted': {
        const w = weighted.get(op) as Weighted
        const program = programs?.get(op.name)
        const matrix = matrices?.get(op.name)
        const layer: Layer = {
          geometry: w.geometry,
          rows: w.tensor.rows,
          kernel: w.scalar ? 'scalar' : 'planar',
          planes: digitPlanes(w.tensor.maxLevel),
          program: program?.address ?? 0,
          ...(constants.get(op) as Constants),
        }
        const steps =
          matrix === undefined
            ? emitSparse(op, layer, scratch, tables, batch)
            : emitDense(op, layer, matrix, scratch, tables, batch)
        layers.push(layerPlan(w, steps, program?.nonzeros ?? matrix?.nonzeros ?? 0, program?.sums))
        return steps
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
      case 'convert':
        return emitConvert(op, tables, batch)
    }
  }
  const steps = lowered.ops.flatMap(emit)
  const outputs = new Map(
    [...lowered.outputs].map(([name, value]): [string, OutputPort] => [name, { shape: value.shape, value }]),
  )
  return { steps, inputs, outputs, layers }
}

function describeWeighted({ file, arena, options }: Site, lowered: Lowered): Map<Op, Weighted> {
  // Offset tables of columns are the largest thing made outside of the arena.
  for (const tensor of file.tensors) arena.check(tensor.cols * 16)
  const tensors = new Map(file.tensors.map((t) => [t.name, t]))
  const result = new Map<Op, Weighted>()
  for (const op of lowered.ops) {
    if (op.kind !== 'weighted') continue
    const tensor = tensors.get(file.layers[op.name].tensor) as WdTensor
    const geometry = weightedGeometry(op.node, op.x, op.shape, options.batch)
    result.set(op, { op, tensor, geometry, scalar: !isPlanes(op.x) && options.batch === 1 })
  }
  return result
}

/** Row programs by operation. Lanes are proved once all levels are known, and offsets widened where the first guess was too narrow. */
function sparsePrograms(site: Site, lowered: Lowered, weighted: ReadonlyMap<Op, Weighted>): Map<string, Program> {
  const { bytes, file, instance, arena } = site
  const guesses = [...weighted.values()].map(({ op, tensor, geometry }) => {
    const width = laneBytes(op.x.lane)
    return {
      op,
      width,
      request: {
        name: op.name,
        tensor: tensor.name,
        offsets: geometry.offsets.map((o) => o * width),
        groups: geometry.groups,
        groupStep: geometry.groupStep * width,
      },
    }
  })
  const requests = guesses.map((g) => g.request)
  const programs = loadPrograms(bytes, file, instance, arena, requests)
  const sums = new Map([...programs].map(([name, p]): [string, LevelSums] => [name, p.sums]))
  chooseLanes(lowered, sums, (op) => weighted.get(op)?.scalar === true)
  for (const { op, width } of guesses) {
    const factor = laneBytes(op.x.lane) / width
    if (factor !== 1) rescaleOffsets(instance, programs.get(op.name) as Program, factor)
  }
  return programs
}

function denseMatrices(site: Site, weighted: ReadonlyMap<Op, Weighted>): Map<string, DenseWeights> {
  const { bytes, file, instance, arena, options } = site
  const requests = [...weighted.values()].map(({ op, tensor, geometry, scalar }) => ({
    name: op.name,
    tensor: tensor.name,
    packed: !scalar,
    groups: geometry.groups,
  }))
  // The dense kernel is called once a group and image, and its calls lie outside of the arena.
  for (const { groups } of requests) arena.check(groups * options.batch * 256)
  return loadDenseWeights(bytes, file, instance, arena, requests)
}

/** Addresses of a layer's scales and biases, with the units of its input and output folded in. */
function layerConstants(file: WdFile, { x, out, name }: WeightedOp, tables: Tables): Constants {
  const { scale, bias } = file.layers[name]
  const unit = valueUnit(x)
  return {
    scale: tables.f32(codedValues(scale).map((s) => s * unit * out.gridScale)),
    bias: tables.f32(codedValues(bias).map((b) => b * out.gridScale)),
  }
}

function allocateScratch(arena: Arena, weighted: readonly Weighted[]): Scratch {
  const most = (bytes: (w: Weighted) => number) => arena.alloc(weighted.reduce((n, w) => Math.max(n, bytes(w)), 0))
  return {
    acc: most(({ tensor, geometry }) => tensor.rows * accPlane(geometry, 'f32') * 4),
    pooled: most(({ op }) => (op.pool ? elements(op.out.shape) * 4 : 0)),
    phases: most(({ geometry }) => (geometry.phases?.size ?? 0) * 4 + SLACK),
  }
}

function layerPlan(w: Weighted, steps: readonly Step[], nonzeros: number, sums: LevelSums | undefined): LayerPlan {
  const { op, tensor, geometry } = w
  return {
    name: op.name,
    op: op.node.op,
    shape: tensor.shape,
    density: nonzeros / (tensor.rows * tensor.cols),
    kernel: steps.find((s) => /^(gather|gemv|conv)/.test(s.kernel))?.kernel ?? '',
    bound: sums === undefined || op.x.grid === undefined ? undefined : sumBound(op.x, sums),
    macs: nonzeros * (op.node.op === 'conv2d' ? geometry.outHeight * geometry.outWidth : 1),
  }
}

function inputPort(spec: InputSpec, out: Value, arena: Arena, batch: number): InputPort {
  const size = elements(spec.shape)
  if (isPlanes(out)) return { spec, staging: arena.alloc(size * batch * 4), elementStep: 1 }
  const step = vectorStep(batch)
  return { spec, staging: arena.alloc(size * step * 4), elementStep: step }
}

/** Copies image n of an output out of memory, row by row. */
export function readOutput(
  memory: ArrayBuffer,
  port: OutputPort,
  batch: number,
  n: number,
  to: Float32Array,
  offset: number,
): void {
  const { value } = port
  if (!isPlanes(value)) {
    const step = vectorStep(batch)
    const from = new Float32Array(memory, value.base, value.shape[0] * step)
    for (let i = 0; i < value.shape[0]; i++) to[offset + i] = from[i * step + n]
    return
  }
  const p = planesOf(value.shape, value.pad)
  const from = new Float32Array(memory, value.base + n * p.image * 4, p.image)
  for (let c = 0; c < p.channels; c++) {
    const at = offset + c * p.height * p.width
    to.set(from.subarray(c * p.plane, c * p.plane + p.height * p.width), at)
  }
}
