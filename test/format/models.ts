/** Random networks for the format tests: every operation, odd attributes and names, degenerate levels. */
import { isEarly } from '../../src/format/nodes.js'
import { floatToHalf, halfToFloat, quantiseHalf, quantiseUniform, seededSigns } from '../../src/format.js'
import {
  elements,
  type Graph,
  type InputSpec,
  inferShapes,
  isWeighted,
  type Node,
  type Shape,
  weightShape,
} from '../../src/graph/ir.js'
import type { CodedArray, LayerParams, LevelTensor, Model } from '../../src/graph/model.js'
import { CanonicalNames } from '../../src/graph/names.js'
import { rangedValues } from '../../src/graph/ranges.js'
import { COMBINE_FUNCTIONS, MAP_FUNCTIONS, REDUCE_FUNCTIONS, type TensorFn } from '../../src/graph/tensor-fn.js'
import type { MaxLevel } from '../../src/kernels/levels.js'
import { Rng } from '../../src/rng.js'

const NAMES = [
  '',
  '__proto__',
  'toString',
  'conv1',
  'fc 2',
  'größe',
  '層',
  '😀',
  'a/b:c',
  'x'.repeat(255),
  'pool09',
  '7',
]

function pick<T>(rng: Rng, list: readonly T[]): T {
  return list[rng.below(list.length)]
}

function number(rng: Rng): number {
  return pick(rng, [0, -0, 1, 1 / 255, -0.1307, 1e-300, 0.5, rng.normal(), Math.fround(rng.normal()), 2 ** 60])
}

function randomInput(rng: Rng, name: string): InputSpec {
  const shape = rng.below(3) === 0 ? [1 + rng.below(12)] : [1 + rng.below(4), 1 + rng.below(10), 1 + rng.below(10)]
  const numbers = () => Array.from({ length: rng.below(2) ? 1 : shape[0] }, () => number(rng))
  if (rng.below(2)) return { name, shape, scale: [1 / 255], offset: [0] }
  return { name, shape, scale: numbers(), offset: numbers() }
}

function randomNode(rng: Rng, name: string, input: string, x: Shape): Node {
  const base = { name, inputs: [input] }
  const plain = pick(rng, ['relu', 'flatten', 'batchnorm'] as const)
  if (rng.below(3) === 0) return { op: plain, ...base }
  if (x.length === 1) return { op: 'dense', ...base, units: 1 + rng.below(20) }
  if (x.length !== 3) return { op: 'flatten', ...base }
  const kernel = [1 + rng.below(3), 1 + rng.below(3)] as const
  const stride = rng.below(2) ? ([1, 1] as const) : ([1 + rng.below(3), 1 + rng.below(3)] as const)
  // Enough padding for the kernel to fit.
  const grow = (axis: 0 | 1) => Math.max(0, kernel[axis] - x[1 + axis])
  if (rng.below(3)) {
    const pad = [grow(0) + rng.below(2), rng.below(3), rng.below(2), grow(1)] as const
    return { op: 'conv2d', ...base, channels: 1 + rng.below(20), kernel, stride, pad }
  }
  const pooling = { op: pick(rng, ['maxpool', 'avgpool'] as const), ...base }
  const fits = kernel.map((k, axis) => Math.min(k, x[1 + axis])) as [number, number]
  return {
    ...pooling,
    kernel: fits,
    stride: rng.below(2) ? fits : stride,
    pad: [fits[0] - 1, 0, 0, rng.below(fits[1])],
  }
}

/** Operations that came after the first release, where the shape allows. */
function laterNode(rng: Rng, name: string, from: string, shapes: ReadonlyMap<string, Shape>): Node {
  const x = shapes.get(from) as Shape
  const base = { name, inputs: [from] }
  const divisors = Array.from({ length: x[0] }, (_, i) => i + 1).filter((n) => x[0] % n === 0)
  const kind = x.length === 3 ? rng.below(5) : rng.below(2)
  if (kind === 0) return { op: 'relu6', ...base }
  if (kind === 1) {
    const same = [...shapes].filter(([, shape]) => shape.join() === x.join()).map(([other]) => other)
    return { op: 'add', name, inputs: rng.below(2) ? [from, pick(rng, same)] : [pick(rng, same), from] }
  }
  if (kind === 2) return { op: 'padchannels', ...base, before: rng.below(4), after: rng.below(4) }
  if (kind === 3) {
    const height = pick(rng, divisors)
    return { op: 'transpose', ...base, height, width: x[0] / height }
  }
  const groups = pick(rng, divisors)
  const channels = groups * (1 + rng.below(3))
  const conv = {
    op: 'conv2d',
    ...base,
    channels,
    kernel: [2, 2],
    stride: [1 + rng.below(2), 1],
    pad: [1, 1, 0, 0],
  } as const
  return groups > 1 ? { ...conv, groups } : conv
}

