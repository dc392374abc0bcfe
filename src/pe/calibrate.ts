/** Fitting a model of an array to a published efficiency. */
import { WhiteDwarfError } from '../errors.js'
import type { Arch } from './arch.js'
import type { ArchModel } from './model.js'
import { reportOf } from './report.js'
import type { Workload } from './workload.js'

export interface CalibrationTarget {
  /** 10^12 operations a second per watt, zeros counted, two for a multiply-accumulate. */
  readonly denseTopsPerWatt: number
}

/**
 * The array with one factor on all energies of the chip, such that the middle of its band reaches the target on the workload, by the closed
 * form. Cycles and areas stay as they are. One figure cannot fix more than one factor: everything else keeps its uncertainty, so state the
 * uncalibrated band beside any calibrated figure.
 * @throws WhiteDwarfError E_OPTION
 */
export function calibrateWith<A extends Arch>(
  model: ArchModel<A>,
  arch: A,
  workload: Workload,
  { denseTopsPerWatt }: CalibrationTarget,
): A {
  if (!(denseTopsPerWatt > 0 && denseTopsPerWatt < 1e9)) {
    throw new WhiteDwarfError('E_OPTION', `denseTopsPerWatt must be a number above 0, got ${String(denseTopsPerWatt)}`)
  }
  const costs = workload.layers.map((layer) => model.estimate(layer, arch))
  const { total } = reportOf({ ...arch, calibration: 1 }, model.array(arch), workload, costs, 'densities')
  return { ...arch, calibration: total.denseTopsPerWatt.mid / denseTopsPerWatt }
}
