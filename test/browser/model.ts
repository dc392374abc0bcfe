import { encodeModel } from '../../src/format.js'
import type { Graph } from '../../src/graph/ir.js'
import { rangeCode } from '../../src/graph/model.js'
import { Rng } from '../../src/rng.js'

/** A small network of every kind of layer, with seeded random levels, for MNIST images. */
export function seededModel(): Uint8Array {
  const graph: Graph = {
    inputs: [{ name: 'image', shape: [1, 28, 28], scale: [1 / 255], offset: [0] }],
    nodes: [
      {
        name: 'conv1',
        op: 'conv2d',
        inputs: ['image'],
        channels: 8,
        kernel: [5, 5],
        stride: [1, 1],
        pad: [2, 2, 2, 2],
      },
      { name: 'relu1', op: 'relu', inputs: ['conv1'] },
      { name: 'pool1', op: 'maxpool', inputs: ['relu1'], kernel: [2, 2], stride: [2, 2], pad: [0, 0, 0, 0] },
      {
        name: 'conv2',
        op: 'conv2d',
        inputs: ['pool1'],
        channels: 16,
        kernel: [3, 3],
        stride: [2, 2],
        pad: [1, 1, 1, 1],
      },
      { name: 'relu2', op: 'relu', inputs: ['conv2'] },
      { name: 'pool2', op: 'avgpool', inputs: ['relu2'], kernel: [3, 3], stride: [2, 2], pad: [1, 1, 1, 1] },
      { name: 'flatten', op: 'flatten', inputs: ['pool2'] },
      { name: 'fc1', op: 'dense', inputs: ['flatten'], units: 32 },
      { name: 'relu3', op: 'relu', inputs: ['fc1'] },
      { name: 'fc2', op: 'dense', inputs: ['relu3'], units: 10 },
    ],
    outputs: ['fc2'],
  }
  const rng = new Rng(7)
  const tensor = (shape: number[], maxLevel: 1 | 3 | 7) => {
    const levels = Int8Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () =>
      rng.float() < 0.25 ? rng.below(2 * maxLevel + 1) - maxLevel : 0,
    )
    return { shape, maxLevel, levels }
  }
  const constants = (tensorName: string, channels: number) => ({
    tensor: tensorName,
    scale: {
      kind: 'uniform' as const,
      bits: 4,
      lo: 0.125,
      step: 0.0078125,
      codes: Uint8Array.from({ length: channels }, () => rng.below(16)),
    },
    bias: {
      kind: 'uniform' as const,
      bits: 4,
      lo: -0.0625,
      step: 0.0078125,
      codes: Uint8Array.from({ length: channels }, () => rng.below(16)),
    },
  })
  return encodeModel({
    graph,
    tensors: {
      conv1: tensor([8, 1, 5, 5], 3),
      conv2: tensor([16, 8, 3, 3], 1),
      fc1: tensor([32, 256], 1),
      fc2: tensor([10, 32], 7),
    },
    layers: {
      conv1: constants('conv1', 8),
      conv2: constants('conv2', 16),
      fc1: constants('fc1', 32),
      fc2: constants('fc2', 10),
    },
    ranges: {
      image: rangeCode(1),
      pool1: rangeCode(2),
      relu2: rangeCode(2),
      flatten: rangeCode(2),
      relu3: rangeCode(4),
    },
  })
}
