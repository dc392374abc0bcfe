/**
 * The dense f32 baseline: the same network on kernels that multiply by every weight, zeros included. Dense layers of a
 * single image are matrix by vector; everything else is the direct convolution that training uses (a batched dense
 * layer is a 1 x 1 convolution over the images).
 */
import type { WdFile } from '../format/wd.js'
import type { Arena } from '../wasm/arena.js'
import type { WasmInstance } from '../wasm/exports.js'
import { accPlane, finishLayer, type Layer, type Scratch, type Step, splitPhases } from './emit.js'
import type { WeightedOp } from './lower.js'
import type { Tables } from './tables.js'
import { isPlanes, planesOf } from './values.js'
import { eachTensor } from './weights.js'

export interface DenseWeights {
  /** f32 weights: row-major, or packed in tiles of four rows for the convolution. */
  readonly address: number
  readonly packed: boolean
  readonly nonzeros: number
}

/** Levels of every tensor as f32 matrices. `packed` tells how the kernel of a tensor's layers wants them. */
export function loadDenseWeights(
  bytes: Uint8Array,
  file: WdFile,
  instance: WasmInstance,
  arena: Arena,
  packed: (tensor: string) => boolean,
): Map<string, DenseWeights> {
  const weights = new Map<string, DenseWeights>()
  eachTensor(bytes, file, instance, arena, (tensor, levels) => {
    const { rows, cols } = tensor
    const pack = packed(tensor.name)
    const address = arena.alloc((pack ? Math.ceil(rows / 4) * 4 : rows) * cols * 4)
    const mark = arena.mark()
    const matrix = pack ? arena.alloc(rows * cols * 4) : address
    new Float32Array(instance.memory.buffer, matrix, rows * cols).set(levels)
    if (pack) {
      const taps = arena.alloc(cols * 4)
      new Uint32Array(instance.memory.buffer, taps, cols).set(Uint32Array.from({ length: cols }, (_, k) => k))
      instance.exports.conv_pack_f32(matrix, address, rows, cols, cols, taps)
    }
    arena.release(mark)
    weights.set(tensor.name, { address, packed: pack, nonzeros: levels.reduce((n, l) => n + (l === 0 ? 0 : 1), 0) })
  })
  return weights
}

export function emitDense(
  op: WeightedOp,
  layer: Layer,
  weights: DenseWeights,
  scratch: Scratch,
  tables: Tables,
  batch: number,
): Step[] {
  const { x } = op
  const g = layer.geometry
  const cols = g.offsets.length
  if (!weights.packed) {
    const product = { op: op.name, kernel: 'gemv_f32', args: [weights.address, x.base, scratch.acc, layer.rows, cols] }
    return [product, ...finishLayer(op, layer, scratch, tables, batch, 0)]
  }
  const plane = accPlane(g, 'f32')
  // Four neighbouring outputs a group, never across a row's end.
  const groups: number[] = []
  for (let i = 0; i < g.outHeight; i++) {
    for (let j = 0; j < g.outWidth; j += 4) {
      const at = (i * g.pitch + j) * 4
      groups.push(at, at, Math.min(4, g.outWidth - j))
    }
  }
  const taps = tables.i32(Array.from(g.offsets, (o) => o * 4))
  const shape = tables.i32([1, 0, 0, groups.length / 3, tables.i32(groups), layer.rows, plane * 4, cols, taps, 4])
  const images = isPlanes(x) ? batch : 1
  return Array.from({ length: images }, (_, n) => {
    const split = splitPhases(op, layer, scratch, n)
    const image = isPlanes(x) ? n * planesOf(x.shape, x.pad).image : 0
    const from = split.length > 0 ? scratch.phases : x.base + (image + g.start) * 4
    const product = { op: op.name, kernel: 'conv_f32', args: [from, weights.address, scratch.acc, shape] }
    return [...split, product, ...finishLayer(op, layer, scratch, tables, batch, n)]
  }).flat()
}
