/**
 * What 8-bit files of other runtimes need: a scale and a zero point for every value that they store, and int8 weights with a scale for
 * each output channel. ReLU and what stands before it are one operation there, so the value before a ReLU is not stored.
 */
import { InferenceSession, Tensor } from 'whitedwarf'
import { isWeighted, type Node } from 'whitedwarf/compress'
import { codedValues } from 'whitedwarf/format'
import type { RandomNetwork } from './networks.js'

/** An unsigned 8-bit grid: real = scale * (code - zero). Signed ones lie 128 lower. */
export interface Grid {
  readonly scale: number
  readonly zero: number
}

/** y[o] = sum over int8 weights times scale[o], plus bias[o] in the unit of x's scale times scale[o]. */
export interface QuantisedLayer {
  readonly weights: Int8Array
  readonly scale: Float32Array
  readonly bias: Int32Array
}

export interface Quantised {
  /** By the value's name. Pooling by maximum and flattening keep the grid of what they read. */
  readonly grids: ReadonlyMap<string, Grid>
  readonly layers: ReadonlyMap<string, QuantisedLayer>
}

/** The grid of codes 0..255 that spans all of these numbers, and 0. */
function gridOf(values: Float32Array): Grid {
  let [low, high] = [0, 0]
  for (const v of values) {
    if (v < low) low = v
    if (v > high) high = v
  }
  const scale = (high - low || 1) / 255
  return { scale, zero: Math.round(-low / scale) }
}

export const keepsGrid = (node: Node): boolean => node.op === 'maxpool' || node.op === 'flatten'

/** Names of the values that only a ReLU reads. */
export function fusedIntoRelu(nodes: readonly Node[]): Set<string> {
  const readers = new Map<string, string[]>()
  for (const node of nodes) for (const x of node.inputs) readers.set(x, [...(readers.get(x) ?? []), node.op])
  return new Set([...readers].filter(([, ops]) => ops.every((op) => op === 'relu')).map(([name]) => name))
}

/** Measures all values on the network's image, in f32. */
export async function quantise({ floats, model, image, shape }: RandomNetwork): Promise<Quantised> {
  const { nodes, inputs } = floats.graph
  const fused = fusedIntoRelu(nodes)
  const stored = nodes.filter((node) => !fused.has(node.name))
  const everything = { ...floats, graph: { ...floats.graph, outputs: stored.map((node) => node.name) } }
  using session = await InferenceSession.create(everything, { precision: 'f32' })
  const values = await session.run({ [inputs[0].name]: new Tensor('float32', image, [1, ...shape]) })
  const grids = new Map([[inputs[0].name, gridOf(image)]])
  for (const node of stored) {
    const grid = keepsGrid(node) ? grids.get(node.inputs[0]) : gridOf(values[node.name].data)
    grids.set(node.name, grid as Grid)
  }
  const layers = new Map<string, QuantisedLayer>()
  for (const node of nodes.filter(isWeighted)) {
    const { tensor, scale, bias } = model.layers[node.name]
    const factor = codedValues(scale)
    const unit = (grids.get(node.inputs[0]) as Grid).scale
    layers.set(node.name, {
      weights: model.tensors[tensor].levels,
      scale: factor,
      bias: Int32Array.from(codedValues(bias), (b, o) => Math.round(b / (unit * factor[o]))),
    })
  }
  return { grids, layers }
}
