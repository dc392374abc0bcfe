/** Pictures of modelled reports: energy, element-cycles, roofline, efficiency over sparsity, and what sweeps found. */
import { WhiteDwarfError } from '../errors.js'
import { type LayerReport, modelledNote, type Report, type SweepPoint } from '../pe.js'
import { type Bar, barChart, COLOURS } from './bars.js'
import type { Outcome } from './pe-sweep.js'
import { CAUSES, causes, PICO, settingText, totalOf } from './pe-tables.js'
import { digits, grouped, metric, percent, prefixOf, tick } from './text.js'
import { type XyPoint, type XySeries, xyChart } from './xy-chart.js'

export const PLOTS = ['energy', 'utilisation', 'roofline', 'sparsity', 'pareto'] as const
export type Plot = (typeof PLOTS)[number]

/** Densities of weights that a sparsity curve goes through. */
export const CURVE = [1, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05, 0.03, 0.02, 0.01, 0.005, 0.002, 0.001]

const onArray = ({ workload, arch }: Report) => `${workload} on ${arch.name}`

const subtitleOf = (report: Report) =>
  `${modelledNote(report).split(', ').slice(0, 2).join(', ').split(':')[0]}; ${settingText(report)}`

/** Parts of what is stacked keep their colours from picture to picture. */
const COMPONENT_COLOURS: Readonly<Record<string, number>> = {
  weights: 0,
  activations: 6,
  outputs: 2,
  index: 8,
  dram: 11,
  compute: 1,
  registers: 7,
  network: 3,
  gather: 5,
  delivery: 3,
  fetch: 10,
  clock: 4,
  control: 7,
  leakage: 9,
}

const CAUSE_COLOURS: Readonly<Record<keyof typeof CAUSES, number>> = {
  useful: 2,
  zeros: 9,
  imbalance: 1,
  sync: 3,
  edge: 6,
  fill: 4,
  bandwidth: 5,
}

function componentColours(names: readonly string[]): number[] {
  const free = Array.from({ length: COLOURS }, (_, i) => i).filter(
    (i) => !names.some((name) => COMPONENT_COLOURS[name] === i),
  )
  return names.map((name) => COMPONENT_COLOURS[name] ?? free.shift() ?? COLOURS - 1)
}

export function energyPlot(report: Report): string {
  const parts = Object.entries(report.total.energy)
    .filter(([, { mid }]) => mid > 0)
    .map(([name]) => name)
  const energies = report.layers.map((layer) => totalOf(layer.energy))
  const { factor, prefix } = prefixOf(Math.max(...energies.map(({ high }) => high)) * PICO)
  const inUnit = (picojoules: number) => (picojoules * PICO) / factor
  const bars = report.layers.map((layer, i): Bar => {
    const { low, mid, high } = energies[i]
    const range = low === high ? '' : ` (${digits(inUnit(low))} to ${digits(inUnit(high))})`
    const own = parts.map((part) => inUnit(layer.energy[part]?.mid ?? 0))
    return { name: layer.name, parts: own, label: `${digits(inUnit(mid))}${range}` }
  })
  return barChart({
    title: `Modelled energy of ${onArray(report)}`,
    subtitle: `${subtitleOf(report)}; numbers: likeliest, and band`,
    description: `Energy of each layer by component, in all ${metric(report.total.energyTotal.mid * PICO, 'J')}.`,
    parts,
    colours: componentColours(parts),
    bars,
    axis: { label: `energy of a layer, ${prefix}J`, format: tick },
  })
}

