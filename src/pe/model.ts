/** What every kind of array has: its size, and what a layer costs on it. */
import type { LayerCost } from './cost.js'
import type { ArrayModel } from './report.js'
import type { PeLayer } from './workload.js'

export interface ArchModel<A> {
  /** @throws WhiteDwarfError E_OPTION naming a field that makes no sense */
  check(arch: A): void
  array(arch: A): ArrayModel
  /** From sizes and densities alone, in closed form. */
  estimate(layer: PeLayer, arch: A): LayerCost
  /** From the layer's levels (and counts of its inputs, where the array skips zeros among them), step by step. */
  walk?(layer: PeLayer & Required<Pick<PeLayer, 'levels'>>, arch: A): LayerCost | Promise<LayerCost>
}
