/**
 * The intermediate representation: a list of nodes in execution order, each producing one value that carries the
 * node's name. Shapes leave the batch out: an image is [channels, height, width], a vector is [features].
 *
 * Two stages of a network use the same IR. While training, weighted nodes are followed by `batchnorm` nodes. In a
 * compressed model those are folded: a weighted node computes
 *
 *     y[o] = scale[o] * sum_k level[o,k] * x[k] + bias[o]
 */
import { WhiteDwarfError } from '../errors.js'

export type Shape = readonly number[]

/** [vertical, horizontal] */
export type Pair = readonly [number, number]
/** [top, left, bottom, right] */
export type Pads = readonly [number, number, number, number]

/** What the network is fed. A raw value v of channel c enters as v * scale[c] + offset[c]. */
export interface InputSpec {
  readonly name: string
  readonly shape: Shape
  /** One per channel ([C,H,W]) or one in all; for 0..255 pixels typically 1/255. */
  readonly scale: readonly number[]
  readonly offset: readonly number[]
}

interface NodeBase {
  /** Unique among inputs and nodes; names the node's value. */
  readonly name: string
  /** Names of the values consumed. */
  readonly inputs: readonly string[]
}

/** 2-D convolution, weights [channels, C, kh, kw]. */
export interface ConvNode extends NodeBase {
  readonly op: 'conv2d'
  readonly channels: number
  readonly kernel: Pair
  readonly stride: Pair
  readonly pad: Pads
}

/** Fully connected layer, weights [units, features]. Its input must be a vector. */
export interface DenseNode extends NodeBase {
  readonly op: 'dense'
  readonly units: number
}

/** Max or average pooling. Average counts only positions inside the image. Padding must be smaller than the kernel. */
export interface PoolNode extends NodeBase {
  readonly op: 'maxpool' | 'avgpool'
  readonly kernel: Pair
  readonly stride: Pair
  readonly pad: Pads
}

export interface PlainNode extends NodeBase {
  readonly op: 'batchnorm' | 'relu' | 'flatten'
}

export type Node = ConvNode | DenseNode | PoolNode | PlainNode
export type WeightedNode = ConvNode | DenseNode

export interface Graph {
  readonly inputs: readonly InputSpec[]
  readonly nodes: readonly Node[]
  /** Names of the values that are the network's results. */
  readonly outputs: readonly string[]
}

export function isWeighted(node: Node): node is WeightedNode {
  return node.op === 'conv2d' || node.op === 'dense'
}

export const elements = (shape: Shape): number => shape.reduce((a, b) => a * b, 1)

/** Largest number of elements any value or weight tensor may have: keeps every product below 2^31 bytes of f32. */
export const MAX_ELEMENTS = 2 ** 29

/**
 * Checks the graph and computes the shape of every value.
 * @returns value name -> shape, in execution order
 * @throws WhiteDwarfError E_GRAPH (unknown or repeated names, wrong number of inputs), E_SHAPE (shapes that do not fit)
 */
export function inferShapes(graph: Graph): Map<string, Shape> {
  const shapes = new Map<string, Shape>()
  const declare = (name: string, shape: Shape) => {
    if (shapes.has(name)) throw new WhiteDwarfError('E_GRAPH', `two values are called '${name}': names must be unique`)
    if (elements(shape) > MAX_ELEMENTS) {
      throw new WhiteDwarfError(
        'E_SHAPE',
        `'${name}' has shape [${shape.join(', ')}]: more than ${MAX_ELEMENTS} elements`,
      )
    }
    shapes.set(name, shape)
  }
  for (const input of graph.inputs) {
    checkDims(input.name, input.shape)
    const channels = input.shape[0]
    for (const a of [input.scale, input.offset]) {
      if (a.length !== 1 && a.length !== channels) {
        throw new WhiteDwarfError(
          'E_SHAPE',
          `input '${input.name}': needs 1 or ${channels} scales and offsets, got ${a.length}`,
        )
      }
    }
    declare(input.name, input.shape)
  }
  for (const node of graph.nodes) {
    if (node.inputs.length !== 1) {
      throw new WhiteDwarfError('E_GRAPH', `'${node.name}' (${node.op}) takes 1 input, got ${node.inputs.length}`)
    }
    const x = shapes.get(node.inputs[0])
    if (x === undefined) {
      throw new WhiteDwarfError(
        'E_GRAPH',
        `'${node.name}' (${node.op}) uses '${node.inputs[0]}', which no earlier node makes`,
      )
    }
    declare(node.name, nodeShape(node, x))
  }
  for (const name of graph.outputs) {
    if (!shapes.has(name)) throw new WhiteDwarfError('E_GRAPH', `output '${name}' is not made by any node`)
  }
  if (graph.inputs.length === 0 || graph.outputs.length === 0) {
    throw new WhiteDwarfError('E_GRAPH', 'a graph needs at least one input and one output')
  }
  return shapes
}

