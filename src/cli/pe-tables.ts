/** Reports of modelled arrays as tables for people. */
import { type Band, type LayerReport, modelledNote, type OnChipSize, type Report } from '../pe.js'
import { textBar } from './bars.js'
import { digits, duration, grouped, metric, percent, plainTable, prefixOf } from './text.js'

const BAR = 24

/** What element-cycles were spent on, as tables and plots call it. */
export const CAUSES: Readonly<Record<keyof LayerReport['slots'], string>> = {
  useful: 'useful',
  zeros: 'zeros',
  imbalance: 'imbalance',
  sync: 'sync',
  edge: 'edge',
  fill: 'fill',
  bandwidth: 'bandwidth',
}

export const causes = Object.keys(CAUSES) as (keyof typeof CAUSES)[]

/** '12.2 (8.10 to 20.3) µJ', with one prefix for all three. @param scale what one of `band` is in `unit` */
export function bandText(band: Band, unit: string, scale: number): string {
  const { factor, prefix } = prefixOf(band.mid * scale)
  return `${plainBand(band, scale / factor)} ${prefix}${unit}`
}

/** '12.2 (8.10 to 20.3)' */
export function plainBand({ low, mid, high }: Band, scale = 1): string {
  const [least, likely, most] = [low, mid, high].map((value) => digits(value * scale))
  return low === high ? likely : `${likely} (${least} to ${most})`
}

/** Joules of a picojoule. */
export const PICO = 1e-12

export const totalOf = (bands: Readonly<Record<string, Band>>): Band =>
  Object.values(bands).reduce((a, b) => ({ low: a.low + b.low, mid: a.mid + b.mid, high: a.high + b.high }), {
    low: 0,
    mid: 0,
    high: 0,
  })

const product = ({ m, n, k, groups }: LayerReport) => `${m} x ${n} x ${k}${groups === 1 ? '' : ` x ${groups}`}`

/** Node, voltage and frequency of an array, and how many elements it has. */
export function settingText({ arch: { tech }, elements }: Pick<Report, 'arch' | 'elements'>): string {
  return `${grouped(elements)} elements, ${tech.node} nm, ${tech.voltage} V, ${tech.frequency} MHz`
}

export function reportText(report: Report): string {
  const parts = [
    `${modelledNote(report)}\n${settingText(report)}`,
    layerTable(report),
    totalTable(report),
    energyTable(report),
    ...(report.layers.some((layer) => layer.traffic.length > 0) ? [trafficTable(report)] : []),
    areaTable(report),
  ]
  const notes = [...new Set(report.layers.flatMap((layer) => layer.notes ?? []))]
  return [...parts, ...notes.map((note) => `Note: ${note}`), `Source of the array: ${report.arch.provenance}`].join(
    '\n\n',
  )
}

/** The weights of a model in the memories of a gather array. */
export function onChipText({ masked, maskedShare, runLength, runLengthShare }: OnChipSize): string {
  const size = (bits: number, share: number) => `${grouped(Math.ceil(bits / 8))} bytes, ${percent(share)} of float32`
  const rows = [
    ['  masks and values', size(masked, maskedShare)],
    ['  runs of zeros (Golomb-Rice) and values', size(runLength, runLengthShare)],
  ]
  return `Weights and constants on the chip, counted:\n${plainTable(rows)}`
}

function layerTable({ layers, total }: Report): string {
  const shown = causes.filter((cause) => cause === 'useful' || total.slots[cause] > 0)
  const head = ['  layer', 'M x N x K', 'weights', 'inputs', 'MACs', 'cycles', ...shown.map((c) => CAUSES[c])]
  const rows = layers.map((layer) => {
    const all = causes.reduce((sum, cause) => sum + layer.slots[cause], 0)
    const energy = totalOf(layer.energy)
    return [
      `  ${layer.name}`,
      product(layer),
      percent(layer.weightDensity, 1),
      percent(layer.activationDensity, 1),
      metric(layer.macs, ''),
      grouped(layer.cycles),
      ...shown.map((cause) => percent(layer.slots[cause] / all, 1)),
      metric(energy.mid * PICO, 'J'),
      layer.macs === 0 ? '' : digits((2 * layer.macs) / energy.mid),
    ]
  })
  const right = [...head, '', ''].map((_, i) => i).slice(1)
  return plainTable([[...head, 'energy', 'TOPS/W'], ...rows], right)
}

