/**
 * MLP-Mixer (Tolstikhin et al., arXiv 2105.01601) of what folds: batch normalisation behind every layer in the place of layer
 * normalisation before each pair, and ReLU in the place of GELU.
 *
 *   tokens:    x + (1x1 over pixels to `tokenUnits`, ReLU, 1x1 back), between two transpositions
 *   channels:  x + (1x1 over channels to `channelUnits`, ReLU, 1x1 back)
 */
import { WhiteDwarfError } from '../../errors.js'
import type { Graph, Shape } from '../ir.js'
import { ChainBuilder } from './chain.js'

export interface MixerOptions {
  /** Side of the square patches; must divide the image. Default 4. */
  readonly patch?: number
  /** Channels of a patch's embedding. Default 128. */
  readonly channels?: number
  /** Default 8. */
  readonly blocks?: number
  /** Hidden units of the mixing over patches. Default 64. */
  readonly tokenUnits?: number
  /** Hidden units of the mixing over channels. Default 4 times the channels. */
  readonly channelUnits?: number
  /** Blocks behind the first use its weights. Default false. */
  readonly fold?: boolean
  /** [channels, height, width]. Default [3, 32, 32]. */
  readonly input?: Shape
  readonly classes?: number
}

/** @throws WhiteDwarfError E_OPTION when patches do not tile the image, E_SHAPE for sizes that are not whole numbers >= 1 */
export function mlpMixer(options: MixerOptions = {}): Graph {
  const { patch = 4, channels = 128, blocks = 8, tokenUnits = 64, channelUnits = 4 * channels } = options
  const { fold = false, input = [3, 32, 32], classes = 10 } = options
  if (!Number.isInteger(blocks) || blocks < 1 || blocks > 1000) {
    throw new WhiteDwarfError('E_OPTION', `blocks must be a whole number from 1 to 1000, got ${String(blocks)}`)
  }
  const chain = new ChainBuilder(input).conv(channels, patch, 0, patch).plain('batchnorm')
  const [, height, width] = chain.shape
  if (input[1] % patch !== 0 || input[2] % patch !== 0) {
    throw new WhiteDwarfError(
      'E_OPTION',
      `patch must divide the image's ${input[1]} x ${input[2]} pixels, got ${patch}`,
    )
  }
  const block = (chain: ChainBuilder) => {
    const x = chain.mark()
    chain.add({ op: 'transpose', height: 1, width: channels })
    chain
      .convNorm(tokenUnits, 1)
      .plain('relu')
      .convNorm(height * width, 1)
    const mixed = chain.add({ op: 'transpose', height, width }).merge(x).mark()
    chain.convNorm(channelUnits, 1).plain('relu').convNorm(channels, 1).merge(mixed)
  }
  if (fold) chain.fold(blocks, block)
  else for (let i = 0; i < blocks; i++) block(chain)
  return chain.globalPool('avgpool').classifier(classes)
}
