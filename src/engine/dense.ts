/**
 * The dense f32 baseline: the same network on kernels that multiply by every weight, zeros included. Dense layers of a
 * single image are matrix by vector; everything else is the direct convolution that training uses (a batched dense
 * layer is a 1 x 1 convolution over the images).
 */
import type { Arena } from '../wasm/arena.js'
import type { WasmInstance } from '../wasm/exports.js'
import { accPlane, finishLayer, type Layer, productInput, splitPhases } from './emit.js'
import { countNonzeros } from './float-weights.js'
import type { WeightedOp } from './lower.js'
import type { Scratch } from './memory.js'
import type { Network, TensorInfo } from './network.js'
import { perImage, type Step } from './requant.js'
import type { Tables } from './tables.js'
import { isPlanes } from './values.js'
import { eachTensor } from './weights.js'

export interface DenseWeights {
  /** f32 weights: row-major, or each group's rows packed in tiles of four for the convolution. */
  readonly address: number
  /** Bytes from one group's tiles to the next; 0 if not packed. */
  readonly groupBytes: number
  readonly nonzeros: number
  readonly bytes: number
}

export interface DenseRequest {
  /** The operation's name. */
  readonly name: string
  readonly tensor: string
  /** Whether the convolution reads the weights; else matrix by vector. */
  readonly packed: boolean
  readonly groups: number
}

/** f32 matrices for each operation; operations that read a tensor in the same way share its matrix. */
export function loadDenseWeights(
  network: Network,
  instance: WasmInstance,
  arena: Arena,
  requests: readonly DenseRequest[],
): Map<string, DenseWeights> {
  const weights = new Map<string, DenseWeights>()
  const visit = (tensor: TensorInfo, values: ArrayLike<number>) => {
    const nonzeros = countNonzeros(values)
    const made = new Map<number, DenseWeights>()
    for (const { name, packed, groups } of requests.filter((r) => r.tensor === tensor.name)) {
      const key = packed ? groups : 0
      const known = made.get(key) ?? { ...writeMatrix(tensor, values, packed, groups, instance, arena), nonzeros }
      made.set(key, known)
      weights.set(name, known)
    }
  }
  if (network.kind === 'levels') eachTensor(network.bytes, network.file, instance, arena, visit)
  else for (const tensor of network.tensors) visit(tensor, network.weights.get(tensor.name) as Float32Array)
  return weights
}

function writeMatrix(
  { rows, cols }: TensorInfo,
  values: ArrayLike<number>,
  packed: boolean,
  groups: number,
  instance: WasmInstance,
  arena: Arena,
): Omit<DenseWeights, 'nonzeros'> {
  const each = rows / groups
  const groupBytes = packed ? Math.ceil(each / 4) * 4 * cols * 4 : 0
  const bytes = packed ? groups * groupBytes : rows * cols * 4
  const address = arena.alloc(bytes)
  const mark = arena.mark()
  const matrix = packed ? arena.alloc(rows * cols * 4) : address
  const taps = packed ? arena.alloc(cols * 4) : 0
  new Float32Array(instance.memory.buffer, matrix, rows * cols).set(values)
  if (packed) {
    new Uint32Array(instance.memory.buffer, taps, cols).set(Uint32Array.from({ length: cols }, (_, k) => k))
    for (let g = 0; g < groups; g++) {
      const from = matrix + g * each * cols * 4
      instance.exports.conv_pack_f32(from, address + g * groupBytes, each, cols, cols, taps)
    }
  }
  arena.release(mark)
  return { address, groupBytes, bytes }
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
  if (layer.kernel === 'scalar') {
    const product = { op: op.name, kernel: 'gemv_f32', args: [weights.address, x.base, scratch.acc, layer.rows, cols] }
    return [product, ...finishLayer(op, layer, scratch, tables, batch, 0)]
  }
  const plane = accPlane(g, 'f32')
  // Four neighbouring outputs at a time, never across a row's end.
  const quads: number[] = []
  for (let i = 0; i < g.outHeight; i++) {
    for (let j = 0; j < g.outWidth; j += 4) {
      const at = (i * g.pitch + j) * 4
      quads.push(at, at, Math.min(4, g.outWidth - j))
    }
  }
  const rows = layer.rows / g.groups
  const taps = tables.i32(Array.from(g.offsets, (o) => o * 4))
  const shape = tables.i32([1, 0, 0, quads.length / 3, tables.i32(quads), rows, plane * 4, cols, taps, 4])
  return perImage(isPlanes(x) ? batch : 1, (n) => {
    const from = productInput(x, layer, scratch, n)
    const products = Array.from({ length: g.groups }, (_, group): Step => {
      const y = scratch.acc + group * rows * plane * 4
      const args = [from + group * g.groupStep * 4, weights.address + group * weights.groupBytes, y, shape]
      return { op: op.name, kernel: 'conv_f32', args }
    })
    return [...splitPhases(op, layer, scratch, n), ...products, ...finishLayer(op, layer, scratch, tables, batch, n)]
  })
}
