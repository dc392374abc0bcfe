/**
 * Making an imported network simpler without changing what it computes (but for rounding): constants that follow a layer go into its
 * weights and biases, zeros around an image into the padding of the convolution that reads it, and what does nothing goes away.
 */
import { elements, inferShapes, isWeighted, type Node, type Shape, type TensorNode, type WeightedNode } from './ir.js'
import type { FloatModel, LayerWeights } from './model.js'

/** A model that passes take apart: nodes in execution order, and who reads each value. */
class Draft {
  readonly weights: Record<string, LayerWeights>
  readonly shapes: ReadonlyMap<string, Shape>
  private readonly outputs: ReadonlySet<string>
  /** Nodes that are gone leave gaps. */
  private readonly list: (Node | undefined)[]
  private readonly places: Map<string, number>
  private readonly readers = new Map<string, Set<string>>()

  constructor(private readonly model: FloatModel) {
    this.list = [...model.graph.nodes]
    this.places = new Map(model.graph.nodes.map((node, i) => [node.name, i]))
    for (const node of model.graph.nodes) this.enter(node)
    this.weights = { ...model.weights }
    this.shapes = inferShapes(model.graph)
    this.outputs = new Set(model.graph.outputs)
  }

  node(name: string): Node | undefined {
    const place = this.places.get(name)
    return place === undefined ? undefined : this.list[place]
  }

  private enter({ name, inputs }: Node): void {
    for (const input of inputs) {
      const readers = this.readers.get(input) ?? new Set()
      this.readers.set(input, readers.add(name))
    }
  }

  private leave({ name, inputs }: Node): void {
    for (const input of inputs) this.readers.get(input)?.delete(name)
  }

  /** Another node of the same name in the place of one. */
  replace(node: Node): void {
    const place = this.places.get(node.name) as number
    this.leave(this.list[place] as Node)
    this.list[place] = node
    this.enter(node)
  }

  remove(name: string): void {
    const place = this.places.get(name) as number
    this.leave(this.list[place] as Node)
    this.list[place] = undefined
    this.places.delete(name)
  }

  /** The node that makes a value, where nothing but `reader` needs it. */
  private only(name: string, reader: string): Node | undefined {
    const readers = this.readers.get(name) ?? new Set()
    const others = readers.size - Number(readers.has(reader))
    return this.outputs.has(name) || others > 0 ? undefined : this.node(name)
  }

  /** The layer whose result only `reader` uses. */
  layer(name: string, reader: string): WeightedNode | undefined {
    const node = this.only(name, reader)
    return node !== undefined && isWeighted(node) && node.weightsOf === undefined ? node : undefined
  }

  /** The values of a constant node. */
  constant(name: string): Float32Array | undefined {
    const node = this.node(name)
    return node?.op === 'tensor' && node.fn.kind === 'constant' ? this.model.constants[name] : undefined
  }

  tensor(name: string, reader: string): TensorNode | undefined {
    const node = this.only(name, reader)
    return node?.op === 'tensor' ? node : undefined
  }

  /** A layer with other weights in the place of a node that follows it: under that node's name. */
  absorb(layer: WeightedNode, follower: string, weights: LayerWeights): void {
    // In the layer's own place, because what it reads is made before it, and so are the constants.
    const place = this.places.get(layer.name) as number
    this.remove(layer.name)
    this.remove(follower)
    const renamed = { ...layer, name: follower }
    this.list[place] = renamed
    this.places.set(follower, place)
    this.enter(renamed)
    delete this.weights[layer.name]
    this.weights[follower] = weights
  }

  /** Everything reads `by` instead of what a node makes. */
  bypass(name: string, by: string): boolean {
    if (this.outputs.has(name)) return false
    this.remove(name)
    for (const reader of [...(this.readers.get(name) ?? [])]) {
      const node = this.node(reader) as Node
      this.replace({ ...node, inputs: node.inputs.map((input) => (input === name ? by : input)) })
    }
    return true
  }

  /** What the outputs need, in order. */
  finish(): FloatModel {
    const needed = new Set<string>(this.outputs)
    const all = this.list.filter((node) => node !== undefined)
    for (const node of [...all].reverse()) {
      if (needed.has(node.name)) for (const input of node.inputs) needed.add(input)
    }
    const nodes = all.filter((node) => needed.has(node.name))
    const kept = new Set(nodes.map((node) => node.name))
    const only = <T>(record: Readonly<Record<string, T>>) =>
      Object.fromEntries(Object.entries(record).filter(([name]) => kept.has(name)))
    const { graph, constants } = this.model
    return { graph: { ...graph, nodes }, weights: only(this.weights), constants: only(constants) }
  }
}