/** Tensor functions that shapes allow, and dilated convolutions. @param kind counts through what there is */
function tensorNode(rng: Rng, name: string, from: string, shapes: ReadonlyMap<string, Shape>, kind: number): Node {
  const x = shapes.get(from) as Shape
  const node = (fn: TensorFn, ...inputs: string[]): Node => ({ op: 'tensor', name, inputs, fn })
  const whole = (low: number, high: number) => low + rng.below(high - low + 1)
  const parameter = () => pick(rng, [0, -0, 1, 6, -Infinity, Infinity, 0.1, Math.fround(0.1), rng.normal()])
  const list = (make: (d: number) => number) => x.map((_, d) => make(d))
  const axis = rng.below(x.length)
  const others = [...shapes].filter(([, shape]) => shape.join() === x.join()).map(([other]) => other)
  const other = () => pick(rng, others)
  const fns: (() => Node)[] = [
    () => node({ kind: 'constant', shape: pick(rng, [[], [1], x, [2, 3, 1, 2]]) }),
    () => {
      const fn = pick(rng, MAP_FUNCTIONS)
      return node({ kind: 'map', fn, ...pick(rng, [{}, { a: parameter() }, { a: parameter(), b: parameter() }]) }, from)
    },
    () => node({ kind: 'combine', fn: pick(rng, COMBINE_FUNCTIONS) }, from, other()),
    () => node({ kind: 'select' }, from, other(), other()),
    () => {
      const fits = [...shapes].filter(
        ([, s]) =>
          x.length >= 2 && s[s.length - 2] === x[x.length - 1] && s.slice(0, -2).join() === x.slice(0, -2).join(),
      )
      return fits.length > 0
        ? node({ kind: 'matmul' }, from, pick(rng, fits)[0])
        : node({ kind: 'reshape', shape: x }, from)
    },
    () => {
      const begin = rng.below(x.length + 1)
      return node({ kind: 'reduce', fn: pick(rng, REDUCE_FUNCTIONS), begin, end: whole(begin, x.length) }, from)
    },
    () => node({ kind: 'softmax', axis, log: rng.below(2) === 1 }, from),
    () => node({ kind: 'normalise', axis, epsilon: pick(rng, [1e-5, Math.fround(1e-5), 0]) }, from),
    () => {
      const lrn = { kind: 'lrn', size: whole(1, 9), alpha: 1e-4, beta: 0.75, bias: rng.float() } as const
      return x.length === 3 ? node(lrn, from) : node({ kind: 'softmax', axis, log: false }, from)
    },
    () => node({ kind: 'reshape', shape: pick(rng, [[elements(x)], [1, elements(x)], x, [...x].reverse()]) }, from),
    () => {
      const perm = [...x.keys()]
      rng.shuffle(perm)
      return node({ kind: 'permute', perm }, from)
    },
    () => node({ kind: 'concat', axis }, from, ...Array.from({ length: rng.below(3) }, other)),
    () => {
      const size = list((d) => whole(1, x[d]))
      const back = list(() => rng.below(2))
      const begin = list((d) => (back[d] ? whole(size[d] - 1, x[d] - 1) : whole(0, x[d] - size[d])))
      return node({ kind: 'slice', size, begin, step: list((d) => (back[d] ? -1 : 1)) }, from)
    },
    () => {
      const zeros = list(() => 0)
      const [before, after, between] = [0, 1, 2].map(() => (rng.below(2) ? zeros : list(() => rng.below(3))))
      return node({ kind: 'pad', before, after, between, value: pick(rng, [0, -0, 1.5, -Infinity]) }, from)
    },
    () => node({ kind: 'expand', shape: list((d) => (x[d] === 1 ? whole(1, 3) : x[d])) }, from),
    () => node({ kind: 'take', axis, indices: Array.from({ length: whole(1, 6) }, () => rng.below(x[axis])) }, from),
    () => {
      const taps = whole(1, 4)
      const indices = Array.from({ length: taps * whole(1, 5) }, () => rng.below(x[axis]))
      return node({ kind: 'resample', axis, taps, indices, weights: indices.map(() => number(rng)) }, from)
    },
    () => {
      if (x.length !== 3) return node({ kind: 'map', fn: 'tanh' }, from)
      const groups = x[0] % 2 === 0 ? pick(rng, [1, 2]) : 1
      const dilation = pick(rng, [
        [2, 2],
        [1, 3],
      ] as const)
      const conv = { op: 'conv2d', name, inputs: [from], channels: groups * whole(1, 4), kernel: [2, 3] } as const
      const strides = { stride: [1, whole(1, 2)], pad: [2, 3, 1, 3], dilation } as const
      return groups > 1 ? { ...conv, ...strides, groups } : { ...conv, ...strides }
    },
  ]
  return fns[kind % fns.length]()
}

