/**
 * A suite times one family of kernels and reports figures; the claims take theirs from it, `npm run bench` prints all.
 */
export interface Figure {
  readonly name: string
  readonly value: number
  readonly unit: string
  /** Median absolute deviation over the median. */
  readonly spread?: number
}

export interface SuiteResult {
  readonly figures: readonly Figure[]
  /** Whatever makes the figures doubtful, from the harness. */
  readonly warnings: readonly string[]
}

export interface Suite {
  readonly name: string
  readonly title: string
  readonly run: () => Promise<SuiteResult>
}