/** The same network, simpler. */
export function simplify(model: FloatModel): FloatModel {
  const draft = new Draft(model)
  for (const { name } of model.graph.nodes) {
    const node = draft.node(name)
    if (node === undefined) continue
    if (node.op === 'tensor') {
      if (!foldAffine(draft, node)) dropIdle(draft, node)
    } else if (node.op === 'conv2d') foldPadding(draft, node)
  }
  return draft.finish()
}

/** y = factor * x + offset after a layer, one of each or one for each of its channels. */
interface Affine {
  readonly factor: (channel: number) => number
  readonly offset: (channel: number) => number
}

/** Batch normalisation, scales and biases that stand alone: into the layer before them. */
function foldAffine(draft: Draft, node: TensorNode): boolean {
  for (const [i, input] of node.inputs.entries()) {
    const layer = draft.layer(input, node.name)
    const affine = layer && affineOf(draft, node, i, layer)
    if (layer === undefined || affine === undefined) continue
    const { weights, bias } = draft.weights[layer.name]
    const each = weights.length / bias.length
    draft.absorb(layer, node.name, {
      weights: weights.map((w, k) => w * affine.factor(Math.floor(k / each))),
      bias: bias.map((b, c) => b * affine.factor(c) + affine.offset(c)),
    })
    return true
  }
  return false
}

/** What a node does to the channels of a layer, its input i; undefined if it is nothing of the kind. */
function affineOf(draft: Draft, { name, fn, inputs }: TensorNode, i: number, layer: WeightedNode): Affine | undefined {
  if (fn.kind === 'map') {
    const { a = 1, b = 0 } = fn
    return fn.fn === 'affine' ? { factor: () => a, offset: () => b } : undefined
  }
  if (fn.kind !== 'combine') return undefined
  const values = draft.constant(inputs[1 - i])
  const shape = draft.shapes.get(layer.name) as Shape
  const own = draft.shapes.get(inputs[1 - i]) as Shape
  if (values === undefined || draft.shapes.get(name)?.join() !== shape.join()) return undefined
  // One number for all, or [C, 1, 1] beside [C, H, W].
  const perChannel = values.length === shape[0] && elements(own.slice(-shape.length)) === own[own.length - shape.length]
  if (values.length !== 1 && !perChannel) return undefined
  const at = (c: number) => values[values.length === 1 ? 0 : c]
  switch (fn.fn) {
    case 'mul':
      return { factor: at, offset: () => 0 }
    case 'div':
      return i === 0 ? { factor: (c) => 1 / at(c), offset: () => 0 } : undefined
    case 'add':
      return { factor: () => 1, offset: at }
    case 'sub':
      return i === 0 ? { factor: () => 1, offset: (c) => -at(c) } : { factor: () => -1, offset: at }
    default:
      return undefined
  }
}

/** Zeros around an image, read by one convolution. */
function foldPadding(draft: Draft, conv: Node & { op: 'conv2d' }): void {
  const pad = draft.tensor(conv.inputs[0], conv.name)
  if (pad?.fn.kind !== 'pad') return
  const { before, after, between, value } = pad.fn
  if (value !== 0 || before[0] !== 0 || after[0] !== 0 || between.some((n) => n !== 0)) return
  const [top, left, bottom, right] = conv.pad
  draft.replace({
    ...conv,
    inputs: pad.inputs,
    pad: [top + before[1], left + before[2], bottom + after[1], right + after[2]],
  })
  draft.remove(pad.name)
}

/** Reshapes and permutations that change nothing, and reshapes of reshapes. */
function dropIdle(draft: Draft, node: TensorNode): void {
  const { fn, inputs, name } = node
  const from = draft.shapes.get(inputs[0])
  const idle =
    (fn.kind === 'reshape' && fn.shape.join() === from?.join()) ||
    (fn.kind === 'permute' && fn.perm.every((p, d) => p === d)) ||
    (fn.kind === 'expand' && fn.shape.join() === from?.join())
  if (idle && draft.bypass(name, inputs[0])) return
  if (fn.kind !== 'reshape') return
  const earlier = draft.node(inputs[0])
  if (earlier?.op === 'tensor' && earlier.fn.kind === 'reshape') {
    draft.replace({ ...node, inputs: earlier.inputs })
    dropIdle(draft, draft.node(name) as TensorNode)
  }
}
