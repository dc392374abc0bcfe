import { LANES } from '../lanes.js'
import { gather, gatherScalar, programFromLevels } from '../ref/gather.js'
import type { KernelRow } from '../row.js'

const sumOf = { i16: 'i16', i32: 'i32', f32: 'f32' } as const

export const gatherRows: readonly KernelRow[] = [
  ...LANES.map(
    (lane): KernelRow => ({
      name: `gather_${lane}`,
      module: 'core',
      family: 'gather',
      formula: `y[r, j] = sum_k level[r, k] * x[offset(k) + j], ${sumOf[lane]} lanes`,
      params: ['program', 'rows', 'planes', 'x', 'y', 'yStride', 'vectors'],
      contract:
        'Row program of u32 words; yStride in bytes; vectors of 16 bytes. Reads up to vectors * 16 bytes past x + offset. ' +
        (lane === 'f32' ? 'Adds in program order.' : 'Exact whenever the result fits the lane.'),
      exact: 'bits',
      reference: gather(lane),
    }),
  ),
  ...LANES.map(
    (lane): KernelRow => ({
      name: `gather_scalar_${lane}`,
      module: 'core',
      family: 'gather',
      formula: `y[r] = sum_k level[r, k] * x[offset(k)], ${lane} inputs, ${lane === 'f32' ? 'f32' : 'i32'} sums`,
      params: ['program', 'rows', 'planes', 'x', 'y'],
      contract: 'Row program of u32 words; x naturally aligned; y one 4-byte word per row.',
      exact: 'bits',
      reference: gatherScalar(lane),
    }),
  ),
  {
    name: 'program_from_levels',
    module: 'core',
    family: 'gather',
    formula: 'row programs of int8 levels [rows, cols]',
    params: ['levels', 'rows', 'cols', 'pairs', 'ctx', 'out'],
    contract:
      'ctx: u32 planes, u32 pointer to cols u32 byte offsets, u32 largest positive, negative and total level sums of a row, u32 non-zeros. ' +
      'pairs: scratch of 8 * cols bytes, left undefined. ' +
      'One word past the program may be overwritten. Returns the end of the program.',
    exact: 'bits',
    reference: programFromLevels,
  },
]
