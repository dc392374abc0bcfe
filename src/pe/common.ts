/** What the models of several arrays share: pooling, DRAM, leakage of elements. */
import type { Arch } from './arch.js'
import { type Activity, type LayerCost, NO_SLOTS, type Traffic } from './cost.js'
import { type Band, ceilDiv } from './units.js'
import { type PeLayer, weightsOf } from './workload.js'

/** Pooling on arrays whose elements each look at one input in a cycle; what that costs in energy is left out. */
export function poolCost({ m, k, groups }: PeLayer, elements: number): LayerCost {
  const work = m * k * groups
  const cycles = ceilDiv(work, elements)
  return {
    cycles,
    slots: { ...NO_SLOTS, useful: work, edge: cycles * elements - work },
    effectual: 0,
    traffic: [],
    activity: [],
  }
}

/** Bits between DRAM and chip: weights and inputs once in, outputs once out. */
export interface DramBits {
  readonly weights: number
  readonly inputs: number
  readonly outputs: number
}

/** Everything as it is, zeros included. */
export const denseBits = (layer: PeLayer): DramBits => ({
  weights: weightsOf(layer) * layer.weightBits,
  inputs: layer.inputs * layer.activationBits,
  outputs: layer.m * layer.n * layer.groups * layer.activationBits,
})

/** Cycles that DRAM takes for a layer; they pass while the array computes. */
export function dramCycles(traffic: readonly Traffic[], { dram }: Arch): number {
  if (dram?.bandwidth === undefined) return 0
  const bits = traffic.reduce((sum, t) => sum + (t.memory === 'dram' ? t.readBits + t.writeBits : 0), 0)
  return Math.ceil(bits / dram.bandwidth)
}

/** The same layer, waiting for DRAM where that takes longer than computing: the two overlap. */
export function withDram(cost: LayerCost, bits: DramBits, arch: Arch, elements: number): LayerCost {
  const readBits = bits.weights + bits.inputs
  const traffic = [...cost.traffic, { memory: 'dram' as const, readBits, writeBits: bits.outputs }]
  const wait = Math.max(0, dramCycles(traffic, arch) - cost.cycles)
  const bandwidth = cost.slots.bandwidth + wait * elements
  return { ...cost, cycles: cost.cycles + wait, slots: { ...cost.slots, bandwidth }, traffic }
}

/** Leakage of elements: `milliwatts` each, over all cycles. */
export function leaking(milliwatts: Band, elements: number, cycles: number, { tech }: Arch): Activity {
  // Milliwatts times microseconds are nanojoules: 1000 pJ.
  const pJ = 1000 / tech.frequency
  const energy = { low: milliwatts.low * pJ, mid: milliwatts.mid * pJ, high: milliwatts.high * pJ }
  return { component: 'leakage', event: 'element-cycle', count: elements * cycles, energy }
}
