/** From what layers cost to a report: energy by component, totals, rates. Everything in it is modelled. */
import type { Arch } from './arch.js'
import { type LayerCost, MEMORIES, type Slots } from './cost.js'
import { type BufferCost, bufferCost } from './sram.js'
import { type Band, exactly, plus, sum, times, ZERO } from './units.js'
import { macsOf, type PeLayer, type Workload } from './workload.js'

/** Picojoules by what plots stack: the memories by name, then the components of the array. */
export type Energy = Readonly<Record<string, Band>>

/** What of a layer is in its report. */
const SHOWN = [
  'op',
  'm',
  'n',
  'k',
  'groups',
  'weightBits',
  'activationBits',
  'weightDensity',
  'activationDensity',
] as const

export interface LayerReport extends LayerCost, Pick<PeLayer, (typeof SHOWN)[number]> {
  readonly name: string
  /** Multiply-accumulates, zeros included. */
  readonly macs: number
  readonly energy: Energy
}

export interface Totals {
  readonly cycles: number
  readonly seconds: number
  readonly macs: number
  readonly effectual: number
  readonly slots: Slots
  /** Share of element-cycles that were useful. */
  readonly utilisation: number
  /** Picojoules. */
  readonly energy: Energy
  readonly energyTotal: Band
  /** Milliwatts, averaged over the run. */
  readonly power: Band
  /** 10^12 operations a second, two for each multiply-accumulate: zeros counted, and not counted. */
  readonly denseTops: number
  readonly effectualTops: number
  /** Zeros counted: what papers on sparse arrays state. */
  readonly denseTopsPerWatt: Band
  readonly effectualTopsPerWatt: Band
}

export interface Report {
  /** No figure of a report was measured on silicon. */
  readonly modelled: true
  /** 'densities': closed forms. 'masks': a walk over the weights of the model. */
  readonly level: 'densities' | 'masks'
  readonly arch: Arch
  readonly workload: string
  /** Processing elements. */
  readonly elements: number
  readonly layers: readonly LayerReport[]
  readonly total: Totals
  /** Square micrometres of the memories and, where the model knows them, the elements. */
  readonly area: Readonly<Record<string, Band>>
}

export interface ArrayModel {
  /** Processing elements, each one slot in a cycle. */
  readonly elements: number
  /** Square micrometres besides the memories. */
  readonly area: Readonly<Record<string, Band>>
  /** Milliwatts of the whole chip, where the model states them. Absent: of the memories. */
  readonly leakage?: Band
}

/** @throws WhiteDwarfError E_OPTION */
export function reportOf(
  arch: Arch,
  { elements, area, leakage }: ArrayModel,
  { name, layers }: Workload,
  costs: readonly LayerCost[],
  level: Report['level'],
): Report {
  const memories = memoryCosts(arch)
  const leaking = leakage ?? exactly([...memories.values()].reduce((mw, memory) => mw + memory.leakage, 0))
  const reports = layers.map((layer, i) => layerReport(layer, costs[i], arch, memories, leaking))
  const buffers = [...memories].map(([memory, { area }]) => [`${memory} memory`, exactly(area)] as const)
  const total = totals(reports, arch)
  return {
    modelled: true,
    level,
    arch,
    workload: name,
    elements,
    layers: reports,
    total,
    area: { ...Object.fromEntries(buffers), ...area },
  }
}

function memoryCosts({ buffers, tech }: Arch): Map<string, BufferCost> {
  return new Map(
    Object.entries(buffers).flatMap(([name, buffer]) =>
      buffer === undefined ? [] : [[name, bufferCost(buffer, tech)] as const],
    ),
  )
}

/** @param leaking milliwatts */
function layerReport(
  layer: PeLayer,
  cost: LayerCost,
  arch: Arch,
  memories: Map<string, BufferCost>,
  leaking: Band,
): LayerReport {
  const { calibration = 1, dram } = arch
  const parts = new Map<string, Band>()
  const add = (component: string, energy: Band) => parts.set(component, plus(parts.get(component) ?? ZERO, energy))
  for (const { memory, readBits, writeBits } of cost.traffic) {
    const on = memories.get(memory)
    if (on !== undefined) add(memory, exactly(calibration * (readBits * on.read + writeBits * on.write)))
    else if (memory === 'dram' && dram?.energy !== undefined) add('dram', times(dram.energy, readBits + writeBits))
  }
  for (const { component, count, energy } of cost.activity) add(component, times(energy, calibration * count))
  // Milliwatts times microseconds are nanojoules: 1000 pJ.
  add('leakage', times(leaking, (calibration * 1000 * cost.cycles) / arch.tech.frequency))
  const shown = Object.fromEntries(SHOWN.map((field) => [field, layer[field]])) as Pick<PeLayer, (typeof SHOWN)[number]>
  return { name: layer.name, ...shown, macs: macsOf(layer), ...cost, energy: inOrder(parts) }
}

/** Memories first, so that plots stack alike. */
function inOrder(parts: Map<string, Band>): Energy {
  const rank = (name: string) => (MEMORIES as readonly string[]).indexOf(name)
  const known = [...parts].filter(([name]) => rank(name) >= 0).sort(([a], [b]) => rank(a) - rank(b))
  return Object.fromEntries([...known, ...[...parts].filter(([name]) => rank(name) < 0)])
}

function totals(layers: readonly LayerReport[], { tech }: Arch): Totals {
  const count = (of: (layer: LayerReport) => number) => layers.reduce((all, layer) => all + of(layer), 0)
  const [cycles, macs, effectual] = [count((l) => l.cycles), count((l) => l.macs), count((l) => l.effectual)]
  const seconds = cycles / (tech.frequency * 1e6)
  const names = [...new Set(layers.flatMap((layer) => Object.keys(layer.energy)))]
  const energy = Object.fromEntries(names.map((name) => [name, sum(layers.map((l) => l.energy[name] ?? ZERO))]))
  const energyTotal = sum(Object.values(energy))
  const slotNames = Object.keys(layers[0].slots) as (keyof Slots)[]
  const slots = Object.fromEntries(slotNames.map((name) => [name, count((l) => l.slots[name])])) as unknown as Slots
  const all = Object.values(slots).reduce((a, b) => a + b, 0)
  // Operations per picojoule are 10^12 operations a second per watt. The least energy is the best rate.
  const perWatt = (of: number): Band => ({
    low: (2 * of) / energyTotal.high,
    mid: (2 * of) / energyTotal.mid,
    high: (2 * of) / energyTotal.low,
  })
  return {
    cycles,
    seconds,
    macs,
    effectual,
    slots,
    utilisation: slots.useful / all,
    energy,
    energyTotal,
    power: times(energyTotal, 1e-9 / seconds),
    denseTops: (2e-12 * macs) / seconds,
    effectualTops: (2e-12 * effectual) / seconds,
    denseTopsPerWatt: perWatt(macs),
    effectualTopsPerWatt: perWatt(effectual),
  }
}
