/** Layers as the storage comparison sees them: counts of a graph, or of the weights of a model. */
import { WhiteDwarfError } from '../errors.js'
import { runLengthBits } from '../format/run-length.js'
import { tensorBytes } from '../format/wd.js'
import { elements, type Graph, inferShapes, isWeighted, type Shape, weightShape } from '../graph/ir.js'
import type { FloatModel, LevelTensor, Model } from '../graph/model.js'
import { capacity, violation } from '../patterns/mask.js'
import { misfit, type Pattern } from '../patterns/pattern.js'
import { type LayerCount, tapsPerKernel, type ValueBits } from '../patterns/storage.js'
import { countedBits, levelCounts } from './size-formulas.js'

export interface StorageLayer extends LayerCount {
  readonly name: string
  readonly weights: number
  /** Pixels that each weight is used for, in all layers that share it: nonZeros * pixels multiply-accumulates. */
  readonly pixels: number
  /** The pattern that the weights keep to. */
  readonly pattern?: Pattern
  // Of weights, not of counts alone:
  /** Bits of a level. */
  readonly bits?: ValueBits
  /** Different sets of taps in kernels of this size, in the whole network. */
  readonly sets?: number
  /** Bits of the runs of zeros in Golomb-Rice code. */
  readonly runs?: number
  /** Order-0 entropy of the levels that are not zero, in bits. */
  readonly valueEntropy?: number
  /** Bits of the levels in the file. */
  readonly fileBits?: number
}

export interface Sparsity {
  /** For the layers that it fits. */
  readonly pattern?: Pattern
  /** Share of weights of each layer that stay, above 0 to 1, wherever they are. */
  readonly density?: number
  /** Layers that stay dense. */
  readonly keepDense?: (layer: WeightedLayer) => boolean
}

export interface WeightedLayer {
  readonly name: string
  readonly op: 'conv2d' | 'dense'
  readonly shape: Shape
  /** Convolutions of each channel by itself. */
  readonly depthwise: boolean
  readonly weights: number
  readonly pixels: number
}

/**
 * The layers with weights, those that share weights once.
 * @throws WhiteDwarfError E_GRAPH, E_SHAPE
 */
export function weightedLayers(graph: Graph): WeightedLayer[] {
  const shapes = inferShapes(graph)
  const layers = new Map<string, WeightedLayer>()
  for (const node of graph.nodes.filter(isWeighted)) {
    const { name, op } = node
    const shape = weightShape(node, shapes.get(node.inputs[0]) as Shape)
    const pixels = elements((shapes.get(name) as Shape).slice(1))
    const owner = node.weightsOf === undefined ? undefined : layers.get(node.weightsOf)
    if (owner !== undefined) layers.set(owner.name, { ...owner, pixels: owner.pixels + pixels })
    else {
      const depthwise = node.op === 'conv2d' && (node.groups ?? 1) > 1 && shape[1] === 1
      layers.set(name, { name, op, shape, depthwise, weights: elements(shape), pixels })
    }
  }
  return [...layers.values()]
}

/**
 * Layers of a network in which a pattern or a density says how many weights stay.
 * @throws WhiteDwarfError E_GRAPH, E_SHAPE, E_OPTION when not exactly one of them is given
 */
export function networkLayers(graph: Graph, { pattern, density, keepDense }: Sparsity): StorageLayer[] {
  if ((pattern === undefined) === (density === undefined)) {
    throw new WhiteDwarfError('E_OPTION', 'give either a pattern or a density')
  }
  if (density !== undefined && !(density > 0 && density <= 1)) {
    throw new WhiteDwarfError('E_OPTION', `density must be a number above 0 and at most 1, got ${density}`)
  }
  return weightedLayers(graph).map((layer) => {
    const { name, shape, weights, pixels } = layer
    const dense = { name, shape, weights, nonZeros: weights, pixels }
    if (keepDense?.(layer)) return dense
    if (density !== undefined) return { ...dense, nonZeros: Math.round(density * weights) }
    if (pattern === undefined || misfit(pattern, shape) !== undefined) return dense
    const perKernel = pattern.kind === 'periodic' ? tapsPerKernel(pattern) : undefined
    return { ...dense, nonZeros: capacity(pattern, shape), pattern, ...(perKernel !== undefined && { perKernel }) }
  })
}

/**
 * Layers of a model's levels, by the names of their tensors. `file` adds what each takes in the file.
 * @param pattern noted in the layers whose levels keep to it and that have none of their own; of blocks, each layer has the seed that
 *   training gives it
 * @throws WhiteDwarfError E_GRAPH, E_SHAPE, E_FORMAT
 */
