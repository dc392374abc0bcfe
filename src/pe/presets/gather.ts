/** WhiteDwarf's array as reconstructed, without and with its energies fitted to the published efficiency. */
import type { GatherArch } from '../arch.js'
import { calibrateWith } from '../calibrate.js'
import { gather } from '../gather/model.js'
import { referencePoint } from '../gather/reference-point.js'

const whitedwarf: GatherArch = {
  kind: 'gather',
  name: 'WhiteDwarf (reconstructed)',
  provenance:
    'Published: 40 nm, 1K elements, gathering of non-zero weights, hierarchical synchronisation, bit-decomposed computation without multipliers, ' +
    'FP8 activations, INT2 to INT4 weights (IEEE Access, 10.1109/ACCESS.2025.3568916). Inferred: everything else, such as the sizes of groups, ' +
    'window, queue, tiles and memories, clock and voltage.',
  tech: { node: 40, voltage: 0.9, frequency: 200, cell: 'lop' },
  buffers: {
    weights: { bytes: 16384, width: 64 },
    index: { bytes: 16384, width: 64 },
    activations: { bytes: 65536, width: 128 },
    outputs: { bytes: 65536, width: 128 },
  },
  groups: 8,
  rows: 8,
  lanes: 16,
  window: 16,
  issue: 1,
  planes: 1,
  digits: 'binary',
  queue: 0,
  tile: 256,
  tileBank: { bytes: 1024, width: 32 },
  syncRows: 1,
  syncGroups: 1,
  order: 'given',
  accumulator: 24,
  reuse: 1,
  format: 'e4m3',
}

/** What the paper states, read as operations of the dense network: see docs/pe.md. */
export const WHITEDWARF_POINT = { denseTopsPerWatt: 12.24, density: 0.01, weightBits: 4 } as const

export const gatherPresets = {
  whitedwarf,
  /** The same with all energies multiplied by the factor that gives the published efficiency. */
  'whitedwarf-calibrated': {
    ...calibrateWith(gather, whitedwarf, referencePoint(whitedwarf, WHITEDWARF_POINT), WHITEDWARF_POINT),
    name: 'WhiteDwarf (reconstructed, calibrated)',
    provenance: `${whitedwarf.provenance} All energies are fitted to one published figure, 12.24 TFLOPS/W at 99 % zeros, read as operations of the dense network.`,
  },
} as const satisfies Readonly<Record<string, GatherArch>>
