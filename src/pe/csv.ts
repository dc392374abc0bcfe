/** Reports as CSV: a line that says what it is, a head, a row for each layer. */
import { MEMORIES, type Slots } from './cost.js'
import type { LayerReport, Report } from './report.js'
import { sum } from './units.js'

/** The first line of every table and file. */
export function modelledNote({ workload, arch, level }: Pick<Report, 'workload' | 'arch' | 'level'>): string {
  const how = level === 'masks' ? 'a walk over the weights' : 'closed forms of densities'
  return `modelled, not measured: ${workload} on ${arch.name}, ${how}`
}

/** Energies in picojoules, the components' with constants as they are most likely; slots in element-cycles; traffic in bits. */
export function reportCsv(report: Report): string {
  const { layers } = report
  const components = [...new Set(layers.flatMap((layer) => Object.keys(layer.energy)))]
  const memories = MEMORIES.filter((memory) => layers.some((layer) => layer.traffic.some((t) => t.memory === memory)))
  const slots = Object.keys(layers[0].slots) as (keyof Slots)[]
  const fields = ['name', 'op', 'm', 'n', 'k', 'groups', 'weightBits', 'activationBits', 'weightDensity'] as const
  const head = [
    ...['layer', 'op', 'm', 'n', 'k', 'groups', 'weight_bits', 'activation_bits', 'weight_density'],
    ...['activation_density', 'macs', 'effectual_macs', 'cycles', 'utilisation'],
    ...slots.map((slot) => `${slot}_element_cycles`),
    ...['energy_low_pj', 'energy_mid_pj', 'energy_high_pj'],
    ...components.map((component) => `${component.replace(/\W+/g, '_')}_pj`),
    ...memories.flatMap((memory) => [`${memory}_read_bits`, `${memory}_write_bits`]),
  ]
  const row = (layer: LayerReport) => {
    const energy = sum(Object.values(layer.energy))
    const of = (memory: string, field: 'readBits' | 'writeBits') =>
      layer.traffic.reduce((bits, t) => bits + (t.memory === memory ? t[field] : 0), 0)
    return [
      ...fields.map((field) => layer[field]),
      ...[layer.activationDensity, layer.macs, layer.effectual, layer.cycles, utilisation(layer.slots)],
      ...slots.map((slot) => layer.slots[slot]),
      ...[energy.low, energy.mid, energy.high],
      ...components.map((component) => layer.energy[component]?.mid ?? 0),
      ...memories.flatMap((memory) => [of(memory, 'readBits'), of(memory, 'writeBits')]),
    ]
  }
  return csv(modelledNote(report), [head, ...layers.map(row)])
}

/** Share of element-cycles that were useful. */
export const utilisation = (slots: Slots): number =>
  slots.useful / Object.values(slots).reduce((all: number, n: number) => all + n, 0)

/** A comment, then rows; cells with commas, quotes or line breaks in quotes. */
export function csv(note: string, rows: readonly (readonly (string | number)[])[]): string {
  const cell = (value: string | number) =>
    /[",\n\r]/.test(`${value}`) ? `"${`${value}`.replace(/"/g, '""')}"` : `${value}`
  return [`# ${note.replace(/\s+/g, ' ')}`, ...rows.map((row) => row.map(cell).join(','))].join('\n').concat('\n')
}
