/**
 * The plan of a session: which kernel runs each layer and why, where everything lies in memory, and the list of kernel
 * calls that make one run.
 */

import { codedValues } from '../format/half.js'
import type { WdFile, WdTensor } from '../format/wd.js'
import type { InputSpec, Shape } from '../graph/ir.js'
import { elements } from '../graph/ir.js'
import { planesOf as digitPlanes } from '../kernels/levels.js'
import { laneBytes } from '../kernels/ref/lanes.js'
import { type Arena, SLACK } from '../wasm/arena.js'
import type { WasmInstance } from '../wasm/exports.js'
import { emitDense, loadDenseWeights } from './dense.js'
import {
  accPlane,
  emitConvert,
  emitFlatten,
  emitInput,
  emitPool,
  emitSparse,
  type Layer,
  type Scratch,
  type Step,
  Tables,
} from './emit.js'
import { fusePooling } from './fuse.js'
import { type Geometry, weightedGeometry } from './geometry.js'
import { chooseLanes, type LevelSums, sumBound } from './lanes.js'
import { lower, type Op } from './lower.js'
import type { ResolvedOptions } from './options.js'
import { isPlanes, planesOf, type Value, valueBytes, valueUnit, vectorStep } from './values.js'
import { loadPrograms, type Program, rescaleOffsets } from './weights.js'