/** Zeros counted: what the efficiency would be without the factor on energies of the chip. */
function uncalibrated({ energyTotal, energy, macs }: Report['total'], calibration: number): Band {
  const dram = energy.dram ?? { low: 0, mid: 0, high: 0 }
  const rate = (end: keyof Band) => (2 * macs) / ((energyTotal[end] - dram[end]) / calibration + dram[end])
  return { low: rate('high'), mid: rate('mid'), high: rate('low') }
}

function totalTable({ total, layers, arch }: Report): string {
  const { calibration } = arch
  const waits = causes.filter((cause) => cause !== 'useful' && total.slots[cause] > 0)
  const all = causes.reduce((sum, cause) => sum + total.slots[cause], 0)
  const shares = waits.map((cause) => `${CAUSES[cause]} ${percent(total.slots[cause] / all, 1)}`).join(', ')
  const rows = [
    ['cycles', `${grouped(total.cycles)}, ${duration(1000 * total.seconds)} at ${arch.tech.frequency} MHz`],
    ['multiply-accumulates', `${grouped(total.macs)}, ${grouped(total.effectual)} of them effectual`],
    ['utilisation', `${percent(total.utilisation, 1)} of element-cycles useful${shares === '' ? '' : `; ${shares}`}`],
    ['rate', `${digits(total.denseTops)} TOPS with zeros counted, ${digits(total.effectualTops)} without`],
    [
      'energy',
      `${bandText(total.energyTotal, 'J', PICO)}, ${total.energy.dram === undefined ? 'of the chip alone' : 'with that of DRAM'}`,
    ],
    ['power', bandText(total.power, 'W', 1e-3)],
    ['efficiency', `${plainBand(total.denseTopsPerWatt)} TOPS/W with zeros counted`],
    ['', `${plainBand(total.effectualTopsPerWatt)} TOPS/W without`],
    ...(calibration === undefined
      ? []
      : [['not calibrated', `${plainBand(uncalibrated(total, calibration))} TOPS/W with zeros counted`]]),
  ]
  const table = plainTable(rows.map(([name, value]) => [`  ${name}`, value]))
  return `Total of ${layers.length} layers, modelled:\n${table}`
}

function energyTable({ total }: Report): string {
  const parts = Object.entries(total.energy)
  const longest = Math.max(...parts.map(([, { mid }]) => mid))
  const rows = parts.map(([name, band]) => [
    `  ${name}`,
    bandText(band, 'J', PICO),
    percent(band.mid / total.energyTotal.mid, 1),
    textBar(band.mid, longest, BAR),
  ])
  return `Energy, modelled:\n${plainTable(rows, [2])}`
}

function trafficTable({ layers }: Report): string {
  const memories = [...new Set(layers.flatMap((layer) => layer.traffic.map((t) => t.memory)))]
  const bytes = (memory: string, field: 'readBits' | 'writeBits') => {
    const own = layers.flatMap((layer) => layer.traffic).filter((t) => t.memory === memory)
    return metric(own.reduce((bits, t) => bits + t[field], 0) / 8, 'B')
  }
  const rows = memories.map((memory) => [`  ${memory}`, bytes(memory, 'readBits'), bytes(memory, 'writeBits')])
  return `Traffic of memories, modelled:\n${plainTable([['  memory', 'read', 'written'], ...rows], [1, 2])}`
}

function areaTable({ area }: Report): string {
  const known = Object.entries({ ...area, 'in all': totalOf(area) }).filter(([, { mid }]) => mid > 0)
  const rows = known.map(([name, band]) => [`  ${name}`, areaText(band)])
  return `Area, modelled:\n${plainTable(rows)}`
}

/** Square micrometres as square millimetres. */
export const areaText = (area: Band): string => `${plainBand(area, 1e-6)} mm2`
