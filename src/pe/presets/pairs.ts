/** Presets of arrays that multiply non-zero weights by non-zero activations. */
import type { PairArch } from '../arch.js'

export const pairPresets = {
  scnn: {
    kind: 'pairs',
    name: 'SCNN, 8 x 8 elements of 4 x 4 multipliers',
    provenance:
      'Published (Parashar et al., ISCA 2017): 64 elements, 4 weights by 4 activations, 16 nm. Recalled: 1 GHz, 10 KB of activations and 32 banks of 64 sums in an element, ' +
      '8 filters a pass. Inferred: voltage, cells, no conflicts of accumulator banks, strides by phases.',
    tech: { node: 16, voltage: 0.8, frequency: 1000, cell: 'lop' },
    buffers: {
      weights: { bytes: 1024, width: 64, banks: 64 },
      activations: { bytes: 10240, width: 64, banks: 64 },
      outputs: { bytes: 192, width: 24, banks: 2048 },
    },
    design: 'scnn',
    elements: 64,
    fetch: [4, 4],
    filters: 8,
  },
  eie: {
    kind: 'pairs',
    name: 'EIE, 64 elements',
    provenance:
      'Published (Han et al., ISCA 2016, arXiv 1602.01528): 45 nm, 64 elements, 800 MHz, 4-bit relative indices. Recalled: queues of 8, ' +
      '128 KB of weights and 32 KB of pointers in an element. Inferred: voltage, cells, a cycle for an activation without weights.',
    tech: { node: 45, voltage: 0.9, frequency: 800, cell: 'lop' },
    buffers: {
      weights: { bytes: 131072, width: 64, banks: 64 },
      activations: { bytes: 2048, width: 64, banks: 64 },
      outputs: { bytes: 2048, width: 64, banks: 64 },
      index: { bytes: 32768, width: 64, banks: 64 },
    },
    design: 'eie',
    elements: 64,
    queue: 8,
  },
  'eyeriss-v2': {
    kind: 'pairs',
    name: 'Eyeriss v2, 192 elements of two multipliers',
    provenance:
      'Published (Chen et al., arXiv 1807.07928): 65 nm, 192 elements. Recalled: two multipliers, 200 MHz, 192 KB shared, 288 bytes of weights in an element. ' +
      'Inferred: voltage, cells, how filters and pixels are spread over elements, no waiting for the network.',
    tech: { node: 65, voltage: 1, frequency: 200, cell: 'lstp' },
    buffers: {
      weights: { bytes: 288, width: 24, banks: 192 },
      activations: { bytes: 12288, width: 64, banks: 16 },
      outputs: { bytes: 512, width: 32, banks: 192 },
      index: { bytes: 64, width: 8, banks: 192 },
    },
    design: 'eyeriss-v2',
    elements: 192,
    fetch: [1, 2],
  },
} as const satisfies Readonly<Record<string, PairArch>>
