/** Learning rate and density over the course of a training, as functions of its progress in [0, 1]. */

/** Rises linearly over the first `warmup`, then falls as half a cosine to 0. */
export function learningRateAt(progress: number, peak: number, warmup: number): number {
  if (progress < warmup) return (peak * progress) / warmup
  return peak * 0.5 * (1 + Math.cos((Math.PI * (progress - warmup)) / (1 - warmup)))
}

/** Falls linearly from 1 to `density` over the first `ramp`. */
export function densityAt(progress: number, density: number, ramp: number): number {
  return progress >= ramp ? density : 1 + ((density - 1) * progress) / ramp
}
