/** A graph in the trainer's memory: values, gradients, parameters, and the passes over its nodes. */

import { WhiteDwarfError } from '../errors.js'
import { elements, type Graph, inferShapes, isWeighted, type Node, type Shape, weightShape } from '../graph/ir.js'
import { ConvLayer } from './layers/conv.js'
import type { Layer, ValueBuffers, WeightBuffers } from './layers/layer.js'
import {
  addLayer,
  batchnormLayer,
  denseLayer,
  flattenLayer,
  padChannelsLayer,
  poolLayer,
  reluLayer,
  transposeLayer,
} from './layers/plain.js'
import { TrainMemory } from './memory.js'

export type { WeightBuffers } from './layers/layer.js'

/**
 * Addresses of a batchnorm node: state | gamma | beta | running mean | running variance | mean | inv |, gradients | gamma |
 * beta |, `channels` words each.
 */
export interface NormBuffers {
  readonly name: string
  readonly channels: number
  readonly state: number
  readonly grads: number
  eps: number
  /** How far running statistics move towards a batch's per training pass, 0..1. */
  momentum: number
}

interface Step {
  readonly layer: Layer
  readonly inputs: readonly string[]
  readonly output: string
  /** Weights that several nodes share: where this one leaves its gradient, to be added to theirs. */
  readonly shared?: { readonly partial: number; readonly weights: WeightBuffers }
}

const BN_EPS = 1e-5
const BN_MOMENTUM = 0.1

export class Network {
  /** One for every node that owns weights. */
  readonly weighted: WeightBuffers[] = []
  readonly norms: NormBuffers[] = []
  /** Rounds values in forward passes, where training wants that (rounding.ts). */
  rounding?: { apply(value: string, measure: boolean): void }
  private readonly steps: Step[] = []
  private readonly values = new Map<string, ValueBuffers>()
  /** Values whose gradient somebody needs: those with parameters before them. */
  private readonly trainable = new Set<string>()
  private readonly spare: number
  private readonly shapes: Map<string, Shape>
  /** Owner of weights -> the last node that uses them. */
  private readonly lastUsers = new Map<string, string>()

  private constructor(
    readonly mem: TrainMemory,
    readonly graph: Graph,
    readonly batch: number,
  ) {
    this.shapes = inferShapes(graph)
    for (const node of graph.nodes) if (isWeighted(node)) this.lastUsers.set(node.weightsOf ?? node.name, node.name)
    let largest = 0
    for (const [name, shape] of this.shapes) {
      const n = elements(shape) * batch
      largest = Math.max(largest, n)
      this.values.set(name, { value: mem.words(n), grad: mem.words(n) })
    }
    for (const node of graph.nodes) {
      this.steps.push(this.step(node))
      if (isWeighted(node) || node.op === 'batchnorm' || node.inputs.some((i) => this.trainable.has(i)))
        this.trainable.add(node.name)
    }
    const uses = graph.nodes.flatMap((node) => node.inputs)
    this.spare = new Set(uses).size < uses.length ? mem.words(largest) : 0
    mem.allocateScratch()
  }

  /** @throws WhiteDwarfError E_GRAPH, E_SHAPE, E_MEMORY */
  static async create(graph: Graph, batch: number, mem?: TrainMemory): Promise<Network> {
    if (graph.inputs.length !== 1 || graph.outputs.length !== 1) {
      throw new WhiteDwarfError(
        'E_GRAPH',
        `training needs one input and one output, the graph has ${graph.inputs.length} and ${graph.outputs.length}`,
      )
    }
    return new Network(mem ?? (await TrainMemory.create()), graph, batch)
  }

  private step(node: Node): Step {
    const base = { inputs: node.inputs, output: node.name }
    if (!isWeighted(node)) return { ...base, layer: this.layer(node) }
    const owner = node.weightsOf ?? node.name
    const weights = this.weighted.find((w) => w.name === owner) ?? this.addWeights(node)
    // Backward passes run from the last user to the first: the last one's gradient is the sum's beginning.
    const first = this.lastUsers.get(owner) === node.name
    const grad = first ? weights.grad : this.mem.words(weights.n)
    const layer = this.weightedLayer(node, weights, grad)
    return { ...base, layer, ...(!first && { shared: { partial: grad, weights } }) }
  }

  private weightedLayer(node: Node, weights: WeightBuffers, grad: number): Layer {
    const { mem, batch } = this
    const [x, y] = [this.value(node.inputs[0]), this.value(node.name)]
    const [input, output] = [this.shape(node.inputs[0]), this.shape(node.name)]
    if (node.op === 'conv2d') return new ConvLayer(mem, node, batch, input, output, x, y, weights, grad)
    return denseLayer(mem, batch, input[0], output[0], x, y, weights, grad)
  }

