/**
 * Modelled quantities. No figure of this folder is measured on silicon: each comes from constants that are known within a range only, so
 * energies and areas are bands. Cycles and counts of events are exact under the model's assumptions, and plain numbers.
 */

/** What a quantity is with the constants as they are most likely, and with all of them at their lower or upper ends. */
export interface Band {
  readonly low: number
  readonly mid: number
  readonly high: number
}

export const ZERO: Band = { low: 0, mid: 0, high: 0 }

export const exactly = (value: number): Band => ({ low: value, mid: value, high: value })

export const plus = (a: Band, b: Band): Band => ({ low: a.low + b.low, mid: a.mid + b.mid, high: a.high + b.high })

export const times = (a: Band, factor: number): Band => ({
  low: a.low * factor,
  mid: a.mid * factor,
  high: a.high * factor,
})

export const sum = (bands: readonly Band[]): Band => bands.reduce(plus, ZERO)

/** Where a constant comes from, as far as it can be trusted. */
export type Evidence =
  /** Printed in a paper, or in a file that its authors published. */
  | 'published'
  /** Found by running a public tool. */
  | 'measured'
  /** Follows from others under assumptions that `source` states. */
  | 'derived'
  /** Our choice: nothing public says. */
  | 'inferred'

/** A number that a model is built on. */
export interface Constant extends Band {
  readonly unit: 'pJ' | 'pJ/bit' | 'pJ/bit/mm' | 'um2' | 'um2/bit' | 'mW' | 'cycles' | 'factor'
  readonly evidence: Evidence
  /** Which paper, table or tool, and for which node and voltage. */
  readonly source: string
}

export const ceilDiv = (a: number, b: number): number => Math.ceil(a / b)
