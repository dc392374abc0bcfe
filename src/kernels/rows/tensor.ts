import { combine, map, select } from '../ref/tensor/elementwise.js'
import {
  copy,
  denseI16,
  depthwise,
  fill,
  gatherMul,
  lrn,
  matmul,
  normalise,
  reduce,
  resample,
  softmax,
  take,
} from '../ref/tensor/others.js'
import { pairsOf, panels } from '../ref/tensor/panels.js'
import type { KernelRow } from '../row.js'

const tensor = (row: Omit<KernelRow, 'module' | 'family' | 'exact'>): KernelRow => ({
  ...row,
  module: 'tensor',
  family: 'tensor',
  exact: 'bits',
})

const DEPTHWISE_TARGET = ['y', 'yPlane', 'yPitch', 'height', 'width', 'scale', 'bias', 'grid']

const SIX =
  '4-byte alignment. shape: i32, six sizes from the outermost, then six steps for each of two tensors, in elements'

/** Operations of networks from elsewhere, f32 and contiguous. */
export const tensorRows: readonly KernelRow[] = [
  tensor({
    name: 'map_f32',
    formula: 'y[i] = f(x[i]); f by number, with parameters a and b',
    params: ['f', 'x', 'y', 'n', 'a', 'b'],
    contract: '4-byte alignment; y may be x.',
    reference: map,
  }),
  tensor({
    name: 'combine_f32',
    formula: 'y = f(a, b), repeated along steps of 0; f by number',
    params: ['f', 'a', 'b', 'y', 'shape'],
    contract: `${SIX} (a, b); y contiguous, and may be a or b where that has its shape.`,
    reference: combine,
  }),
  tensor({
    name: 'select_f32',
    formula: 'y = c != 0 ? a : b, repeated along steps of 0',
    params: ['c', 'a', 'b', 'y', 'shape'],
    contract:
      '4-byte alignment. shape: i32, six sizes from the outermost, then six steps for each of c, a and b; y contiguous.',
    reference: select,
  }),
  tensor({
    name: 'gather_mul_f32',
    formula: 'y[r, j] = sum_k w[r, k] * x[offset(k) + j]; rows as a count and pairs of byte offset and f32 weight',
    params: ['program', 'rows', 'x', 'y', 'yStride', 'vectors'],
    contract: 'The program is aligned to 4 bytes; reads reach vectors * 16 bytes past x + offset.',
    reference: gatherMul,
  }),
  tensor({
    name: 'dense_i16',
    formula: 'y[r, j] = sum_k w[r, k] * x[offset(k) + j]; x i16, y i32',
    params: ['weights', 'rows', 'pairs', 'offsets', 'x', 'y', 'yStride', 'vectors'],
    contract:
      'weights i16 in tiles of four rows, pair after pair of columns; offsets u32 in bytes; both aligned to 4 bytes. Reads reach vectors * 16 bytes past x + offset.',
    reference: denseI16,
  }),
  tensor({
    name: 'panels_i16',
    formula: 'y[r] = sum_k w[r, k] * x[k], the rows of a panel reading the same k; x i16, w i8, y i32',
    params: ['program', 'panels', 'x', 'y'],
    contract:
      'program: for each panel u32 rows, u32 pairs, u32 byte offsets of pairs of inputs, then weights in tiles of up to 16 rows, i8 [pairs][rows in whole fours][2]; aligned to 4 bytes. Reads 4 bytes at each offset.',
    reference: panels,
  }),
  ...(['i16', 'i32'] as const).map((lane) =>
    tensor({
      name: `pairs_${lane}`,
      formula: 'y[p] = a, b, a + b, a - b; a and b the planes of pair p',
      params: ['list', 'pairs', 'x', 'y', 'plane'],
      contract:
        'list: u32 byte offsets of two planes for each pair, aligned to 4 bytes. plane in bytes, a multiple of 16. y overlaps nothing that is read.',
      reference: pairsOf(lane),
    }),
  ),
  tensor({
    name: 'depthwise_i16',
    formula:
      'y[r, i, j] = grid(sum_k w[r, k] * x[offset(r, k) + (i * xPitch + j) * stride] * scale[r] + bias[r]); x and y i16, sums i32',
    params: ['program', 'rows', 'pairs', 'stride', 'x', 'xPitch', ...DEPTHWISE_TARGET],
    contract:
      'program: for each row pairs of a u32 byte offset and two i16 weights, of that pixel and the next, aligned to 4 bytes. stride 1 or 2, planes and pitches in elements; the grid is int8. Reads at most 64 bytes past the last input of a row.',
    reference: depthwise,
  }),
  tensor({
    name: 'matmul_f32',
    formula: 'y[m, n] = sum_k a[m, k] * b[k, n]',
    params: ['a', 'b', 'y', 'rows', 'depth', 'cols'],
    contract: '4-byte alignment; y overlaps neither a nor b.',
    reference: matmul,
  }),
  tensor({
    name: 'reduce_f32',
    formula: 'y[o, i] = sum, mean, max, min, product, sum of squares or of |.| of x[o, k, i] over k',
    params: ['f', 'x', 'y', 'outer', 'n', 'inner'],
    contract: '4-byte alignment; sums in f64, rounded once.',
    reference: reduce,
  }),
  tensor({
    name: 'softmax_f32',
    formula: 'y[o, k, i] = exp(x[o, k, i] - max) / sum over k, or its logarithm',
    params: ['x', 'y', 'outer', 'n', 'inner', 'logarithm'],
    contract: '4-byte alignment; y may be x; sums in f64.',
    reference: softmax,
  }),
  tensor({
    name: 'normalise_f32',
    formula: 'y[o, k] = (x[o, k] - mean) / sqrt(variance + eps), both over k',
    params: ['x', 'y', 'outer', 'n', 'eps'],
    contract: '4-byte alignment; y may be x; in f64, rounded once.',
    reference: normalise,
  }),
  tensor({
    name: 'lrn_f32',
    formula: 'y[c] = x[c] / pow(bias + alpha / size * sum of squares of `size` channels around c, beta)',
    params: ['x', 'y', 'channels', 'pixels', 'size', 'alpha', 'beta', 'bias'],
    contract: '4-byte alignment; y does not overlap x; in f64, rounded once.',
    reference: lrn,
  }),
  tensor({
    name: 'copy_f32',
    formula: 'y[sum_d i_d * t_d] = x[sum_d i_d * s_d] for all indices i',
    params: ['x', 'y', 'shape'],
    contract: `${SIX} (x, y), which may be 0 or negative; y does not overlap x.`,
    reference: copy,
  }),
  tensor({
    name: 'fill_f32',
    formula: 'y[i] = value',
    params: ['y', 'n', 'value'],
    contract: '4-byte alignment.',
    reference: fill,
  }),
  tensor({
    name: 'take_f32',
    formula: 'y[o, k, i] = x[o, index[k], i]',
    params: ['x', 'y', 'index', 'outer', 'size', 'count', 'inner'],
    contract: '4-byte alignment; index i32, below size; y does not overlap x.',
    reference: take,
  }),
  tensor({
    name: 'resample_f32',
    formula: 'y[o, k, i] = sum_t weight[k, t] * x[o, index[k, t], i]',
    params: ['x', 'y', 'index', 'weight', 'outer', 'size', 'count', 'inner', 'taps'],
    contract: '4-byte alignment; index i32, below size; y does not overlap x.',
    reference: resample,
  }),
]
