/** Systolic arrays to start from, all of one size and technology, so that what differs is what they skip. */
import type { Dataflow, Skipping, SystolicArch } from '../arch.js'
import type { Constant } from '../units.js'

/** A bit to or from DRAM. */
const DRAM_BIT: Constant = {
  low: 20,
  mid: 20,
  high: 40.6,
  unit: 'pJ/bit',
  evidence: 'published',
  source: 'Horowitz, ISSCC 2014: 640 pJ for 32 bits; 1300 to 2600 pJ for 64 bits',
}

const SIZES =
  '32 x 32 elements for 8-bit operands, 45 nm, 500 MHz (the elements were synthesised so) and buffers of 64 KiB are inferred'

function array(name: string, dataflow: Dataflow, skipping: Skipping, provenance: string): SystolicArch {
  return {
    kind: 'systolic',
    name,
    provenance: `${provenance} ${SIZES}.`,
    tech: { node: 45, voltage: 0.9, frequency: 500, cell: 'lop' },
    buffers: {
      weights: { bytes: 65536, width: 128 },
      activations: { bytes: 65536, width: 128 },
      outputs: { bytes: 65536, width: 128 },
    },
    dram: { energy: DRAM_BIT },
    rows: 32,
    columns: 32,
    dataflow,
    convention: 'schedule',
    skipping,
    bits: { weights: 8, activations: 8 },
  }
}

const NONE: Skipping = { kind: 'none' }
const DENSE = 'Dense; cycles as in the demand matrices of SCALE-Sim v3 (measured).'

const complementary = (axis: 'k' | 'p' | 'n'): Skipping => ({ kind: 'complementary', factor: 4, axis })

const PERIODIC =
  'Sparse periodic systolic dataflow (Heo et al., ISLPED 2022): that a small unit matches weights and activations is published; taps, period and array are inferred.'

const PACKED =
  'Complementary filters (Ozen and Orailoglu, TCAD 2023): that they fill the array is published, how elements select is inferred.'

export const systolicPresets = {
  'systolic-os': array('Dense, outputs stay', 'os', NONE, DENSE),
  'systolic-ws': array('Dense, weights stay', 'ws', NONE, DENSE),
  'systolic-is': array('Dense, inputs stay', 'is', NONE, DENSE),
  'systolic-2of4': array(
    '2 of 4 weights',
    'ws',
    { kind: 'n:m', n: 2, m: 4 },
    'Cycles of N:M as in SCALE-Sim v3 (layer-wise, measured).',
  ),
  'complementary-k': array('Complementary, four inputs in one row', 'ws', complementary('k'), PACKED),
  'complementary-p': array('Complementary, four inputs permuted', 'ws', complementary('p'), PACKED),
  'complementary-n': array('Complementary, four filters in one column', 'ws', complementary('n'), PACKED),
  sps: array('Sparse periodic systolic, 4 of 9 taps', 'os', { kind: 'periodic', taps: 4, period: 8 }, PERIODIC),
} as const satisfies Readonly<Record<string, SystolicArch>>
