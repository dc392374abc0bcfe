/** Small random networks that reach every path of the engine. */
import { quantiseHalf, quantiseUniform } from '../../src/format/half.js'
import {
  type Graph,
  inferShapes,
  isWeighted,
  type Node,
  type Pads,
  type Pair,
  weightShape,
} from '../../src/graph/ir.js'
import { type LevelTensor, type Model, rangeCode } from '../../src/graph/model.js'
import { Rng } from '../../src/rng.js'

type Spec =
  | { conv: number; kernel: Pair; stride?: Pair; pad?: Pads }
  | { dense: number }
  | { max: Pair; stride?: Pair; pad?: Pads }
  | { avg: Pair; stride?: Pair; pad?: Pads }
  | 'relu'
  | 'flatten'

const NO_PAD: Pads = [0, 0, 0, 0]

/** A chain of operations on one input. */
export function chain(input: readonly number[], specs: readonly Spec[]): Graph {
  const nodes: Node[] = []
  let last = 'image'
  specs.forEach((s, i) => {
    const name = i === specs.length - 1 ? 'logits' : `n${i}`
    const base = { name, inputs: [last] }
    if (s === 'relu' || s === 'flatten') nodes.push({ ...base, op: s })
    else if ('conv' in s) {
      nodes.push({
        ...base,
        op: 'conv2d',
        channels: s.conv,
        kernel: s.kernel,
        stride: s.stride ?? [1, 1],
        pad: s.pad ?? NO_PAD,
      })
    } else if ('dense' in s) nodes.push({ ...base, op: 'dense', units: s.dense })
    else {
      const kernel = 'max' in s ? s.max : s.avg
      nodes.push({
        ...base,
        op: 'max' in s ? 'maxpool' : 'avgpool',
        kernel,
        stride: s.stride ?? kernel,
        pad: s.pad ?? NO_PAD,
      })
    }
    last = name
  })
  return { inputs: [{ name: 'image', shape: input, scale: [1 / 255], offset: [0] }], nodes, outputs: [last] }
}

export interface ModelOptions {
  readonly seed: number
  readonly maxLevel: 1 | 3 | 7 | 127
  readonly density: number
}

function withoutSharing(node: Node): Node {
  if (!isWeighted(node)) return node
  const { weightsOf: _, ...rest } = node
  return rest
}

/**
 * Of nodes that name another in weightsOf, the model has one tensor. Random levels, constants of sensible size (odd seeds: scales of both signs), and a range for every
 * value.
 */
export function randomModel(given: Graph, { seed, maxLevel, density }: ModelOptions): Model {
  const graph = { ...given, nodes: given.nodes.map(withoutSharing) }
  const rng = new Rng(seed)
  const signed = seed % 2 === 1
  // Loud enough for many values to pass 6.
  const loud = given.nodes.some((node) => node.op === 'relu6') ? 5 : 1
  const shapes = inferShapes(graph)
  const tensors: Record<string, LevelTensor> = {}
  const layers: Model['layers'] = Object.fromEntries(
    given.nodes.filter(isWeighted).map((node) => {
      const shape = weightShape(node, shapes.get(node.inputs[0]) as readonly number[])
      const levels = Int8Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () =>
        rng.float() < density ? (1 + rng.below(maxLevel)) * (rng.below(2) ? 1 : -1) : 0,
      )
      const tensor = node.weightsOf ?? node.name
      tensors[tensor] ??= { shape, maxLevel, levels }
      const fanIn = levels.length / shape[0]
      const gain = loud / (Math.sqrt(Math.max(1, fanIn * density)) * maxLevel)
      const scale = Array.from(
        { length: shape[0] },
        () => gain * (0.5 + rng.float()) * (signed && rng.below(2) ? -1 : 1),
      )
      const bias = Array.from({ length: shape[0] }, () => 0.2 * rng.normal())
      const params = { tensor, scale: quantiseUniform(scale, 6), bias: quantiseHalf(bias) }
      return [node.name, params]
    }),
  )
  const ranges = Object.fromEntries(
    [graph.inputs[0].name, ...graph.nodes.map((n) => n.name)].map((name, i) => [
      name,
      rangeCode(i === 0 ? 1 : loud * (1.5 + rng.float())),
    ]),
  )
  return { graph, tensors, layers, ranges }
}

/** Networks that between them use every operation, stride, padding and shape edge. */
export const GRAPHS: Record<string, Graph> = {
  'dense only': chain([13], [{ dense: 7 }, 'relu', { dense: 3 }]),
  mlp: chain([1, 6, 5], ['flatten', { dense: 33 }, 'relu', { dense: 17 }, 'relu', { dense: 10 }]),
  lenet: chain(
    [1, 12, 12],
    [
      { conv: 4, kernel: [5, 5], pad: [2, 2, 2, 2] },
      'relu',
      { max: [2, 2] },
      { conv: 6, kernel: [3, 3] },
      'relu',
      { max: [2, 2] },
      'flatten',
      { dense: 12 },
      'relu',
      { dense: 10 },
    ],
  ),
  'pool before relu': chain([2, 8, 9], [{ conv: 3, kernel: [3, 2] }, { max: [2, 2] }, 'relu', 'flatten', { dense: 4 }]),
  strided: chain(
    [3, 11, 10],
    [
      { conv: 5, kernel: [3, 3], stride: [2, 2], pad: [1, 1, 1, 1] },
      'relu',
      { conv: 4, kernel: [2, 3], stride: [1, 2], pad: [0, 1, 1, 2] },
      'relu',
      { avg: [2, 2], stride: [1, 1], pad: [1, 0, 0, 1] },
      'flatten',
      { dense: 5 },
    ],
  ),
  'wide kernel and stride': chain(
    [1, 20, 20],
    [{ conv: 3, kernel: [7, 7], stride: [4, 3], pad: [3, 3, 3, 3] }, 'relu', 'flatten', { dense: 2 }],
  ),
  '1x1 and global average': chain(
    [4, 7, 7],
    [{ conv: 9, kernel: [1, 1] }, 'relu', { avg: [7, 7] }, 'flatten', { dense: 3 }],
  ),
  'image output': chain([2, 6, 6], [{ conv: 3, kernel: [3, 3], pad: [1, 1, 1, 1] }]),
  'pooled output': chain(
    [2, 6, 6],
    [{ conv: 3, kernel: [3, 3], pad: [1, 1, 1, 1] }, 'relu', { max: [3, 3], stride: [2, 2], pad: [1, 1, 1, 1] }],
  ),
  'relu output': chain([2, 5, 5], [{ conv: 3, kernel: [3, 3] }, 'relu']),
}