export function utilisationPlot(report: Report): string {
  const shown = causes.filter((cause) => report.total.slots[cause] > 0)
  const all = (layer: LayerReport) => causes.reduce((sum, cause) => sum + layer.slots[cause], 0)
  const { factor, prefix } = prefixOf(Math.max(...report.layers.map(all)))
  const bars = report.layers.map((layer) => ({
    name: layer.name,
    parts: shown.map((cause) => layer.slots[cause] / factor),
    label: percent(layer.slots.useful / all(layer), 1),
  }))
  return barChart({
    title: `Modelled element-cycles of ${onArray(report)}`,
    subtitle: `${subtitleOf(report)}; numbers: share that was useful`,
    description: `What the elements did in each layer; ${percent(report.total.utilisation, 1)} of all element-cycles were useful.`,
    parts: shown.map((cause) => CAUSES[cause]),
    colours: shown.map((cause) => CAUSE_COLOURS[cause]),
    bars,
    axis: { label: `element-cycles of a layer${prefix === '' ? '' : `, ${prefix}`}`, format: tick },
  })
}

/** Layers that a roofline names: those that take the most cycles, one at each place. */
const NAMED = 6

/** @throws WhiteDwarfError E_OPTION when the array's model counts no traffic of DRAM */
export function rooflinePlot(report: Report): string {
  const { layers, elements, arch, total } = report
  const { frequency } = arch.tech
  const points = layers.flatMap((layer) => {
    const bits = layer.traffic.reduce((sum, t) => sum + (t.memory === 'dram' ? t.readBits + t.writeBits : 0), 0)
    if (bits === 0 || layer.macs === 0) return []
    return [{ layer, x: (2 * layer.macs) / (bits / 8), y: (2e-6 * layer.macs * frequency) / layer.cycles }]
  })
  if (points.length === 0) {
    throw new WhiteDwarfError(
      'E_OPTION',
      `--plot roofline needs traffic of DRAM, the model of ${arch.name} counts none`,
    )
  }
  const places = new Map(points.map((p) => [`${digits(p.x)} ${digits(p.y)}`, p]))
  const slowest = [...places.values()].sort((a, b) => b.layer.cycles - a.layer.cycles).slice(0, NAMED)
  const dots = points.map(({ layer, x, y }): XyPoint => {
    const title = `${layer.name}: ${digits(x)} operations per byte, ${digits(y)} TOPS, ${percent(layer.cycles / total.cycles, 1)} of cycles`
    return { x, y, title, ...(slowest.some((p) => p.layer === layer) && { label: layer.name }) }
  })
  const peak = 2e-6 * elements * frequency
  const xs = points.map((p) => p.x)
  const [least, most] = [Math.min(...xs) / 2, Math.max(...xs) * 2]
  const bandwidth = arch.dram?.bandwidth
  // Bits a cycle are bytes a second; operations per byte times that are operations a second.
  const slope = bandwidth === undefined ? undefined : 1e-6 * (bandwidth / 8) * frequency
  const ridge = slope === undefined ? 0 : peak / slope
  const roof = [
    ...(slope !== undefined && least < ridge ? [{ x: least, y: slope * least }] : []),
    ...(slope !== undefined && least < ridge && ridge < most ? [{ x: ridge, y: peak }] : []),
    { x: most, y: slope === undefined ? peak : Math.min(peak, slope * most) },
  ]
  const all = roof.length > 1 ? roof : [{ x: least, y: peak }, ...roof]
  const limit = bandwidth === undefined ? 'no bandwidth given' : `DRAM ${bandwidth} bits a cycle`
  return xyChart({
    title: `Modelled roofline of ${onArray(report)}`,
    subtitle: `${subtitleOf(report)}, ${limit}`,
    description: `Rate of each layer over its operations per byte of DRAM; the array's peak without skipping zeros is ${digits(peak)} TOPS.`,
    x: { label: 'operations per byte of DRAM, zeros counted', log: true, format: tick },
    y: { label: 'TOPS, zeros counted', log: true, format: tick },
    series: [
      {
        name: 'limit of an array that skips nothing: a multiplication per element and cycle',
        colour: 1,
        kind: 'line',
        points: all,
      },
      { name: 'layers', colour: 0, kind: 'points', points: dots },
    ],
  })
}

