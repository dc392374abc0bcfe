/** What networks from elsewhere expect of pixels. A .wd file says it itself. */
import { type ChannelStatistics, CIFAR10_STATISTICS, type FloatModel, withNormalisation } from '../compress.js'
import type { Arguments, OptionSpec } from './args.js'

/** What a pixel of 0..255 becomes before the network sees it. */
const PIXELS: Readonly<Record<string, ChannelStatistics | undefined>> = {
  raw: undefined,
  unit: { mean: [0], std: [1] },
  imagenet: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  cifar10: CIFAR10_STATISTICS,
}

export const pixelOption: OptionSpec = {
  name: 'pixels',
  value: 'KIND',
  help: `what an ONNX network expects of pixels: ${Object.keys(PIXELS).join(', ')} (default raw)`,
}

/** A function that puts what happens to pixels before a network. @throws WhiteDwarfError E_OPTION */
export function withPixels(args: Arguments): (model: FloatModel) => FloatModel {
  const statistics = PIXELS[args.choice('pixels', Object.keys(PIXELS)) ?? 'raw']
  return (model) => (statistics === undefined ? model : { ...model, graph: withNormalisation(model.graph, statistics) })
}
