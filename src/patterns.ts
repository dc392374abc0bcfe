/** `whitedwarf/patterns`: sparsity patterns, their masks, and what they cost. */
export { blockMask, keptAreas } from './patterns/blocks.js'
export { eachGroup, largestOfGroups } from './patterns/groups.js'
export { capacity, indexBits, isDynamic, project, violation } from './patterns/mask.js'
export { parsePattern, patternName } from './patterns/names.js'
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
