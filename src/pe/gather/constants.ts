/** Energies and areas of the parts of a gather array, at 40 nm and 0.9 V. Memories are in sram.ts. */
import type { GatherArch } from '../arch.js'
import { bufferCost } from '../sram.js'
import { scaleArea, scaleEnergy, scaleLeakage, type Technology } from '../technology.js'
import { type Band, type Constant, exactly, times } from '../units.js'

/** Node that these constants are for. */
const NODE = 40

/** Accumulator that `bitOperation` and the area of an element are for. */
const ACCUMULATOR_BITS = 24

const inferred = (unit: Constant['unit'], low: number, mid: number, high: number, source: string): Constant => ({
  low,
  mid,
  high,
  unit,
  evidence: 'inferred',
  source,
})

export const GATHER_CONSTANTS = {
  gather: inferred(
    'pJ',
    0.05,
    0.15,
    0.3,
    'a window of a row: a 40-nm comparator (Aladdin, 0.029 pJ) and 16 register bits',
  ),
  broadcast: inferred(
    'pJ',
    0.4,
    1.9,
    3,
    '8 bits over about 2 mm of wire, of the order of 0.1 pJ per bit and millimetre',
  ),
  bitOperation: {
    low: 0.145,
    mid: 0.333,
    high: 0.44,
    unit: 'pJ',
    evidence: 'derived',
    source:
      'aligning shift, 24-bit addition, register: int32 addition of Horowitz (ISSCC 2014) scaled to 24 bits; add32 0.21 pJ and register bit 0.009 pJ of Aladdin, 40 nm',
  },
  clock: inferred('pJ', 0.03, 0.12, 0.2, '60 flip-flops of an element in a cycle: gated, partly gated, not gated'),
  control: inferred('pJ', 1, 2, 4, 'sequencing of a group of rows in a cycle'),
  leakage: inferred('mW', 2, 5, 10, 'of the whole chip; a 64-KB memory of CACTI 7 (LOP) leaks 1 mW'),
  element: {
    low: 696,
    mid: 720,
    high: 746,
    unit: 'um2',
    evidence: 'derived',
    source:
      '24-bit adder 209 and 48 register bits of 5.98 (Aladdin, 40 nm); shifter and control 200 to 250 by our choice',
  },
  frontEnd: inferred('um2', 600, 600, 600, 'gatherer and bit sequencer of a row'),
  utilisation: inferred('factor', 0.7, 0.7, 0.7, 'share of the core that cells and memories cover'),
} as const satisfies Record<string, Constant>

const scaled = (c: Constant, scale: (value: number) => number): Band => ({
  low: scale(c.low),
  mid: scale(c.mid),
  high: scale(c.high),
})

type Energies = Readonly<
  Record<'gather' | 'broadcast' | 'bitOperation' | 'clock' | 'control' | 'tileWrite' | 'tileRead', Band>
>

/** They are the same for all layers. */
const known = new WeakMap<GatherArch, Energies>()

/** Picojoules of the events; of tile memories for a bit. */
export function eventEnergies(arch: GatherArch): Energies {
  const energies = known.get(arch) ?? compute(arch)
  known.set(arch, energies)
  return energies
}

function compute({ tech, accumulator, tileBank }: GatherArch): Energies {
  const at = (c: Constant) => scaled(c, (pJ) => scaleEnergy(pJ, NODE, tech))
  const { gather, broadcast, bitOperation, clock, control } = GATHER_CONSTANTS
  const tile = bufferCost(tileBank, tech)
  return {
    gather: at(gather),
    broadcast: at(broadcast),
    bitOperation: times(at(bitOperation), accumulator / ACCUMULATOR_BITS),
    clock: at(clock),
    control: at(control),
    tileWrite: exactly(tile.write),
    tileRead: exactly(tile.read),
  }
}

/** Milliwatts of the chip. */
export const chipLeakage = (tech: Technology): Band => scaled(GATHER_CONSTANTS.leakage, (mW) => scaleLeakage(mW, tech))

/** Square micrometres of an element and of a row's front end. */
export const partAreas = (tech: Technology): { readonly element: Band; readonly frontEnd: Band } => ({
  element: scaled(GATHER_CONSTANTS.element, (um2) => scaleArea(um2, NODE, tech)),
  frontEnd: scaled(GATHER_CONSTANTS.frontEnd, (um2) => scaleArea(um2, NODE, tech)),
})
