/** Quantising per-channel constants when not all matter alike. */
import { codedValues, quantiseHalf, quantiseUniform } from '../format/half.js'
import type { CodedArray } from '../graph/model.js'

/** Bits of a quantised constant, or half precision. */
export type ConstantBits = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 'f16'

/** At most this many values that matter are cut off at either end. */
const MOST_CUT = 24
/** A value whose weight is below this share of the average may become anything. */
const NEGLIGIBLE = 1e-3

/**
 * Quantises on the uniform grid that makes sum weight * error^2 smallest: values far from the others are cut off where
 * that helps. Channels whose input hardly varies have huge scales that mean nothing; a grid that reaches them would
 * leave no resolution for the rest.
 * @param weights what an error costs, per value, >= 0
 */
export function quantiseWeighted(
  values: ArrayLike<number>,
  weights: ArrayLike<number>,
  bits: ConstantBits,
): CodedArray {
  const clamp = (v: number, min: number, max: number) => Math.min(max, Math.max(min, v))
  if (bits === 'f16') return quantiseHalf(Array.from(values, (v) => clamp(v, -65504, 65504)))
  const n = values.length
  const enough = (NEGLIGIBLE * Array.from(weights).reduce((a, b) => a + b, 0)) / n
  const sorted = Float64Array.from(values)
    .filter((_, i) => weights[i] >= enough)
    .sort()
  const most = Math.min(MOST_CUT, Math.floor((sorted.length - 1) / 2))
  let best: CodedArray | undefined
  let least = Number.POSITIVE_INFINITY
  for (let low = 0; low <= most; low++) {
    for (let high = 0; high <= most; high++) {
      const [min, max] = [clamp(sorted[low], -65504, 65504), clamp(sorted[sorted.length - 1 - high], -65504, 65504)]
      const coded = quantiseUniform(
        Array.from(values, (v) => clamp(v, min, max)),
        bits,
      )
      const got = codedValues(coded)
      let error = 0
      for (let i = 0; i < n; i++) error += weights[i] * (values[i] - got[i]) ** 2
      if (error < least) {
        least = error
        best = coded
      }
    }
  }
  return best as CodedArray
}
