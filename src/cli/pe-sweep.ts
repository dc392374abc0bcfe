/** Sweeps of modelled arrays: what each point found, as a table, CSV and a drawing for the terminal. */

import { csv } from '../pe/csv.js'
import {
  type Band,
  pareto,
  type Report,
  type SimulateOptions,
  type SweepAxes,
  type SweepValue,
  sweep,
  sweepSize,
  type Workload,
} from '../pe.js'
import type { NamedArch } from './pe-arch.js'
import { areaText, bandText, PICO, plainBand, totalOf } from './pe-tables.js'
import { digits, grouped, metric, percent, plainTable } from './text.js'

/** One point of a sweep, in figures. Energy in picojoules, power in milliwatts, area in square micrometres. */
export interface Outcome
  extends Pick<
    Report['total'],
    | 'cycles'
    | 'seconds'
    | 'utilisation'
    | 'power'
    | 'denseTops'
    | 'effectualTops'
    | 'denseTopsPerWatt'
    | 'effectualTopsPerWatt'
  > {
  /** By parameter; 'array' is the name of the array where several are compared. */
  readonly values: Readonly<Record<string, SweepValue>>
  readonly energy: Band
  readonly area: Band
  /** No other point takes as few cycles and as little energy, and less of one. */
  readonly front: boolean
}

/** @throws what `sweep` throws */
export async function runSweep(
  workload: Workload,
  archs: readonly NamedArch[],
  axes: SweepAxes,
  options: SimulateOptions,
  onPoint: (done: number, points: number) => Promise<void>,
): Promise<Outcome[]> {
  const found: Omit<Outcome, 'front'>[] = []
  for (const { name, arch } of archs) {
    for await (const { values, report } of sweep(workload, arch, axes, options)) {
      const named = archs.length > 1 ? { array: name, ...values } : values
      found.push({ values: named, ...figures(report) })
      await onPoint(found.length, archs.length * sweepSize(axes))
    }
  }
  const front = new Set(pareto(found, (o) => [o.cycles, o.energy.mid]))
  return found.map((o) => ({ ...o, front: front.has(o) }))
}

function figures({ total, area }: Report) {
  const { cycles, seconds, utilisation, power, denseTops, effectualTops, denseTopsPerWatt, effectualTopsPerWatt } =
    total
  const rates = { power, denseTops, effectualTops, denseTopsPerWatt, effectualTopsPerWatt }
  return { cycles, seconds, utilisation, energy: total.energyTotal, ...rates, area: totalOf(area) }
}

export const sweepNote = (workload: string, points: number, chipOnly: boolean): string =>
  `modelled, not measured: ${workload} at ${points} points, energy ${chipOnly ? 'of the chip alone' : 'with that of DRAM'}`

export function sweepText(workload: string, outcomes: readonly Outcome[], chipOnly: boolean): string {
  const paths = Object.keys(outcomes[0].values)
  const head = [...paths, 'cycles', 'useful', 'energy', 'TOPS', 'TOPS/W', 'area']
  const rows = outcomes.map((o) => [
    `${o.front ? '*' : ' '} ${o.values[paths[0]]}`,
    ...paths.slice(1).map((path) => `${o.values[path]}`),
    grouped(o.cycles),
    percent(o.utilisation, 1),
    bandText(o.energy, 'J', PICO),
    digits(o.denseTops),
    plainBand(o.denseTopsPerWatt),
    areaText(o.area),
  ])
  const right = head
    .map((_, i) => i)
    .filter((i) => i >= paths.length && !['energy', 'TOPS/W', 'area'].includes(head[i]))
  const table = plainTable([[`  ${head[0]}`, ...head.slice(1)], ...rows], right)
  const legend = '* Pareto front: no other point has fewer cycles and less energy; TOPS with zeros counted'
  return `${sweepNote(workload, outcomes.length, chipOnly)}\n\n${table}\n\n${legend}`
}

export function sweepCsv(workload: string, outcomes: readonly Outcome[], chipOnly: boolean): string {
  const paths = Object.keys(outcomes[0].values)
  const bands = {
    energy: 'energy_pj',
    power: 'power_mw',
    denseTopsPerWatt: 'dense_tops_per_w',
    effectualTopsPerWatt: 'effectual_tops_per_w',
    area: 'area_um2',
  } as const
  const fields = Object.keys(bands) as (keyof typeof bands)[]
  const head = [
    ...paths,
    ...['cycles', 'seconds', 'utilisation', 'dense_tops', 'effectual_tops', 'pareto_front'],
    ...fields.flatMap((field) => ['low', 'mid', 'high'].map((end) => `${bands[field]}_${end}`)),
  ]
  const rows = outcomes.map((o) => [
    ...paths.map((path) => o.values[path]),
    ...[o.cycles, o.seconds, o.utilisation, o.denseTops, o.effectualTops, o.front ? 1 : 0],
    ...fields.flatMap((field) => [o[field].low, o[field].mid, o[field].high]),
  ])
  return csv(sweepNote(workload, outcomes.length, chipOnly), [head, ...rows])
}

const [COLUMNS, ROWS] = [64, 16]

/** Energy over cycles, both logarithmic, drawn with characters. */
export function paretoText(outcomes: readonly Outcome[]): string {
  const xs = outcomes.map((o) => Math.log(o.cycles))
  const ys = outcomes.map((o) => Math.log(o.energy.mid))
  const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)]
  const grid = Array.from({ length: ROWS }, () => new Array<string>(COLUMNS).fill(' '))
  const place = (value: number, from: number, to: number, cells: number) =>
    to === from ? 0 : Math.round(((value - from) / (to - from)) * (cells - 1))
  // The front last: it lies on top.
  for (const front of [false, true]) {
    outcomes.forEach((o, i) => {
      if (o.front === front)
        grid[ROWS - 1 - place(ys[i], low, high, ROWS)][place(xs[i], left, right, COLUMNS)] = front ? '*' : '·'
    })
  }
  const [top, bottom] = [high, low].map((y) => metric(Math.exp(y) * PICO, 'J'))
  const margin = Math.max(top.length, bottom.length)
  const lines = grid.map(
    (row, i) => `${(i === 0 ? top : i === ROWS - 1 ? bottom : '').padStart(margin)} │${row.join('').trimEnd()}`,
  )
  const ends = [Math.exp(left), Math.exp(right)].map((x) => grouped(x))
  const axis = `${' '.repeat(margin + 2)}${ends[0]}${ends[1].padStart(COLUMNS - ends[0].length)} cycles`
  return ['energy, modelled', ...lines, `${' '.repeat(margin)} └${'─'.repeat(COLUMNS)}`, axis].join('\n')
}
