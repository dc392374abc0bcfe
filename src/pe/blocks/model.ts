/**
 * Engines for blocks of weights (CGS, HCGS) with few bits: one block after another, `lanes` products of it at a time, for each output pixel.
 *
 *   blocks    B = rows of blocks * blocks kept in a row
 *   cycles    pixels * B * (ceil(weights of a block / lanes) * ceil(bw * ba / bits of a lane) + select)
 *   weights   B * weights of a block * bw bits;   index: B * ceil(log2 of the blocks in a row of the dense matrix) bits
 *   energy    pixels * B * (weights of a block * (a multiply-accumulate + bw bits read) + inputs of a block read + sums updated + index read)
 *
 * Sums stay in registers until their row of blocks is done. Bits of weights are the array's; of levels those that the levels need.
 */
import type { BlockArch } from '../arch.js'
import { leaking, poolCost, withDram } from '../common.js'
import { registerBitEnergy } from '../constants.js'
import { type LayerCost, NO_SLOTS } from '../cost.js'
import { elementCost } from '../elements.js'
import type { ArchModel } from '../model.js'
import { ceilDiv, exactly } from '../units.js'
import type { PeLayer } from '../workload.js'
import { type Blocks, countedBlocks, expectedBlocks } from './count.js'

export const blocks: ArchModel<BlockArch> = {
  check() {},
  array: (arch) => ({
    elements: arch.lanes,
    area: { elements: exactly(arch.lanes * laneCost(arch).area) },
  }),
  estimate(layer, arch) {
    if (layer.op === 'pool') return poolCost(layer, arch.lanes)
    return costOf(layer, arch, expectedBlocks(layer, arch))
  },
  walk: (layer, arch) => costOf(layer, arch, countedBlocks(layer, arch)),
}

/** Bits that a layer's weights and the places of their blocks take on the chip. */
export function blockStorage(layer: PeLayer, arch: BlockArch): { readonly weights: number; readonly index: number } {
  const { levels } = layer
  const counted = levels === undefined ? expectedBlocks(layer, arch) : countedBlocks({ ...layer, levels }, arch)
  return storageOf(counted, bitsOf(layer, arch))
}

const storageOf = ({ rows, perRow, size, placeBits }: Blocks, weightBits: number) => ({
  weights: rows * perRow * size * weightBits,
  index: rows * perRow * placeBits,
})

const bitsOf = (layer: PeLayer, arch: BlockArch): number =>
  layer.levels === undefined ? arch.weightBits : layer.weightBits

/** A multiplier has as many cells as the product of its operands' bits, whichever they are. */
const laneCost = ({ bitsPerLane, weightBits, activationBits, tech }: BlockArch) =>
  elementCost(Math.min(bitsPerLane, weightBits * activationBits), 1, tech)

function costOf(layer: PeLayer, arch: BlockArch, counted: Blocks): LayerCost {
  const { m, n, k, groups, inputs, taps } = layer
  const { lanes, activationBits, bitsPerLane, select, tech } = arch
  const { rows, perRow, kept, size, inside, nonZeros, channels, filters } = counted
  const weightBits = bitsOf(layer, arch)
  const each = ceilDiv(weightBits * activationBits, bitsPerLane)
  const steps = ceilDiv(size, lanes)
  const done = rows * perRow
  const cycles = m * done * (steps * each + select)
  const effectual = m * nonZeros * layer.activationDensity
  const slots = {
    ...NO_SLOTS,
    useful: effectual * each,
    zeros: (m * inside - effectual) * each,
    imbalance: m * (done - kept) * steps * lanes * each,
    edge: m * (kept * steps * lanes - inside) * each,
    fill: m * done * select * lanes,
  }
  const sumBits = weightBits + activationBits + Math.ceil(Math.log2(k))
  const stored = storageOf(counted, weightBits)
  const outputBits = m * n * groups * activationBits
  const traffic = [
    { memory: 'weights', readBits: m * stored.weights, writeBits: 0 },
    { memory: 'activations', readBits: m * done * channels * taps * activationBits, writeBits: 0 },
    { memory: 'outputs', readBits: 0, writeBits: outputBits },
    { memory: 'index', readBits: m * stored.index, writeBits: 0 },
  ] as const
  const product = elementCost(weightBits, activationBits, tech)
  const activity = [
    { component: 'compute', event: 'multiply-accumulate', count: m * done * size, energy: product.energy },
    {
      component: 'registers',
      event: 'bit of a sum',
      count: m * done * filters * sumBits,
      energy: registerBitEnergy(tech),
    },
    leaking(exactly(laneCost(arch).leakage), lanes, cycles, arch),
  ]
  // Weights are loaded once, before the first image: only inputs and outputs pass.
  const bits = { weights: 0, inputs: inputs * activationBits, outputs: outputBits }
  return withDram({ cycles, slots, effectual, traffic, activity }, bits, arch, lanes)
}
