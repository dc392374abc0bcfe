/** Emitting everything but weighted layers: inputs, pooling, additions, elementwise conversion and moving values. */
import { elements } from '../graph/ir.js'
import { laneBytes } from '../kernels/lanes.js'
import { poolShape } from './emit.js'
import type { OpOf } from './lower.js'
import {
  type Area,
  alikeArea,
  areaOf,
  type Constants,
  featuresOf,
  perImage,
  requant,
  requantVector,
  type Step,
} from './requant.js'
import type { Tables } from './tables.js'
import { isPlanes, storedToGrid, type Value, valueUnit, vectorStep } from './values.js'

const bits = (v: Value) => laneBytes(v.lane) * 8

const eachImage = (batch: number, step: (n: number) => Step): Step[] => perImage(batch, (n) => [step(n)])

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
    const args = [...place(from), channels, height, width, ...place(to), height, width, 1, 1, 1, 1]
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
  // Real numbers where one side has no grid; otherwise in the grid's own domain, where nothing is rounded anew.
  const real = x.grid === undefined || out.grid === undefined
  const factor = real ? valueUnit(x) * out.gridScale : storedToGrid(x)
  const grid = tables.grid(out, op.activation)
  // Between a batch in lanes and one image after the other, feature by feature.
  const turned = x.layout !== out.layout && (x.layout === 'vector' || out.layout === 'vector')
  const area = (v: Value, n: number) => (turned ? featuresOf(v, n, batch) : alikeArea(v, n, batch))
  return eachImage(!turned && x.layout === 'vector' ? 1 : batch, (n) => {
    const from = area(x, n)
    return requant(op.name, from, area(out, n), alike(from, factor, tables), grid)
  })
}

/** The sum of two stored values. */
export function emitAdd(op: OpOf<'add'>, tables: Tables, batch: number): Step[] {
  const { x, shortcut, out } = op
  const grid = tables.grid(out, op.activation)
  const factor = valueUnit(shortcut) * out.gridScale
  return eachImage(x.layout === 'vector' ? 1 : batch, (n) => {
    const [from, other, to] = [x, shortcut, out].map((v) => alikeArea(v, n, batch))
    const constants = alike(from, valueUnit(x) * out.gridScale, tables)
    return requant(op.name, from, to, constants, grid, { from: other, factor })
  })
}

/** Raw numbers, staged as f32 one image after the other, to the input value. `lanes` is scratch for the vectors of a batch. */
export function emitInput(op: OpOf<'input'>, staging: number, lanes: number, tables: Tables, batch: number): Step[] {
  const { spec, out } = op
  const { channels, height, width } = areaOf(out, 0, batch)
  const spread = (a: readonly number[]) =>
    tables.f32(Array.from({ length: channels }, (_, c) => a[a.length === 1 ? 0 : c] * out.gridScale))
  const constants = { scale: spread(spec.scale), bias: spread(spec.offset) }
  const grid = tables.grid(out)
  const size = elements(spec.shape)
  if (out.layout === 'vector' && batch === 1) {
    return [requantVector(op.name, staging, 'f32', out, constants, grid)]
  }
  if (out.layout === 'vector') {
    const step = vectorStep(batch)
    const spreadOut = eachImage(batch, (n) => {
      const args = [staging + n * size * 4, size, size, 1, 1, size, lanes + n * 4, step]
      return { op: op.name, kernel: 'flatten_32', args }
    })
    const to = areaOf(out, 0, batch)
    return [...spreadOut, requant(op.name, { ...to, lane: 'f32', at: lanes }, to, constants, grid)]
  }
  return eachImage(batch, (n) => {
    const from: Area = {
      lane: 'f32',
      at: staging + n * size * 4,
      plane: height * width,
      pitch: width,
      channels,
      height,
      width,
    }
    return requant(op.name, from, areaOf(out, n, batch), constants, grid)
  })
}
