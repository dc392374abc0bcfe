/**
 * Depthwise layers of 8-bit levels: convolutions whose outputs read few channels, which the other dense kernel, made for tiles of
 * rows, computes mostly in vain. Products and requantisation are one kernel call: no sums in memory.
 */
import type { ConvNode } from '../graph/ir.js'
import { isIntegerGrid } from '../kernels/grid.js'
import type { Arena } from '../wasm/arena.js'
import type { WasmInstance } from '../wasm/exports.js'
import { DENSE_LIMIT, DENSE_TILE } from './byte-levels.js'
import type { Layer } from './emit.js'
import type { WeightedOp } from './lower.js'
import { areaOf, perImage, type Step } from './requant.js'
import type { Weighted } from './site.js'
import type { Tables } from './tables.js'
import { isPlanes, planesOf, type Value } from './values.js'

/** Whether values are numbers that the kernel takes and makes: integers of 8 bits in i16 lanes. */
const isInt8 = (v: Value): boolean => v.grid !== undefined && isIntegerGrid(v.grid) && v.lane === 'i16' && isPlanes(v)

/** Whether kernel depthwise_i16 can compute a layer, and is the fastest for it. */
export function prefersDepthwise({ op, tensor, geometry }: Weighted, density: number): boolean {
  const { node, x, out, shortcut, pool } = op
  if (node.op !== 'conv2d' || !isInt8(x) || !isInt8(out) || shortcut !== undefined || pool !== undefined) return false
  const [sy, sx] = node.stride
  return sy === sx && sy <= 2 && tensor.rows / geometry.groups < DENSE_TILE && density > DENSE_LIMIT
}

/** Weights of kernel depthwise_i16. */
export interface DepthwiseLevels {
  readonly address: number
  /** Of weights in each row. */
  readonly pairs: number
  readonly bytes: number
}

/** Columns of a kernel in pairs of neighbours in memory; undefined: what the last of an odd row has for a neighbour. */
function pairsOf(
  channels: number,
  [kh, kw]: readonly [number, number],
  dilation: number,
): [number, number | undefined][] {
  const step = dilation === 1 ? 2 : 1
  const pairs: [number, number | undefined][] = []
  for (let row = 0; row < channels * kh; row++) {
    for (let v = 0; v < kw; v += step) {
      const k = row * kw + v
      pairs.push([k, step === 2 && v + 1 < kw ? k + 1 : undefined])
    }
  }
  return pairs
}

export function writeDepthwiseLevels(
  levels: Int8Array,
  { op, tensor, geometry }: Weighted,
  instance: WasmInstance,
  arena: Arena,
): DepthwiseLevels {
  const { kernel, dilation = [1, 1] } = op.node as ConvNode
  const [, kw] = kernel
  const { plane, pitch, channels } = planesOf(op.x.shape, op.x.pad)
  const each = channels / geometry.groups
  const columns = pairsOf(each, kernel, dilation[1])
  const bytes = tensor.rows * columns.length * 8
  const address = arena.alloc(bytes)
  const program = new DataView(instance.memory.buffer, address, bytes)
  let at = 0
  for (let r = 0; r < tensor.rows; r++) {
    const first = Math.floor(r / (tensor.rows / geometry.groups)) * each
    for (const [k, next] of columns) {
      const row = Math.floor(k / kw)
      const [c, u, v] = [first + Math.floor(row / kernel[0]), row % kernel[0], k % kw]
      program.setUint32(at, 2 * (c * plane + u * dilation[0] * pitch + v * dilation[1]), true)
      program.setInt16(at + 4, levels[r * tensor.cols + k], true)
      program.setInt16(at + 6, next === undefined ? 0 : levels[r * tensor.cols + next], true)
      at += 8
    }
  }
  return { address, pairs: columns.length, bytes }
}

export function emitDepthwise(
  op: WeightedOp,
  { rows, scale, bias }: Layer,
  { address, pairs }: DepthwiseLevels,
  tables: Tables,
  batch: number,
): Step[] {
  const { x, out } = op
  const { stride, pad } = op.node as ConvNode
  const source = planesOf(x.shape, x.pad)
  const corner = source.origin - pad[0] * source.pitch - pad[1]
  const grid = tables.grid(out, op.activation)
  return perImage(batch, (n) => {
    const to = areaOf(out, n, batch)
    const from = [x.base + 2 * (n * source.image + corner), source.pitch]
    const target = [to.at, to.plane, to.pitch, to.height, to.width, scale, bias, grid]
    return [{ op: op.name, kernel: 'depthwise_i16', args: [address, rows, pairs, stride[0], ...from, ...target] }]
  })
}
