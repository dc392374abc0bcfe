/** Speed of the kernels, one core, with what the machine could do at best from the same run. */
import { GATHER_LANES, type Lane, measureGather } from '../suites/gather.js'
import type { Bar, Claim } from './claim.js'

const GATHER: Record<Lane, { bar: Bar; chase?: number }> = {
  i16: { bar: { op: '>=', value: 26 }, chase: 38 },
  i32: { bar: { op: '>=', value: 10 } },
  f32: { bar: { op: '>=', value: 10 } },
}

export const kernelClaims: readonly Claim[] = [
  ...GATHER_LANES.map(
    (lane): Claim => ({
      name: `gather-${lane}`,
      title: `Planar gather kernel in ${lane} lanes, one core: 256 x 1024 ternary weights, 90 % zeros, by 196 pixels; only real work on non-zero weights counts`,
      unit: 'G effective MAC/s',
      ...GATHER[lane],
      minutes: 0.1,
      async measure() {
        const { rate, rateP10, spread, limit, nonZeros, warnings } = await measureGather(lane)
        return {
          value: rate,
          spread,
          details: { rateP10, machineLimit: limit, shareOfLimit: Math.round((1000 * rate) / limit) / 1000, nonZeros },
          warnings,
        }
      },
    }),
  ),
]