/** TOPS/W over the share of zeros. @param points of a sweep of `density` through CURVE */
export function sparsityPlot(points: readonly SweepPoint[]): string {
  const [{ report }] = points
  const at = points.map(({ values, report: { total } }) => ({ x: 1 / Number(values.density), total }))
  const series = (['denseTopsPerWatt', 'effectualTopsPerWatt'] as const).flatMap((field, colour): XySeries[] => {
    const name = colour === 0 ? 'zeros counted (dense-equivalent)' : 'zeros not counted (effectual)'
    const bands = at.map(({ x, total }) => ({ x, low: total[field].low, high: total[field].high }))
    const line = at.map(({ x, total }, i) => ({
      x,
      y: total[field].mid,
      title: `${digits(total[field].mid)} TOPS/W`,
      ...(i === at.length - 1 && { label: digits(total[field].mid) }),
    }))
    const banded = bands.some(({ low, high }) => low < high)
    return [
      ...(banded ? [{ name: '', colour, kind: 'band', points: bands } as const] : []),
      { name, colour, kind: 'line', points: line },
      { name: '', colour, kind: 'points', points: line.map(({ label, ...point }) => point) },
    ]
  })
  return xyChart({
    title: `Modelled efficiency of ${onArray(report)}`,
    subtitle: `${subtitleOf(report)}; areas: band of the constants`,
    description: `TOPS per watt over the share of weights that are zero, the same in every layer.`,
    x: { label: 'weights that are zero', log: true, format: (x) => percent(1 - 1 / x, x > 100 ? 1 : 0) },
    y: { label: 'TOPS/W', log: true, format: tick },
    series,
  })
}

/** 500 k, 1 M, 20 M. */
function cyclesText(cycles: number): string {
  const { factor, prefix } = prefixOf(cycles)
  return `${tick(cycles / factor)} ${prefix}`.trimEnd()
}

/** Points of the front that are named; of so few points all are. */
const LABELS = 12

/** Energy over cycles of what a sweep found. */
export function paretoPlot(workload: string, outcomes: readonly Outcome[], chipOnly: boolean): string {
  const { factor, prefix } = prefixOf(Math.max(...outcomes.map((o) => o.energy.mid)) * PICO)
  const nameOf = ({ values }: Outcome) =>
    Object.entries(values)
      .map(([path, value]) => (path === 'array' ? String(value) : `${path.split('.').pop()} ${value}`))
      .join(', ')
  const pointOf = (o: Outcome): XyPoint => {
    const y = (o.energy.mid * PICO) / factor
    return { x: o.cycles, y, title: `${nameOf(o)}: ${grouped(o.cycles)} cycles, ${digits(y)} ${prefix}J` }
  }
  const front = outcomes.filter((o) => o.front).sort((a, b) => a.cycles - b.cycles)
  const every = Math.ceil(front.length / LABELS)
  const other = (o: Outcome) => ({ ...pointOf(o), ...(outcomes.length <= LABELS && { label: nameOf(o) }) })
  const named = front.map((o, i) => ({ ...pointOf(o), ...(i % every === 0 && { label: nameOf(o) }) }))
  return xyChart({
    title: `Modelled energy and cycles of ${workload}`,
    subtitle: `modelled, not measured; ${outcomes.length} points, ${front.length} of them with none better in both`,
    description: `Energy over cycles of ${outcomes.length} points; the front has ${front.map(nameOf).join('; ')}.`,
    x: { label: 'cycles', log: true, format: cyclesText },
    y: { label: `energy ${chipOnly ? 'of the chip alone' : 'with DRAM'}, ${prefix}J`, log: true, format: tick },
    series: [
      { name: 'others', colour: 0, kind: 'points', points: outcomes.filter((o) => !o.front).map(other) },
      { name: 'Pareto front', colour: 1, kind: 'steps', points: front.map(pointOf) },
      { name: '', colour: 1, kind: 'points', points: named },
    ],
  })
}