  private layer(node: Node): Layer {
    const { mem, batch } = this
    const input = this.shape(node.inputs[0])
    const output = this.shape(node.name)
    const x = this.value(node.inputs[0])
    const y = this.value(node.name)
    switch (node.op) {
      case 'batchnorm':
        return batchnormLayer(mem, input[0], (elements(input) / input[0]) * batch, x, y, this.addNorm(node, input[0]))
      case 'relu':
        return reluLayer(mem, elements(input) * batch, x, y, Number.POSITIVE_INFINITY)
      case 'relu6':
        return reluLayer(mem, elements(input) * batch, x, y, 6)
      case 'add': {
        const inputs = node.inputs.map((name) => this.value(name))
        return addLayer(mem, elements(input) * batch, inputs, y)
      }
      case 'maxpool':
      case 'avgpool':
        return poolLayer(mem, node, batch, input, output, x, y)
      case 'flatten':
        return flattenLayer(mem, batch, input, x, y)
      case 'padchannels':
        return padChannelsLayer(mem, node, batch, input, x, y)
      case 'transpose':
        return transposeLayer(mem, batch, input, x, y)
      default:
        throw new WhiteDwarfError('E_GRAPH', `'${node.name}': unknown operation '${node.op}'`)
    }
  }

  private addNorm({ name }: Node, channels: number): NormBuffers {
    const { mem } = this
    const [state, grads] = [mem.words(6 * channels), mem.words(2 * channels)]
    const norm = { name, channels, state, grads, eps: BN_EPS, momentum: BN_MOMENTUM }
    const numbers = mem.f32(state, 6 * channels).fill(0)
    numbers.fill(1, 0, channels)
    numbers.fill(1, 3 * channels, 4 * channels)
    this.norms.push(norm)
    return norm
  }

  private addWeights(node: Node): WeightBuffers {
    const { mem } = this
    if (!isWeighted(node)) throw new WhiteDwarfError('E_GRAPH', `'${node.name}' has no weights`)
    const shape = weightShape(node, this.shape(node.inputs[0]))
    const n = elements(shape)
    const w = { name: node.name, shape, fanIn: n / shape[0], n, weights: mem.words(n), grad: mem.words(n) }
    this.weighted.push(w)
    return w
  }

  shape(name: string): Shape {
    return this.shapes.get(name) as Shape
  }

  value(name: string): ValueBuffers {
    return this.values.get(name) as ValueBuffers
  }

  get input(): ValueBuffers {
    return this.value(this.graph.inputs[0].name)
  }

  get output(): ValueBuffers {
    return this.value(this.graph.outputs[0])
  }

  /** To be called when weights have changed, before the next forward pass. Layers are shared out among the parts. */
  prepare(): void {
    const { index, count, barrier } = this.mem.part
    barrier()
    this.steps.forEach(({ layer }, i) => {
      layer.prepare?.(i % count === index)
    })
    barrier()
  }

  /** @param after called after each node with its name, while its value is fresh */
  forward(training: boolean, after?: (name: string) => void): void {
    this.rounding?.apply(this.graph.inputs[0].name, training)
    for (const { layer, output } of this.steps) {
      layer.forward(training)
      this.mem.part.barrier()
      this.rounding?.apply(output, training)
      after?.(output)
    }
  }

  /** From the output's gradient, in reverse order. A value that several nodes use sums what they send back. */
  backward(): void {
    const { part } = this.mem
    const reached = new Set<string>([this.graph.outputs[0]])
    for (let i = this.steps.length - 1; i >= 0; i--) {
      const { layer, inputs, output, shared } = this.steps[i]
      if (!reached.has(output)) continue
      const targets = inputs.map((input, k) => {
        if (!this.trainable.has(input)) return 0
        return reached.has(input) || inputs.indexOf(input) < k ? this.spare : this.value(input).grad
      })
      layer.backward(targets)
      part.barrier()
      inputs.forEach((input, k) => {
        if (targets[k] === this.spare && targets[k] !== 0)
          this.accumulate(this.spare, this.value(input).grad, elements(this.shape(input)) * this.batch)
        if (targets[k] !== 0) reached.add(input)
      })
      if (shared !== undefined) this.accumulate(shared.partial, shared.weights.grad, shared.weights.n)
    }
  }

  /** sum += part of it */
  private accumulate(from: number, sum: number, n: number): void {
    const [begin, end] = this.mem.range(n, 4)
    this.mem.kernels.add_f32(sum + 4 * begin, from + 4 * begin, sum + 4 * begin, end - begin)
    this.mem.part.barrier()
  }
}
