/**
 * Energies and areas from published tables, besides those of memories (sram.ts) and multipliers (elements.ts). How far designs differ is not
 * published with them: bands are a factor of 2 both ways, as for ELEMENT_SPREAD.
 */
import { ELEMENT_SPREAD } from './elements.js'
import { scaleArea, scaleEnergy, scaleLeakage, type Technology } from './technology.js'
import { type Band, type Constant, times } from './units.js'

interface Published extends Constant {
  /** Nanometres. */
  readonly node: number
}

const spread = (mid: number) => ({ low: mid * ELEMENT_SPREAD.low, mid, high: mid * ELEMENT_SPREAD.high })

const BITFUSION =
  'BitFusion repository (hsharma35/bitfusion), synthesis at 45 nm and 500 MHz, unit of 8 bits fusible from 2'

/** A fusion unit: 16 bricks of 2 x 2 bits, in a cycle. */
const FUSION_UNIT_ENERGY: Published = {
  ...spread(0.56),
  unit: 'pJ',
  evidence: 'published',
  source: BITFUSION,
  node: 45,
}
const FUSION_UNIT_AREA: Published = { ...spread(1733), unit: 'um2', evidence: 'published', source: BITFUSION, node: 45 }
/** 64 microwatts. */
const FUSION_UNIT_LEAKAGE: Published = {
  ...spread(0.064),
  unit: 'mW',
  evidence: 'published',
  source: BITFUSION,
  node: 45,
}

/** A bit of a register, written or read. */
const REGISTER_BIT_ENERGY: Published = {
  ...spread(0.009),
  unit: 'pJ/bit',
  evidence: 'published',
  source: 'Aladdin, 40 nm, 1 ns, as in the Accelergy library',
  node: 40,
}

/** Adding two exponents of ones: an adder of 8 bits. */
const ADD8_ENERGY: Published = {
  ...spread(0.03),
  unit: 'pJ',
  evidence: 'published',
  source: 'Horowitz, ISSCC 2014, 45 nm, 0.9 V: int8 add',
  node: 45,
}

const energyOf = (constant: Published, tech: Technology): Band => times(constant, scaleEnergy(1, constant.node, tech))

/** Picojoules. */
export const fusionUnitEnergy = (tech: Technology): Band => energyOf(FUSION_UNIT_ENERGY, tech)
export const registerBitEnergy = (tech: Technology): Band => energyOf(REGISTER_BIT_ENERGY, tech)
export const add8Energy = (tech: Technology): Band => energyOf(ADD8_ENERGY, tech)

/** Square micrometres. */
export const fusionUnitArea = (tech: Technology): Band =>
  times(FUSION_UNIT_AREA, scaleArea(1, FUSION_UNIT_AREA.node, tech))

/** Milliwatts. */
export const fusionUnitLeakage = (tech: Technology): Band => times(FUSION_UNIT_LEAKAGE, scaleLeakage(1, tech))