export interface InputPort {
  readonly spec: InputSpec
  /** f32 staging: images one after the other, or [feature][lane] for a batched vector. */
  readonly staging: number
  /** Elements from image to image, and from element to element. */
  readonly imageStep: number
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

type WeightedOp = Op & { readonly kind: 'weighted' }

/**
 * Lays out memory, decodes the weights straight into row programs and emits the steps.
 * @throws WhiteDwarfError E_MEMORY, E_GRAPH, E_FORMAT
 */
export function buildPlan(
  bytes: Uint8Array,
  file: WdFile,
  instance: WasmInstance,
  arena: Arena,
  options: ResolvedOptions,
): Plan {
  const { batch } = options
  const rising = (node: string) => codedValues(file.layers[node].scale).every((s) => s >= 0)
  const lowered = fusePooling(lower(file.graph, file.shapes, file.ranges, options), rising)
  const weighted = lowered.ops.filter((op): op is WeightedOp => op.kind === 'weighted')
  const scalar = (op: Op) => op.kind === 'weighted' && !isPlanes(op.x) && batch === 1

  // Offset tables of columns are the largest thing made outside of the arena.
  for (const tensor of file.tensors) arena.check(tensor.cols * 16)
  const geometries = new Map<string, Geometry>()
  for (const op of weighted) geometries.set(op.name, weightedGeometry(op.node, op.x, op.shape, batch))
  const geometryOf = (op: Op) => geometries.get(op.name) as Geometry
  const tensors = new Map(file.tensors.map((t) => [t.name, t]))
  const tensorOf = (op: WeightedOp) => tensors.get(file.layers[op.name].tensor) as WdTensor

  const programs = new Map<string, Program>()
  if (!options.dense) {
    const requests = weighted.map((op) => ({
      name: op.name,
      tensor: file.layers[op.name].tensor,
      offsets: geometryOf(op).offsets.map((o) => o * laneBytes(op.x.lane)),
    }))
    for (const [name, program] of loadPrograms(bytes, file, instance, arena, requests)) programs.set(name, program)
    const guessed = new Map(weighted.map((op) => [op.name, op.x.lane]))
    chooseLanes(lowered, new Map([...programs].map(([name, p]): [string, LevelSums] => [name, p.sums])), scalar)
    for (const op of weighted) {
      const factor = laneBytes(op.x.lane) / laneBytes(guessed.get(op.name) as typeof op.x.lane)
      if (factor !== 1) rescaleOffsets(instance, programs.get(op.name) as Program, factor)
    }
  }

  const tables = new Tables(instance, arena)
  const constants = weighted.map((op) => {
    const params = file.layers[op.name]
    const toGrid = op.out.gridScale
    const inputUnit = valueUnit(op.x)
    return {
      scale: tables.f32(codedValues(params.scale).map((s) => s * inputUnit * toGrid)),
      bias: tables.f32(codedValues(params.bias).map((b) => b * toGrid)),
    }
  })
  const dense = options.dense
    ? loadDenseWeights(
        bytes,
        file,
        instance,
        arena,
        (tensor) => !weighted.some((op) => scalar(op) && file.layers[op.name].tensor === tensor),
      )
    : undefined

  for (const value of lowered.values) {
    const bytes = valueBytes(value, batch)
    value.base = arena.alloc(bytes)
    // The zero border is written here once: memory that decoding has used and given back is not clean.
    new Uint8Array(instance.memory.buffer, value.base, bytes).fill(0)
  }
  const scratch: Scratch = {
    acc: arena.alloc(Math.max(0, ...weighted.map((op) => tensorOf(op).rows * accPlane(geometryOf(op), 'f32') * 4))),
    pooled: arena.alloc(Math.max(0, ...weighted.map((op) => (op.pool ? elements(op.out.shape) * 4 : 0)))),
    phases: arena.alloc(Math.max(0, ...weighted.map((op) => (geometryOf(op).phases?.size ?? 0) * 4 + SLACK))),
  }

  const inputs = new Map<string, InputPort>()
  const steps: Step[] = []
  const layers: LayerPlan[] = []
  let index = 0
  for (const op of lowered.ops) {
    switch (op.kind) {
      case 'input': {
        const port = inputPort(op.spec, op.out, arena, batch)
        inputs.set(op.name, port)
        steps.push(...emitInput(op, port.staging, tables, batch))
        break
      }
      case 'weighted': {
        const tensor = tensorOf(op)
        const geometry = geometryOf(op)
        const program = programs.get(op.name)
        const layer: Layer = {
          geometry,
          rows: tensor.rows,
          kernel: scalar(op) ? 'scalar' : 'planar',
          planes: digitPlanes(tensor.maxLevel),
          program: program?.address ?? 0,
          ...constants[index++],
        }
        const matrix = dense?.get(file.layers[op.name].tensor)
        const added =
          matrix === undefined
            ? emitSparse(op, layer, scratch, tables, batch)
            : emitDense(op, layer, matrix, scratch, tables, batch)
        steps.push(...added)
        const nonzeros = program?.nonzeros ?? matrix?.nonzeros ?? 0
        layers.push({
          name: op.name,
          op: op.node.op,
          shape: tensor.shape,
          density: nonzeros / (tensor.rows * tensor.cols),
          kernel: added.find((s) => /^(gather|gemv|conv)/.test(s.kernel))?.kernel ?? '',
          bound: program === undefined || op.x.grid === undefined ? undefined : sumBound(op.x, program.sums),
          macs: nonzeros * geometry.outHeight * (op.node.op === 'conv2d' ? geometry.outWidth : 1),
        })
        break
      }
      case 'pool':
        steps.push(...emitPool(op, tables, batch))
        break
      case 'flatten':
        steps.push(...emitFlatten(op, batch))
        break
      case 'convert':
        steps.push(...emitConvert(op, tables, batch))
        break
    }
  }
  const outputs = new Map(
    [...lowered.outputs].map(([name, value]): [string, OutputPort] => [name, { shape: value.shape, value }]),
  )
  return { steps, inputs, outputs, layers }
}

function inputPort(spec: InputSpec, out: Value, arena: Arena, batch: number): InputPort {
  const size = elements(spec.shape)
  if (isPlanes(out)) return { spec, staging: arena.alloc(size * batch * 4), imageStep: size, elementStep: 1 }
  const step = vectorStep(batch)
  return { spec, staging: arena.alloc(size * step * 4), imageStep: 1, elementStep: step }
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
