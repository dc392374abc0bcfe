/** From a workload and an array to a report. */
import { WhiteDwarfError } from '../errors.js'
import type { Arch } from './arch.js'
import { parseArch } from './arch-json.js'
import { blocks } from './blocks/model.js'
import { type CalibrationTarget, calibrateWith } from './calibrate.js'
import type { LayerCost } from './cost.js'
import { gather } from './gather/model.js'
import type { ArchModel } from './model.js'
import { pairs } from './pairs/model.js'
import { type Report, reportOf } from './report.js'
import { serial } from './serial/model.js'
import { systolic } from './systolic/model.js'
import type { Workload } from './workload.js'

export interface SimulateOptions {
  /** Whether layers are walked through weight by weight; their levels must be known. Default: false, closed forms. */
  readonly masks?: boolean
  /** Called behind each layer, and waited for. What it throws ends the simulation. */
  readonly onProgress?: (done: number, layers: number) => void | Promise<void>
}

const MODELS: { readonly [K in Arch['kind']]: ArchModel<Extract<Arch, { kind: K }>> } = {
  systolic,
  gather,
  blocks,
  serial,
  pairs,
}

/** @throws WhiteDwarfError E_OPTION: the array makes no sense, or masks are asked for and there are none */
export async function simulate(workload: Workload, given: Arch, options: SimulateOptions = {}): Promise<Report> {
  const { arch, model } = checked(given)
  const { masks = false, onProgress } = options
  const costs: LayerCost[] = []
  for (const layer of workload.layers) {
    const { levels } = layer
    if (!masks || model.walk === undefined || layer.op === 'pool') costs.push(model.estimate(layer, arch))
    else if (levels !== undefined) costs.push(await model.walk({ ...layer, levels }, arch))
    else
      throw new WhiteDwarfError(
        'E_OPTION',
        `masks: the weights of '${layer.name}' are not known, only their density; walk a model of levels, or leave masks out`,
      )
    await onProgress?.(costs.length, workload.layers.length)
  }
  return reportOf(arch, model.array(arch), workload, costs, masks && model.walk !== undefined ? 'masks' : 'densities')
}

/**
 * The same from closed forms alone, at once.
 * @throws WhiteDwarfError E_OPTION
 */
export function estimateReport(workload: Workload, given: Arch): Report {
  const { arch, model } = checked(given)
  const costs = workload.layers.map((layer) => model.estimate(layer, arch))
  return reportOf(arch, model.array(arch), workload, costs, 'densities')
}

/**
 * The array with one factor on all energies of the chip, such that the middle of its band reaches `denseTopsPerWatt` on the workload:
 * see calibrateWith.
 * @throws WhiteDwarfError E_OPTION
 */
export function calibrate<A extends Arch>(given: A, workload: Workload, target: CalibrationTarget): A {
  const { arch, model } = checked(given)
  return calibrateWith(model, arch, workload, target) as A
}

function checked(given: Arch): { arch: Arch; model: ArchModel<Arch> } {
  const arch = parseArch(given)
  const model = MODELS[arch.kind] as ArchModel<Arch>
  model.check(arch)
  return { arch, model }
}
