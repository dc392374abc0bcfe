/** Operators with weights. */
import type { Pair } from '../../graph/ir.js'
import type { Value } from '../importer.js'
import type { Operator, Site } from '../site.js'
import { count, type HostTensor } from '../tensor.js'
import { padded } from './shape.js'
import { perImage, windowOf } from './window.js'

/** f32 numbers of a constant. */
const floats = (t: HostTensor): Float32Array => (t.data instanceof Float32Array ? t.data : Float32Array.from(t.data))

/** A convolution with constant weights [M, C / groups, ...]. */
export function convolve(site: Site, x: Value, w: HostTensor, bias: HostTensor | undefined): Value {
  const groups = site.number('group', 1)
  const [channels, perGroup, ...kernel] = w.dims
  if (kernel.length !== x.dims.length - 2 || perGroup * groups !== x.dims[1]) throw unfit(site, x, w, groups)
  const window = windowOf(site, x.dims.slice(2), kernel)
  const weights = { weights: floats(w), bias: biasOf(site, bias, channels) }
  const { kernel: taps, stride, pad, dilation, size } = window
  const spec = { channels, kernel: taps, stride, pad, groups, ...(dilation.some((d) => d > 1) && { dilation }) }
  return perImage(site, x, (image) => site.importer.conv(image, spec, weights, size, site.who))
}

const unfit = (site: Site, x: Value, w: HostTensor, groups: number) =>
  site.fail(`weights [${w.dims.join(', ')}] in ${groups} groups do not fit [${x.dims.join(', ')}]`, 'E_SHAPE')

/** Zeros where there is none. @throws WhiteDwarfError E_SHAPE */
function biasOf(site: Site, bias: HostTensor | undefined, channels: number): Float32Array {
  if (bias === undefined) return new Float32Array(channels)
  if (bias.data.length === channels) return floats(bias)
  throw site.fail(`${bias.data.length} biases for ${channels} channels`, 'E_SHAPE')
}

const conv: Operator = (site) => [
  convolve(site, site.input(0), site.required(1, 'weights'), site.constant(2, 'biases')),
]

/** A transposed convolution: the image with zeros between its pixels, convolved with the mirrored kernel. */
const convTranspose: Operator = (site) => {
  const x = site.input(0)
  const w = site.required(1, 'weights')
  const groups = site.number('group', 1)
  const [inputs, perGroup, ...kernel] = w.dims
  const spatial = x.dims.slice(2)
  const rank = spatial.length
  const fits = rank >= 1 && kernel.length === rank && inputs === x.dims[1] && groups >= 1 && inputs % groups === 0
  if (!fits || w.dims.includes(0)) throw unfit(site, x, w, groups)
  const [strides, dilations] = [site.numbers('strides', rank, 1), site.numbers('dilations', rank, 1)]
  const extra = site.numbers('output_padding', rank, 0)
  if ([...strides, ...dilations].some((n) => n < 1))
    throw site.fail('strides and dilations must be 1 or more', 'E_SHAPE')
  const span = kernel.map((k, d) => (k - 1) * dilations[d] + 1)
  const [before, after] = transposedPads(site, spatial, strides, span, extra)
  const channels = perGroup * groups
  const zeros = [0, 0]
  const wide = padded(
    site,
    x,
    [...zeros, ...before.map((p, d) => span[d] - 1 - p)],
    [...zeros, ...after.map((p, d) => span[d] - 1 - p + extra[d])],
    0,
    [...zeros, ...strides.map((s) => s - 1)],
  )
  const size = wide.dims.slice(2).map((n, d) => n - span[d] + 1)
  if (size.some((n) => n < 1)) throw site.fail(`its result cannot have shape [${size.join(', ')}]`, 'E_SHAPE')
  const pair = (values: readonly number[], otherwise: number): Pair =>
    rank === 1 ? [otherwise, values[0]] : [values[0], values[1]]
  const dilation = pair(dilations, 1)
  const spec = {
    channels,
    kernel: pair(kernel, 1),
    stride: [1, 1] as const,
    pad: [0, 0, 0, 0] as const,
    groups,
    ...(dilation.some((d) => d > 1) && { dilation }),
  }
  const weights = { weights: mirrored(w, groups), bias: biasOf(site, site.constant(2, 'biases'), channels) }
  return [perImage(site, wide, (image) => site.importer.conv(image, spec, weights, pair(size, 1), site.who))]
}

