/** The networks that training is measured with, and the convolutions in them. */
import { convnet, type Graph, inferShapes, type Node, resnetCifar, type Shape } from 'whitedwarf/compress'

export const NETWORKS = ['resnet20', 'conv6'] as const
export type NetworkName = (typeof NETWORKS)[number]

/** For images of 3 x 32 x 32. ResNet-20 is the one for CIFAR, Conv-6 that of the lottery ticket literature. */
export const network = (name: NetworkName): Graph =>
  name === 'resnet20' ? resnetCifar({ depth: 20 }) : convnet({ depth: 6 })

export type ConvNode = Extract<Node, { op: 'conv2d' }>

export interface Convolution {
  /** For example 'resnet20 16x32x32 > 16'. */
  readonly name: string
  readonly node: ConvNode
  readonly input: Shape
  readonly output: Shape
  /** Multiply-accumulates of one image, in each of the three passes. */
  readonly macs: number
}

/** The convolutions of a network, each shape once, in order. */
export function convolutions(name: NetworkName): Convolution[] {
  const graph = network(name)
  const shapes = inferShapes(graph)
  const found = new Map<string, Convolution>()
  for (const node of graph.nodes) {
    if (node.op !== 'conv2d') continue
    const [input, output] = [node.inputs[0], node.name].map((value) => shapes.get(value) as Shape)
    const stride = node.stride[0] > 1 ? ` / ${node.stride[0]}` : ''
    const label = `${name} ${input.join('x')} > ${node.channels}${stride}`
    const [kh, kw] = node.kernel
    const macs = (input[0] / (node.groups ?? 1)) * kh * kw * output[0] * output[1] * output[2]
    if (!found.has(label)) found.set(label, { name: label, node, input, output, macs })
  }
  return [...found.values()]
}
