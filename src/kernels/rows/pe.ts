import { bitPlanes, gatherRows } from '../ref/pe.js'
import type { KernelRow } from '../row.js'

const pe = (row: Omit<KernelRow, 'module' | 'family' | 'exact'>): KernelRow => ({
  ...row,
  module: 'pe',
  family: 'arrays',
  exact: 'bits',
})

/** Walks of array models over real masks. */
export const peRows: readonly KernelRow[] = [
  pe({
    name: 'bit_planes',
    formula: 'bit rows of int8 levels [rows, cols]: not zero, then each plane of digits',
    params: ['levels', 'rows', 'cols', 'planes', 'signed', 'masks', 'stride'],
    contract:
      'stride: bytes of a bit row, a multiple of 8, at least cols / 8 + 8; masks 8-byte aligned. signed: 1 for the digits of the ' +
      'non-adjacent form, 0 for the bits of the magnitude. Reads up to 15 bytes past the levels.',
    reference: bitPlanes,
  }),
  pe({
    name: 'gather_rows',
    formula: 'cycles, digits and non-zero weights of each row and tile of a gather array, u32',
    params: ['masks', 'rows', 'cols', 'planes', 'stride', 'shape', 'ends', 'out'],
    contract:
      'masks and stride as bit_planes left them. shape: i32 window (1 to 64), weights issued a cycle, digits computed a cycle, windows that ' +
      'may wait, weights of a tile. ends: (windows that may wait + 1) words, scratch.',
    reference: gatherRows,
  }),
]
