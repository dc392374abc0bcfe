/**
 * ResNet-50 (He et al., arXiv 1512.03385) as the hidden-network papers train it: convolutions and batch normalisation only,
 * the classifier a 1 x 1
 * convolution without the latter; stages may be folded (Garcia-Arias et al., arXiv 2111.12330).
 */
import type { Graph, Node } from 'whitedwarf/compress'

export interface Resnet50Options {
  readonly data: 'imagenet' | 'cifar100'
  /** Stages, from 1, of which all blocks but the first share their weights. */
  readonly fold: readonly number[]
  /** Whether blocks add their input to their output. Without, the network computes nothing useful; its weights are the same. */
  readonly shortcuts?: boolean
}

/** Blocks and width of each stage; the output of a block has four times the width. */
const STAGES = [
  [3, 64],
  [4, 128],
  [6, 256],
  [3, 512],
] as const

export function resnet50({ data, fold, shortcuts = true }: Resnet50Options): Graph {
  const nodes: Node[] = []
  let count = 0
  const add = (node: object): string => {
    const name = `n${++count}`
    nodes.push({ ...node, name } as Node)
    return name
  }
  /** A convolution with batch normalisation; returns both names. */
  const conv = (input: string, channels: number, kernel: number, stride: number, weightsOf?: string) => {
    const p = kernel >> 1
    const shape = { channels, kernel: [kernel, kernel], stride: [stride, stride], pad: [p, p, p, p] }
    const node = add({ op: 'conv2d', inputs: [input], ...shape, ...(weightsOf && { weightsOf }) })
    return { node, out: add({ op: 'batchnorm', inputs: [node] }) }
  }
  const relu = (input: string) => add({ op: 'relu', inputs: [input] })
  const pool = (op: string, input: string, kernel: number, stride: number, p: number) =>
    add({ op, inputs: [input], kernel: [kernel, kernel], stride: [stride, stride], pad: [p, p, p, p] })

  const [size, classes] = data === 'imagenet' ? [224, 1000] : [32, 100]
  let x = relu(data === 'imagenet' ? conv('image', 64, 7, 2).out : conv('image', 64, 3, 1).out)
  if (data === 'imagenet') x = pool('maxpool', x, 3, 2, 1)
  STAGES.forEach(([blocks, width], i) => {
    const folded = fold.includes(i + 1)
    let owners: readonly string[] = []
    for (let block = 0; block < blocks; block++) {
      const stride = block === 0 && i > 0 ? 2 : 1
      const from = folded && block > 1 ? owners : []
      const a = conv(x, width, 1, 1, from[0])
      const b = conv(relu(a.out), width, 3, stride, from[1])
      const c = conv(relu(b.out), 4 * width, 1, 1, from[2])
      if (block === 1) owners = [a.node, b.node, c.node]
      const shortcut = block === 0 ? conv(x, 4 * width, 1, stride).out : x
      x = relu(shortcuts ? add({ op: 'add', inputs: [c.out, shortcut] }) : c.out)
    }
  })
  x = pool('avgpool', x, data === 'imagenet' ? 7 : 4, 1, 0)
  const one = [1, 1] as const
  const output = add({ op: 'conv2d', inputs: [x], channels: classes, kernel: one, stride: one, pad: [0, 0, 0, 0] })
  return {
    inputs: [{ name: 'image', shape: [3, size, size], scale: [1 / 255], offset: [0] }],
    nodes,
    outputs: [output],
  }
}
