/** What the parts of systolic arrays take besides multipliers (elements.ts): at 45 nm and 0.9 V, those of Aladdin at 40 nm. */
import type { Constant } from '../units.js'

/** A wire between neighbours, as long as an element is wide. */
export const WIRE: Constant = {
  low: 0.05,
  mid: 0.1,
  high: 0.2,
  unit: 'pJ/bit/mm',
  evidence: 'inferred',
  source: 'class of 0.1 pJ a bit and millimetre for short on-chip wires',
}

/** One level of a multiplexer: 1 to 2 fJ when it switches, which every second bit does. */
export const MUX: Constant = {
  low: 0.0005,
  mid: 0.00075,
  high: 0.001,
  unit: 'pJ/bit',
  evidence: 'inferred',
  source: 'two-input multiplexers of 45 nm libraries; half of the bits change',
}

export const MUX_AREA: Constant = {
  low: 1.2,
  mid: 1.6,
  high: 2.1,
  unit: 'um2/bit',
  evidence: 'inferred',
  source: 'two-input multiplexers of 45 nm libraries',
}

const ALADDIN = 'Aladdin tables in the library of Accelergy, 40 nm, 1 ns'

export const REGISTER_AREA: Constant = {
  low: 5.98,
  mid: 5.98,
  high: 5.98,
  unit: 'um2/bit',
  evidence: 'published',
  source: ALADDIN,
}

/** A comparator of 32 bits, of which pooling uses as many as activations have. */
export const COMPARATOR: Constant = {
  low: 0.029,
  mid: 0.029,
  high: 0.029,
  unit: 'pJ',
  evidence: 'published',
  source: ALADDIN,
}

/** Share of its energy that an element takes in a cycle without work: its clock. */
export const IDLE: Constant = {
  low: 0,
  mid: 0.1,
  high: 0.3,
  unit: 'factor',
  evidence: 'inferred',
  source: 'from clocks that are gated to registers that are clocked',
}