export function modelLayers(model: Model, pattern?: Pattern, file?: Uint8Array): StorageLayer[] {
  const coded = new Map(file === undefined ? [] : tensorBytes(file).map((t) => [t.name, 8 * t.bytes]))
  // Layers may use one tensor without sharing weights in the graph.
  const users = new Map<string, WeightedLayer>()
  for (const layer of weightedLayers(model.graph)) {
    const { tensor } = model.layers[layer.name]
    const first = users.get(tensor)
    users.set(tensor, first === undefined ? layer : { ...first, pixels: first.pixels + layer.pixels })
  }
  const layers = [...users].map(([name, layer], i) => {
    const tensor = model.tensors[name]
    const fileBits = coded.get(name)
    return {
      ...measured({ ...layer, name }, tensor.levels, tensor.pattern ?? seededPattern(pattern, i)),
      bits: levelBits(tensor),
      valueEntropy: nonZeroEntropy(tensor),
      ...(fileBits !== undefined && { fileBits }),
    }
  })
  return withSets(layers, (name) => model.tensors[name].levels)
}

/** Layers of plain weights. @throws WhiteDwarfError E_GRAPH, E_SHAPE */
export function floatLayers({ graph, weights }: FloatModel, pattern?: Pattern): StorageLayer[] {
  const layers = weightedLayers(graph).map((layer, i) =>
    measured(layer, weights[layer.name].weights, seededPattern(pattern, i)),
  )
  return withSets(layers, (name) => weights[name].weights)
}

/** As training has it: blocks are drawn anew in every layer (compress/patterns.ts). */
function seededPattern(pattern: Pattern | undefined, layer: number): Pattern | undefined {
  return pattern?.kind === 'blocks' ? { ...pattern, seed: (pattern.seed + layer) % 2 ** 32 } : pattern
}

function measured(layer: WeightedLayer, values: ArrayLike<number>, pattern?: Pattern): StorageLayer {
  const { name, shape, weights, pixels } = layer
  const taps = elements(shape.slice(2))
  const mask = Int8Array.from(values, (v) => (v === 0 ? 0 : 1))
  const nonZeros = mask.reduce((n, m) => n + m, 0)
  const { bits: runs } = runLengthBits(mask, { maxLevel: 1, signs: mask })
  const keeps =
    pattern !== undefined && misfit(pattern, shape) === undefined && violation(pattern, shape, values) === undefined
  const perKernel = sameCount(mask, taps)
  return {
    name,
    shape,
    weights,
    pixels,
    nonZeros,
    runs,
    ...(keeps && { pattern }),
    ...(perKernel !== undefined && { perKernel }),
  }
}

/** How many ones each run of `taps` has, if all have as many. */
function sameCount(mask: Int8Array, taps: number): number | undefined {
  const count = (from: number) => {
    let n = 0
    for (let i = from; i < from + taps; i++) n += mask[i]
    return n
  }
  const first = count(0)
  for (let from = taps; from < mask.length; from += taps) if (count(from) !== first) return undefined
  return first
}

/** Values without their seeded signs; zero is one more where it is stored. */
function levelBits({ maxLevel, signSeed }: LevelTensor): ValueBits {
  const nonZero = signSeed === undefined ? 2 * maxLevel : maxLevel
  return { nonZero: Math.ceil(Math.log2(nonZero)), dense: Math.ceil(Math.log2(nonZero + 1)) }
}

function nonZeroEntropy({ levels, maxLevel, signSeed }: LevelTensor): number {
  const counts = levelCounts(levels, maxLevel)
  const signs = signSeed === undefined ? 'learned' : 'seeded'
  return countedBits(
    counts.map((c, i) => (i === maxLevel ? 0 : c)),
    signs,
  )
}

/** Adds to layers with zeros how many different sets of taps there are in all kernels of their size. */
function withSets(layers: readonly StorageLayer[], valuesOf: (name: string) => ArrayLike<number>): StorageLayer[] {
  const found = new Map<number, Set<string>>()
  const tapsOf = ({ shape }: StorageLayer) => elements(shape.slice(2))
  for (const layer of layers) {
    const taps = tapsOf(layer)
    // A single tap is there or not.
    if (layer.nonZeros === layer.weights || taps === 1) continue
    const sets = found.get(taps) ?? new Set()
    found.set(taps, sets)
    const values = valuesOf(layer.name)
    for (let from = 0; from < values.length; from += taps) {
      let set = ''
      for (let i = from; i < from + taps; i++) set += values[i] === 0 ? '0' : '1'
      sets.add(set)
    }
  }
  return layers.map((layer) => ({ ...layer, sets: found.get(tapsOf(layer))?.size ?? 2 }))
}
