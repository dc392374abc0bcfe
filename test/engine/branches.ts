/** Networks with branches: residual blocks of every kind, depthwise and grouped convolutions, mixers, folded layers. */
import { type Graph, inferShapes, type Node, type Pads, type Pair, type Shape } from '../../src/graph/ir.js'
import type { Rng } from '../../src/rng.js'

type Unnamed<N> = N extends Node ? Omit<N, 'name' | 'inputs'> : never

interface ConvOptions {
  readonly stride?: number
  readonly pad?: number
  readonly groups?: number
  readonly weightsOf?: string
}

export class Net {
  private readonly nodes: Node[] = []
  constructor(private readonly input: Shape) {}

  node(node: Unnamed<Node>, ...inputs: string[]): string {
    const name = `n${this.nodes.length}`
    this.nodes.push({ ...node, name, inputs } as Node)
    return name
  }

  conv(x: string, channels: number, kernel: number, options: ConvOptions = {}): string {
    const { stride = 1, pad = (kernel - 1) >> 1, ...rest } = options
    const square = { kernel: [kernel, kernel], stride: [stride, stride], pad: [pad, pad, pad, pad] } as const
    return this.node({ op: 'conv2d', channels, ...square, ...rest }, x)
  }

  dense(x: string, units: number): string {
    return this.node({ op: 'dense', units }, x)
  }

  pool(op: 'maxpool' | 'avgpool', x: string, kernel: number, stride = kernel): string {
    return this.node({ op, kernel: [kernel, kernel], stride: [stride, stride], pad: [0, 0, 0, 0] }, x)
  }

  plain(op: 'relu' | 'relu6' | 'flatten', x: string): string {
    return this.node({ op }, x)
  }

  add(a: string, b: string): string {
    return this.node({ op: 'add' }, a, b)
  }

  pad(x: string, before: number, after: number): string {
    return this.node({ op: 'padchannels', before, after }, x)
  }

  transpose(x: string, height: number, width: number): string {
    return this.node({ op: 'transpose', height, width }, x)
  }

  /** ResNet's block without parameters on the shortcut. */
  block(x: string, channels: number, stride = 1, weightsOf?: readonly [string, string]): string {
    const before = this.shape(x)[0]
    const share = (i: 0 | 1) => (weightsOf === undefined ? {} : { weightsOf: weightsOf[i] })
    const middle = this.plain('relu', this.conv(x, channels, 3, { stride, ...share(0) }))
    const last = this.conv(middle, channels, 3, share(1))
    const small = stride > 1 ? this.pool('maxpool', x, 1, stride) : x
    const extra = channels - before
    const shortcut = extra > 0 ? this.pad(small, extra >> 1, extra - (extra >> 1)) : small
    return this.plain('relu', this.add(last, shortcut))
  }

  /** ResNet's block with a 1 x 1 convolution on the shortcut, made before or after the main branch. */
  projection(x: string, channels: number, stride: number, first: boolean): string {
    const shortcut = first ? this.conv(x, channels, 1, { stride }) : ''
    const last = this.conv(this.plain('relu', this.conv(x, channels, 3, { stride })), channels, 3)
    return this.plain('relu', this.add(first ? shortcut : last, first ? last : this.conv(x, channels, 1, { stride })))
  }

  /** MobileNetV2's inverted bottleneck, with a shortcut where shapes agree. */
  bottleneck(x: string, channels: number, stride: number): string {
    const [before] = this.shape(x)
    const wide = this.plain('relu6', this.conv(x, before * 2, 1))
    const deep = this.plain('relu6', this.conv(wide, before * 2, 3, { stride, groups: before * 2 }))
    const out = this.conv(deep, channels, 1)
    return stride === 1 && channels === before ? this.add(x, out) : out
  }

  /** MLP-Mixer's block: pixels are mixed by a 1 x 1 convolution between two transpositions. */
  mixer(x: string, hidden: number): string {
    const [channels, height, width] = this.shape(x)
    const turned = this.transpose(x, 1, channels)
    const mixed = this.conv(this.plain('relu', this.conv(turned, hidden, 1)), height * width, 1)
    const y = this.add(this.transpose(mixed, height, width), x)
    return this.add(this.conv(this.plain('relu', this.conv(y, hidden, 1)), channels, 1), y)
  }

  head(x: string, classes: number): Graph {
    const [, height, width] = this.shape(x)
    const pooled = this.node({ op: 'avgpool', kernel: [height, width], stride: [1, 1], pad: [0, 0, 0, 0] }, x)
    return this.graph(this.dense(this.plain('flatten', pooled), classes))
  }

  graph(...outputs: string[]): Graph {
    return {
      inputs: [{ name: 'image', shape: this.input, scale: [1 / 255], offset: [0] }],
      nodes: this.nodes,
      outputs,
    }
  }

  shape(name: string): Shape {
    return inferShapes(this.graph(name)).get(name) as Shape
  }
}

const make = (input: Shape, build: (net: Net) => Graph): Graph => build(new Net(input))

