import { gemm, gemmMicro } from '../ref/gemm.js'
import type { KernelRow } from '../row.js'

export const gemmRows: readonly KernelRow[] = [
  {
    name: 'gemm_f32',
    module: 'train',
    family: 'gemm',
    formula: 'C[m, n] (+)= A[m, k] * B[k, n], f32',
    params: ['m', 'n', 'k', 'a', 'aRow', 'aCol', 'b', 'bRow', 'bCol', 'c', 'cRow', 'accumulate', 'scratch'],
    contract:
      'Row and column strides in elements, C with unit column stride; 4-byte alignment. scratch: 393,344 bytes, 16-byte ' +
      'aligned, left undefined. One running sum per element over ascending k.',
    exact: 'bits',
    reference: gemm,
  },
  {
    name: 'gemm_micro_f32',
    module: 'train',
    family: 'gemm',
    formula: 'c[4, 8] += a[k, 4] transposed * b[k, 8], f32, `repeats` times over',
    params: ['k', 'a', 'b', 'c', 'repeats'],
    contract: 'Packed panels, 4-byte alignment. For measuring what gemm_f32 could reach at best.',
    exact: 'bits',
    reference: gemmMicro,
  },
]