/** How many kinds of nodes `tensorGraph` goes through. */
const TENSOR_KIND_COUNT = 18

/** A random graph of `size` nodes most of which are tensor functions, one kind after the other. */
export function tensorGraph(rng: Rng, size: number): Graph {
  const first = rng.below(TENSOR_KIND_COUNT)
  const shapes = new Map<string, Shape>([['image', [2, 4, 4]]])
  const inputs: InputSpec[] = [{ name: 'image', shape: [2, 4, 4], scale: [1 / 255], offset: [0] }]
  const nodes: Node[] = []
  for (let i = 0; i < size; i++) {
    // Values stay small, and of rank 1 at least.
    const values = [...shapes].filter(([, shape]) => shape.length > 0 && elements(shape) <= 4096).map(([name]) => name)
    const from = rng.below(4) ? values[values.length - 1] : pick(rng, values)
    const name = `tensor${i + 1}`
    const node =
      rng.below(4) > 0
        ? tensorNode(rng, name, from, shapes, first + i)
        : randomNode(rng, name, from, shapes.get(from) as Shape)
    nodes.push(node)
    shapes.set(name, inferShapes({ inputs, nodes, outputs: [name] }).get(name) as Shape)
  }
  return { inputs, nodes, outputs: [[...shapes.keys()][size]] }
}

/** @param later whether operations of later releases occur */
export function randomGraph(rng: Rng, size: number, later = rng.below(2) === 1): Graph {
  const names = [...NAMES]
  rng.shuffle(names as unknown as number[])
  const odd = rng.below(2) === 1
  const inputs: InputSpec[] = []
  const shapes = new Map<string, Shape>()
  for (let i = 0; i <= rng.below(3); i++) {
    const input = randomInput(rng, odd ? (names.pop() as string) : i === 0 ? 'image' : `input${i + 1}`)
    inputs.push(input)
    shapes.set(input.name, input.shape)
  }
  const nodes: Node[] = []
  for (let i = 0; i < size; i++) {
    const values = [...shapes.keys()]
    const from = rng.below(4) ? values[values.length - 1] : pick(rng, values)
    const name = odd && names.length > 0 ? (names.pop() as string) : `node${i}`
    const node =
      later && rng.below(2)
        ? laterNode(rng, name, from, shapes)
        : randomNode(rng, name, from, shapes.get(from) as Shape)
    nodes.push(node)
    shapes.set(name, inferShapes({ inputs, nodes, outputs: [name] }).get(name) as Shape)
  }
  const values = [...shapes.keys()]
  const outputs = rng.below(2)
    ? [values[values.length - 1]]
    : Array.from({ length: 1 + rng.below(3) }, () => pick(rng, values))
  return { inputs, nodes, outputs }
}

export function randomLevels(rng: Rng, n: number, maxLevel: number, density: number): Int8Array {
  return Int8Array.from({ length: n }, () => {
    if (rng.float() >= density) return 0
    return (1 + rng.below(maxLevel)) * (rng.below(2) ? 1 : -1)
  })
}

/** Largest levels that both modes can code. */
export const SMALL: readonly MaxLevel[] = [1, 3, 7]

