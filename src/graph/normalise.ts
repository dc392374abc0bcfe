/** Inputs normalised per channel: raw pixels 0..255 enter as (v / 255 - mean) / std. */
import { WhiteDwarfError } from '../errors.js'
import type { Graph } from './ir.js'

/** Of each channel, or one number for all; pixels counted from 0 to 1. */
export interface ChannelStatistics {
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/** Of the CIFAR-10 training images (.4914 .4822 .4465, .2470 .2435 .2616), to two digits. */
export const CIFAR10_STATISTICS: ChannelStatistics = { mean: [0.49, 0.48, 0.45], std: [0.25, 0.24, 0.26] }

/**
 * The graph with (v / 255 - mean) / std in the place of its inputs' scales and offsets, both rounded to half precision, which
 * a file stores in two bytes each. The zeros around an image are then the mean colour, in convolutions and in augmentation.
 * @throws WhiteDwarfError E_OPTION for a mean outside of 0..1 or a std that is not above 0, E_SHAPE when their number is neither 1
 * nor that of the channels
 */
export function withNormalisation(graph: Graph, { mean, std }: ChannelStatistics): Graph {
  if (mean.length === 0 || mean.some((m) => !(m >= 0 && m <= 1))) {
    throw new WhiteDwarfError('E_OPTION', `means must be numbers from 0 to 1, got [${mean.join(', ')}]`)
  }
  if (std.some((s) => !(s > 0 && s <= 1))) {
    throw new WhiteDwarfError('E_OPTION', `standard deviations must be above 0 and at most 1, got [${std.join(', ')}]`)
  }
  const inputs = graph.inputs.map((input) => {
    const channels = input.shape[0]
    if (mean.length !== std.length || (mean.length !== 1 && mean.length !== channels)) {
      throw new WhiteDwarfError(
        'E_SHAPE',
        `input '${input.name}' has ${channels} channels: needs as many means and standard deviations, or one of each, got ${mean.length} and ${std.length}`,
      )
    }
    // Exactly what files of networks for pixels of 0 to 1 say in a fraction of a bit.
    if (mean.every((m) => m === 0) && std.every((s) => s === 1)) return { ...input, scale: [1 / 255], offset: [0] }
    return {
      ...input,
      scale: std.map((s) => toHalf(1 / (255 * s))),
      offset: mean.map((m, c) => toHalf(-m / std[c])),
    }
  })
  return { ...graph, inputs }
}

/** The nearest number of 11 significant bits. */
function toHalf(x: number): number {
  if (x === 0) return 0
  const unit = 2 ** (Math.floor(Math.log2(Math.abs(x))) - 10)
  return Math.round(x / unit) * unit
}
