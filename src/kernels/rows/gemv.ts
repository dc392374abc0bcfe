import { gemv } from '../ref/gemv.js'
import type { KernelRow } from '../row.js'

export const gemvRows: readonly KernelRow[] = [
  {
    name: 'gemv_f32',
    module: 'core',
    family: 'gemv',
    formula: 'y[r] = sum_k w[r, k] * x[k], f32',
    params: ['w', 'x', 'y', 'rows', 'cols'],
    contract: 'w row-major; 4-byte alignment. The relaxed build may fuse product and sum.',
    exact: 'bits',
    reference: gemv,
  },
]
