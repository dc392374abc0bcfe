/**
 * Emitting the plan: every operation becomes kernel calls with all arguments fixed, so that a run does nothing but call
 * them in order.
 */
import type { PoolNode, Shape } from '../graph/ir.js'
import { type Lane, laneBytes } from '../kernels/lanes.js'
import type { Geometry } from './geometry.js'
import type { Op, WeightedOp } from './lower.js'
import type { Tables } from './tables.js'
import { isPlanes, planesOf, storedToGrid, type Value, valueUnit, vectorStep } from './values.js'

/** One kernel call. */
export interface Step {
  /** The operation it belongs to, for profiles. */
  readonly op: string
  readonly kernel: string
  readonly args: readonly number[]
}

/** A weighted layer ready to run: its geometry and where its program and constants lie. */
export interface Layer {
  readonly geometry: Geometry
  readonly rows: number
  readonly kernel: 'planar' | 'scalar'
  readonly planes: number
  readonly program: number
  /** f32 per output channel, folded with the units of input and output. */
  readonly scale: number
  readonly bias: number
}

/** Scratch that all operations share: accumulators, pooled accumulators and phase planes. */
export interface Scratch {
  readonly acc: number
  readonly pooled: number
  readonly phases: number
}

const bytesOf = (v: Value) => laneBytes(v.lane)

/** Address of image n's first pixel (planes) or of the whole vector. */
function origin(v: Value, n: number): number {
  if (!isPlanes(v)) return v.base
  const p = planesOf(v.shape, v.pad)
  return v.base + (n * p.image + p.origin) * bytesOf(v)
}

/** acc lanes -> value, whole planes with one constant per channel. */
function requantPlanes(
  op: string,
  from: Lane,
  acc: number,
  accPlane: number,
  accPitch: number,
  out: Value,
  y: number,
  yPlane: number,
  yPitch: number,
  size: readonly [channels: number, height: number, width: number],
  scale: number,
  bias: number,
  grid: number,
): Step {
  return {
    op,
    kernel: `requant_planes_${from}_${out.lane}`,
    args: [acc, accPlane, accPitch, y, yPlane, yPitch, ...size, scale, bias, grid],
  }
}

/** Elements between the accumulator rows of neighbouring output channels: whole vectors. */
export const accPlane = (g: Geometry, lane: Lane): number => {
  const lanes = 16 / laneBytes(lane)
  return Math.ceil(g.flat / lanes) * lanes
}

/** De-interleaving of image n for a strided convolution: no step when the stride is 1. */
export function splitPhases(op: WeightedOp, layer: Layer, scratch: Scratch, n: number): Step[] {
  const p = layer.geometry.phases
  if (p === undefined || op.node.op !== 'conv2d') return []
  const { x } = op
  const source = planesOf(x.shape, x.pad)
  const corner = n * source.image + source.origin - op.node.pad[0] * source.pitch - op.node.pad[1]
  const from = [x.base + corner * bytesOf(x), source.plane, source.pitch, source.channels, p.height, p.width]
  const to = [scratch.phases, p.yPlane, p.yPitch, p.yHeight, p.yWidth, ...p.stride]
  return [{ op: op.name, kernel: `phases_${bytesOf(x) * 8}`, args: [...from, ...to] }]
}

/** Sums of one image, [rows][height][width], where the layer's kernel or the pooling after it left them. */
interface Sums {
  readonly at: number
  readonly plane: number
  readonly pitch: number
  readonly height: number
  readonly width: number
}

/** Sums of image n (or of the whole batched vector) to the layer's output value, pooled first where that was fused. */
export function finishLayer(
  op: WeightedOp,
  layer: Layer,
  scratch: Scratch,
  tables: Tables,
  batch: number,
  n: number,
): Step[] {
  const { x, out } = op
  const g = layer.geometry
  const grid = tables.grid(out, op.relu)
  if (!isPlanes(x) && batch === 1) {
    const sums: Lane = x.lane === 'f32' ? 'f32' : 'i32'
    const args = [scratch.acc, out.base, layer.rows, layer.scale, layer.bias, grid]
    return [{ op: op.name, kernel: `requant_vector_${sums}_${out.lane}`, args }]
  }
  const steps: Step[] = []
  let sums: Sums = {
    at: scratch.acc,
    plane: accPlane(g, x.lane),
    pitch: g.pitch,
    height: g.outHeight,
    width: g.outWidth,
  }
  if (op.pool !== undefined) {
    const [, height, width] = out.shape
    const pooled: Sums = { at: scratch.pooled, plane: height * width, pitch: width, height, width }
    const args = [sums.at, sums.plane, sums.pitch, pooled.at, pooled.plane, pooled.pitch]
    args.push(tables.i32(poolShape(op.pool, op.shape, out.shape)))
    steps.push({ op: op.name, kernel: `maxpool_${x.lane}`, args })
    sums = pooled
  }
  const to = isPlanes(out) ? planesOf(out.shape, out.pad) : { plane: vectorStep(batch), pitch: vectorStep(batch) }
  const from = [sums.at, sums.plane, sums.pitch] as const
  const y = [out, origin(out, n), to.plane, to.pitch] as const
  const size = [layer.rows, sums.height, sums.width] as const
  steps.push(requantPlanes(op.name, x.lane, ...from, ...y, size, layer.scale, layer.bias, grid))
  return steps
}

