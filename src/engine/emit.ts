/**
 * Emitting weighted layers: kernel calls with all arguments fixed, so that a run does nothing but call them in order.
 */
import type { PoolNode, Shape } from '../graph/ir.js'
import { type Lane, laneBytes } from '../kernels/lanes.js'
import type { DenseLevels } from './byte-levels.js'
import type { Geometry } from './geometry.js'
import type { WeightedOp } from './lower.js'
import type { Scratch } from './memory.js'
import { type Area, areaOf, type Constants, perImage, requant, requantVector, type Step } from './requant.js'
import type { Tables } from './tables.js'
import { isPlanes, planesOf, type Value, valueUnit } from './values.js'

/** A weighted layer ready to run: its geometry and where its program lies, with constants folded with the units of input and output. */
export interface Layer extends Constants {
  readonly geometry: Geometry
  readonly rows: number
  readonly kernel: 'planar' | 'scalar'
  /** Digit planes of levels; undefined: the program holds f32 weights. */
  readonly planes: number | undefined
  readonly program: number
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
  const bytes = laneBytes(x.lane)
  const source = planesOf(x.shape, x.pad)
  const corner = n * source.image + source.origin - op.node.pad[0] * source.pitch - op.node.pad[1]
  const from = [x.base + corner * bytes, source.plane, source.pitch, source.channels, p.height, p.width]
  const to = [scratch.phases, p.yPlane, p.yPitch, p.yHeight, p.yWidth, ...p.stride, ...p.count]
  return [{ op: op.name, kernel: `phases_${bytes * 8}`, args: [...from, ...to] }]
}

/** Where the product kernel reads image n: the phase planes if there are any, else the value itself. */
export function productInput(x: Value, layer: Layer, scratch: Scratch, n: number): number {
  if (layer.geometry.phases !== undefined) return scratch.phases
  const image = isPlanes(x) ? n * planesOf(x.shape, x.pad).image : 0
  return x.base + (image + layer.geometry.start) * laneBytes(x.lane)
}

/** Sums of image n (or of the whole batched vector) to the layer's output value, pooled first where that was fused. */
export function finishLayer(
  op: WeightedOp,
  layer: Layer,
  scratch: Scratch,
  tables: Tables,
  batch: number,
  n: number,
  wide = false,
): Step[] {
  const { x, out, shortcut } = op
  const g = layer.geometry
  const grid = tables.grid(out, op.activation)
  const alone = !isPlanes(x) && batch === 1
  // The scalar gather and the dense integer kernel sum in i32 whatever their integer inputs are.
  const lane: Lane = (alone || wide) && x.lane !== 'f32' ? 'i32' : x.lane
  if (alone && shortcut === undefined) {
    return [requantVector(op.name, scratch.acc, lane, out, layer, grid)]
  }
  const steps: Step[] = []
  let sums: Area = {
    lane,
    at: scratch.acc,
    plane: alone ? 1 : accPlane(g, wide ? 'i16' : lane),
    pitch: g.pitch,
    channels: layer.rows,
    height: g.outHeight,
    width: g.outWidth,
  }
  if (op.pool !== undefined) {
    const [, height, width] = out.shape
    const pooled: Area = { ...sums, at: scratch.pooled, plane: height * width, pitch: width, height, width }
    const args = [sums.at, sums.plane, sums.pitch, pooled.at, pooled.plane, pooled.pitch]
    args.push(tables.i32(poolShape(op.pool, op.shape, out.shape)))
    steps.push({ op: op.name, kernel: `maxpool_${lane}`, args })
    sums = pooled
  }
  const other = shortcut && { from: areaOf(shortcut, n, batch), factor: valueUnit(shortcut) * out.gridScale }
  steps.push(requant(op.name, sums, areaOf(out, n, batch), layer, grid, other))
  return steps
}

/** The shape words of the pooling kernels. */
export function poolShape(node: PoolNode, x: Shape, out: Shape): number[] {
  return [...x, out[1], out[2], ...node.kernel, ...node.stride, node.pad[0], node.pad[1]]
}

/** A weighted layer on the sparse kernels. */
export function emitSparse(op: WeightedOp, layer: Layer, scratch: Scratch, tables: Tables, batch: number): Step[] {
  const { x } = op
  if (layer.kernel === 'scalar' && layer.planes !== undefined) {
    const args = [layer.program, layer.rows, layer.planes, x.base, scratch.acc]
    return [
      { op: op.name, kernel: `gather_scalar_${x.lane}`, args },
      ...finishLayer(op, layer, scratch, tables, batch, 0),
    ]
  }
  const plane = accPlane(layer.geometry, x.lane) * laneBytes(x.lane)
  return perImage(isPlanes(x) ? batch : 1, (n) => {
    const from = productInput(x, layer, scratch, n)
    const to = [from, scratch.acc, plane, plane / 16]
    const product =
      layer.planes === undefined
        ? { op: op.name, kernel: 'gather_mul_f32', args: [layer.program, layer.rows, ...to] }
        : { op: op.name, kernel: `gather_${x.lane}`, args: [layer.program, layer.rows, layer.planes, ...to] }
    return [...splitPhases(op, layer, scratch, n), product, ...finishLayer(op, layer, scratch, tables, batch, n)]
  })
}

/** A layer on the dense integer kernel, panel by panel. */
export function emitDenseLevels(
  op: WeightedOp,
  layer: Layer,
  { panels }: DenseLevels,
  scratch: Scratch,
  tables: Tables,
  batch: number,
): Step[] {
  const { x } = op
  const { geometry } = layer
  const vectors = Math.ceil(geometry.flat / 8)
  const row = accPlane(geometry, 'i16') * 4
  return perImage(isPlanes(x) ? batch : 1, (n) => {
    const inputs = productInput(x, layer, scratch, n)
    const products = panels.map(({ address, offsets, pairs, first, step, count, from }): Step => {
      const to = [inputs + from, scratch.acc + first * row, step * row, vectors]
      return { op: op.name, kernel: 'dense_i16', args: [address, count, pairs, offsets, ...to] }
    })
    return [
      ...splitPhases(op, layer, scratch, n),
      ...products,
      ...finishLayer(op, layer, scratch, tables, batch, n, true),
    ]
  })
}
