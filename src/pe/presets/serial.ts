/** Presets of bit-serial arrays: one tile each, so that they hold the same number of groups where the papers do. */
import type { SerialArch } from '../arch.js'

const tech65 = { node: 65, voltage: 1, frequency: 980, cell: 'lop' } as const

/** SRAM in place of DaDianNao's eDRAM, a sixteenth of its chip. */
const tileBuffers = {
  weights: { bytes: 131072, width: 128, banks: 16 },
  activations: { bytes: 131072, width: 128, banks: 2 },
  outputs: { bytes: 8192, width: 64 },
} as const

export const serialPresets = {
  stripes: {
    kind: 'serial',
    name: 'Stripes, one tile',
    provenance:
      'Recalled from Judd et al., MICRO 2016: DaDianNao tiles at 65 nm and 980 MHz, 16 windows x 16 filters x 16 lanes, activations bit by bit. ' +
      'Inferred: SRAM in place of eDRAM, voltage, cells, groups that do not wait for each other.',
    tech: tech65,
    buffers: tileBuffers,
    design: 'stripes',
    groups: 256,
    lanes: 16,
  },
  loom: {
    kind: 'serial',
    name: 'Loom, one bit',
    provenance:
      'Recalled from Sharify et al., DAC 2018: 128 filters x 16 windows x 16 lanes, weights and activations bit by bit, precision by group. ' +
      'Inferred: memories, voltage, cells, groups that do not wait for each other.',
    tech: tech65,
    buffers: tileBuffers,
    design: 'loom',
    groups: 2048,
    lanes: 16,
  },
  pragmatic: {
    kind: 'serial',
    name: 'Pragmatic, one tile',
    provenance:
      'Recalled from Albericio et al., MICRO 2017: as Stripes, only the ones of an activation. ' +
      'Inferred: memories, voltage, cells, full shifters, groups that do not wait for each other.',
    tech: tech65,
    buffers: tileBuffers,
    design: 'pragmatic',
    groups: 256,
    lanes: 16,
  },
  laconic: {
    kind: 'serial',
    name: 'Laconic, one tile',
    provenance:
      'Recalled from Sharify et al., ISCA 2019: pairs of ones, 16 lanes in lock step. ' +
      'Inferred: number of groups, memories, voltage, cells, binary ones instead of signed ones.',
    tech: tech65,
    buffers: tileBuffers,
    design: 'laconic',
    groups: 2048,
    lanes: 16,
  },
  bitfusion: {
    kind: 'serial',
    name: 'BitFusion, 32 x 16 fusion units',
    provenance:
      'Published (hsharma35/bitfusion): synthesis at 45 nm and 500 MHz, 16 bricks of 2 x 2 bits in a unit. ' +
      'Recalled from Sharma et al., ISCA 2018: 512 units, 112 KB. Inferred: how the 112 KB are shared, voltage, cells.',
    tech: { node: 45, voltage: 0.9, frequency: 500, cell: 'lop' },
    buffers: {
      weights: { bytes: 65536, width: 128 },
      activations: { bytes: 32768, width: 128 },
      outputs: { bytes: 16384, width: 128 },
    },
    design: 'bitfusion',
    groups: 32,
    lanes: 16,
  },
} as const satisfies Readonly<Record<string, SerialArch>>
