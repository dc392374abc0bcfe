/** `whitedwarf/patterns`: sparsity patterns, their masks, and what they cost. */
export { blockMask, keptAreas } from './patterns/blocks.js'
export { eachGroup, largestOfGroups } from './patterns/groups.js'
export { capacity, indexBits, isDynamic, project, violation } from './patterns/mask.js'
export { kernelSets, type MineOptions, minePattern } from './patterns/mine.js'
export { PATTERN_NAMES, parsePattern, patternName } from './patterns/names.js'
export {
  blockColumns,
  filterOrder,
  ownerOf,
  type Packed,
  pack,
  packedBits,
  storedPlaces,
  unpack,
} from './patterns/pack.js'
export { type FilterPacking, packFilters } from './patterns/packing.js'
export {
  type Axis,
  type BlockPattern,
  type BlockSize,
  checkPattern,
  type Dims,
  dimsOf,
  type GroupPattern,
  misfit,
  type Pattern,
  type PeriodicPattern,
} from './patterns/pattern.js'
export { periodicMask, periodicPattern, slotOf } from './patterns/periodic.js'
export { regroup } from './patterns/regroup.js'
export { inputScores, pruneToPattern } from './patterns/saliency.js'
export {
  COUNTED_FORMATS,
  type CountedFormat,
  type CountedOptions,
  formatBits,
  type LayerCount,
  patternBits,
  type StoredBits,
  setTableBits,
  tapsPerKernel,
  type ValueBits,
} from './patterns/storage.js'
