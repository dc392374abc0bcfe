/** Dense layers and everything without tables of its own. */
import { elements, type PadChannelsNode, type PoolNode, type Shape } from '../../graph/ir.js'
import { GEMM_SCRATCH_BYTES } from '../../kernels/ref/gemm.js'
import type { TrainMemory } from '../memory.js'
import type { Layer, ValueBuffers, WeightBuffers } from './layer.js'

/** y[O][N] = w[O][F] * x[F][N]. @param grad where the weights' gradient goes */
export function denseLayer(
  mem: TrainMemory,
  batch: number,
  features: number,
  units: number,
  x: ValueBuffers,
  y: ValueBuffers,
  { weights }: WeightBuffers,
  grad: number,
): Layer {
  const { gemm_f32 } = mem.kernels
  mem.needScratch(GEMM_SCRATCH_BYTES)
  // Products are shared out by rows of their results, four of which make a tile.
  const [firstUnit, endUnit] = mem.range(units, 4)
  const [first, end] = mem.range(features, 4)
  const rows = endUnit - firstUnit
  return {
    forward() {
      const [w, to] = [weights + 4 * firstUnit * features, y.value + 4 * firstUnit * batch]
      gemm_f32(rows, batch, features, w, features, 1, x.value, batch, 1, to, batch, 0, mem.scratch)
    },
    backward([dx]) {
      const [dy, dw] = [y.grad + 4 * firstUnit * batch, grad + 4 * firstUnit * features]
      gemm_f32(rows, features, batch, dy, batch, 1, x.value, 1, batch, dw, features, 0, mem.scratch)
      if (dx === 0) return
      const [w, to] = [weights + 4 * first, dx + 4 * first * batch]
      gemm_f32(end - first, batch, units, w, 1, features, y.grad, batch, 1, to, batch, 0, mem.scratch)
    },
  }
}

/** @param norm its eps and momentum are read at every pass, so that they may change */
export function batchnormLayer(
  mem: TrainMemory,
  channels: number,
  perChannel: number,
  x: ValueBuffers,
  y: ValueBuffers,
  norm: { state: number; grads: number; eps: number; momentum: number },
): Layer {
  const { kernels } = mem
  const [begin, end] = mem.range(channels)
  const count = end - begin
  const at = 4 * begin * perChannel
  const state = norm.state + 4 * begin
  return {
    forward(training) {
      const [from, to] = [x.value + at, y.value + at]
      if (training) kernels.batchnorm_f32(from, to, count, perChannel, state, channels, norm.eps, norm.momentum)
      else kernels.batchnorm_infer_f32(from, to, count, perChannel, state, channels, norm.eps)
    },
    backward([dx]) {
      const dy = y.grad + at
      const to = dx === 0 ? dy : dx + at
      kernels.batchnorm_grad_f32(x.value + at, dy, to, count, perChannel, state, channels, norm.grads + 4 * begin)
    },
  }
}

/** @param limit largest value that passes: 6 for relu6, else infinity */
export function reluLayer(mem: TrainMemory, n: number, x: ValueBuffers, y: ValueBuffers, limit: number): Layer {
  const { kernels } = mem
  const [begin, end] = mem.range(n, 4)
  const at = 4 * begin
  return {
    forward() {
      kernels.relu_f32(x.value + at, y.value + at, end - begin, limit)
    },
    backward([dx]) {
      if (dx !== 0) kernels.relu_grad_f32(x.value + at, y.grad + at, dx + at, end - begin, limit)
    },
  }
}

export function addLayer(mem: TrainMemory, n: number, inputs: readonly ValueBuffers[], y: ValueBuffers): Layer {
  const [begin, end] = mem.range(n, 4)
  const at = 4 * begin
  return {
    forward() {
      mem.kernels.add_f32(inputs[0].value + at, inputs[1].value + at, y.value + at, end - begin)
    },
    backward(dxs) {
      for (const dx of dxs) if (dx !== 0) copy(mem, y.grad + at, dx + at, end - begin)
    },
  }
}

function copy(mem: TrainMemory, from: number, to: number, n: number): void {
  mem.f32(to, n).set(mem.f32(from, n))
}

export function poolLayer(
  mem: TrainMemory,
  node: PoolNode,
  batch: number,
  input: Shape,
  output: Shape,
  x: ValueBuffers,
  y: ValueBuffers,
): Layer {
  const { kernels } = mem
  const [begin, end] = mem.range(input[0] * batch)
  const [, H, W] = input
  const [, OH, OW] = output
  const [from, to] = [4 * begin * H * W, 4 * begin * OH * OW]
  const window = [...node.kernel, ...node.stride, node.pad[0], node.pad[1]]
  const shape = mem.ownTable([end - begin, H, W, OH, OW, ...window])
  if (node.op === 'avgpool') {
    return {
      forward() {
        kernels.train_avgpool_f32(x.value + from, y.value + to, shape)
      },
      backward([dx]) {
        if (dx !== 0) kernels.train_avgpool_grad_f32(y.grad + to, dx + from, shape)
      },
    }
  }
  const where = mem.words(elements(output) * batch) + to
  return {
    forward() {
      kernels.train_maxpool_f32(x.value + from, y.value + to, where, shape)
    },
    backward([dx]) {
      if (dx !== 0) kernels.train_maxpool_grad_f32(y.grad + to, dx + from, where, shape)
    },
  }
}

/** [C][N][H*W] to [C*H*W][N]: one transposition per channel. Vectors stay as they are. */
export function flattenLayer(mem: TrainMemory, batch: number, input: Shape, x: ValueBuffers, y: ValueBuffers): Layer {
  const { transpose_f32 } = mem.kernels
  const [rows, plane] = input.length === 3 ? [batch, input[1] * input[2]] : [1, batch]
  const [begin, end] = mem.range(input[0])
  const at = 4 * begin * batch * (input.length === 3 ? plane : 1)
  return {
    forward() {
      transpose_f32(x.value + at, y.value + at, end - begin, rows, plane)
    },
    backward([dx]) {
      if (dx !== 0) transpose_f32(y.grad + at, dx + at, end - begin, plane, rows)
    },
  }
}

/** Channels of zeros before and after. */
export function padChannelsLayer(
  mem: TrainMemory,
  node: PadChannelsNode,
  batch: number,
  input: Shape,
  x: ValueBuffers,
  y: ValueBuffers,
): Layer {
  const row = batch * input[1] * input[2]
  const [begin, end] = mem.range(input[0])
  const [from, to] = [4 * begin * row, 4 * (node.before + begin) * row]
  const n = (end - begin) * row
  return {
    // The zeros stay from the beginning: nothing writes to them.
    forward() {
      copy(mem, x.value + from, y.value + to, n)
    },
    backward([dx]) {
      if (dx !== 0) copy(mem, y.grad + to, dx + from, n)
    },
  }
}

/** [C][N][H*W] to [H*W][N][C]. Every part reads what all wrote and writes everywhere: part 0 does it. */
export function transposeLayer(mem: TrainMemory, batch: number, input: Shape, x: ValueBuffers, y: ValueBuffers): Layer {
  const [channels, pixels] = [input[0], input[1] * input[2]]
  const { swap_f32 } = mem.kernels
  return {
    forward() {
      if (mem.part.index === 0) swap_f32(x.value, y.value, channels, batch, pixels)
    },
    backward([dx]) {
      if (dx !== 0 && mem.part.index === 0) swap_f32(y.grad, dx, pixels, batch, channels)
    },
  }
}
