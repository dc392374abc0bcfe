/**
 * Bit-serial arrays: groups of lanes, each group at one output at a time, `lanes` products of it in a step. Groups take different filters, and
 * different pixels where there are more groups than filters. Before other filters come, all groups wait for the slowest filter to have all its
 * pixels. Shared buses, ports of memories and pipelines are never waited for.
 */
import type { SerialArch } from '../arch.js'
import { denseBits, leaking, poolCost, withDram } from '../common.js'
import { add8Energy, fusionUnitArea, fusionUnitEnergy, fusionUnitLeakage } from '../constants.js'
import { type Activity, type LayerCost, NO_SLOTS, type Traffic } from '../cost.js'
import { type ElementCost, elementCost } from '../elements.js'
import type { ArchModel } from '../model.js'
import { largestOfNormals } from '../normal.js'
import { spreadOver } from '../spread.js'
import { type Band, ceilDiv, exactly, plus, times } from '../units.js'
import type { PeLayer } from '../workload.js'
import { digitsOf, inputShares, mean } from './digits.js'
import { type Timing, timingOf } from './timing.js'

/** Operands that the elements are built for, in bits. */
const BUILT_FOR = 16

export const serial: ArchModel<SerialArch> = {
  check() {},
  array: (arch) => ({
    elements: arch.groups * arch.lanes,
    area: { elements: times(laneArea(arch), arch.groups * arch.lanes) },
  }),
  estimate(layer, arch) {
    if (layer.op === 'pool') return poolCost(layer, arch.groups * arch.lanes)
    const timing = timingOf(layer, arch)
    return costOf(layer, arch, timing, expectedWork(layer, arch, timing))
  },
  walk(layer, arch) {
    const timing = timingOf(layer, arch)
    return costOf(layer, arch, timing, countedWork(layer, arch, timing))
  },
}

/** Sums over filters, for a pixel. */
interface Work {
  /** Weights that are not zero, and digits of all weights. */
  readonly kept: number
  readonly digits: number
  /** Cycles of the groups, of the slowest of each round, and of those for every filter of the round. */
  readonly own: number
  readonly rounds: number
  readonly slowest: number
  /** Lane-cycles without work in last steps. */
  readonly idle: number
}

/** Steps of an output: full ones and one of `last` products, 1 to `size`. */
function stepsOf(layer: PeLayer, { lanes }: SerialArch, { perLane }: Timing) {
  const size = lanes * perLane
  const full = ceilDiv(layer.k, size) - 1
  const last = layer.k - full * size
  return { full, size, last, idleLanes: (size - last) / perLane }
}

/** Filters that differ by chance: the slowest of a round is that of as many normal numbers. */
function expectedWork(layer: PeLayer, arch: SerialArch, timing: Timing): Work {
  const { full, size, last, idleLanes } = stepsOf(layer, arch, timing)
  const { byWeight, step } = timing
  const cycles = full * step(size) + step(last)
  const deviation = byWeight === undefined ? 0 : Math.sqrt(full * byWeight.variance(size) + byWeight.variance(last))
  const filters = layer.n * layer.groups
  const { filtersAtOnce } = spreadOver(arch.groups, filters, layer.m)
  const sums = { own: filters * cycles, rounds: 0, slowest: 0, idle: filters * step(last) * idleLanes }
  for (const [rounds, side] of [
    [Math.floor(filters / filtersAtOnce), filtersAtOnce],
    [1, filters % filtersAtOnce],
  ]) {
    if (side === 0) continue
    const slowest = cycles + deviation * largestOfNormals(side).mean
    sums.rounds += rounds * slowest
    sums.slowest += rounds * slowest * side
  }
  const weights = filters * layer.k
  const digits = byWeight === undefined ? 0 : weights * mean(byWeight.weights)
  return { ...sums, kept: weights * layer.weightDensity, digits }
}

