/** Plain f32 weights: training without a supermask, for teachers and for comparison. */
import type { Rng } from '../rng.js'
import type { Network } from './network.js'
import type { TrainedNetwork } from './trained.js'
import type { Parameter, TrainableWeights } from './weights.js'

export class DenseWeights implements TrainableWeights {
  readonly parameters: readonly Parameter[]
  readonly numbers: readonly number[] = []
  private readonly net: Network

  /** Weights start as those given by name, or as He-normal numbers. */
  constructor(net: Network, rng: Rng, start?: TrainedNetwork['weights']) {
    this.net = net
    this.parameters = net.weighted.map(({ weights, grad, n }) => ({
      values: weights,
      gradient: grad,
      n,
      signs: 0,
      scale: 1,
    }))
    for (const { name, weights, n, fanIn } of net.weighted) {
      const spread = Math.sqrt(2 / fanIn)
      const values = net.mem.f32(weights, n)
      if (start !== undefined) values.set(start[name])
      else for (let i = 0; i < n; i++) values[i] = rng.normal() * spread
    }
  }

  /** All weights stay. */
  refresh(): void {}

  /** The optimiser moves the network's weights themselves. */
  apply(): void {}

  install(): void {
    this.net.prepare()
  }

  density(): number {
    return 1
  }

  trained(): Pick<TrainedNetwork, 'tensors' | 'weights'> {
    const { mem, weighted } = this.net
    return {
      tensors: {},
      weights: Object.fromEntries(weighted.map((w) => [w.name, mem.f32(w.weights, w.n).slice()])),
    }
  }
}
