import { LANES, type Lane } from '../lanes.js'
import { requantAdd, requantPlanes, requantVector } from '../ref/requant.js'
import type { KernelRow } from '../row.js'

const SUMS: readonly Lane[] = ['i32', 'f32']

export const requantRows: readonly KernelRow[] = [
  ...LANES.flatMap((from) =>
    LANES.map(
      (to): KernelRow => ({
        name: `requant_planes_${from}_${to}`,
        module: 'core',
        family: 'requant',
        formula: `y[c, i, j] = grid(acc[c, i, j] * scale[c] + bias[c]), ${from} to ${to}`,
        params: [
          'acc',
          'accPlane',
          'accPitch',
          'y',
          'yPlane',
          'yPitch',
          'channels',
          'height',
          'width',
          'scale',
          'bias',
          'grid',
        ],
        contract:
          'Planes and pitches in elements; reads up to 12 bytes past a row, writes exactly width elements a row.',
        exact: 'bits',
        reference: requantPlanes(from, to),
      }),
    ),
  ),
  ...SUMS.flatMap((from) =>
    LANES.map(
      (to): KernelRow => ({
        name: `requant_vector_${from}_${to}`,
        module: 'core',
        family: 'requant',
        formula: `y[i] = grid(acc[i] * scale[i] + bias[i]), ${from} to ${to}`,
        params: ['acc', 'y', 'n', 'scale', 'bias', 'grid'],
        contract: 'Reads up to 12 bytes past acc, scale and bias; writes exactly n elements.',
        exact: 'bits',
        reference: requantVector(from, to),
      }),
    ),
  ),
  ...LANES.map(
    (to): KernelRow => ({
      name: `requant_add_${to}`,
      module: 'core',
      family: 'requant',
      formula: `y[c, i, j] = grid((acc[c, i, j] * scale[c] + bias[c]) + r[c, i, j] * factor), to ${to}`,
      params: [
        'acc',
        'accLane',
        'accPlane',
        'accPitch',
        'r',
        'rLane',
        'rPlane',
        'rPitch',
        'y',
        'yPlane',
        'yPitch',
        'channels',
        'height',
        'width',
        'scale',
        'bias',
        'factor',
        'grid',
      ],
      contract:
        'Lanes of acc and r: 0 i16, 1 i32, 2 f32. Planes and pitches in elements; reads up to 12 bytes past a row, writes exactly width elements a row.',
      exact: 'bits',
      reference: requantAdd(to),
    }),
  ),
]
