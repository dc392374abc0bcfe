/** Systolic arrays: cycles, element-cycles, traffic and energy of a layer, from densities or from its weights. */

import { WhiteDwarfError } from '../../errors.js'
import type { Convention, SystolicArch } from '../arch.js'
import { dramCycles } from '../common.js'
import { type LayerCost, NO_SLOTS, type Slots, type Traffic } from '../cost.js'
import type { ArchModel } from '../model.js'
import { ceilDiv } from '../units.js'
import type { PeLayer } from '../workload.js'
import { activityOf, arrayOf, poolingActivity } from './energy.js'
import { cyclesOf, sumsOf } from './folds.js'
import { planOfMasks } from './masks.js'
import { type Plan, planOf } from './plan.js'
import { trafficOf } from './traffic.js'

export const systolic: ArchModel<SystolicArch> = {
  check,
  array: arrayOf,
  estimate: (layer, arch) => (layer.op === 'pool' ? pooling(layer, arch) : costOf(layer, arch, planOf(layer, arch))),
  walk: (layer, arch) => costOf(layer, arch, planOfMasks(layer, arch)),
}

function costOf(layer: PeLayer, arch: SystolicArch, plan: Plan): LayerCost {
  checkBits(layer, arch)
  const { rows, columns, convention } = arch
  const elements = rows * columns
  const { streamed, busy } = sumsOf(plan.folds)
  const computing = cyclesOf(plan.folds, arch, convention)
  const useful = plan.nonZero * layer.m
  const traffic = trafficOf(layer, plan, arch)
  const cycles = Math.max(computing, dramCycles(traffic, arch))
  const slots: Slots = {
    ...NO_SLOTS,
    useful,
    zeros: busy - useful,
    edge: streamed * elements - busy,
    fill: (computing - streamed) * elements,
    bandwidth: (cycles - computing) * elements,
  }
  const notes = [...plan.notes, ...conventionNotes(convention, arch, plan)]
  return {
    cycles,
    slots,
    effectual: useful * layer.activationDensity,
    traffic,
    activity: activityOf(layer, plan, arch, slots, cycles),
    ...(notes.length > 0 && { notes }),
  }
}

const conventionNotes = (convention: Convention, { dataflow }: SystolicArch, { folds }: Plan): string[] =>
  convention === 'v1' && (dataflow !== 'os' || sumsOf(folds).folds > 1)
    ? ["convention 'v1' was compared with its tool for single folds of 'os' only"]
    : []

/** One comparison in a column and cycle: elements of a row compare what streams past, the other rows have no work. */
function pooling(layer: PeLayer, arch: SystolicArch): LayerCost {
  const { m, k, groups, inputs, activationBits } = layer
  const { rows, columns } = arch
  const useful = m * k * groups
  const computing = ceilDiv(useful, columns)
  const [readBits, writeBits] = [inputs * activationBits, m * groups * activationBits]
  const traffic: Traffic[] = [
    { memory: 'activations', readBits: useful * activationBits, writeBits: 0 },
    { memory: 'outputs', readBits: 0, writeBits },
    { memory: 'dram', readBits, writeBits },
  ]
  const cycles = Math.max(computing, dramCycles(traffic, arch))
  const slots = {
    ...NO_SLOTS,
    useful,
    edge: computing * rows * columns - useful,
    bandwidth: (cycles - computing) * rows * columns,
  }
  return { cycles, slots, effectual: 0, traffic, activity: poolingActivity(layer, arch, useful, cycles) }
}

function checkBits({ name, weightBits, activationBits }: PeLayer, { bits }: SystolicArch): void {
  const { weights = 8, activations = 8 } = bits ?? {}
  if (weightBits <= weights && activationBits <= activations) return
  const [has, built] = [`${weightBits} x ${activationBits}`, `${weights} x ${activations}`]
  throw new WhiteDwarfError('E_OPTION', `'${name}' has ${has} bits, elements are built for ${built}: set arch.bits`)
}

/** What fields say together; each by itself was checked when the array was read. */
function check({ rows, columns, dataflow, convention, skipping }: SystolicArch): void {
  if (convention === 'stonne' && dataflow !== 'os') {
    refuse('convention', "another than 'stonne' unless dataflow is 'os'", convention)
  }
  // The number of the last cycle of a single element would be less than its work.
  if (convention === 'report' && rows * columns === 1) {
    refuse('convention', "another than 'report' for an array of one element", convention)
  }
  if (skipping.kind === 'n:m' && skipping.n > skipping.m) refuse('skipping.n', `at most ${skipping.m}`, skipping.n)
  if (skipping.kind === 'periodic') {
    const taps = (skipping.kernel ?? 3) ** 2
    if (skipping.taps > taps) refuse('skipping.taps', `at most the ${taps} of a kernel`, skipping.taps)
  }
}

function refuse(field: string, expected: string, got: string | number): never {
  throw new WhiteDwarfError('E_OPTION', `arch.${field} must be ${expected}, got ${got}`)
}
