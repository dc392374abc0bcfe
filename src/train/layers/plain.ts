/** Dense layers and everything without tables of its own. */
import { elements, type PoolNode, type Shape } from '../../graph/ir.js'
import type { TrainMemory } from '../memory.js'
import type { Layer, ValueBuffers } from './layer.js'

/** y[O][N] = w[O][F] * x[F][N] */
export function denseLayer(
  mem: TrainMemory,
  batch: number,
  features: number,
  units: number,
  x: ValueBuffers,
  y: ValueBuffers,
  weights: number,
  weightGrad: number,
  scratch: number,
): Layer {
  const { gemm_f32 } = mem.kernels
  return {
    forward() {
      gemm_f32(units, batch, features, weights, features, 1, x.value, batch, 1, y.value, batch, 0, scratch)
    },
    backward(dx) {
      gemm_f32(units, features, batch, y.grad, batch, 1, x.value, 1, batch, weightGrad, features, 0, scratch)
      if (dx !== 0) gemm_f32(features, batch, units, weights, 1, features, y.grad, batch, 1, dx, batch, 0, scratch)
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
  return {
    forward(training) {
      if (training) kernels.batchnorm_f32(x.value, y.value, channels, perChannel, norm.state, norm.eps, norm.momentum)
      else kernels.batchnorm_infer_f32(x.value, y.value, channels, perChannel, norm.state, norm.eps)
    },
    backward(dx) {
      kernels.batchnorm_grad_f32(x.value, y.grad, dx === 0 ? y.grad : dx, channels, perChannel, norm.state, norm.grads)
    },
  }
}

export function reluLayer(mem: TrainMemory, n: number, x: ValueBuffers, y: ValueBuffers): Layer {
  const { kernels } = mem
  return {
    forward() {
      kernels.relu_f32(x.value, y.value, n)
    },
    backward(dx) {
      if (dx !== 0) kernels.relu_grad_f32(y.value, y.grad, dx, n)
    },
  }
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
  const shape = mem.table([
    input[0] * batch,
    input[1],
    input[2],
    output[1],
    output[2],
    ...node.kernel,
    ...node.stride,
    node.pad[0],
    node.pad[1],
  ])
  if (node.op === 'avgpool') {
    return {
      forward() {
        kernels.train_avgpool_f32(x.value, y.value, shape)
      },
      backward(dx) {
        if (dx !== 0) kernels.train_avgpool_grad_f32(y.grad, dx, shape)
      },
    }
  }
  const where = mem.words(elements(output) * batch)
  return {
    forward() {
      kernels.train_maxpool_f32(x.value, y.value, where, shape)
    },
    backward(dx) {
      if (dx !== 0) kernels.train_maxpool_grad_f32(y.grad, dx, where, shape)
    },
  }
}

/** [C][N][H*W] to [C*H*W][N]: one transposition per channel. */
export function flattenLayer(mem: TrainMemory, batch: number, input: Shape, x: ValueBuffers, y: ValueBuffers): Layer {
  const { transpose_f32 } = mem.kernels
  const blocks = input.length === 3 ? input[0] : 1
  const plane = input.length === 3 ? input[1] * input[2] : 1
  const rows = input.length === 3 ? batch : batch * input[0]
  return {
    forward() {
      transpose_f32(x.value, y.value, blocks, rows, plane)
    },
    backward(dx) {
      if (dx !== 0) transpose_f32(y.grad, dx, blocks, plane, rows)
    },
  }
}
