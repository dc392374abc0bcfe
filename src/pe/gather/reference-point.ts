/** The layer that efficiencies of a gather array are stated for where nothing else is known. */
import type { GatherArch } from '../arch.js'
import type { Workload } from '../workload.js'

export interface PointOptions {
  /** Share of weights that are not zero, 0..1. */
  readonly density: number
  /** Sign included. Default 4. */
  readonly weightBits?: number
}

/** One layer that fills the array: as many filters as rows, four tiles of weights, as many pixels as lanes. Its clocked cycles and events per weight are those of any larger layer without edges. */
export function referencePoint(arch: GatherArch, { density, weightBits = 4 }: PointOptions): Workload {
  const [m, n, k] = [arch.lanes, arch.groups * arch.rows, 4 * arch.tile]
  return {
    name: `${(100 * (1 - density)).toPrecision(3)} % zeros, INT${weightBits}`,
    layers: [
      {
        name: 'layer',
        op: 'conv2d',
        m,
        n,
        k,
        groups: 1,
        taps: arch.reuse,
        inputs: m * k,
        weightBits,
        activationBits: 8,
        weightDensity: density,
        activationDensity: 1,
      },
    ],
  }
}
