import { LANES } from '../lanes.js'
import { requantAdd, requantPlanes, requantVector } from '../ref/requant.js'
import type { KernelRow } from '../row.js'

const TARGET = ['y', 'yPlane', 'yPitch', 'channels', 'height', 'width', 'scale', 'bias']
const PLANES =
  'Planes and pitches in elements; reads up to 12 bytes past a row, writes exactly width elements a row. ' +
  'Lanes of the inputs: 0 i16, 1 i32, 2 f32.'

export const requantRows: readonly KernelRow[] = [
  ...LANES.map(
    (to): KernelRow => ({
      name: `requant_planes_${to}`,
      module: 'core',
      family: 'requant',
      formula: `y[c, i, j] = grid(acc[c, i, j] * scale[c] + bias[c]), to ${to}`,
      params: ['acc', 'accLane', 'accPlane', 'accPitch', ...TARGET, 'grid'],
      contract: PLANES,
      exact: 'bits',
      reference: requantPlanes(to),
    }),
  ),
  ...LANES.map(
    (to): KernelRow => ({
      name: `requant_vector_${to}`,
      module: 'core',
      family: 'requant',
      formula: `y[i] = grid(acc[i] * scale[i] + bias[i]), to ${to}`,
      params: ['acc', 'accLane', 'y', 'n', 'scale', 'bias', 'grid'],
      contract:
        'Reads up to 12 bytes past acc, scale and bias; writes exactly n elements. Lanes of acc: 0 i16, 1 i32, 2 f32.',
      exact: 'bits',
      reference: requantVector(to),
    }),
  ),
  ...LANES.map(
    (to): KernelRow => ({
      name: `requant_add_${to}`,
      module: 'core',
      family: 'requant',
      formula: `y[c, i, j] = grid((acc[c, i, j] * scale[c] + bias[c]) + r[c, i, j] * factor), to ${to}`,
      params: ['acc', 'accLane', 'accPlane', 'accPitch', 'r', 'rLane', 'rPlane', 'rPitch', ...TARGET, 'factor', 'grid'],
      contract: PLANES,
      exact: 'bits',
      reference: requantAdd(to),
    }),
  ),
]
