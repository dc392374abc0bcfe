/** Emitting everything but weighted layers: inputs, pooling, additions, elementwise conversion and moving values. */
import { laneBytes } from '../kernels/lanes.js'
import { poolShape } from './emit.js'
import type { OpOf } from './lower.js'
import { type Area, alikeAreas, areaOf, type Constants, requant, requantVector, type Step } from './requant.js'
import type { Tables } from './tables.js'
import { isPlanes, storedToGrid, type Value, valueUnit, vectorStep } from './values.js'

const bits = (v: Value) => laneBytes(v.lane) * 8

const eachImage = (batch: number, step: (n: number) => Step): Step[] => Array.from({ length: batch }, (_, n) => step(n))

/** The same area, its channels from the given one on. */
const skipChannels = (a: Area, count: number): Area => ({ ...a, at: a.at + count * a.plane * laneBytes(a.lane) })

const place = (a: Area): number[] => [a.at, a.plane, a.pitch]

export function emitPool(op: OpOf<'pool'>, tables: Tables, batch: number): Step[] {
  const { node, x, out } = op
  const shape = tables.i32(poolShape(node, x.shape, out.shape))
  return eachImage(batch, (n) => {
    const to = skipChannels(areaOf(out, n, batch), op.firstChannel ?? 0)
    const args = [...place(areaOf(x, n, batch)), ...place(to), shape]
    if (node.op === 'avgpool') args.push(tables.grid(out), storedToGrid(x))
    return { op: op.name, kernel: `${node.op}_${x.lane}`, args }
  })
}

export function emitFlatten(op: OpOf<'flatten'>, batch: number): Step[] {
  const { x, out } = op
  return eachImage(batch, (n) => {
    const a = areaOf(x, n, batch)
    // Of a vector, feature after feature of one lane.
    const from = isPlanes(x) ? a : { ...a, at: a.at + n * laneBytes(x.lane), width: 1 }
    const to = [out.base + n * laneBytes(out.lane), vectorStep(batch)]
    return {
      op: op.name,
      kernel: `flatten_${bits(x)}`,
      args: [...place(from), from.channels, from.height, from.width, ...to],
    }
  })
}

/** Copies planes; the new channels are zeros since the session began. */
export function emitPad(op: OpOf<'pad'>, batch: number): Step[] {
  return eachImage(batch, (n) => {
    const from = areaOf(op.x, n, batch)
    const { channels, height, width } = from
    const to = skipChannels(areaOf(op.out, n, batch), op.before)
    // Splitting planes into the phases of stride 1 copies them.
    const args = [...place(from), channels, height, width, ...place(to), height, width, 1, 1]
    return { op: op.name, kernel: `phases_${bits(op.x)}`, args }
  })
}

export function emitTranspose(op: OpOf<'transpose'>, batch: number): Step[] {
  return eachImage(batch, (n) => {
    const from = areaOf(op.x, n, batch)
    const to = areaOf(op.out, n, batch)
    const args = [...place(from), from.height, from.width, ...place(to), to.height, to.width]
    return { op: op.name, kernel: `transpose_${bits(op.x)}`, args }
  })
}

/** One scale for all channels, no bias. */
function alike(area: Area, scale: number, tables: Tables): Constants {
  const filled = (value: number) => tables.f32(new Array(area.channels).fill(value))
  return { scale: filled(scale), bias: filled(0) }
}

/** Elementwise requantisation of stored numbers: an activation, or the f32 copy of a value. */
export function emitConvert(op: OpOf<'convert'>, tables: Tables, batch: number): Step[] {
  const { x, out } = op
  // Into f32 outputs as real numbers; otherwise in the grid's own domain, where nothing is rounded anew.
  const factor = out.grid === undefined ? valueUnit(x) : storedToGrid(x)
  const grid = tables.grid(out, op.activation)
  const to = alikeAreas(out, batch)
  return alikeAreas(x, batch).map((from, n) => requant(op.name, from, to[n], alike(from, factor, tables), grid))
}

/** The sum of two stored values. */
export function emitAdd(op: OpOf<'add'>, tables: Tables, batch: number): Step[] {
  const { x, shortcut, out } = op
  const grid = tables.grid(out, op.activation)
  const others = alikeAreas(shortcut, batch)
  const to = alikeAreas(out, batch)
  const factor = valueUnit(shortcut) * out.gridScale
  return alikeAreas(x, batch).map((from, n) => {
    const constants = alike(from, valueUnit(x) * out.gridScale, tables)
    return requant(op.name, from, to[n], constants, grid, { from: others[n], factor })
  })
}

/** Raw numbers, staged as f32 [image][C][H][W] or [feature][lane], to the input value. */
export function emitInput(op: OpOf<'input'>, staging: number, tables: Tables, batch: number): Step[] {
  const { spec, out } = op
  const channels = out.shape[0]
  const spread = (a: readonly number[]) =>
    tables.f32(Array.from({ length: channels }, (_, c) => a[a.length === 1 ? 0 : c] * out.gridScale))
  const constants = { scale: spread(spec.scale), bias: spread(spec.offset) }
  const grid = tables.grid(out)
  if (!isPlanes(out) && batch === 1) {
    return [requantVector(op.name, staging, 'f32', out, constants, grid)]
  }
  return eachImage(isPlanes(out) ? batch : 1, (n) => {
    const to = areaOf(out, n, batch)
    const pixels = to.height * to.width
    const from: Area = isPlanes(out)
      ? { ...to, lane: 'f32', at: staging + n * channels * pixels * 4, plane: pixels, pitch: to.width }
      : { ...to, lane: 'f32', at: staging }
    return requant(op.name, from, to, constants, grid)
  })
}
