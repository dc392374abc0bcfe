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
import { type TensorFn, tensorInputs, tensorShape } from './tensor-fn.js'

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

interface WeightedBase extends NodeBase {
  /**
   * The earlier weighted node whose weights this one uses: a folded layer (hidden-fold networks). Only while training;
   * in a compressed model both name the same level tensor.
   */
  readonly weightsOf?: string
}

/** 2-D convolution, weights [channels, C / groups, kh, kw]. */
export interface ConvNode extends WeightedBase {
  readonly op: 'conv2d'
  readonly channels: number
  readonly kernel: Pair
  readonly stride: Pair
  readonly pad: Pads
  /**
   * Output channels [g * channels / groups, ...) see only input channels [g * C / groups, ...). Must divide both; C is
   * a depthwise convolution. Absent means 1.
   */
  readonly groups?: number
  /** Distance of neighbouring weights in the image. Absent means 1 by 1. */
  readonly dilation?: Pair
}

/** Fully connected layer, weights [units, features]. Its input must be a vector. */
export interface DenseNode extends WeightedBase {
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

/** relu6 is min(max(x, 0), 6). add takes two inputs of the same shape; everything else takes one. */
export interface PlainNode extends NodeBase {
  readonly op: 'batchnorm' | 'relu' | 'relu6' | 'flatten' | 'add'
}

/**
 * Channels of zeros around those of an image: [C, H, W] becomes [before + C + after, H, W]. After a 1 x 1 max pool of
 * stride 2 it is the parameter-free shortcut of ResNet ("option A").
 */
export interface PadChannelsNode extends NodeBase {
  readonly op: 'padchannels'
  readonly before: number
  readonly after: number
}

/**
 * Swaps channels and pixels: y[h * W + w, i, j] = x[i * width + j, h, w], where C = height * width. [C, H, W] becomes
 * [H * W, height, width]. Between two of them a 1 x 1 convolution mixes pixels instead of channels (MLP-Mixer).
 */
export interface TransposeNode extends NodeBase {
  readonly op: 'transpose'
  readonly height: number
  readonly width: number
}

/** Anything else, in f32: see tensor-fn.ts. */
export interface TensorNode extends NodeBase {
  readonly op: 'tensor'
  readonly fn: TensorFn
}

export type Node = ConvNode | DenseNode | PoolNode | PlainNode | PadChannelsNode | TransposeNode | TensorNode
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

/** How many values a node consumes; undefined: one or more. */
export const inputCount = (node: Node): number | undefined =>
  node.op === 'tensor' ? tensorInputs(node.fn) : node.op === 'add' ? 2 : 1

/** What a node does, for messages. */
export const opName = (node: Node): string => (node.op === 'tensor' ? node.fn.kind : node.op)

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
    if (input.shape.length > 0) checkDims(input.name, input.shape)
    const channels = input.shape[0] ?? 1
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
  const weights = new Map<string, Shape>()
  for (const node of graph.nodes) {
    const wanted = inputCount(node)
    if (wanted === undefined ? node.inputs.length === 0 : node.inputs.length !== wanted) {
      throw new WhiteDwarfError(
        'E_GRAPH',
        `'${node.name}' (${opName(node)}) takes ${wanted ?? 'at least one'} input${wanted === 1 ? '' : 's'}, got ${node.inputs.length}`,
      )
    }
    const inputs = node.inputs.map((name) => {
      const x = shapes.get(name)
      if (x !== undefined) return x
      throw new WhiteDwarfError(
        'E_GRAPH',
        `'${node.name}' (${opName(node)}) uses '${name}', which no earlier node makes`,
      )
    })
    declare(node.name, nodeShape(node, inputs))
    if (isWeighted(node)) {
      const shape = weightShape(node, inputs[0])
      checkShared(node, shape, weights)
      if (node.weightsOf === undefined) weights.set(node.name, shape)
    }
  }
  for (const name of graph.outputs) {
    if (!shapes.has(name)) throw new WhiteDwarfError('E_GRAPH', `output '${name}' is not made by any node`)
  }
  if (graph.inputs.length === 0 || graph.outputs.length === 0) {
    throw new WhiteDwarfError('E_GRAPH', 'a graph needs at least one input and one output')
  }
  return shapes
}

