/** `whitedwarf/compress`: training supermasks, ready-made graphs, data sets, and the pieces of the method. */
export { type BudgetFit, fitBudget, parseBytes } from './compress/budget.js'
export { erkDensities, layerDensities, type NamedShape } from './compress/densities.js'
export { estimateBytes } from './compress/estimate.js'
export { drawFrozen, layerConstant, levelsAt, levelsFromScores, type MaskedLayer } from './compress/levels.js'
export { layerPatterns, type PatternOptions, type PatternTraining } from './compress/patterns.js'
export { prune, type QuantiseOptions, quantiseModel } from './compress/quantise.js'
export {
  entropyBitsPerWeight,
  float32Bytes,
  hierarchicalBits,
  type RawSize,
  rawBytes,
  type SignBits,
  type StoredCounts,
  storedCounts,
  uniformDensities,
} from './compress/size-formulas.js'
export { type FormSize, type ModelSizes, modelSizes, type TensorSize } from './compress/sizes.js'
export {
  compareStorage,
  familiesAt,
  type MemoryPart,
  type StorageFormat,
  type StorageOptions,
  type StorageRow,
  weightMemory,
} from './compress/storage.js'
export {
  floatLayers,
  modelLayers,
  networkLayers,
  type Sparsity,
  type StorageLayer,
  type WeightedLayer,
  weightedLayers,
} from './compress/storage-layers.js'
export { type Coats, type Frozen, type Supermask, type SupermaskOptions, supermask } from './compress/supermask.js'
export { chooseThresholds, type ScoreGroup } from './compress/thresholds.js'
export { calibrate } from './engine/calibrate.js'
export {
  decodeRunLength,
  encodeRunLength,
  type RunLengthOptions,
  riceParameter,
  runLengthBits,
} from './format/run-length.js'
export { seededSigns } from './format/signs.js'
export * from './graph/builders.js'
export { countGraph, type GraphCount } from './graph/count.js'
export { type Folded, foldConstants, foldGraph, type NormConstants } from './graph/fold.js'
export { type Graph, inferShapes, isWeighted, type Node, type Shape, weightShape } from './graph/ir.js'
export type { FloatModel, LayerWeights, Model } from './graph/model.js'
export { type ChannelStatistics, CIFAR10_STATISTICS, withNormalisation } from './graph/normalise.js'
export { type Parameter, withParameters } from './graph/parameters.js'
export { rangedValues } from './graph/ranges.js'
export * from './train/index.js'
