import type { KernelRow } from './row.js'
import { entropyRows } from './rows/entropy.js'
import { gatherRows } from './rows/gather.js'
import { gemvRows } from './rows/gemv.js'
import { layoutRows, poolRows } from './rows/layout.js'
import { requantRows } from './rows/requant.js'

/** Every kernel of the shipped modules. A test checks that it lists each wasm export, and no other. */
export const kernelTable: readonly KernelRow[] = [...entropyRows, ...gatherRows, ...gemvRows, ...requantRows, ...poolRows, ...layoutRows]