export const BRANCHES: Record<string, Graph> = {
  'residual, padded shortcuts': make([2, 9, 8], (net) =>
    net.head(net.block(net.block(net.block(net.plain('relu', net.conv('image', 3, 3)), 3), 6, 2), 6), 4),
  ),
  'residual, projected shortcuts': make([2, 8, 9], (net) =>
    net.head(net.projection(net.projection(net.conv('image', 4, 3), 5, 2, true), 6, 2, false), 3),
  ),
  'residual, folded': make([3, 7, 6], (net) => {
    const first = net.block(net.plain('relu', net.conv('image', 4, 3)), 4)
    return net.head(net.block(net.block(first, 4, 1, ['n2', 'n4']), 4, 1, ['n2', 'n4']), 3)
  }),
  'inverted bottlenecks': make([2, 9, 9], (net) =>
    net.head(net.bottleneck(net.bottleneck(net.bottleneck('image', 4, 2), 4, 1), 3, 1), 3),
  ),
  'groups and strides': make([4, 9, 7], (net) => {
    const x = net.plain('relu6', net.conv('image', 6, 3, { groups: 2, stride: 2 }))
    return net.graph(net.plain('flatten', net.conv(x, 9, 2, { groups: 3 })), net.conv(x, 12, 3, { groups: 6 }))
  }),
  'one tensor in layers of different groups': make([8, 6, 6], (net) => {
    const x = net.conv('image', 4, 3, { groups: 2 })
    return net.graph(net.conv(net.plain('relu', x), 4, 3, { weightsOf: 'n0' }))
  }),
  'depthwise convolutions': make([3, 20, 19], (net) => {
    const depthwise = (x: string, kernel: Pair, stride: number, pad: Pads, dilation: Pair, times = 1) => {
      const [channels] = net.shape(x)
      const more = { channels: channels * times, groups: channels, dilation }
      return net.node({ op: 'conv2d', kernel, stride: [stride, stride], pad, ...more }, x)
    }
    const first = depthwise('image', [5, 3], 1, [2, 0, 1, 2], [1, 1], 2)
    const dilated = depthwise(first, [3, 4], 2, [1, 2, 3, 1], [2, 3])
    const strided = depthwise(net.plain('relu', first), [2, 3], 2, [0, 1, 0, 0], [1, 1])
    const behind = net.plain('relu6', depthwise(strided, [1, 1], 1, [0, 0, 0, 0], [1, 1], 3))
    const shortcut = net.add(depthwise(strided, [3, 3], 1, [1, 1, 1, 1], [1, 1]), strided)
    return net.graph(...[dilated, behind, shortcut].map((x) => net.conv(x, 2, 2)))
  }),
  mixer: make([1, 8, 12], (net) =>
    net.head(net.mixer(net.mixer(net.conv('image', 6, 4, { stride: 4, pad: 0 }), 5), 7), 3),
  ),
  'transposed image': make([6, 4, 5], (net) =>
    net.graph(net.conv(net.transpose(net.conv('image', 8, 3), 4, 2), 3, 3), net.transpose('image', 2, 3)),
  ),
  'padded channels': make([2, 5, 5], (net) => {
    const x = net.pad(net.plain('relu', net.conv('image', 3, 3)), 0, 2)
    const y = net.pad(net.pool('avgpool', x, 2, 1), 1, 0)
    return net.graph(net.conv(x, 2, 3), net.plain('flatten', y), net.pad(net.pool('maxpool', x, 2), 1, 1))
  }),
  'padded behind a fused pool': make([2, 8, 8], (net) => {
    const x = net.pool('maxpool', net.plain('relu', net.conv('image', 3, 3)), 2)
    return net.graph(net.conv(net.pad(x, 2, 1), 2, 3))
  }),
  'sums of stored values': make([3, 6, 6], (net) => {
    const a = net.plain('relu', net.conv('image', 4, 3))
    const b = net.plain('relu6', net.conv('image', 4, 1))
    const c = net.plain('relu6', net.add(a, b))
    const d = net.add(net.add(c, c), net.pool('maxpool', net.conv(c, 4, 3, { pad: 2 }), 3, 1))
    return net.graph(net.plain('relu6', net.pool('maxpool', d, 2)), net.conv(d, 2, 3), net.add(d, a))
  }),
  'sum as output': make([2, 6, 6], (net) => net.graph(net.plain('relu', net.add(net.conv('image', 2, 3), 'image')))),
  'sums before pooling': make([2, 8, 8], (net) => {
    const x = net.pool('maxpool', net.plain('relu6', net.add(net.conv('image', 2, 3), 'image')), 2)
    return net.graph(net.conv(net.pool('maxpool', net.plain('relu6', net.conv(x, 3, 3)), 2), 2, 1))
  }),
  'dense residuals': make([19], (net) => {
    const x = net.plain('relu6', net.dense('image', 11))
    const y = net.plain('relu', net.add(net.dense(x, 11), x))
    const z = net.add(net.dense(net.plain('relu', net.dense(y, 9)), 11), y)
    return net.graph(net.add(y, net.plain('relu', z)), net.dense(net.add(z, x), 3))
  }),
}

/** A random sequence of blocks. */
export function randomBlocks(rng: Rng): Graph {
  const net = new Net([1 + rng.below(3), 5 + rng.below(6), 5 + rng.below(6)])
  let x = net.plain(
    rng.below(2) ? 'relu' : 'relu6',
    net.conv('image', 2 + 2 * rng.below(3), 3, { stride: 1 + rng.below(2) }),
  )
  for (let i = 0; i <= rng.below(4); i++) {
    const [channels, height] = net.shape(x)
    const stride = height > 3 ? 1 + rng.below(2) : 1
    switch (rng.below(6)) {
      case 0: {
        x = net.block(x, channels + rng.below(3), stride)
        break
      }
      case 1:
        x = net.projection(x, 2 + rng.below(5), stride, rng.below(2) === 1)
        break
      case 2:
        x = net.bottleneck(x, rng.below(2) ? channels : 3, stride)
        break
      case 3:
        x = net.mixer(x, 2 + rng.below(4))
        break
      case 4: {
        const first = net.conv(x, channels, 3)
        const second = net.conv(net.plain('relu', first), channels, 3)
        x = net.block(net.plain('relu', net.add(x, second)), channels, 1, [first, second])
        break
      }
      default:
        x = net.add(net.plain('relu6', net.conv(x, channels, 1)), x)
    }
  }
  return rng.below(2) ? net.head(x, 3) : net.graph(x)
}
