/** What a model takes in the memories of a gather array, and in a form for the same memories that has no mask. */
import { runLengthBits } from '../../format/run-length.js'
import { seededSigns } from '../../format/signs.js'
import { isWeighted } from '../../graph/ir.js'
import type { LevelTensor, Model } from '../../graph/model.js'
import { levelBits } from '../workload.js'

/** Bits of a scale or a bias. */
const CONSTANT_BITS = 16
const FLOAT_BITS = 32

export interface OnChipSize {
  /** Bits. */
  readonly mask: number
  readonly values: number
  readonly constants: number
  /** mask + values + constants: as the array reads them. */
  readonly masked: number
  /** Zero runs in Golomb-Rice code in place of mask and values, and constants. */
  readonly runLength: number
  /** The network in float32 that the model stands for: weights, and a bias for each filter. */
  readonly float32: number
  /** Of float32. */
  readonly maskedShare: number
  readonly runLengthShare: number
}

/**
 * Counts, in bits: of each tensor of levels (once, also where several layers use it) one bit of mask for each weight, and sign and magnitude of
 * each weight that is not zero (2 bits of INT2, 4 of INT4; no sign where a seed gives it); of each weighted layer a scale and a bias of 16 bits
 * for each filter. Not counted: activations, instructions, and padding to whole words. A mask alone is 1/32 of float32: what takes less than that
 * has none, such as the run-length form, which a decoder in front of the gatherer would have to turn into masks.
 */
export function onChipSize({ graph, layers, tensors }: Model): OnChipSize {
  const used = graph.nodes.filter(isWeighted).map((node) => tensors[layers[node.name].tensor])
  const stored = [...new Set(used)]
  const sum = (of: readonly LevelTensor[], bits: (tensor: LevelTensor) => number) =>
    of.reduce((all, tensor) => all + bits(tensor), 0)
  const mask = sum(stored, ({ levels }) => levels.length)
  const values = sum(stored, ({ levels, maxLevel, signSeed }) => {
    const nonzeros = levels.reduce((count, level) => count + (level === 0 ? 0 : 1), 0)
    return nonzeros * (levelBits(maxLevel) - (signSeed === undefined ? 0 : 1))
  })
  const runs = sum(stored, ({ levels, maxLevel, shape, signSeed }) => {
    const signs = signSeed === undefined ? {} : { signs: seededSigns(shape, signSeed) }
    return runLengthBits(levels, { maxLevel, ...signs }).bits
  })
  const constants = sum(used, ({ shape }) => 2 * CONSTANT_BITS * shape[0])
  const float32 = sum(used, ({ levels, shape }) => FLOAT_BITS * (levels.length + shape[0]))
  const [masked, runLength] = [mask + values + constants, runs + constants]
  return {
    mask,
    values,
    constants,
    masked,
    runLength,
    float32,
    maskedShare: masked / float32,
    runLengthShare: runLength / float32,
  }
}
