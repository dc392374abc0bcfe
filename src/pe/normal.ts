/** Normal distributions, for what the slowest of several takes. */

export const density = (x: number): number => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)

/** Share of a standard normal below x, within 2e-7 (Abramowitz and Stegun, 7.1.26). */
export function below(x: number): number {
  const z = Math.abs(x) / Math.SQRT2
  const t = 1 / (1 + 0.3275911 * z)
  const p = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
  const tail = 0.5 * p * Math.exp(-z * z)
  return x < 0 ? tail : 1 - tail
}

/** Mean and variance. */
export interface Moments {
  readonly mean: number
  readonly variance: number
}

const largest = new Map<number, Moments>()

/** Of the largest of `n` independent standard normal numbers: mean 0 for one, 0.564 for two, 2.344 for 64. */
export function largestOfNormals(n: number): Moments {
  if (n <= 1) return { mean: 0, variance: 1 }
  const known = largest.get(n)
  if (known !== undefined) return known
  let mean = 0
  let square = 0
  const step = 1 / 64
  for (let x = -9; x <= 9; x += step) {
    const p = n * density(x) * below(x) ** (n - 1) * step
    mean += x * p
    square += x * x * p
  }
  const moments = { mean, variance: square - mean * mean }
  largest.set(n, moments)
  return moments
}

/** Mean of max(x, 0) for a normal x. */
export function meanPositive({ mean, variance }: Moments): number {
  if (variance <= 0) return Math.max(mean, 0)
  const sd = Math.sqrt(variance)
  return mean * below(mean / sd) + sd * density(mean / sd)
}