/** Shape of a weighted node's weights: [out, in / groups, kh, kw] or [out, in]. */
export function weightShape(node: WeightedNode, input: Shape): Shape {
  if (node.op === 'dense') return [node.units, input[0]]
  return [node.channels, input[0] / (node.groups ?? 1), node.kernel[0], node.kernel[1]]
}

/** @param earlier shapes of the weights that earlier nodes own */
function checkShared(node: WeightedNode, shape: Shape, earlier: ReadonlyMap<string, Shape>): void {
  if (node.weightsOf === undefined) return
  const other = earlier.get(node.weightsOf)
  if (other === undefined) {
    throw new WhiteDwarfError(
      'E_GRAPH',
      `'${node.name}' uses the weights of '${node.weightsOf}', which is not an earlier conv2d or dense node with weights of its own`,
    )
  }
  if (other.join() !== shape.join()) {
    throw new WhiteDwarfError(
      'E_SHAPE',
      `'${node.name}' needs weights [${shape.join(', ')}], but those of '${node.weightsOf}' are [${other.join(', ')}]`,
    )
  }
}

function nodeShape(node: Node, inputs: readonly Shape[]): Shape {
  const x = inputs[0]
  switch (node.op) {
    case 'conv2d': {
      const [h, w] = windowed(node, x)
      checkDims(node.name, [node.channels])
      const groups = node.groups ?? 1
      checkDims(node.name, [groups])
      if (x[0] % groups !== 0 || node.channels % groups !== 0) {
        throw new WhiteDwarfError(
          'E_SHAPE',
          `'${node.name}' (conv2d): ${groups} groups must divide its ${x[0]} input and ${node.channels} output channels`,
        )
      }
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
    case 'relu6':
      return x
    case 'add':
      if (inputs[1].join() !== x.join()) {
        throw new WhiteDwarfError(
          'E_SHAPE',
          `'${node.name}' (add) needs two values of one shape, got [${x.join(', ')}] and [${inputs[1].join(', ')}]`,
        )
      }
      return x
    case 'padchannels': {
      needImage(node, x)
      const { before, after } = node
      if (![before, after].every((n) => Number.isInteger(n) && n >= 0 && n <= 65535)) {
        throw new WhiteDwarfError(
          'E_SHAPE',
          `'${node.name}' (padchannels): before and after must be whole numbers from 0 to 65535`,
        )
      }
      return [before + x[0] + after, x[1], x[2]]
    }
    case 'transpose': {
      needImage(node, x)
      checkDims(node.name, [node.height, node.width])
      if (node.height * node.width !== x[0]) {
        throw new WhiteDwarfError(
          'E_SHAPE',
          `'${node.name}' (transpose): ${node.height} x ${node.width} pixels cannot hold ${x[0]} channels`,
        )
      }
      return [x[1] * x[2], node.height, node.width]
    }
    case 'tensor': {
      const shape = tensorShape(node.fn, inputs, `'${node.name}'`)
      if (shape.length > 0) checkDims(node.name, shape)
      return shape
    }
    default:
      throw new WhiteDwarfError('E_GRAPH', `unknown operation '${(node as Node).op}'`)
  }
}

function needImage(node: Node, x: Shape): void {
  if (x.length === 3) return
  throw new WhiteDwarfError(
    'E_SHAPE',
    `'${node.name}' (${node.op}) needs [channels, height, width], got [${x.join(', ')}]`,
  )
}

/** Output height and width of a sliding window; checks kernel, stride and padding. */
function windowed(node: ConvNode | PoolNode, x: Shape): [number, number] {
  needImage(node, x)
  checkDims(node.name, node.kernel)
  checkDims(node.name, node.stride)
  if (node.pad.length !== 4 || node.pad.some((p) => !Number.isInteger(p) || p < 0 || p > 65535)) {
    throw new WhiteDwarfError('E_SHAPE', `'${node.name}' (${node.op}): padding must be four whole numbers >= 0`)
  }
  const dilation = node.op === 'conv2d' ? (node.dilation ?? [1, 1]) : [1, 1]
  checkDims(node.name, dilation)
  const size = (axis: 0 | 1) => {
    const reach = (node.kernel[axis] - 1) * dilation[axis] + 1
    const span = x[1 + axis] + node.pad[axis] + node.pad[axis + 2] - reach
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
