/** Batch normalisation as a result. */
import type { Network } from './network.js'
import type { TrainedNorm } from './trained.js'

/** Copies of the constants of every batchnorm node. */
export function trainedNorms({ mem, norms }: Network): Record<string, TrainedNorm> {
  const copy = (p: number, n: number) => mem.f32(p, n).slice()
  return Object.fromEntries(
    norms.map(({ name, state, channels: n, eps }) => [
      name,
      {
        gamma: copy(state, n),
        beta: copy(state + 4 * n, n),
        mean: copy(state + 8 * n, n),
        variance: copy(state + 12 * n, n),
        eps,
      },
    ]),
  )
}
