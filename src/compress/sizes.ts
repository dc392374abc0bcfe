/** How large a model is, in every form that it takes: as a file, as bounds for files, and in memory. */

import { runLengthBits } from '../format/run-length.js'
import { seededSigns } from '../format/signs.js'
import { decodeModel, encodeModel, readWd, tensorBytes } from '../format/wd.js'
import { elements, isWeighted } from '../graph/ir.js'
import type { CodedArray, LayerParams, LevelTensor, Model } from '../graph/model.js'
import { levelDigits, type MaxLevel, planesOf } from '../kernels/levels.js'
import { countedBits, levelCounts } from './size-formulas.js'

/** One form of a model's weights and constants. */
export interface FormSize {
  readonly bytes: number
  /** Bits per weight of the network that the model stands for, everything in `bytes` counted. */
  readonly bitsPerWeight: number
  /** Of the bytes of that network in float32. */
  readonly share: number
}

export interface TensorSize {
  readonly name: string
  readonly shape: readonly number[]
  readonly weights: number
  readonly nonZeros: number
  /** Largest |level|. */
  readonly maxLevel: MaxLevel
  /** How often each level occurs, from -maxLevel to maxLevel. */
  readonly histogram: readonly number[]
  readonly signs: 'stored' | 'seeded'
  /** Bits of the levels alone. In the file they are fractional, because all tensors share one arithmetic-coded stream. */
  readonly bits: {
    readonly file: number
    /** Order-0 entropy of the levels as they are; with seeded signs that of their magnitudes. */
    readonly entropy: number
    /** A bit per weight and per further coat, and one per sign: see size-formulas.ts. Of 8-bit levels eight each. */
    readonly hierarchical: number
    readonly runLength: number
  }
  /** Of the Golomb-Rice code. */
  readonly riceParameter: number
}

export interface ModelSizes {
  /** Weights stored. */
  readonly weights: number
  readonly nonZeros: number
  /** Weights of the network that the model stands for: layers that share a tensor count with one each. */
  readonly originalWeights: number
  /** That network in float32: its weights, and a bias for each output channel of a weighted layer. */
  readonly fp32Bytes: number
  /** Scales and biases, at their bits per code. Part of all forms but the file, which codes them. */
  readonly constantBytes: number
  readonly forms: {
    /** The file, everything counted. */
    readonly file: FormSize
    /** Levels at their order-0 entropy, and constants. */
    readonly entropy: FormSize
    /** Levels in the hierarchical raw code, and constants. */
    readonly hierarchical: FormSize
    /** Levels as zero runs in Golomb-Rice code (run-length.ts), whole bytes per tensor, and constants. */
    readonly runLength: FormSize
    /** As a session holds them: row programs of u32 offsets, and constants as float32. */
    readonly programs: FormSize
  }
  readonly tensors: readonly TensorSize[]
}

/**
 * @param source a model, or the bytes of its file
 * @throws WhiteDwarfError E_FORMAT (damaged bytes; a model that the format cannot hold), E_GRAPH, E_SHAPE
 */
export function modelSizes(source: Model | Uint8Array): ModelSizes {
  const bytes = source instanceof Uint8Array ? source : encodeModel(source)
  const file = readWd(bytes)
  const model = source instanceof Uint8Array ? decodeModel(bytes) : source
  const coded = new Map(tensorBytes(bytes).map((t) => [t.name, 8 * t.bytes]))
  const tensors = file.tensors.map(({ name }) => tensorSize(name, model.tensors[name], coded.get(name) as number))
  const layers = file.graph.nodes.filter(isWeighted).map((node) => model.layers[node.name])
  const channels = layers.reduce((sum, { tensor }) => sum + model.tensors[tensor].shape[0], 0)
  const originalWeights = layers.reduce((sum, { tensor }) => sum + elements(model.tensors[tensor].shape), 0)
  const fp32Bytes = 4 * (originalWeights + channels)
  const constantBytes = layers.reduce((sum, { scale, bias }) => sum + arrayBytes(scale) + arrayBytes(bias), 0)
  const form = (size: number): FormSize => ({
    bytes: size,
    bitsPerWeight: (8 * size) / originalWeights,
    share: size / fp32Bytes,
  })
  const levelBytes = (bits: (t: TensorSize) => number) => tensors.reduce((sum, t) => sum + Math.ceil(bits(t) / 8), 0)
  return {
    weights: tensors.reduce((sum, t) => sum + t.weights, 0),
    nonZeros: tensors.reduce((sum, t) => sum + t.nonZeros, 0),
    originalWeights,
    fp32Bytes,
    constantBytes,
    forms: {
      file: form(bytes.length),
      entropy: form(levelBytes((t) => t.bits.entropy) + constantBytes),
      hierarchical: form(levelBytes((t) => t.bits.hierarchical) + constantBytes),
      runLength: form(levelBytes((t) => t.bits.runLength) + constantBytes),
      programs: form(programBytes(model, layers) + 8 * channels),
    },
    tensors,
  }
}

function tensorSize(name: string, tensor: LevelTensor, fileBits: number): TensorSize {
  const { shape, maxLevel, levels, signSeed } = tensor
  const signs = signSeed === undefined ? undefined : seededSigns(shape, signSeed)
  const histogram = levelCounts(levels, maxLevel)
  const nonZeros = levels.length - histogram[maxLevel]
  /** Levels that reach each coat but the last: each has a bit for the next coat. */
  let further = 0
  histogram.forEach((count, i) => {
    further += count * Math.min(maxLevel - 1, Math.abs(i - maxLevel))
  })
  const { bits, parameter } = runLengthBits(levels, { maxLevel, ...(signs && { signs }) })
  return {
    name,
    shape,
    weights: levels.length,
    nonZeros,
    maxLevel,
    histogram,
    signs: signs === undefined ? 'stored' : 'seeded',
    bits: {
      file: fileBits,
      entropy: countedBits(histogram, signs === undefined ? 'learned' : 'seeded'),
      hierarchical:
        maxLevel === 127 ? 8 * levels.length : levels.length + further + (signs === undefined ? nonZeros : 0),
      runLength: bits,
    },
    riceParameter: parameter,
  }
}

/** Codes at their bits; low end and step as two halves. */
function arrayBytes(a: CodedArray): number {
  return a.kind === 'f16' ? 2 * a.codes.length : 4 + Math.ceil((a.bits * a.codes.length) / 8)
}

/**
 * Row programs (assembly/kernels/gather/program.ts): for each row and digit plane two counts, and an offset for each
 * signed digit, u32 all. Every layer has its own; of a tensor that several layers use the levels stay as well.
 */
function programBytes(model: Model, layers: readonly LayerParams[]): number {
  const users = new Map<string, number>()
  for (const { tensor } of layers) users.set(tensor, (users.get(tensor) ?? 0) + 1)
  let bytes = 0
  for (const [name, count] of users) {
    const { shape, maxLevel, levels } = model.tensors[name]
    const planes = planesOf(maxLevel)
    const digitsOf = Array.from(
      { length: maxLevel + 1 },
      (_, magnitude) => levelDigits(magnitude, planes).filter((d) => d !== 0).length,
    )
    const digits = levels.reduce((sum, level) => sum + digitsOf[Math.abs(level)], 0)
    bytes += count * 4 * (2 * planes * shape[0] + digits) + (count > 1 ? levels.length : 0)
  }
  return bytes
}
