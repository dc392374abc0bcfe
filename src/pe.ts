/** `whitedwarf/pe`: what a network would cost on an accelerator that skips its zeros. Every figure is modelled. */
export { ActivationCounter, type ActiveInputs } from './pe/activations.js'
export type * from './pe/arch.js'
export { type PathOf, parametersOf, parseArch, withParameter } from './pe/arch-json.js'
export { blockStorage } from './pe/blocks/model.js'
export type { Activity, LayerCost, MemoryName, Slots, Traffic } from './pe/cost.js'
export { modelledNote, reportCsv } from './pe/csv.js'
export { GATHER_CONSTANTS } from './pe/gather/constants.js'
export { type ArrayRun, type LayerRun, runOnArray } from './pe/gather/functional.js'
export { type OnChipSize, onChipSize } from './pe/gather/on-chip.js'
export { type PointOptions, referencePoint } from './pe/gather/reference-point.js'
export { type ReferenceWalk, referenceWalk } from './pe/gather/reference-walk.js'
export { WHITEDWARF_POINT } from './pe/presets/gather.js'
export { type ArchName, archs } from './pe/presets/index.js'
export type { Energy, LayerReport, Report, Totals } from './pe/report.js'
export { calibrate, estimateReport, type SimulateOptions, simulate } from './pe/simulate.js'
export type { Buffer } from './pe/sram.js'
export { pareto, type SweepAxes, type SweepPoint, type SweepValue, sweep, sweepSize } from './pe/sweep.js'
export { scaleSimWords } from './pe/systolic/traffic.js'
export type { Technology } from './pe/technology.js'
export { type TopologyOptions, topologyWorkload } from './pe/topology.js'
export type { Band, Constant, Evidence } from './pe/units.js'
export {
  graphWorkload,
  macsOf,
  modelWorkload,
  type PeLayer,
  type Workload,
  type WorkloadOptions,
  weightsOf,
} from './pe/workload.js'
