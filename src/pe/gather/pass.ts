/** From the passes of a layer to what it costs: cycles, element-cycles by cause, traffic, energy. Closed form and walk share it. */
import type { GatherArch } from '../arch.js'
import { type DramBits, withDram } from '../common.js'
import type { Activity, LayerCost, Slots, Traffic } from '../cost.js'
import { ceilDiv, times } from '../units.js'
import { type PeLayer, weightsOf } from '../workload.js'
import { eventEnergies } from './constants.js'
import { ACTIVATION_BITS, loadCycles, reuseOf, tilesOf } from './layout.js'

/** One pass, for the pixels of one set of lanes. Row-cycles are summed over the rows that have a filter. */
export interface Pass {
  /** How many passes are like this one. */
  readonly count: number
  readonly blocks: number
  /** Groups of a convolution that the blocks are from. */
  readonly sources: number
  /** Rows that have a filter. */
  readonly rows: number
  readonly cycles: number
  /** Of the weights of all rows. */
  readonly digits: number
  /** Row-cycles of gathering and computing. */
  readonly own: number
  /** Row-cycles until the last row of the same block is done with each tile. */
  readonly held: number
  /** Row-cycles of waiting for the inputs of tiles. */
  readonly loading: number
}

/** The passes of a layer for so many pixels at a time. */
export type Passes = (lanes: number) => readonly Pass[]

/** @param nonzeros weights of the layer that are not zero, counted or expected */
export function costOf(layer: PeLayer, arch: GatherArch, passes: Passes, nonzeros: number): LayerCost {
  const { m } = layer
  const whole = Math.floor(m / arch.lanes)
  const rest = m % arch.lanes
  const parts = [
    { sets: whole, lanes: arch.lanes },
    { sets: 1, lanes: rest },
  ]
    .filter(({ sets, lanes }) => sets > 0 && lanes > 0)
    .map((part) => ({ ...part, all: passes(part.lanes) }))

  const elements = arch.groups * arch.rows * arch.lanes
  const slots = { useful: 0, zeros: 0, imbalance: 0, sync: 0, edge: 0, fill: 0, bandwidth: 0 }
  const totals = { cycles: 0, digits: 0, delivered: 0, written: 0 }
  for (const { sets, lanes, all } of parts) {
    for (const pass of all) {
      const repeats = sets * pass.count
      const share = repeats * lanes
      const computing = pass.digits / arch.planes
      slots.useful += share * computing
      slots.zeros += share * (pass.own - computing)
      slots.imbalance += share * (pass.held - pass.own)
      slots.bandwidth += share * pass.loading
      slots.sync += share * (pass.rows * pass.cycles - pass.held - pass.loading)
      slots.edge += repeats * pass.cycles * (elements - lanes * pass.rows)
      totals.cycles += repeats * pass.cycles
      totals.digits += share * pass.digits
      totals.delivered += share * pass.sources * layer.k
      totals.written += share * pass.blocks * layer.k
    }
  }
  const reuse = reuseOf(layer, arch)
  const delivered = totals.delivered / reuse
  // Only the first tile of a layer is not loaded while another one is computed.
  const [{ lanes, all }] = parts
  const fill = loadCycles(layer, arch, tilesOf(layer.k, arch.tile)[0], lanes, all[0].sources)
  const cycles = totals.cycles + fill
  const counts = { ...totals, cycles, delivered, written: totals.written / reuse, nonzeros }
  const cost: LayerCost = {
    cycles,
    slots: balanced({ ...slots, fill: fill * elements }),
    effectual: nonzeros * m * layer.activationDensity,
    traffic: trafficOf(layer, arch, counts),
    activity: activityOf(layer, arch, counts),
  }
  return withDram(cost, storedBits(layer, nonzeros), arch, elements)
}

/** Causes that are differences of sums may come out as -1e-9 instead of 0. */
const balanced = (slots: Slots): Slots =>
  Object.fromEntries(Object.entries(slots).map(([name, value]) => [name, Math.max(0, value)])) as unknown as Slots

/** A bit of mask for each weight, and each weight that is not zero. */
const storedBits = (layer: PeLayer, nonzeros: number): DramBits => ({
  weights: weightsOf(layer) + nonzeros * layer.weightBits,
  inputs: layer.inputs * ACTIVATION_BITS,
  outputs: outputsOf(layer) * ACTIVATION_BITS,
})

const outputsOf = ({ m, n, groups }: PeLayer): number => m * n * groups

/** Masks and weights are read again for each set of pixels. */
function trafficOf(layer: PeLayer, arch: GatherArch, { nonzeros, delivered }: Counts): Traffic[] {
  const repeats = ceilDiv(layer.m, arch.lanes)
  return [
    { memory: 'index', readBits: weightsOf(layer) * repeats, writeBits: 0 },
    { memory: 'weights', readBits: nonzeros * layer.weightBits * repeats, writeBits: 0 },
    { memory: 'activations', readBits: delivered * ACTIVATION_BITS, writeBits: 0 },
    { memory: 'outputs', readBits: 0, writeBits: outputsOf(layer) * ACTIVATION_BITS },
  ]
}

interface Counts {
  readonly cycles: number
  /** Digits times pixels. */
  readonly digits: number
  /** Activations that left their memory, and that were written to tiles. */
  readonly delivered: number
  readonly written: number
  readonly nonzeros: number
}

function activityOf(layer: PeLayer, arch: GatherArch, counts: Counts): Activity[] {
  const { groups, rows, lanes } = arch
  const energies = eventEnergies(arch)
  const windows = tilesOf(layer.k, arch.tile).reduce((sum, weights) => sum + ceilDiv(weights, arch.window), 0)
  const filters = layer.n * layer.groups
  const repeats = ceilDiv(layer.m, lanes)
  const { cycles, digits, delivered, written, nonzeros } = counts
  return [
    { component: 'gather', event: 'window of a row', count: filters * windows * repeats, energy: energies.gather },
    { component: 'delivery', event: 'activation broadcast', count: delivered, energy: energies.broadcast },
    {
      component: 'delivery',
      event: 'activation written to a tile',
      count: written,
      energy: times(energies.tileWrite, ACTIVATION_BITS),
    },
    {
      component: 'fetch',
      event: 'activation read from a tile',
      count: nonzeros * layer.m,
      energy: times(energies.tileRead, ACTIVATION_BITS),
    },
    { component: 'compute', event: 'digit shifted and added', count: digits, energy: energies.bitOperation },
    { component: 'clock', event: 'cycle of an element', count: cycles * groups * rows * lanes, energy: energies.clock },
    { component: 'control', event: 'cycle of a group', count: cycles * groups, energy: energies.control },
  ]
}
