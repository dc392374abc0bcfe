import { LANES } from '../lanes.js'
import { fp8Decode, fp8Encode } from '../ref/fp8.js'
import { countNonfinite, flatten, phases, transpose } from '../ref/layout.js'
import { avgpool, maxpool } from '../ref/pool.js'
import type { KernelRow } from '../row.js'

const POOL = ['x', 'xPlane', 'xPitch', 'y', 'yPlane', 'yPitch', 'shape']
const POOL_CONTRACT =
  'x and y point at pixel (0, 0); planes and pitches in elements; shape: i32 channels, height, width, outHeight, ' +
  'outWidth, kernelY, kernelX, strideY, strideX, padTop, padLeft.'

export const poolRows: readonly KernelRow[] = [
  ...LANES.map(
    (lane): KernelRow => ({
      name: `maxpool_${lane}`,
      module: 'core',
      family: 'pool',
      formula: `y[c, i, j] = max over the window of x, ${lane} lanes`,
      params: POOL,
      contract: POOL_CONTRACT,
      exact: 'bits',
      reference: maxpool(lane),
    }),
  ),
  ...LANES.map(
    (lane): KernelRow => ({
      name: `avgpool_${lane}`,
      module: 'core',
      family: 'pool',
      formula: `y[c, i, j] = grid(sum over the window of x * unit / count), ${lane} lanes`,
      params: [...POOL, 'grid', 'unit'],
      contract: `${POOL_CONTRACT} Counts positions inside the image only.`,
      exact: 'bits',
      reference: avgpool(lane),
    }),
  ),
]

const SIZES = [2, 4] as const

export const layoutRows: readonly KernelRow[] = [
  ...SIZES.map(
    (bytes): KernelRow => ({
      name: `flatten_${bytes * 8}`,
      module: 'core',
      family: 'layout',
      formula: 'y[((c * height + i) * width + j) * yStep] = x[c, i, j]',
      params: ['x', 'xPlane', 'xPitch', 'channels', 'height', 'width', 'y', 'yStep'],
      contract: `${bytes}-byte elements, naturally aligned; planes, pitches and steps in elements.`,
      exact: 'bits',
      reference: flatten(bytes),
    }),
  ),
  ...SIZES.map(
    (bytes): KernelRow => ({
      name: `phases_${bytes * 8}`,
      module: 'core',
      family: 'layout',
      formula: 'y[c, py, px, i, j] = x[c, i * strideY + py, j * strideX + px], zero outside',
      params: [
        'x',
        'xPlane',
        'xPitch',
        'channels',
        'height',
        'width',
        'y',
        'yPlane',
        'yPitch',
        'yHeight',
        'yWidth',
        'strideY',
        'strideX',
        'phasesY',
        'phasesX',
      ],
      contract: `${bytes}-byte elements, naturally aligned; planes and pitches in elements; at most as many phases as the stride.`,
      exact: 'bits',
      reference: phases(bytes),
    }),
  ),
  ...SIZES.map(
    (bytes): KernelRow => ({
      name: `transpose_${bytes * 8}`,
      module: 'core',
      family: 'layout',
      formula: 'y[i * width + j, r, s] = x[r * yWidth + s, i, j]',
      params: ['x', 'xPlane', 'xPitch', 'height', 'width', 'y', 'yPlane', 'yPitch', 'yHeight', 'yWidth'],
      contract: `yHeight * yWidth channels of x; ${bytes}-byte elements, naturally aligned; planes and pitches in elements.`,
      exact: 'bits',
      reference: transpose(bytes),
    }),
  ),
  {
    name: 'count_nonfinite',
    module: 'core',
    family: 'layout',
    formula: 'how many of n f32 values are NaN or infinite',
    params: ['x', 'n'],
    contract: 'x 4-byte aligned.',
    exact: 'bits',
    reference: countNonfinite,
  },
  {
    name: 'fp8_encode',
    module: 'core',
    family: 'fp8',
    formula: 'f32 to FP8 bytes, round half to even, saturating',
    params: ['x', 'y', 'n', 'grid', 'mantissa', 'bias', 'nanCode'],
    contract: 'x 4-byte aligned; grid as in assembly/lib/grid.ts.',
    exact: 'bits',
    reference: fp8Encode,
  },
  {
    name: 'fp8_decode',
    module: 'core',
    family: 'fp8',
    formula: 'FP8 bytes to f32',
    params: ['x', 'y', 'n', 'mantissa', 'bias', 'maxCode', 'infCode'],
    contract: 'y 4-byte aligned.',
    exact: 'bits',
    reference: fp8Decode,
  },
]
