import type { KernelRow } from './row.js'
import { entropyRows } from './rows/entropy.js'
import { gatherRows } from './rows/gather.js'
import { gemmRows } from './rows/gemm.js'
import { gemvRows } from './rows/gemv.js'
import { layoutRows, poolRows } from './rows/layout.js'
import { peRows } from './rows/pe.js'
import { requantRows } from './rows/requant.js'
import { tensorRows } from './rows/tensor.js'
import { trainRows } from './rows/train.js'

/** Kernels of the training module that the dense baseline of the inference module exports too. */
const SHARED = ['conv_f32', 'conv_pack_f32']

const sharedRows = trainRows
  .filter((row) => SHARED.includes(row.name))
  .map((row): KernelRow => ({ ...row, module: 'core', family: 'convolution, dense' }))

/** Kernels of inference that the sparse passes of training use too. */
const GATHERS = ['gather_f32', 'program_from_levels']

const trainGatherRows = gatherRows
  .filter((row) => GATHERS.includes(row.name))
  .map((row): KernelRow => ({ ...row, module: 'train', family: 'gather, training' }))

/** Every kernel of the shipped modules. A test checks that it lists each wasm export, and no other. */
export const kernelTable: readonly KernelRow[] = [
  ...entropyRows,
  ...gatherRows,
  ...requantRows,
  ...poolRows,
  ...layoutRows,
  ...gemvRows,
  ...sharedRows,
  ...tensorRows,
  ...gemmRows,
  ...trainGatherRows,
  ...trainRows,
  ...peRows,
]