/** Shape of a weighted node's weights: [out, in, kh, kw] or [out, in]. */
export function weightShape(node: WeightedNode, input: Shape): Shape {
  return node.op === 'conv2d' ? [node.channels, input[0], node.kernel[0], node.kernel[1]] : [node.units, input[0]]
}

function nodeShape(node: Node, x: Shape): Shape {
  switch (node.op) {
    case 'conv2d': {
      const [h, w] = windowed(node, x)
      checkDims(node.name, [node.channels])
      if (elements(weightShape(node, x)) > MAX_ELEMENTS) {
        throw new WhiteDwarfError('E_SHAPE', `'${node.name}' has more than ${MAX_ELEMENTS} weights`)
      }
      return [node.channels, h, w]
    }
    case 'dense':
      if (x.length !== 1) {
        throw new WhiteDwarfError(
          'E_SHAPE',
          `'${node.name}' (dense) needs a vector, got [${x.join(', ')}]: add a flatten before it`,
        )
      }
      checkDims(node.name, [node.units])
      if (node.units * x[0] > MAX_ELEMENTS) {
        throw new WhiteDwarfError('E_SHAPE', `'${node.name}' has more than ${MAX_ELEMENTS} weights`)
      }
      return [node.units]
    case 'maxpool':
    case 'avgpool': {
      const [h, w] = windowed(node, x)
      if (
        node.pad[0] >= node.kernel[0] ||
        node.pad[2] >= node.kernel[0] ||
        node.pad[1] >= node.kernel[1] ||
        node.pad[3] >= node.kernel[1]
      ) {
        throw new WhiteDwarfError('E_SHAPE', `'${node.name}' (${node.op}): padding must be smaller than the kernel`)
      }
      return [x[0], h, w]
    }
    case 'flatten':
      return [elements(x)]
    case 'batchnorm':
    case 'relu':
      return x
    default:
      throw new WhiteDwarfError('E_GRAPH', `unknown operation '${(node as Node).op}'`)
  }
}

/** Output height and width of a sliding window; checks kernel, stride and padding. */
function windowed(node: ConvNode | PoolNode, x: Shape): [number, number] {
  if (x.length !== 3) {
    throw new WhiteDwarfError(
      'E_SHAPE',
      `'${node.name}' (${node.op}) needs [channels, height, width], got [${x.join(', ')}]`,
    )
  }
  checkDims(node.name, node.kernel)
  checkDims(node.name, node.stride)
  if (node.pad.length !== 4 || node.pad.some((p) => !Number.isInteger(p) || p < 0 || p > 65535)) {
    throw new WhiteDwarfError('E_SHAPE', `'${node.name}' (${node.op}): padding must be four whole numbers >= 0`)
  }
  const size = (axis: 0 | 1) => {
    const span = x[1 + axis] + node.pad[axis] + node.pad[axis + 2] - node.kernel[axis]
    if (span < 0) {
      throw new WhiteDwarfError(
        'E_SHAPE',
        `'${node.name}' (${node.op}): kernel ${node.kernel.join('x')} is larger than the padded image ${x.join('x')}`,
      )
    }
    return Math.floor(span / node.stride[axis]) + 1
  }
  return [size(0), size(1)]
}

function checkDims(name: string, dims: readonly number[]): void {
  if (dims.length === 0 || dims.some((d) => !Number.isInteger(d) || d < 1 || d > 2 ** 24)) {
    throw new WhiteDwarfError(
      'E_SHAPE',
      `'${name}': sizes must be whole numbers from 1 to 2^24, got [${dims.join(', ')}]`,
    )
  }
}