/** A weighted layer on the sparse kernels. */
export function emitSparse(op: WeightedOp, layer: Layer, scratch: Scratch, tables: Tables, batch: number): Step[] {
  const { x } = op
  const g = layer.geometry
  if (layer.kernel === 'scalar') {
    const args = [layer.program, layer.rows, layer.planes, x.base, scratch.acc]
    return [
      { op: op.name, kernel: `gather_scalar_${x.lane}`, args },
      ...finishLayer(op, layer, scratch, tables, batch, 0),
    ]
  }
  const plane = accPlane(g, x.lane) * bytesOf(x)
  const images = isPlanes(x) ? batch : 1
  return Array.from({ length: images }, (_, n) => {
    const split = splitPhases(op, layer, scratch, n)
    const image = isPlanes(x) ? n * planesOf(x.shape, x.pad).image : 0
    const from = split.length > 0 ? scratch.phases : x.base + (image + g.start) * bytesOf(x)
    const args = [layer.program, layer.rows, layer.planes, from, scratch.acc, plane, plane / 16]
    return [
      ...split,
      { op: op.name, kernel: `gather_${x.lane}`, args },
      ...finishLayer(op, layer, scratch, tables, batch, n),
    ]
  }).flat()
}

export function emitPool(op: Op & { kind: 'pool' }, tables: Tables, batch: number): Step[] {
  const { node, x, out } = op
  const shape = tables.i32(poolShape(node, x.shape, out.shape))
  const from = planesOf(x.shape, x.pad)
  const to = planesOf(out.shape, out.pad)
  return Array.from({ length: batch }, (_, n) => {
    const args = [origin(x, n), from.plane, from.pitch, origin(out, n), to.plane, to.pitch, shape]
    if (node.op === 'avgpool') args.push(tables.grid(out, false), storedToGrid(x))
    return { op: op.name, kernel: `${node.op}_${x.lane}`, args }
  })
}

function poolShape(node: PoolNode, x: Shape, out: Shape): number[] {
  return [...x, out[1], out[2], ...node.kernel, ...node.stride, node.pad[0], node.pad[1]]
}

export function emitFlatten(op: Op & { kind: 'flatten' }, batch: number): Step[] {
  const { x, out } = op
  const from = isPlanes(x)
    ? planesOf(x.shape, x.pad)
    : { plane: vectorStep(batch), pitch: 1, channels: x.shape[0], height: 1, width: 1 }
  const kernel = `flatten_${bytesOf(x) * 8}`
  return Array.from({ length: batch }, (_, n) => {
    const source = isPlanes(x) ? origin(x, n) : x.base + n * bytesOf(x)
    const args = [source, from.plane, from.pitch, from.channels, from.height, from.width]
    return { op: op.name, kernel, args: [...args, out.base + n * bytesOf(out), vectorStep(batch)] }
  })
}

/** Elementwise requantisation of stored numbers: a ReLU, or the f32 copy of a value. */
export function emitConvert(op: Op & { kind: 'convert' }, tables: Tables, batch: number): Step[] {
  const { x, out } = op
  // Into f32 outputs as real numbers; otherwise in the grid's own domain, where nothing is rounded anew.
  const factor = out.grid === undefined ? valueUnit(x) : storedToGrid(x)
  const grid = tables.grid(out, op.relu)
  if (!isPlanes(x)) {
    const width = x.shape[0] * vectorStep(batch)
    const scale = tables.f32([factor])
    return [
      requantPlanes(
        op.name,
        x.lane,
        x.base,
        width,
        width,
        out,
        out.base,
        width,
        width,
        [1, 1, width],
        scale,
        tables.f32([0]),
        grid,
      ),
    ]
  }
  const from = planesOf(x.shape, x.pad)
  const to = planesOf(out.shape, out.pad)
  const scale = tables.f32(new Array(from.channels).fill(factor))
  const bias = tables.f32(new Array(from.channels).fill(0))
  const size = [from.channels, from.height, from.width] as const
  return Array.from({ length: batch }, (_, n) =>
    requantPlanes(
      op.name,
      x.lane,
      origin(x, n),
      from.plane,
      from.pitch,
      out,
      origin(out, n),
      to.plane,
      to.pitch,
      size,
      scale,
      bias,
      grid,
    ),
  )
}

/** Raw numbers, staged as f32 [image][C][H][W] or [feature][lane], to the input value. */
export function emitInput(op: Op & { kind: 'input' }, staging: number, tables: Tables, batch: number): Step[] {
  const { spec, out } = op
  const channels = out.shape[0]
  const spread = (a: readonly number[]) =>
    Array.from({ length: channels }, (_, c) => a[a.length === 1 ? 0 : c] * out.gridScale)
  const scale = tables.f32(spread(spec.scale))
  const bias = tables.f32(spread(spec.offset))
  const grid = tables.grid(out, false)
  if (!isPlanes(out)) {
    if (batch === 1) {
      return [
        {
          op: op.name,
          kernel: `requant_vector_f32_${out.lane}`,
          args: [staging, out.base, channels, scale, bias, grid],
        },
      ]
    }
    const step = vectorStep(batch)
    return [
      requantPlanes(
        op.name,
        'f32',
        staging,
        step,
        step,
        out,
        out.base,
        step,
        step,
        [channels, 1, batch],
        scale,
        bias,
        grid,
      ),
    ]
  }
  const to = planesOf(out.shape, out.pad)
  const pixels = to.height * to.width
  const size = [channels, to.height, to.width] as const
  return Array.from({ length: batch }, (_, n) =>
    requantPlanes(
      op.name,
      'f32',
      staging + n * channels * pixels * 4,
      pixels,
      to.width,
      out,
      origin(out, n),
      to.plane,
      to.pitch,
      size,
      scale,
      bias,
      grid,
    ),
  )
}
