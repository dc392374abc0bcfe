/**
 * Arrays that multiply non-zero weights by non-zero inputs. What they store has 4 bits of index for each number. Conflicts of accumulator banks,
 * networks between elements and halos of pixels are left out.
 */
import { WhiteDwarfError } from '../../errors.js'
import type { PairArch } from '../arch.js'
import { leaking, poolCost, withDram } from '../common.js'
import { registerBitEnergy } from '../constants.js'
import { type LayerCost, NO_SLOTS, type Traffic } from '../cost.js'
import { elementCost } from '../elements.js'
import type { ArchModel } from '../model.js'
import { exactly } from '../units.js'
import { type PeLayer, weightsOf } from '../workload.js'
import { countedEie, type EieTimes, expectedEie } from './eie.js'
import { countedTimes, expectedTimes, type Times } from './products.js'

/** Of weights and inputs, as zeros before them. */
const INDEX_BITS = 4
/** Sums are held wider than products. */
const SUM_BITS = 24
/** Operands that the elements are built for. */
const BUILT_FOR = 16

export const pairs: ArchModel<PairArch> = {
  check({ design, fetch, filters, queue }) {
    if (design === 'eie' ? fetch !== undefined || filters !== undefined : queue !== undefined) {
      const fields = design === 'eie' ? "'fetch' and 'filters'" : "'queue'"
      throw new WhiteDwarfError('E_OPTION', `arch of design '${design}' has no ${fields}; leave them out`)
    }
    if (design === 'eyeriss-v2' && filters !== undefined) {
      throw new WhiteDwarfError('E_OPTION', "arch of design 'eyeriss-v2' has no 'filters'; leave it out")
    }
  },
  array(arch) {
    const { area } = elementCost(BUILT_FOR, BUILT_FOR, arch.tech)
    return { elements: multipliers(arch), area: { elements: exactly(multipliers(arch) * area) } }
  },
  estimate(layer, arch) {
    if (layer.op === 'pool') return poolCost(layer, multipliers(arch))
    const kept = weightsOf(layer) * layer.weightDensity
    return arch.design === 'eie'
      ? eieCost(layer, arch, expectedEie(layer, arch), kept)
      : productCost(layer, arch, expectedTimes(layer, arch), kept)
  },
  walk(layer, arch) {
    const kept = layer.levels.levels.reduce((sum, level) => sum + (level === 0 ? 0 : 1), 0)
    return arch.design === 'eie'
      ? eieCost(layer, arch, countedEie(layer, arch), kept)
      : productCost(layer, arch, countedTimes(layer, arch), kept)
  },
}

/** Slots are multipliers: an element has a grid of them. */
const multipliers = ({ elements, fetch = [1, 1] }: PairArch): number => elements * fetch[0] * fetch[1]

function productCost(layer: PeLayer, arch: PairArch, times: Times, kept: number): LayerCost {
  const [inputs, weights] = arch.fetch ?? [1, 1]
  const grid = inputs * weights
  const { cycles, used, busy, pairs } = times
  const slots = {
    ...NO_SLOTS,
    useful: pairs,
    imbalance: busy * grid - pairs,
    sync: (used - busy) * grid,
    edge: (cycles * arch.elements - used) * grid,
  }
  const traffic: Traffic[] = [
    // The weights of a fetch stay while the inputs of one pass, or the other way round: a cycle reads one portion of weights.
    { memory: 'weights', readBits: (pairs / inputs) * (layer.weightBits + INDEX_BITS), writeBits: 0 },
    { memory: 'activations', readBits: (pairs / weights) * (layer.activationBits + INDEX_BITS), writeBits: 0 },
    { memory: 'outputs', readBits: pairs * SUM_BITS, writeBits: pairs * SUM_BITS },
  ]
  return finish(layer, arch, { cycles, slots, effectual: pairs, traffic, activity: [] }, pairs, kept)
}

function eieCost(layer: PeLayer, arch: PairArch, times: EieTimes, kept: number): LayerCost {
  const { cycles, pairs, padding, used } = times
  const slots = {
    ...NO_SLOTS,
    useful: pairs,
    zeros: padding,
    imbalance: used - pairs - padding,
    edge: cycles * arch.elements - used,
  }
  const { m, n, k, groups, weightBits, activationBits, activationDensity } = layer
  const elements = Math.min(arch.elements, n)
  const inputs = m * k * groups * activationDensity
  const entries = pairs + padding
  const traffic: Traffic[] = [
    { memory: 'weights', readBits: entries * (weightBits + INDEX_BITS), writeBits: 0 },
    { memory: 'activations', readBits: inputs * activationBits, writeBits: 0 },
    { memory: 'outputs', readBits: entries * SUM_BITS, writeBits: entries * SUM_BITS },
    // Where the weights of an input begin and end: two pointers of 16 bits on each element.
    { memory: 'index', readBits: inputs * elements * 32, writeBits: 0 },
  ]
  const queued = inputs * elements * activationBits
  const activity = [
    { component: 'registers', event: 'bit queued and taken', count: 2 * queued, energy: registerBitEnergy(arch.tech) },
  ]
  return finish(layer, arch, { cycles, slots, effectual: pairs, traffic, activity }, entries, kept)
}

/** @param products multiplications that are done, those by padding included */
function finish(layer: PeLayer, arch: PairArch, cost: LayerCost, products: number, kept: number): LayerCost {
  const { m, n, groups, inputs, weightBits, activationBits, activationDensity } = layer
  const { energy } = elementCost(weightBits, activationBits, arch.tech)
  const { leakage } = elementCost(BUILT_FOR, BUILT_FOR, arch.tech)
  const activity = [
    ...cost.activity,
    { component: 'compute', event: 'multiply-accumulate', count: products, energy },
    leaking(exactly(leakage), multipliers(arch), cost.cycles, arch),
  ]
  const bits = {
    weights: kept * (weightBits + INDEX_BITS),
    inputs: inputs * activationDensity * (activationBits + INDEX_BITS),
    // How many of the outputs are zero is not known here.
    outputs: m * n * groups * activationBits,
  }
  return withDram({ ...cost, activity }, bits, arch, multipliers(arch))
}
