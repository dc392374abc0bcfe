/**
 * What an array has to do: layers as matrix products, with what is known of their weights and activations.
 *
 *   outputs [M, N] = inputs [M, K] x weights [K, N], for each of `groups`
 *
 *   M   pixels of the output, of all images of a batch
 *   N   filters of a group
 *   K   weights of a filter: channels of a group * kernel height * kernel width, channel by channel
 */
import { WhiteDwarfError } from '../errors.js'
import { elements, type Graph, inferShapes, isWeighted, type Shape, weightShape } from '../graph/ir.js'
import type { LevelTensor, Model } from '../graph/model.js'
import type { ActiveInputs } from './activations.js'

export interface PeLayer {
  readonly name: string
  readonly op: 'conv2d' | 'dense' | 'matmul' | 'pool'
  readonly m: number
  readonly n: number
  readonly k: number
  /** As many products of this size; depthwise convolutions have one for each channel. */
  readonly groups: number
  /** Weights of a filter that look at the same channel: kernel height * width. Divides k. */
  readonly taps: number
  /** Numbers that the layer reads, once each: channels * height * width of the images, without padding. */
  readonly inputs: number
  readonly weightBits: number
  readonly activationBits: number
  /** Share of weights that are not zero, 0..1. */
  readonly weightDensity: number
  /** Share of inputs that are not zero, 0..1. */
  readonly activationDensity: number
  /** N of each M consecutive weights of a filter stay, where the workload says so of this layer (topology files). */
  readonly kept?: readonly [n: number, m: number]
  /** The weights themselves, [groups * n, channels of a group, kh, kw]. */
  readonly levels?: LevelTensor
  /** Inputs that are not zero, of each channel. */
  readonly activeInputs?: ActiveInputs
  /** Share of inputs of each magnitude from 0 on, as numbers of `activationBits` bits. Absent: uniform, but for zeros. */
  readonly inputMagnitudes?: Float64Array
}

export interface Workload {
  readonly name: string
  readonly layers: readonly PeLayer[]
}

export interface WorkloadOptions {
  readonly name?: string
  /** Images at a time, 1 to 65,536. Default 1. */
  readonly batch?: number
  /** Of all layers, or by layer name (others 1). 0..1, default 1; of a model's levels it is counted. */
  readonly weightDensity?: number | Readonly<Record<string, number>>
  /** Of all layers, or by layer name (others 1). 0..1, default 1. */
  readonly activationDensity?: number | Readonly<Record<string, number>>
  /** Inputs that were counted in a run, by layer name: they go before `activationDensity`. */
  readonly activations?: Readonly<Record<string, ActiveInputs>>
  /** 1 to 32. Default 8; of a model's levels the bits they need. */
  readonly weightBits?: number
  /** 1 to 32. Default 8. */
  readonly activationBits?: number
  /** Whether pooling counts. Default false. */
  readonly pooling?: boolean
}

/**
 * The layers of a network whose weights are not known.
 * @throws WhiteDwarfError E_OPTION; E_GRAPH, E_SHAPE when the graph is not valid
 */
export function graphWorkload(graph: Graph, options: WorkloadOptions = {}): Workload {
  return workload(graph, options, () => undefined)
}

/**
 * The layers of a model, with its levels.
 * @throws WhiteDwarfError E_OPTION, E_GRAPH, E_SHAPE
 */
export function modelWorkload(model: Model, options: WorkloadOptions = {}): Workload {
  return workload(model.graph, options, (name) => model.tensors[model.layers[name].tensor])
}

