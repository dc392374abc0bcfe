/** What activations can be rounded to while training. */
import {
  type Fp8Format,
  fp8Format,
  type Grid,
  integerGrid,
  isIntegerPrecision,
  LOW_PRECISIONS,
} from '../kernels/grid.js'

export const ACTIVATIONS = ['f32', 'int8', 'e4m3', 'e5m2', 'e3m4', 'e2m5', ...LOW_PRECISIONS] as const
export type Activations = (typeof ACTIVATIONS)[number]

/** The grid of a precision, for values that are never negative or others. */
export function gridOf(activations: Exclude<Activations, 'f32'>): (nonnegative: boolean) => Grid | Fp8Format {
  if (isIntegerPrecision(activations)) return (nonnegative) => integerGrid(activations, nonnegative)
  const format = fp8Format(activations)
  return () => format
}
