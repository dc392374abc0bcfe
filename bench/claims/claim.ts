/**
 * A claim is a figure that the project states about itself, together with the bar it must clear and the measurement
 * that anybody can repeat: `npm run -s claim -- NAME`.
 */
import type { Machine } from '../machine.js'

export interface Bar {
  readonly op: '>=' | '<='
  readonly value: number
}

/** Further conditions of a claim, on figures among its details: 'at least so accurate AND at most so many bytes'. */
export interface Condition {
  /** Key in Measured.details. */
  readonly figure: string
  readonly unit: string
  readonly bar: Bar
}

export type Detail = number | string | boolean | readonly Detail[] | { readonly [key: string]: Detail }

export interface Measured {
  readonly value: number
  /** Relative spread of the value (median absolute deviation over the median), where it is a time or a rate. */
  readonly spread?: number
  readonly details: Readonly<Record<string, Detail>>
  /** Reasons to doubt the measurement. A claim does not hold while there are any. */
  readonly warnings?: readonly string[]
}

/** Thrown by a measurement that is impossible here; its message says why and what to do. */
export class NotMeasured extends Error {}

export interface Claim {
  readonly name: string
  /** One line: what the value is. */
  readonly title: string
  readonly unit: string
  readonly bar: Bar
  readonly also?: readonly Condition[]
  /** What the project would like to reach. */
  readonly chase?: number
  /** About how long the measurement takes on two cores. */
  readonly minutes: number
  readonly measure: (onProgress: (line: string) => void) => Promise<Measured>
}

/** What is printed with --json and recorded in bench/results. */
export interface ClaimResult extends Measured {
  readonly name: string
  readonly title: string
  readonly unit: string
  readonly bar: Bar
  readonly also: readonly Condition[]
  readonly chase?: number
  readonly holds: boolean
  readonly seconds: number
  readonly machine: Machine
  /** Day of the measurement, YYYY-MM-DD. */
  readonly date: string
}

export const clears = (value: number, bar: Bar): boolean => (bar.op === '>=' ? value >= bar.value : value <= bar.value)

export function holds(claim: Claim, measured: Measured): boolean {
  const conditions = (claim.also ?? []).every(({ figure, bar }) => {
    const value = measured.details[figure]
    return typeof value === 'number' && clears(value, bar)
  })
  return clears(measured.value, claim.bar) && conditions && (measured.warnings ?? []).length === 0
}