/** What a transposed convolution cuts off, before and after; given, or such that the result has the wanted size. */
function transposedPads(
  site: Site,
  spatial: readonly number[],
  strides: readonly number[],
  span: readonly number[],
  extra: readonly number[],
): readonly [before: number[], after: number[]] {
  const rank = spatial.length
  const auto = site.text('auto_pad', 'NOTSET')
  const wanted = site.integers('output_shape')
  if (wanted !== undefined && wanted.length !== rank) {
    throw site.fail(`output_shape has ${wanted.length} numbers, expected ${rank}`, 'E_SHAPE')
  }
  if (wanted === undefined && !auto.startsWith('SAME')) {
    const pads = site.numbers('pads', 2 * rank, 0)
    return [pads.slice(0, rank), pads.slice(rank)]
  }
  const all = spatial.map((n, d) => strides[d] * (n - 1) + extra[d] + span[d] - (wanted?.[d] ?? n * strides[d]))
  const less = all.map((n) => Math.floor(n / 2))
  const more = all.map((n, d) => n - less[d])
  return auto === 'SAME_UPPER' ? [less, more] : [more, less]
}

/** Weights [C, M / groups, ...] as those of a convolution, [M, C / groups, ...], their kernels mirrored. */
function mirrored(w: HostTensor, groups: number): Float32Array {
  const [inputs, perGroup, ...kernel] = w.dims
  const taps = count(kernel)
  const own = inputs / groups
  const result = new Float32Array(w.data.length)
  for (let g = 0; g < groups; g++) {
    for (let i = 0; i < own; i++) {
      for (let o = 0; o < perGroup; o++) {
        for (let t = 0; t < taps; t++) {
          const from = ((g * own + i) * perGroup + o) * taps + (taps - 1 - t)
          result[((g * perGroup + o) * own + i) * taps + t] = w.data[from]
        }
      }
    }
  }
  return result
}

/** y = x . w + bias, for constant w [K, N]: a layer where x is a vector, else a product of matrices. */
export function product(site: Site, x: Value, w: Value, bias: Value | undefined): Value {
  const rows = count(x.dims.slice(0, -1))
  if (x.constant === undefined && w.constant !== undefined && w.dims.length === 2 && rows === 1) {
    const [depth, units] = w.dims
    if (depth !== x.dims[x.dims.length - 1]) {
      throw site.fail(`[${x.dims.join(', ')}] times [${w.dims.join(', ')}]: sizes do not fit`, 'E_SHAPE')
    }
    const weights = new Float32Array(depth * units)
    for (let k = 0; k < depth; k++)
      for (let n = 0; n < units; n++) weights[n * depth + k] = w.constant.data[k * units + n]
    const added = bias === undefined ? undefined : rowOf(bias, units)
    if (bias === undefined || added !== undefined) {
      return site.importer.dense(x, { weights, bias: added ?? new Float32Array(units) }, site.who)
    }
  }
  const [a, b] = [x.dims.length === 1, w.dims.length === 1]
  const left = a ? site.reshape(x, [1, x.dims[0]]) : x
  const right = b ? site.reshape(w, [w.dims[0], 1]) : w
  const y = site.apply({ kind: 'matmul' }, left, right)
  const flat =
    a || b
      ? site.reshape(
          y,
          y.dims.filter((_, d) => !((a && d === y.dims.length - 2) || (b && d === y.dims.length - 1))),
        )
      : y
  return bias === undefined ? flat : site.apply({ kind: 'combine', fn: 'add' }, flat, bias)
}

/** A constant that adds the same row to every row, as that row. */
function rowOf(v: Value, units: number): Float32Array | undefined {
  const { constant } = v
  if (constant === undefined || (constant.data.length !== 1 && constant.data.length !== units)) return undefined
  if (constant.data.length === units && v.dims[v.dims.length - 1] !== units) return undefined
  return Float32Array.from({ length: units }, (_, i) => constant.data[constant.data.length === 1 ? 0 : i])
}

const scaled = (site: Site, v: Value, factor: number) =>
  factor === 1 ? v : site.apply({ kind: 'map', fn: 'affine', a: factor, b: 0 }, v)

const gemm: Operator = (site) => {
  const turned = (v: Value, attribute: string) =>
    site.number(attribute, 0) === 1 ? site.apply({ kind: 'permute', perm: [1, 0] }, v) : v
  const a = turned(site.input(0), 'transA')
  const b = scaled(site, turned(site.input(1), 'transB'), site.number('alpha', 1))
  const c = site.optional(2)
  return [product(site, a, b, c && scaled(site, c, site.number('beta', 1)))]
}

const matmul: Operator = (site) => [product(site, site.input(0), site.input(1), undefined)]

export const layers: Readonly<Record<string, Operator>> = {
  Conv: conv,
  ConvTranspose: convTranspose,
  Gemm: gemm,
  MatMul: matmul,
}
