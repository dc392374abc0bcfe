/** Presets of block engines. */
import type { BlockArch } from '../arch.js'

export const blockPresets = {
  'cgs-mnist-40nm': {
    kind: 'blocks',
    name: 'CGS engine for MNIST, 40 nm',
    provenance:
      'Published (Yin et al., arXiv 1804.07370, abstract): 40 nm CMOS, 3-bit weights, one block in 8, 98.4 % of MNIST at 20 nJ. ' +
      'Inferred: blocks of 16, 256 lanes (a block in a cycle), 4-bit activations, 100 MHz, 0.9 V, sizes and cells of the memories.',
    tech: { node: 40, voltage: 0.9, frequency: 100, cell: 'lop' },
    buffers: {
      weights: { bytes: 32768, width: 128 },
      activations: { bytes: 1024, width: 32 },
      outputs: { bytes: 1024, width: 32 },
      index: { bytes: 512, width: 8 },
    },
    lanes: 256,
    blockInputs: 16,
    blockOutputs: 16,
    ratio: 8,
    weightBits: 3,
    activationBits: 4,
    bitsPerLane: 12,
    select: 0,
  },
} as const satisfies Readonly<Record<string, BlockArch>>
