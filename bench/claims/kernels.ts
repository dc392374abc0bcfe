/** Speed of the kernels, one core, with what the machine could do at best from the same run. */

import { GATHER_LANES, type Lane, measureGather } from '../suites/gather.js'
import { measureGemm } from '../suites/gemm.js'
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
  {
    name: 'gemm-f32',
    title: 'Dense f32 product 512 x 512 x 512, one core, as a share of its 4 x 8 micro-kernel alone with data in cache',
    unit: '%',
    bar: { op: '>=', value: 70 },
    minutes: 0.1,
    async measure() {
      const { rate, rateP10, limit, share, spread, warnings } = await measureGemm()
      const details = { gflops: rate, gflopsP10: rateP10, microKernelGflops: limit }
      return { value: Math.round(1000 * share) / 10, spread, details, warnings }
    },
  },
]
