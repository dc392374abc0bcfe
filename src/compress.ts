/** `whitedwarf/compress`: training supermasks, ready-made graphs, data sets, and the pieces of the method. */
export {
  type Coats,
  chooseThresholds,
  kthLargest,
  layerConstant,
  levelsFromScores,
  type ScoreGroup,
  type Supermask,
  type SupermaskOptions,
  supermask,
} from './compress/supermask.js'
export { seededSigns } from './format/signs.js'
export * from './graph/builders.js'
export { countGraph, type GraphCount } from './graph/count.js'
export { type Folded, foldConstants, foldGraph, type NormConstants } from './graph/fold.js'
export type { Graph, Node, Shape } from './graph/ir.js'
export type { Model } from './graph/model.js'
export { type ChannelStatistics, CIFAR10_STATISTICS, withNormalisation } from './graph/normalise.js'
export * from './train/index.js'