function randomTensor(rng: Rng, shape: readonly number[], maxLevels: readonly MaxLevel[]): LevelTensor {
  const maxLevel = pick(rng, maxLevels)
  const n = shape.reduce((a, b) => a * b, 1)
  const levels = randomLevels(rng, n, maxLevel, pick(rng, [0, 0.01, 0.1, 0.5, 1]))
  if (rng.below(8) === 0) levels.fill(rng.below(2) ? maxLevel : -maxLevel)
  if (rng.below(4) > 0) return { shape, maxLevel, levels }
  const signSeed = rng.below(63)
  const signs = seededSigns(shape, signSeed)
  return { shape, maxLevel, levels: levels.map((level, i) => Math.abs(level) * signs[i]), signSeed }
}

function randomArray(rng: Rng, n: number): CodedArray {
  const values = Array.from({ length: n }, () => rng.normal() * 10 ** (rng.below(6) - 3))
  if (rng.below(4) === 0) return quantiseHalf(values)
  if (rng.below(4) === 0) return quantiseUniform(values.fill(values[0]), 1 + rng.below(8))
  const a = quantiseUniform(values, 1 + rng.below(8))
  return rng.below(3)
    ? a
    : { ...a, lo: pick(rng, [-0, 1.5, -1000, 2 ** -24]), step: pick(rng, [0, 2 ** -24, 0.3330078125, 65504]) }
}

/** A random model over the graph, with some tensors shared where shapes allow. */
export function randomModel(rng: Rng, graph: Graph, maxLevels: readonly MaxLevel[] = [...SMALL, 127]): Model {
  const shapes = inferShapes(graph)
  const tensors: [string, LevelTensor][] = []
  const layers: [string, LayerParams][] = []
  for (const node of graph.nodes) {
    if (!isWeighted(node)) continue
    const shape = weightShape(node, shapes.get(node.inputs[0]) as Shape)
    const same = tensors.find(([, t]) => t.shape.join() === shape.join())
    let name = node.name
    if (same !== undefined && rng.below(2)) {
      name = same[0]
    } else {
      if (rng.below(4) === 0 || tensors.some(([other]) => other === name)) name = `weights of ${name}`.slice(0, 200)
      tensors.push([name, randomTensor(rng, shape, maxLevels)])
    }
    layers.push([node.name, { tensor: name, scale: randomArray(rng, shape[0]), bias: randomArray(rng, shape[0]) }])
  }
  const usual = isEarly(graph)
    ? new Set(graph.nodes.filter(isWeighted).map((node) => node.inputs[0]))
    : rangedValues(graph)
  const like = rng.below(3) > 0
  const ranged = [...shapes.keys()].filter((value) => (like ? usual.has(value) : rng.below(2) === 1))
  const ranges = ranged.map((name) => [name, rng.below(256)] as const)
  const constants = graph.nodes.flatMap((node): [string, Float32Array][] =>
    node.op === 'tensor' && node.fn.kind === 'constant'
      ? [[node.name, randomConstant(rng, elements(node.fn.shape))]]
      : [],
  )
  return {
    graph,
    tensors: fromEntries(tensors),
    layers: fromEntries(layers),
    ranges: fromEntries(ranges),
    ...(constants.length > 0 && { constants: fromEntries(constants) }),
  }
}

/** Numbers that half precision holds, or others. */
function randomConstant(rng: Rng, n: number): Float32Array {
  const half = rng.below(2) === 1
  return Float32Array.from({ length: n }, () => {
    const value = pick(rng, [0, -0, 1, 65504, 2 ** -24, rng.normal(), ...(half ? [] : [1e38, -(2 ** -149)])])
    return half ? halfToFloat(floatToHalf(value)) : value
  })
}

/** Object.fromEntries makes '__proto__' an own property, as the decoder does. */
const fromEntries = <T>(entries: readonly (readonly [string, T])[]): Record<string, T> => Object.fromEntries(entries)

/** One dense layer without anything else, for tests of the level codes. */
export function denseModel(rows: number, cols: number, maxLevel: 1 | 3 | 7 | 127, levels: Int8Array): Model {
  const constants = () => quantiseUniform(new Float32Array(rows), 1)
  return {
    graph: {
      inputs: [{ name: 'input', shape: [cols], scale: [1 / 255], offset: [0] }],
      nodes: [{ op: 'dense', name: 'fc1', inputs: ['input'], units: rows }],
      outputs: ['fc1'],
    },
    tensors: { fc1: { shape: [rows, cols], maxLevel, levels } },
    layers: { fc1: { tensor: 'fc1', scale: constants(), bias: constants() } },
    ranges: { input: 128 },
  }
}

