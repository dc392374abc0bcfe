/** The gather array as simulate() sees it. */
import { WhiteDwarfError } from '../../errors.js'
import type { GatherArch } from '../arch.js'
import { poolCost } from '../common.js'
import type { ArchModel } from '../model.js'
import type { ArrayModel } from '../report.js'
import { bufferCost } from '../sram.js'
import { type Band, exactly, plus, sum, times } from '../units.js'
import type { PeLayer } from '../workload.js'
import { chipLeakage, GATHER_CONSTANTS, partAreas } from './constants.js'
import { estimate } from './estimate.js'
import { walk } from './walk.js'

export const gather: ArchModel<GatherArch> = {
  check() {},
  array,
  estimate(layer, arch) {
    if (layer.op === 'pool') return poolCost(layer, arch.groups * arch.rows * arch.lanes)
    checkLayer(layer)
    return estimate(layer, arch)
  },
  walk(layer, arch) {
    checkLayer(layer)
    return walk(layer, arch)
  },
}

function checkLayer({ name, weightBits }: PeLayer): void {
  if (weightBits >= 1 && weightBits <= 8) return
  throw new WhiteDwarfError(
    'E_OPTION',
    `the weights of '${name}' have ${weightBits} bits: a gather array takes 1 to 8, set workload.weightBits`,
  )
}

function array(arch: GatherArch): ArrayModel {
  const { groups, rows, lanes, tile, tileBank, tech } = arch
  const elements = groups * rows * lanes
  const { element, frontEnd } = partAreas(tech)
  const banks = 2 * groups * Math.ceil((tile * lanes) / tileBank.bytes)
  const parts: Record<string, Band> = {
    elements: times(element, elements),
    'row front ends': times(frontEnd, groups * rows),
    'tile memories': exactly(banks * bufferCost(tileBank, tech).area),
  }
  const memories = Object.values(arch.buffers).map((buffer) => exactly(bufferCost(buffer, tech).area))
  const covered = plus(sum(Object.values(parts)), sum(memories))
  const gaps = times(covered, 1 / GATHER_CONSTANTS.utilisation.mid - 1)
  return { elements, area: { ...parts, 'wires and gaps': gaps }, leakage: chipLeakage(tech) }
}
