/** A workload on one array after another, each with other values of some parameters. */
import { WhiteDwarfError } from '../errors.js'
import type { Arch } from './arch.js'
import { withParameter } from './arch-json.js'
import type { Report } from './report.js'
import { type SimulateOptions, simulate } from './simulate.js'
import type { PeLayer, Workload } from './workload.js'

/** Parameters of all layers; every other name is a field of the array. */
const LAYER_FIELDS = {
  density: 'weightDensity',
  activationDensity: 'activationDensity',
  weightBits: 'weightBits',
  activationBits: 'activationBits',
} as const

export type SweepValue = number | string

/**
 * Values by parameter: 'density', 'activationDensity', 'weightBits' and 'activationBits' of all layers, and fields of the array with dots
 * between ('lanes', 'tech.voltage', 'buffers.weights.bytes').
 */
export type SweepAxes = Readonly<Record<string, readonly SweepValue[]>>

export interface SweepPoint {
  readonly values: Readonly<Record<string, SweepValue>>
  readonly report: Report
}

/** How many points these axes have. */
export const sweepSize = (axes: SweepAxes): number => Object.values(axes).reduce((n, values) => n * values.length, 1)

/**
 * Simulates every combination, the first axis slowest. All are checked before the first is simulated.
 * @throws WhiteDwarfError E_OPTION, and what `simulate` throws
 */
export async function* sweep(
  workload: Workload,
  arch: Arch,
  axes: SweepAxes,
  options: SimulateOptions = {},
): AsyncGenerator<SweepPoint, void> {
  const points = combinations(axes).map((values) => {
    const own = Object.entries(values)
    return {
      values,
      workload: own.reduce((w, [name, value]) => (isLayerField(name) ? withLayers(w, name, value) : w), workload),
      arch: own.reduce((a, [name, value]) => (isLayerField(name) ? a : withParameter(a, name, value)), arch),
    }
  })
  for (const { values, workload, arch } of points) yield { values, report: await simulate(workload, arch, options) }
}

const isLayerField = (name: string): name is keyof typeof LAYER_FIELDS => Object.hasOwn(LAYER_FIELDS, name)

function combinations(axes: SweepAxes): Record<string, SweepValue>[] {
  return Object.entries(axes).reduce<Record<string, SweepValue>[]>(
    (points, [name, values]) => points.flatMap((point) => values.map((value) => ({ ...point, [name]: value }))),
    [{}],
  )
}

/** The layers with another density or other bits. Levels and counts that no longer fit are left out. */
function withLayers({ name, layers }: Workload, field: keyof typeof LAYER_FIELDS, value: SweepValue): Workload {
  const share = field === 'density' || field === 'activationDensity'
  const fits =
    typeof value === 'number' &&
    (share ? value >= 0 && value <= 1 : Number.isInteger(value) && value >= 1 && value <= 32)
  if (!fits) {
    const range = share ? 'a number from 0 to 1' : 'a whole number from 1 to 32'
    throw new WhiteDwarfError('E_OPTION', `${field} must be ${range}, got ${String(value)}`)
  }
  const changed = (layer: PeLayer): PeLayer => {
    const { levels, activeInputs, inputMagnitudes, ...rest } = layer
    if (layer.op === 'pool' && (field === 'density' || field === 'weightBits')) return layer
    return {
      ...rest,
      ...(levels && field !== 'density' && field !== 'weightBits' && { levels }),
      ...(activeInputs && field !== 'activationDensity' && { activeInputs }),
      ...(inputMagnitudes && !field.startsWith('activation') && { inputMagnitudes }),
      [LAYER_FIELDS[field]]: value,
    }
  }
  return { name, layers: layers.map(changed) }
}

/**
 * The points that no other point is as good as in both costs and better in one, by rising first cost.
 * @param costs of a point, the less the better
 */
export function pareto<T>(points: readonly T[], costs: (point: T) => readonly [number, number]): T[] {
  const sorted = points.map((point) => ({ point, costs: costs(point) }))
  sorted.sort((a, b) => a.costs[0] - b.costs[0] || a.costs[1] - b.costs[1])
  let best: readonly [number, number] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  const front = sorted.filter(({ costs }) => {
    const same = costs[0] === best[0] && costs[1] === best[1]
    if (!same && costs[1] >= best[1]) return false
    best = costs
    return true
  })
  return front.map(({ point }) => point)
}