function workload(
  graph: Graph,
  options: WorkloadOptions,
  levelsOf: (name: string) => LevelTensor | undefined,
): Workload {
  const { name = 'network', batch = 1, pooling = false } = options
  checkOptions(options, batch)
  const shapes = inferShapes(graph)
  const layers = graph.nodes.flatMap((node): PeLayer[] => {
    const pools = pooling && (node.op === 'maxpool' || node.op === 'avgpool')
    if (!isWeighted(node) && !pools) return []
    const input = shapes.get(node.inputs[0]) as Shape
    const output = shapes.get(node.name) as Shape
    const active = options.activations?.[node.name]
    const common = {
      name: node.name,
      m: batch * elements(output.slice(1)),
      inputs: batch * elements(input),
      activationBits: options.activationBits ?? 8,
      activationDensity:
        active === undefined ? densityOf(options.activationDensity, node.name) : activeShare(node.name, active),
      ...(active && { activeInputs: active }),
      ...(active?.magnitudes && { inputMagnitudes: active.magnitudes }),
    }
    if (!isWeighted(node)) {
      const taps = node.kernel[0] * node.kernel[1]
      return [{ ...common, op: 'pool', n: 1, k: taps, groups: output[0], taps, weightBits: 0, weightDensity: 1 }]
    }
    const shape = weightShape(node, input)
    const groups = node.op === 'conv2d' ? (node.groups ?? 1) : 1
    const levels = levelsOf(node.name)
    const sizes = { n: shape[0] / groups, k: elements(shape.slice(1)), groups, taps: elements(shape.slice(2)) }
    const weights = {
      weightBits: options.weightBits ?? (levels === undefined ? 8 : levelBits(levels.maxLevel)),
      weightDensity: levels === undefined ? densityOf(options.weightDensity, node.name) : density(levels.levels),
    }
    return [{ ...common, op: node.op, ...sizes, ...weights, ...(levels && { levels }) }]
  })
  if (layers.length === 0) throw new WhiteDwarfError('E_GRAPH', 'the network has no layer with weights to simulate')
  return { name, layers }
}

/** What an option says of a layer. */
export const densityOf = (of: WorkloadOptions['weightDensity'], layer: string): number =>
  typeof of === 'object' ? (of[layer] ?? 1) : (of ?? 1)

/** Sign and magnitude: 2 for levels up to 1, 3 up to 3, 4 up to 7, 8 up to 127. */
export const levelBits = (maxLevel: number): number => 1 + Math.ceil(Math.log2(maxLevel + 1))

function density(levels: Int8Array): number {
  let kept = 0
  for (const level of levels) kept += level === 0 ? 0 : 1
  return kept / levels.length
}

/** Share of a layer's inputs that are not zero. @throws WhiteDwarfError E_OPTION */
function activeShare(name: string, { of, perChannel }: ActiveInputs): number {
  const share = perChannel.reduce((a, b) => a + b, 0) / (of * perChannel.length)
  if (!(share >= 0 && share <= 1)) refuse(`activations['${name}']`, `counts of up to ${of}`, share)
  return share
}

/** @throws WhiteDwarfError E_OPTION naming the field */
export function checkOptions(options: WorkloadOptions, batch: number): void {
  if (!Number.isInteger(batch) || batch < 1 || batch > 65536) refuse('batch', 'a whole number from 1 to 65536', batch)
  for (const field of ['weightDensity', 'activationDensity'] as const) {
    const given = options[field]
    for (const value of typeof given === 'object' ? Object.values(given) : given === undefined ? [] : [given]) {
      if (!(value >= 0 && value <= 1)) refuse(field, 'a number from 0 to 1', value)
    }
  }
  for (const field of ['weightBits', 'activationBits'] as const) {
    const bits = options[field]
    if (bits !== undefined && !(Number.isInteger(bits) && bits >= 1 && bits <= 32)) {
      refuse(field, 'a whole number from 1 to 32', bits)
    }
  }
}

function refuse(field: string, expected: string, got: unknown): never {
  throw new WhiteDwarfError('E_OPTION', `workload.${field} must be ${expected}, got ${String(got)}`)
}

/** Multiply-accumulates of a layer, zeros included. */
export const macsOf = ({ m, n, k, groups, op }: PeLayer): number => (op === 'pool' ? 0 : m * n * k * groups)

/** Weights of a layer, zeros included. */
export const weightsOf = ({ n, k, groups, op }: PeLayer): number => (op === 'pool' ? 0 : n * k * groups)
