/** Appends nodes one behind the other, with marks to branch from and to merge. */
import { type Graph, inferShapes, isWeighted, type Node, type Pads, type Pair, type Shape } from '../ir.js'
import { CanonicalNames } from '../names.js'

type Unnamed<N> = N extends Node ? Omit<N, 'name' | 'inputs'> : never

/** A value to return to: see `mark`. */
export type Mark = string

const same = (pad: number): Pads => [pad, pad, pad, pad]

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
    return this.append(node, [this.last])
  }

  private append(node: Unnamed<Node>, inputs: readonly string[]): this {
    const name = this.names.next(node.op)
    this.nodes.push({ ...node, name, inputs } as Node)
    this.last = name
    return this
  }

  conv(channels: number, kernel: number, pad: number, stride = 1, groups = 1): this {
    return this.add({
      op: 'conv2d',
      channels,
      kernel: [kernel, kernel],
      stride: [stride, stride],
      pad: same(pad),
      ...(groups !== 1 && { groups }),
    })
  }

  /** A convolution that keeps the image's size but for its stride (odd kernels), and batch normalisation. */
  convNorm(channels: number, kernel: number, stride = 1, groups = 1): this {
    return this.conv(channels, kernel, kernel >> 1, stride, groups).plain('batchnorm')
  }

  dense(units: number): this {
    return this.add({ op: 'dense', units })
  }

  pool(op: 'maxpool' | 'avgpool', size: Pair): this {
    return this.add({ op, kernel: size, stride: size, pad: same(0) })
  }

  /** One number per channel: the largest or the mean of its plane, as a vector. */
  globalPool(op: 'maxpool' | 'avgpool'): this {
    const [, height, width] = this.shape
    return this.pool(op, [height, width]).plain('flatten')
  }

  plain(op: 'batchnorm' | 'relu' | 'relu6' | 'flatten'): this {
    return this.add({ op })
  }

  /** Shape of the last value. */
  get shape(): Shape {
    return inferShapes(this.graph()).get(this.last) as Shape
  }

  /** The last value, to come back to with `from` or `merge`. */
  mark(): Mark {
    return this.last
  }

  /** Goes on behind an earlier value. */
  from(mark: Mark): this {
    this.last = mark
    return this
  }

  /** Adds an earlier value of the same shape to the last one. */
  merge(mark: Mark): this {
    return this.append({ op: 'add' }, [this.last, mark])
  }

  /**
   * Appends a block `times` times with one set of weights: the weighted nodes of later iterations use those of the first.
   * Batch normalisation is each iteration's own (hidden-fold networks, arXiv 2111.12330).
   */
  fold(times: number, block: (chain: this) => void): this {
    let owners: readonly string[] = []
    for (let t = 0; t < times; t++) {
      const first = this.nodes.length
      block(this)
      if (t === 0) owners = this.nodes.slice(first).flatMap((node) => (isWeighted(node) ? [node.name] : []))
      else this.shareWeights(first, owners)
    }
    return this
  }

  /** Gives the weighted nodes from index `first` on the weights of the owners, in order. */
  private shareWeights(first: number, owners: readonly string[]): void {
    let k = 0
    for (let i = first; i < this.nodes.length; i++) {
      const node = this.nodes[i]
      if (isWeighted(node)) this.nodes[i] = { ...node, weightsOf: owners[k++] }
    }
  }

  private graph(): Graph {
    return {
      inputs: [{ name: this.inputName, shape: this.inputShape, scale: [1 / 255], offset: [0] }],
      nodes: [...this.nodes],
      outputs: [this.last],
    }
  }

  /** The graph, checked. */
  build(): Graph {
    const graph = this.graph()
    inferShapes(graph)
    return graph
  }

  /** The graph with a last dense layer and its batch normalisation: one score per class. */
  classifier(classes: number): Graph {
    return this.dense(classes).plain('batchnorm').build()
  }
}
