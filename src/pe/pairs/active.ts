/** Shares of inputs that are not zero. */
import type { PeLayer } from '../workload.js'

/** Share by channel, over all channels of all groups: counted where a run counted them, else that of the layer. */
export function activeShares(layer: PeLayer): Float64Array {
  const { groups, k, taps, activationDensity, activeInputs } = layer
  const channels = (groups * k) / taps
  if (activeInputs === undefined) return new Float64Array(channels).fill(activationDensity)
  const { of, perChannel } = activeInputs
  // A dense layer behind a flattened image has as many inputs as there are pixels in each of the image's channels.
  const inputs = Math.max(1, channels / perChannel.length)
  return Float64Array.from({ length: channels }, (_, c) => perChannel[Math.floor(c / inputs)] / of)
}
