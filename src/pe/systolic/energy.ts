/** What the elements and wires of a systolic array take, besides its memories. */
import type { SystolicArch } from '../arch.js'
import { leaking } from '../common.js'
import { registerBitEnergy } from '../constants.js'
import type { Activity, Slots } from '../cost.js'
import { elementCost } from '../elements.js'
import type { ArrayModel } from '../report.js'
import { scaleArea, scaleEnergy } from '../technology.js'
import { type Band, type Constant, exactly, times } from '../units.js'
import type { PeLayer } from '../workload.js'
import { COMPARATOR, IDLE, MUX, MUX_AREA, REGISTER_AREA, WIRE } from './constants.js'
import { sumsOf } from './folds.js'
import { bitsFor, type Plan } from './plan.js'
import { sumBits, tableBits } from './traffic.js'

/** Bits of an element's sum above those of a product: for up to 4096 of them. */
const GUARD_BITS = 12

const scaled = (constant: Constant, node: number, { tech }: SystolicArch): Band =>
  times(constant, scaleEnergy(1, node, tech))

const builtFor = ({ bits }: SystolicArch): [weights: number, activations: number] => [
  bits?.weights ?? 8,
  bits?.activations ?? 8,
]

export function activityOf(layer: PeLayer, plan: Plan, arch: SystolicArch, slots: Slots, cycles: number): Activity[] {
  const { tech } = arch
  const element = elementCost(layer.weightBits, layer.activationBits, tech)
  const built = elementCost(...builtFor(arch), tech)
  const { busy } = sumsOf(plan.folds)
  const idle = slots.edge + slots.fill + slots.bandwidth
  const compute = (event: string, count: number, energy: Band): Activity[] =>
    count === 0 ? [] : [{ component: 'compute', event, count, energy }]
  return [
    ...compute('multiply-accumulate', busy, element.energy),
    ...compute('cycle of an idle element', idle, product(IDLE, built.energy)),
    ...hops(layer, plan, arch),
    ...choices(layer, plan, arch),
    leakage(arch, cycles),
  ]
}

const leakage = (arch: SystolicArch, cycles: number): Activity =>
  leaking(exactly(elementCost(...builtFor(arch), arch.tech).leakage), arch.rows * arch.columns, cycles, arch)

/** Both ends of the one with those of the other. */
const product = (a: Band, b: Band): Band => ({ low: a.low * b.low, mid: a.mid * b.mid, high: a.high * b.high })

/** Words from element to element: operands that stream, operands on the way to their place, sums on the way out. */
function hops(layer: PeLayer, plan: Plan, arch: SystolicArch): Activity[] {
  const { rows, dataflow } = arch
  const { held, busy, columnWords } = sumsOf(plan.folds)
  const millimetres = Math.sqrt(elementCost(...builtFor(arch), arch.tech).area) / 1000
  const bit = times(scaled(WIRE, 45, arch), millimetres)
  const permuted = arch.skipping.kind === 'complementary' && arch.skipping.axis === 'p'
  const words = {
    inputs: (permuted ? 1 : plan.streams) * layer.activationBits,
    weights: layer.weightBits + plan.indexBits,
    sums: plan.sums * sumBits(layer),
  }
  const hop = (what: keyof typeof words, count: number): Activity => ({
    component: 'network',
    event: `hop of ${what}`,
    count,
    energy: times(bit, words[what]),
  })
  // A word goes half of the column on the way to, or from, its element; sums of 'ws' and 'is' pass all rows.
  const half = (held * (rows + 1)) / 2
  switch (dataflow) {
    case 'os':
      return [hop('inputs', busy), hop('weights', busy), hop('sums', half)]
    case 'ws':
      return [hop('inputs', busy), hop('weights', half), hop('sums', columnWords * rows)]
    case 'is':
      return [hop('inputs', half), hop('weights', busy), hop('sums', columnWords * rows)]
  }
}

/** Selecting inputs or sums, and reading the table of taps. */
function choices(layer: PeLayer, plan: Plan, arch: SystolicArch): Activity[] {
  const { busy, streamed, rows } = sumsOf(plan.folds)
  if (plan.choices > 1) {
    const { skipping } = arch
    const ofSums = skipping.kind === 'complementary' && skipping.axis === 'n'
    const bits = ofSums ? sumBits(layer) : layer.activationBits
    const energy = times(scaled(MUX, 45, arch), bits * bitsFor(plan.choices))
    return [{ component: 'selection', event: `one of ${plan.choices}`, count: busy, energy }]
  }
  if (plan.table === 0) return []
  // 'os' reads an entry for each cycle; 'ws' and 'is' one for each row of a fold, whose words all have the same tap.
  const entries = arch.dataflow === 'os' ? streamed : rows
  const energy = times(registerBitEnergy(arch.tech), tableBits(layer, plan) / plan.table)
  return [{ component: 'selection', event: 'entry of the table of taps', count: entries, energy }]
}

/** Pooling: so many comparisons, or additions. */
export function poolingActivity(layer: PeLayer, arch: SystolicArch, count: number, cycles: number): Activity[] {
  const energy = times(scaled(COMPARATOR, 40, arch), layer.activationBits / 32)
  return [{ component: 'compute', event: 'comparison', count, energy }, leakage(arch, cycles)]
}

export function arrayOf(arch: SystolicArch): ArrayModel {
  const { rows, columns, skipping, tech } = arch
  const [weights, activations] = builtFor(arch)
  const elements = rows * columns
  const area: Record<string, Band> = { elements: exactly(elements * elementCost(weights, activations, tech).area) }
  const mux = (bits: number) => times(MUX_AREA, bits * scaleArea(1, 45, tech))
  const register = (bits: number) => times(REGISTER_AREA, bits * scaleArea(1, 40, tech))
  const add = (name: string, count: number, each: Band) => {
    area[name] = times(each, count)
  }
  if (skipping.kind === 'periodic') {
    const entry = bitsFor((skipping.kernel ?? 3) ** 2)
    add('table of taps', skipping.taps * skipping.period, register(entry))
  } else if (skipping.kind !== 'none') {
    const of = skipping.kind === 'n:m' ? skipping.m : skipping.factor
    const axis = skipping.kind === 'n:m' ? 'k' : skipping.axis
    const sum = weights + activations + GUARD_BITS
    // Permutations of D inputs take D log2 D multiplexers for the D elements that share them.
    const muxes = axis === 'k' ? (of - 1) * activations : axis === 'p' ? bitsFor(of) * activations : (of - 1) * sum
    add('selection', elements, mux(muxes))
    add('tags', elements, register(bitsFor(of)))
    if (axis === 'n') add('sums', elements, register((of - 1) * sum))
  }
  return { elements, area }
}