const IMAGE = { name: 'image', shape: [3, 32, 32], scale: [1 / 255], offset: [0] } as const
type Unnamed<N> = N extends Node ? Omit<N, 'name' | 'inputs'> : never

/** Nodes with canonical names. */
class Nodes {
  readonly nodes: Node[] = []
  private readonly names = new CanonicalNames()

  add({ op, ...attributes }: Unnamed<Node>, ...inputs: string[]): string {
    const name = this.names.next(op)
    this.nodes.push({ op, name, inputs, ...attributes } as Node)
    return name
  }

  conv(from: string, channels: number, stride = 1): string {
    return this.add({ op: 'conv2d', channels, kernel: [3, 3], stride: [stride, stride], pad: [1, 1, 1, 1] }, from)
  }

  head(from: string, classes: number): Graph {
    const pooled = this.add({ op: 'avgpool', kernel: [8, 8], stride: [8, 8], pad: [0, 0, 0, 0] }, from)
    const output = this.add({ op: 'dense', units: classes }, this.add({ op: 'flatten' }, pooled))
    return { inputs: [IMAGE], nodes: this.nodes, outputs: [output] }
  }
}

/**
 * ResNet for 32 x 32 images: 20 layers with parameter-free shortcuts for three blocks a stage
 * (He et al. 2016, section 4.2), batch normalisation folded.
 */
export function resnet(blocks: number): Graph {
  const net = new Nodes()
  let x = net.add({ op: 'relu' }, net.conv('image', 16))
  for (const channels of [16, 32, 64]) {
    for (let block = 0; block < blocks; block++) {
      const down = channels > 16 && block === 0
      const middle = net.add({ op: 'relu' }, net.conv(x, channels, down ? 2 : 1))
      const last = net.conv(middle, channels)
      if (down) {
        const small = net.add({ op: 'maxpool', kernel: [1, 1], stride: [2, 2], pad: [0, 0, 0, 0] }, x)
        x = net.add({ op: 'padchannels', before: channels / 4, after: channels / 4 }, small)
      }
      x = net.add({ op: 'relu' }, net.add({ op: 'add' }, last, x))
    }
  }
  return net.head(x, 10)
}

/** A random model over a graph of which weighted nodes use their own tensor, or that of the earlier node in `tensorOf`. */
export function foldedModel(graph: Graph, tensorOf: ReadonlyMap<string, string>): Model {
  const rng = new Rng(1)
  const shapes = inferShapes(graph)
  const tensors: Record<string, LevelTensor> = {}
  const layers: Record<string, LayerParams> = {}
  for (const node of graph.nodes.filter(isWeighted)) {
    const shape = weightShape(node, shapes.get(node.inputs[0]) as Shape)
    const tensor = tensorOf.get(node.name) ?? node.name
    if (tensor === node.name) {
      const levels = randomLevels(
        rng,
        shape.reduce((a, b) => a * b, 1),
        1,
        0.1,
      )
      tensors[tensor] = { shape, maxLevel: 1, levels }
    }
    const constants = () =>
      quantiseUniform(
        Float32Array.from({ length: shape[0] }, () => rng.normal()),
        4,
      )
    layers[node.name] = { tensor, scale: constants(), bias: constants() }
  }
  const ranged = rangedValues(graph)
  const ranges = Object.fromEntries([...shapes.keys()].filter((v) => ranged.has(v)).map((v) => [v, 140]))
  return { graph, tensors, layers, ranges }
}

/** Three residual blocks of depthwise and 1 x 1 convolutions, of which the last two use the weights of the first. */
export function foldedChain(): Graph {
  const net = new Nodes()
  let x = net.conv('image', 8, 4)
  for (let block = 0; block < 3; block++) {
    const deep = { op: 'conv2d', channels: 8, kernel: [3, 3], stride: [1, 1], pad: [1, 1, 1, 1], groups: 8 } as const
    const mix = { op: 'conv2d', channels: 8, kernel: [1, 1], stride: [1, 1], pad: [0, 0, 0, 0] } as const
    x = net.add({ op: 'add' }, net.add(mix, net.add({ op: 'relu6' }, net.add(deep, x))), x)
  }
  return net.head(x, 4)
}

export const FOLDED_CHAIN: ReadonlyMap<string, string> = new Map([
  ['conv4', 'conv2'],
  ['conv5', 'conv3'],
  ['conv6', 'conv2'],
  ['conv7', 'conv3'],
])
