/** A graph in the trainer's memory: values, gradients, parameters, and the passes over its nodes. */

import { WhiteDwarfError } from '../errors.js'
import { elements, type Graph, inferShapes, isWeighted, type Node, type Shape, weightShape } from '../graph/ir.js'
import { GEMM_SCRATCH_BYTES } from '../kernels/ref/gemm.js'
import { ConvLayer } from './layers/conv.js'
import type { Layer, ValueBuffers } from './layers/layer.js'
import { batchnormLayer, denseLayer, flattenLayer, poolLayer, reluLayer } from './layers/plain.js'
import { TrainMemory } from './memory.js'

/** Weights of a weighted node, [out][in]... f32, and their gradient: addresses of n words each. */
export interface WeightBuffers {
  readonly name: string
  readonly shape: Shape
  readonly fanIn: number
  readonly n: number
  readonly weights: number
  readonly grad: number
}

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
  readonly input: string
  readonly output: string
}

const BN_EPS = 1e-5
const BN_MOMENTUM = 0.1

export class Network {
  readonly weighted: WeightBuffers[] = []
  readonly norms: NormBuffers[] = []
  private readonly steps: Step[] = []
  private readonly values = new Map<string, ValueBuffers>()
  /** Values whose gradient somebody needs: those with parameters before them. */
  private readonly trainable = new Set<string>()
  private readonly spare: number
  private readonly shapes: Map<string, Shape>

  private constructor(
    readonly mem: TrainMemory,
    readonly graph: Graph,
    readonly batch: number,
  ) {
    this.shapes = inferShapes(graph)
    let largest = 0
    for (const [name, shape] of this.shapes) {
      const n = elements(shape) * batch
      largest = Math.max(largest, n)
      this.values.set(name, { value: mem.words(n), grad: mem.words(n) })
    }
    const scratch = mem.bytes(GEMM_SCRATCH_BYTES)
    for (const node of graph.nodes) {
      const input = node.inputs[0]
      this.steps.push({ layer: this.layer(node, scratch), input, output: node.name })
      if (isWeighted(node) || node.op === 'batchnorm' || this.trainable.has(input)) this.trainable.add(node.name)
    }
    const uses = graph.nodes.map((node) => node.inputs[0])
    this.spare = new Set(uses).size < uses.length ? mem.words(largest) : 0
  }

  /** @throws WhiteDwarfError E_GRAPH, E_SHAPE, E_MEMORY */
  static async create(graph: Graph, batch: number): Promise<Network> {
    if (graph.inputs.length !== 1 || graph.outputs.length !== 1) {
      throw new WhiteDwarfError(
        'E_GRAPH',
        `training needs one input and one output, the graph has ${graph.inputs.length} and ${graph.outputs.length}`,
      )
    }
    return new Network(await TrainMemory.create(), graph, batch)
  }

  private layer(node: Node, scratch: number): Layer {
    const { mem, batch } = this
    const input = this.shape(node.inputs[0])
    const output = this.shape(node.name)
    const x = this.value(node.inputs[0])
    const y = this.value(node.name)
    switch (node.op) {
      case 'conv2d': {
        const w = this.addWeights(node.name, weightShape(node, input))
        return new ConvLayer(mem, node, batch, input, output, x, y, w.weights, w.grad)
      }
      case 'dense': {
        const w = this.addWeights(node.name, weightShape(node, input))
        return denseLayer(mem, batch, input[0], node.units, x, y, w.weights, w.grad, scratch)
      }
      case 'batchnorm': {
        const channels = input[0]
        const norm = {
          name: node.name,
          channels,
          state: mem.words(6 * channels),
          grads: mem.words(2 * channels),
          eps: BN_EPS,
          momentum: BN_MOMENTUM,
        }
        const state = mem.f32(norm.state, 6 * channels).fill(0)
        state.fill(1, 0, channels)
        state.fill(1, 3 * channels, 4 * channels)
        this.norms.push(norm)
        return batchnormLayer(mem, channels, (elements(input) / channels) * batch, x, y, norm)
      }
      case 'relu':
        return reluLayer(mem, elements(input) * batch, x, y)
      case 'maxpool':
      case 'avgpool':
        return poolLayer(mem, node, batch, input, output, x, y)
      case 'flatten':
        return flattenLayer(mem, batch, input, x, y)
      default:
        throw new WhiteDwarfError('E_GRAPH', `training '${node.op}' is not supported`)
    }
  }

  private addWeights(name: string, shape: Shape): WeightBuffers {
    const { mem } = this
    const n = elements(shape)
    const w = { name, shape, fanIn: n / shape[0], n, weights: mem.words(n), grad: mem.words(n) }
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

  /** @param after called after each node with its name, while its value is fresh */
  forward(training: boolean, after?: (name: string) => void): void {
    for (const { layer, output } of this.steps) {
      layer.forward(training)
      after?.(output)
    }
  }

  /** From the output's gradient, in reverse order. A value that several nodes use sums what they send back. */
  backward(): void {
    const reached = new Set<string>([this.graph.outputs[0]])
    for (let i = this.steps.length - 1; i >= 0; i--) {
      const { layer, input, output } = this.steps[i]
      if (!reached.has(output)) continue
      if (!this.trainable.has(input)) {
        layer.backward(0)
      } else if (reached.has(input)) {
        layer.backward(this.spare)
        this.mem.kernels.add_f32(this.spare, this.value(input).grad, elements(this.shape(input)) * this.batch)
      } else {
        layer.backward(this.value(input).grad)
        reached.add(input)
      }
    }
  }
}
