import { conv, convPack, convTiles, convWeightGrad, pad, unpitch } from '../ref/conv.js'
import { distillLoss, softmaxLoss } from '../ref/loss.js'
import { adamw, ema, maskGradients, pullScores, sgd, sumSquares } from '../ref/optimisers.js'
import * as supermask from '../ref/supermask.js'
import * as ref from '../ref/train.js'
import type { KernelRow } from '../row.js'

type Described = Omit<KernelRow, 'module' | 'family' | 'exact'>

const family = (name: string, rows: readonly Described[]): readonly KernelRow[] =>
  rows.map((row) => ({ ...row, module: 'train', family: name, exact: 'bits' }))

const ROW_SUMS = 'Sums of rows in the order stated in assembly/train/batchnorm.ts.'
const NORM_STATE = 'state: f32 gamma, beta, running mean, running variance, mean, inverse deviation, `stride` each.'
const POOL_SHAPE =
  'shape: i32 planes, height, width, outHeight, outWidth, kernelY, kernelX, strideY, strideX, padTop, padLeft.'
const SIGNS = 'signs: i8, or 0; where it is not 0, sign is signs[i] times the sign of p, else 1.'
const GIVEN_SIGNS = 'signs: i8, or 0; where it is 0 the sign is the score’s.'
const CONV_SHAPE =
  'shape: u32 images, x bytes per image, y bytes per image, groups, group table, rows, y bytes per row, taps, tap table, '

