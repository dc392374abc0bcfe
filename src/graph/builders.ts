/**
 * Ready-made graphs to train: every weighted node is followed by a batchnorm node (also the last), so that folding finds
 * a scale and a bias for each output channel. Node names are those a .wd file predicts, and cost no bytes there.
 */
import { WhiteDwarfError } from '../errors.js'
import { type Graph, inferShapes, type Node, type Pads, type Pair, type Shape } from './ir.js'

/** The word of each operation in a canonical name. */
const WORDS: Readonly<Record<Node['op'], string>> = {
  conv2d: 'conv',
  dense: 'fc',
  relu: 'relu',
  maxpool: 'pool',
  avgpool: 'pool',
  flatten: 'flatten',
  batchnorm: 'bn',
  add: 'add',
  relu6: 'relu',
  padchannels: 'pad',
  transpose: 'transpose',
}

/** Hands out canonical names: the operation's word and a number that counts the word from 1. */
export class CanonicalNames {
  private readonly counts = new Map<string, number>()

  next(op: Node['op']): string {
    const word = WORDS[op]
    const count = (this.counts.get(word) ?? 0) + 1
    this.counts.set(word, count)
    return `${word}${count}`
  }
}

type Unnamed<N> = N extends Node ? Omit<N, 'name' | 'inputs'> : never

/** Appends nodes in a chain. */
export class ChainBuilder {
  private readonly nodes: Node[] = []
  private readonly names = new CanonicalNames()
  private readonly inputName: string
  private readonly inputShape: Shape
  private last: string

  /** @param shape [channels, height, width] or [features]; raw values 0..255 enter as v / 255 */
  constructor(shape: Shape) {
    this.inputName = shape.length === 3 ? 'image' : 'input'
    this.inputShape = shape
    this.last = this.inputName
  }

  add(node: Unnamed<Node>): this {
    const name = this.names.next(node.op)
    this.nodes.push({ ...node, name, inputs: [this.last] } as Node)
    this.last = name
    return this
  }

  conv(channels: number, kernel: number, pad: number, stride = 1): this {
    return this.add({ op: 'conv2d', channels, kernel: [kernel, kernel], stride: [stride, stride], pad: same(pad) })
  }

  dense(units: number): this {
    return this.add({ op: 'dense', units })
  }

  pool(op: 'maxpool' | 'avgpool', size: Pair): this {
    return this.add({ op, kernel: size, stride: size, pad: same(0) })
  }

  plain(op: 'batchnorm' | 'relu' | 'flatten'): this {
    return this.add({ op })
  }

  /** The graph, checked. */
  build(): Graph {
    const graph: Graph = {
      inputs: [{ name: this.inputName, shape: this.inputShape, scale: [1 / 255], offset: [0] }],
      nodes: this.nodes,
      outputs: [this.last],
    }
    inferShapes(graph)
    return graph
  }
}

const same = (pad: number): Pads => [pad, pad, pad, pad]

export interface MlpOptions {
  /** Input shape; images are flattened. Default [1, 28, 28]. */
  readonly input?: Shape
  /** Units of the hidden layers. */
  readonly hidden: readonly number[]
  readonly classes: number
}

/**
 * Fully connected layers with batch normalisation and ReLU.
 * @throws WhiteDwarfError E_SHAPE for sizes that are not whole numbers >= 1
 */
export function mlp({ input = [1, 28, 28], hidden, classes }: MlpOptions): Graph {
  const chain = new ChainBuilder(input)
  if (input.length === 3) chain.plain('flatten')
  for (const units of hidden) chain.dense(units).plain('batchnorm').plain('relu')
  return chain.dense(classes).plain('batchnorm').build()
}

export interface LenetStage {
  readonly channels: number
  /** Side of the square kernel. */
  readonly kernel: number
  readonly stride?: number
  /** Zeros around the image. Default 0. */
  readonly pad?: number
  /** Side of the pooling window after the stage's ReLU; 0 for none. Default 2. */
  readonly pool?: number
  /** Default 'maxpool'. */
  readonly poolOp?: 'maxpool' | 'avgpool'
}

export interface LenetOptions {
  /** [channels, height, width]. Default [1, 28, 28]. */
  readonly input?: Shape
  /** Convolution, batch normalisation, ReLU and pooling each. Default LeNet-5's: 6 and 16 channels of 5 x 5, the first padded by 2. */
  readonly stages?: readonly LenetStage[]
  /** Units of the dense layers before the last. Default [120, 84]. */
  readonly hidden?: readonly number[]
  /** 'dense': flatten, dense layers. 'average': mean of each channel's plane, then dense layers. Default 'dense'. */
  readonly head?: 'dense' | 'average'
  readonly classes?: number
}

const LENET5: readonly LenetStage[] = [
  { channels: 6, kernel: 5, pad: 2 },
  { channels: 16, kernel: 5 },
]

/**
 * Convolution stages and a dense head: LeNet-5 and everything like it.
 * @throws WhiteDwarfError E_SHAPE when an image becomes smaller than a kernel, E_OPTION for an unknown head
 */
export function lenet(options: LenetOptions = {}): Graph {
  const { input = [1, 28, 28], stages = LENET5, hidden = [120, 84], head = 'dense', classes = 10 } = options
  if (head !== 'dense' && head !== 'average') {
    throw new WhiteDwarfError('E_OPTION', `head must be 'dense' or 'average', got '${String(head)}'`)
  }
  const chain = new ChainBuilder(input)
  for (const { channels, kernel, stride = 1, pad = 0, pool = 2, poolOp = 'maxpool' } of stages) {
    chain.conv(channels, kernel, pad, stride).plain('batchnorm').plain('relu')
    if (pool > 0) chain.pool(poolOp, [pool, pool])
  }
  if (head === 'average') {
    const graph = chain.build()
    const shape = inferShapes(graph).get(graph.outputs[0]) as Shape
    chain.pool('avgpool', [shape[1], shape[2]])
  }
  chain.plain('flatten')
  for (const units of hidden) chain.dense(units).plain('batchnorm').plain('relu')
  return chain.dense(classes).plain('batchnorm').build()
}