function countedWork(layer: PeLayer & Required<Pick<PeLayer, 'levels'>>, arch: SerialArch, timing: Timing): Work {
  const { levels } = layer.levels
  const { byWeight } = timing
  let kept = 0
  for (const level of levels) kept += level === 0 ? 0 : 1
  if (byWeight === undefined) return { ...expectedWork(layer, arch, timing), kept }
  const { full, size, last, idleLanes } = stepsOf(layer, arch, timing)
  const { filtersAtOnce } = spreadOver(arch.groups, layer.n * layer.groups, layer.m)
  const digitsBy = Uint8Array.from({ length: 256 }, (_, code) =>
    digitsOf(Math.abs((code << 24) >> 24), byWeight.digits),
  )
  // Levels are at most 127: up to 7 digits.
  const counts = new Uint32Array(8)
  const sums = { digits: 0, own: 0, rounds: 0, slowest: 0, idle: 0 }
  let at = 0
  const nextStep = (products: number): number => {
    counts.fill(0)
    for (const end = at + products; at < end; at++) {
      const digits = digitsBy[levels[at] & 255]
      counts[digits]++
      sums.digits += digits
    }
    return byWeight.stepOf(counts)
  }
  const filters = layer.n * layer.groups
  for (let first = 0; first < filters; first += filtersAtOnce) {
    const side = Math.min(filtersAtOnce, filters - first)
    let slowest = 0
    for (let f = 0; f < side; f++) {
      let cycles = 0
      for (let s = 0; s < full; s++) cycles += nextStep(size)
      const lastCycles = nextStep(last)
      sums.idle += lastCycles * idleLanes
      sums.own += cycles + lastCycles
      slowest = Math.max(slowest, cycles + lastCycles)
    }
    sums.rounds += slowest
    sums.slowest += slowest * side
  }
  return { ...sums, kept }
}

function costOf(layer: PeLayer, arch: SerialArch, timing: Timing, work: Work): LayerCost {
  const { m, n, k } = layer
  const { groups, lanes } = arch
  const products = n * layer.groups * k
  const spread = spreadOver(groups, n * layer.groups, m)
  const cycles = spread.pixelRounds * work.rounds
  const taken = m * (timing.byWeight === undefined ? products * timing.own(0) : timing.own(work.digits))
  const useful = taken * timing.activeShare * (timing.byWeight === undefined ? work.kept / products : 1)
  const slots = {
    ...NO_SLOTS,
    useful,
    zeros: taken - useful,
    imbalance: m * (lanes * work.own - work.idle) - taken,
    sync: m * lanes * (work.slowest - work.own),
    edge: lanes * (groups * cycles - m * work.slowest) + m * work.idle,
  }
  const effectual = m * work.kept * (1 - inputShares(layer, 'ones')[0])
  const activity = activityOf(layer, arch, taken, cycles)
  const cost = { cycles, slots, effectual, traffic: trafficOf(layer, spread), activity }
  return withDram(cost, denseBits(layer), arch, groups * lanes)
}

/** Groups at the same filter share its weights, those at the same pixel its inputs. */
function trafficOf(layer: PeLayer, { filtersAtOnce, pixelRounds }: ReturnType<typeof spreadOver>): Traffic[] {
  const { m, n, k, groups, weightBits, activationBits } = layer
  const inputRounds = groups * ceilDiv(n, filtersAtOnce)
  return [
    { memory: 'weights', readBits: pixelRounds * groups * n * k * weightBits, writeBits: 0 },
    { memory: 'activations', readBits: inputRounds * m * k * activationBits, writeBits: 0 },
    { memory: 'outputs', readBits: 0, writeBits: m * n * groups * activationBits },
  ]
}

function activityOf(layer: PeLayer, arch: SerialArch, laneCycles: number, cycles: number): Activity[] {
  const { tech, groups, lanes } = arch
  const lane = laneCost(layer.weightBits, arch)
  return [
    { component: 'compute', event: 'lane-cycle', count: laneCycles, energy: lane.energy },
    leaking(lane.leakage, groups * lanes, cycles, { ...arch, tech }),
  ]
}

/** A lane in a cycle: a weight by a bit of an input, a bit by a bit, or a fusion unit. */
function laneCost(weightBits: number, { design, tech }: SerialArch): { energy: Band; leakage: Band; area: Band } {
  const of = ({ energy, leakage, area }: ElementCost) => ({ energy, leakage: exactly(leakage), area: exactly(area) })
  switch (design) {
    case 'stripes':
    case 'pragmatic':
      return of(elementCost(weightBits, 1, tech))
    case 'loom':
      return of(elementCost(1, 1, tech))
    case 'laconic': {
      const bit = of(elementCost(1, 1, tech))
      return { ...bit, energy: plus(bit.energy, add8Energy(tech)) }
    }
    case 'bitfusion':
      return { energy: fusionUnitEnergy(tech), leakage: fusionUnitLeakage(tech), area: fusionUnitArea(tech) }
  }
}

const laneArea = (arch: SerialArch): Band => laneCost(BUILT_FOR, arch).area