export const trainRows: readonly KernelRow[] = [
  ...family('convolution, training', [
    {
      name: 'pad_f32',
      formula: 'y[n, c, py, px, i, j] = x[c, n, i * strideY + py - top, j * strideX + px - left], zero outside',
      params: ['x', 'y', 'shape'],
      contract:
        'shape: u32 channels, images, height, width, top, left, strideY, strideX, phaseHeight, phaseWidth, x elements per channel.',
      reference: pad,
    },
    {
      name: 'conv_pack_f32',
      formula: 'packed[row / 4][tap][row % 4] = w[row * rowStep + tapIndex[tap]], zero beyond the rows',
      params: ['w', 'packed', 'rows', 'taps', 'rowStep', 'tapIndex'],
      contract: 'Steps and indices (u32) in elements.',
      reference: convPack,
    },
    {
      name: 'conv_f32',
      formula: 'y[row, p] = sum over taps of w[row, tap] * x[base(p) + offset(tap)]',
      params: ['x', 'weights', 'y', 'shape'],
      contract: `${CONV_SHAPE}y bytes between outputs. Group: u32 x offset, y offset, outputs (1..4); four are read.`,
      reference: conv,
    },
    {
      name: 'conv_unpitch_f32',
      formula: 'y[row, i, j] = x[row, i * pitch + j] * scale',
      params: ['x', 'xRow', 'pitch', 'y', 'yRow', 'rows', 'height', 'width', 'scale'],
      contract: 'xRow and yRow in bytes, pitch in elements; rows of y are dense.',
      reference: unpitch,
    },
    {
      name: 'conv_tiles_f32',
      formula: 'y[n, channel / 8, pixel, channel % 8] = x[channel, n, pixel], zero beyond the channels',
      params: ['x', 'y', 'images', 'channels', 'pixels', 'channelSize'],
      contract: 'channelSize: elements per channel of x.',
      reference: convTiles,
    },
    {
      name: 'conv_weight_grad_f32',
      formula: 'dw[row, tap] = sum over p of dy[row, p] * x[base(p) + offset(tap)]',
      params: ['x', 'dy', 'sums', 'dw', 'shape'],
      contract:
        'shape: u32 images, x bytes per image, x bytes per line, lines, positions per line, rows, dy bytes per image, dy bytes per ' +
        'tile, taps, tap table, images per block, lines per block. dy as conv_tiles_f32 makes it. sums: scratch of rows rounded ' +
        'up to 8 times taps rounded up to 4 words, left undefined. Sums within a block, then over blocks.',
      reference: convWeightGrad,
    },
  ]),
  ...family('batch normalisation', [
    {
      name: 'batchnorm_f32',
      formula: 'y = (x - mean) / sqrt(var + eps) * gamma + beta with the batch statistics of each row',
      params: ['x', 'y', 'channels', 'n', 'state', 'stride', 'eps', 'momentum'],
      contract: `${NORM_STATE} Running values move by \`momentum\`. ${ROW_SUMS}`,
      reference: ref.batchnorm,
    },
    {
      name: 'batchnorm_infer_f32',
      formula: 'y = (x - runningMean) / sqrt(runningVar + eps) * gamma + beta',
      params: ['x', 'y', 'channels', 'n', 'state', 'stride', 'eps'],
      contract: NORM_STATE,
      reference: ref.batchnormInfer,
    },
    {
      name: 'batchnorm_grad_f32',
      formula: 'dx, dgamma and dbeta of batchnorm_f32',
      params: ['x', 'dy', 'dx', 'channels', 'n', 'state', 'stride', 'grads'],
      contract: `${NORM_STATE} grads: f32 dgamma, dbeta, as far apart. dx may be dy. ${ROW_SUMS}`,
      reference: ref.batchnormGrad,
    },
  ]),
  ...family('element-wise, training', [
    {
      name: 'relu_f32',
      formula: 'y = min(max(x, 0), limit)',
      params: ['x', 'y', 'n', 'limit'],
      contract: 'y may be x. NaN becomes 0. limit > 0, may be infinite.',
      reference: ref.relu,
    },
    {
      name: 'relu_grad_f32',
      formula: 'dx = 0 < x < limit ? dy : 0',
      params: ['x', 'dy', 'dx', 'n', 'limit'],
      contract: 'dx may be dy.',
      reference: ref.reluGrad,
    },
    {
      name: 'add_f32',
      formula: 'y = a + b',
      params: ['a', 'b', 'y', 'n'],
      contract: '4-byte alignment. y may be a or b.',
      reference: ref.add,
    },
    {
      name: 'swap_f32',
      formula: 'y[p, n, c] = x[c, n, p]',
      params: ['x', 'y', 'channels', 'images', 'pixels'],
      contract: 'x and y do not overlap.',
      reference: ref.swap,
    },
    {
      name: 'round_f32',
      formula: 'x = grid(x * scale) * inverse',
      params: ['x', 'n', 'scale', 'inverse', 'grid'],
      contract: 'grid: five words, see assembly/lib/grid.ts.',
      reference: ref.round,
    },
    {
      name: 'max_abs_f32',
      formula: 'the largest |x|',
      params: ['x', 'n'],
      contract: 'NaN counts as nothing; 0 for n = 0.',
      reference: ref.maxAbs,
    },
    {
      name: 'transpose_f32',
      formula: 'y[b, j, i] = x[b, i, j]',
      params: ['x', 'y', 'blocks', 'rows', 'cols'],
      contract: 'x and y do not overlap.',
      reference: ref.transpose,
    },
  ]),
  ...family('pooling, training', [
    {
      name: 'train_maxpool_f32',
      formula: 'y = max of the window, where = its position in the plane (first among equals)',
      params: ['x', 'y', 'where', 'shape'],
      contract: POOL_SHAPE,
      reference: ref.maxpool,
    },
    {
      name: 'train_maxpool_grad_f32',
      formula: 'dx[where] += dy from zero',
      params: ['dy', 'dx', 'where', 'shape'],
      contract: POOL_SHAPE,
      reference: ref.maxpoolGrad,
    },
    {
      name: 'train_avgpool_f32',
      formula: 'y = mean of the window, over positions inside the plane',
      params: ['x', 'y', 'shape'],
      contract: POOL_SHAPE,
      reference: ref.avgpool,
    },
    {
      name: 'train_avgpool_grad_f32',
      formula: 'dx += dy / count over the window, from zero',
      params: ['dy', 'dx', 'shape'],
      contract: POOL_SHAPE,
      reference: ref.avgpoolGrad,
    },
  ]),
  ...family('loss', [
    {
      name: 'softmax_loss_f32',
      formula: 'smoothed cross-entropy of softmax(z): dz = (softmax(z) - target) / n, the losses’ sum, hits',
      params: ['z', 'dz', 'labels', 'classes', 'n', 'pitch', 'smoothing', 'out'],
      contract: 'z[class * pitch + i]; dz may be z; labels u8; out: f64 sum of losses, i32 hits. f64 inside.',
      reference: softmaxLoss,
    },
    {
      name: 'distill_loss_f32',
      formula:
        '(1 - alpha) * smoothed cross-entropy + alpha * T^2 * KL(softmax(teacher / T) || softmax(z / T)): dz, the losses’ sum, hits',
      params: ['z', 'teacher', 'dz', 'labels', 'classes', 'n', 'pitch', 'smoothing', 'alpha', 'temperature', 'out'],
      contract:
        'z[class * pitch + i], teacher alike; dz may be z; labels u8; out: f64 sum of losses, i32 hits. f64 inside.',
      reference: distillLoss,
    },
  ]),
  ...family('supermask', [
    {
      name: 'levels_from_scores',
      formula: 'level = sign * number of thresholds that |score| * scale reaches',
      params: ['scores', 'n', 'scale', 'thresholds', 'coats', 'signs', 'levels'],
      contract: `${GIVEN_SIGNS} levels: i8. Returns the sum of squared levels.`,
      reference: supermask.levelsFromScores,
    },
    {
      name: 'freeze_levels',
      formula: 'level = 0 where frozen is -1; a level of 0 becomes its sign where frozen is 1',
      params: ['scores', 'n', 'signs', 'frozen', 'levels'],
      contract: `${GIVEN_SIGNS} frozen, levels: i8. Returns the sum of squared levels.`,
      reference: supermask.freezeLevels,
    },
    {
      name: 'fill_rows',
      formula: 'the largest scores of every row with fewer than `least` non-zero levels get levels of 1',
      params: ['scores', 'rows', 'cols', 'least', 'signs', 'frozen', 'levels'],
      contract: `${GIVEN_SIGNS} frozen: i8, or 0; where it is -1 the level stays 0. Returns how many levels it changed.`,
      reference: supermask.fillRows,
    },
    {
      name: 'levels_transpose',
      formula: 'y[g, c, o, tap] = levels[g, o, c, tap]',
      params: ['levels', 'y', 'groups', 'outs', 'ins', 'taps'],
      contract: 'int8; levels and y do not overlap.',
      reference: supermask.levelsTranspose,
    },
    {
      name: 'count_nonzero_i8',
      formula: 'how many levels are not zero',
      params: ['levels', 'n'],
      contract: 'Any alignment.',
      reference: supermask.countNonzero,
    },
    {
      name: 'weights_from_levels',
      formula: 'weight = c * level',
      params: ['levels', 'n', 'c', 'weights'],
      contract: 'levels: i8; weights: f32.',
      reference: supermask.weightsFromLevels,
    },
    {
      name: 'count_magnitudes',
      formula: 'counts[upper 15 bits of the f32 |score| * scale] += 1',
      params: ['scores', 'n', 'scale', 'frozen', 'counts'],
      contract: 'frozen: i8, or 0; only scores where it is 0 count. counts: 32768 u32.',
      reference: supermask.countMagnitudes,
    },
    {
      name: 'count_within',
      formula: 'counts[lower 16 bits of the f32 |score| * scale] += 1 if its upper bits are `prefix`',
      params: ['scores', 'n', 'scale', 'frozen', 'prefix', 'counts'],
      contract: 'frozen: i8, or 0; only scores where it is 0 count. counts: 65536 u32.',
      reference: supermask.countWithin,
    },
  ]),
  ...family('optimiser', [
    {
      name: 'sgd_f32',
      formula:
        'g = gradient * scale * sign + decay * p; v = momentum * v + g; p = keep * p - rate * (g + momentum * v)',
      params: ['p', 'gradient', 'v', 'n', 'rate', 'momentum', 'decay', 'keep', 'scale', 'signs'],
      contract: SIGNS,
      reference: sgd,
    },
    {
      name: 'adamw_f32',
      formula:
        'g = gradient * scale * sign; m = beta1 * m + (1 - beta1) * g; v = beta2 * v + (1 - beta2) * g^2; p = keep * p - rate * m / (sqrt(v) * root + epsilon)',
      params: ['p', 'gradient', 'm', 'v', 'n', 'rate', 'beta1', 'beta2', 'root', 'epsilon', 'keep', 'scale', 'signs'],
      contract: `${SIGNS} Bias corrections are the caller's, in rate and root.`,
      reference: adamw,
    },
    {
      name: 'mask_f32',
      formula: 'gradient = 0 where the state is -1',
      params: ['gradient', 'states', 'n'],
      contract: 'states: i8.',
      reference: maskGradients,
    },
    {
      name: 'pull_f32',
      formula: 'gradient += pull * p * sign where the state is -1',
      params: ['p', 'gradient', 'states', 'signs', 'n', 'pull'],
      contract: `states: i8. ${SIGNS}`,
      reference: pullScores,
    },
    {
      name: 'ema_f32',
      formula: 'average += share * (x - average)',
      params: ['average', 'x', 'n', 'share'],
      contract: 'The blocks do not overlap.',
      reference: ema,
    },
    {
      name: 'sum_squares_f32',
      formula: 'sum of x^2',
      params: ['x', 'n'],
      contract: 'Returns an f64, summed in the order stated in assembly/train/optimisers.ts.',
      reference: sumSquares,
    },
  ]),
  ...family('data', [
    {
      name: 'image_f32',
      formula: 'y[c, i, j] = bilinear sample of x[c] * scale[c] + offset[c] at map(i, j), zero outside',
      params: ['x', 'y', 'plane', 'channels', 'height', 'width', 'map', 'scales'],
      contract: 'x: u8; map: six f32; scales: f32 scale per channel, then offset per channel; planes in elements.',
      reference: ref.image,
    },
  ]),
]
