/** Multipliers with their adder and registers, as one element of an array: energy, leakage and area by the bits of the operands. */
import { scaleArea, scaleEnergy, scaleLeakage, type Technology } from './technology.js'
import type { Band, Constant } from './units.js'

/**
 * BitFusion's repository (hsharma35/bitfusion): synthesis at 45 nm and 500 MHz, one element of a systolic array. Bits of both operands; pJ in
 * a cycle, microwatts of leakage, square micrometres.
 */
const SYNTHESISED = [
  { bits: 2, energy: 0.058, leakage: 2.8, area: 125 },
  { bits: 4, energy: 0.12, leakage: 7.8, area: 282 },
  { bits: 8, energy: 0.298, leakage: 23, area: 688 },
  { bits: 16, energy: 0.947, leakage: 69, area: 2203 },
] as const

/** How far other designs and libraries of the same node lie from these: our choice, since the table has no spread of its own. */
export const ELEMENT_SPREAD: Constant = {
  low: 0.5,
  mid: 1,
  high: 2,
  unit: 'factor',
  evidence: 'inferred',
  source: 'tables of 40 and 45 nm agree to about a factor of 2',
}

export interface ElementCost {
  /** Picojoules of a multiply-accumulate. */
  readonly energy: Band
  /** Milliwatts. */
  readonly leakage: number
  /** Square micrometres. */
  readonly area: number
}

/** Operands of different sizes count as two of their geometric mean: a multiplier has as many cells as the product of its bits. */
export function elementCost(weightBits: number, activationBits: number, tech: Technology): ElementCost {
  const bits = Math.sqrt(weightBits * activationBits)
  const above = SYNTHESISED.findIndex((row) => row.bits > bits)
  const i = above < 0 ? SYNTHESISED.length - 1 : Math.max(1, above)
  const [a, b] = [SYNTHESISED[i - 1], SYNTHESISED[i]]
  const share = Math.log(bits / a.bits) / Math.log(b.bits / a.bits)
  const at = (of: 'energy' | 'leakage' | 'area') => a[of] * (b[of] / a[of]) ** share
  const energy = scaleEnergy(at('energy'), 45, tech)
  return {
    energy: { low: energy * ELEMENT_SPREAD.low, mid: energy, high: energy * ELEMENT_SPREAD.high },
    leakage: scaleLeakage(at('leakage') / 1000, tech),
    area: scaleArea(at('area'), 45, tech),
  }
}
