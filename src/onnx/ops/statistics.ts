/** Reductions, softmax and normalisations. */
import type { ReduceFunction } from '../../graph/tensor-fn.js'
import type { Value } from '../importer.js'
import type { Operator, Site } from '../site.js'
import { count } from '../tensor.js'
import { perImage } from './window.js'

/** Over any dimensions: neighbouring ones at a time. */
function reduceOver(site: Site, x: Value, axes: readonly number[], fn: ReduceFunction): Value {
  const sorted = [...new Set(axes)].sort((a, b) => a - b)
  let y = x
  let first = true
  for (let i = 0; i < sorted.length; ) {
    let j = i + 1
    while (j < sorted.length && sorted[j] === sorted[j - 1] + 1) j++
    // Squares and sizes are taken once; what follows adds them up.
    const then = !first && (fn === 'sumsquare' || fn === 'l1') ? 'sum' : fn
    y = site.apply({ kind: 'reduce', fn: then, begin: sorted[i], end: sorted[j - 1] + 1 }, y)
    first = false
    i = j
  }
  return y
}

const reduce =
  (fn: ReduceFunction, after?: 'sqrt' | 'log'): Operator =>
  (site) => {
    const x = site.input(0)
    const axes = axesOf(site, x)
    if (axes === undefined) return [x]
    const reduced = reduceOver(site, x, axes, fn)
    return [kept(site, x, axes, after === undefined ? reduced : site.apply({ kind: 'map', fn: after }, reduced))]
  }

/** The reduced dimensions; all where none are given; undefined: nothing is to be done. */
function axesOf(site: Site, x: Value): number[] | undefined {
  const since = site.node.op === 'ReduceSum' ? 13 : 18
  const given = site.integers('axes', site.opset < since ? undefined : 1)
  if (given !== undefined && given.length > 0) return given.map((a) => site.axis(a, x.dims.length))
  return site.number('noop_with_empty_axes', 0) === 1 ? undefined : x.dims.map((_, i) => i)
}

/** The result with or without the reduced dimensions. */
function kept(site: Site, x: Value, axes: readonly number[], y: Value): Value {
  return site.number('keepdims', 1) === 1
    ? y
    : site.reshape(
        y,
        x.dims.filter((_, i) => !axes.includes(i)),
      )
}

const logSumExp: Operator = (site) => {
  const x = site.input(0)
  const axes = axesOf(site, x)
  if (axes === undefined) return [x]
  const top = reduceOver(site, x, axes, 'max')
  const powers = site.apply({ kind: 'map', fn: 'exp' }, site.apply({ kind: 'combine', fn: 'sub' }, x, top))
  const log = site.apply({ kind: 'map', fn: 'log' }, reduceOver(site, powers, axes, 'sum'))
  return [kept(site, x, axes, site.apply({ kind: 'combine', fn: 'add' }, log, top))]
}

const softmax =
  (log: boolean): Operator =>
  (site) => {
    const x = site.input(0)
    const rank = x.dims.length
    const axis = site.axis(site.number('axis', site.opset < 13 ? 1 : -1), rank)
    if (site.opset >= 13 || axis === rank - 1) return [site.apply({ kind: 'softmax', axis, log }, x)]
    // Older operator sets see a matrix: all dimensions from the axis on together.
    const flat = site.reshape(x, [...x.dims.slice(0, axis), count(x.dims.slice(axis))])
    return [site.reshape(site.apply({ kind: 'softmax', axis, log }, flat), x.dims)]
  }

/** A constant or value of one number a channel as [1, C, 1, ...]. */
export function perChannel(site: Site, v: Value, rank: number, axis = 1): Value {
  const dims = Array.from({ length: rank }, (_, i) => (i === axis ? count(v.dims) : 1))
  return site.reshape(v, dims)
}

/** x * scale + bias, one of each a channel. */
function affine(site: Site, x: Value, scale: Value, bias: Value | undefined): Value {
  const y = site.apply({ kind: 'combine', fn: 'mul' }, x, scale)
  return bias === undefined ? y : site.apply({ kind: 'combine', fn: 'add' }, y, bias)
}

const batchNormalization: Operator = (site) => {
  const [x, scale, bias, mean, variance] = site.first(5)
  if (site.number('training_mode', 0) === 1) throw site.fail('training mode is not supported')
  const shift = { kind: 'map', fn: 'affine', a: 1, b: site.number('epsilon', 1e-5) } as const
  const deviation = site.apply({ kind: 'map', fn: 'sqrt' }, site.apply(shift, variance))
  const factor = site.apply({ kind: 'combine', fn: 'div' }, scale, deviation)
  const offset = site.apply(
    { kind: 'combine', fn: 'sub' },
    bias,
    site.apply({ kind: 'combine', fn: 'mul' }, mean, factor),
  )
  const rank = x.dims.length
  if (rank < 2) return [affine(site, x, factor, offset)]
  return [affine(site, x, perChannel(site, factor, rank), perChannel(site, offset, rank))]
}

const layerNormalization: Operator = (site) => {
  const x = site.input(0)
  const axis = site.axis(site.number('axis', -1), x.dims.length)
  const epsilon = site.number('epsilon', 1e-5)
  const y = affine(site, site.apply({ kind: 'normalise', axis, epsilon }, x), site.input(1), site.optional(2))
  if (site.node.outputs.slice(1).every((name) => name === '')) return [y]
  const over = { kind: 'reduce', fn: 'mean', begin: axis, end: x.dims.length } as const
  const mean = site.apply(over, x)
  const distance = site.apply({ kind: 'combine', fn: 'sub' }, x, mean)
  const variance = site.apply(over, site.apply({ kind: 'combine', fn: 'mul' }, distance, distance))
  const deviation = site.apply(
    { kind: 'map', fn: 'sqrt' },
    site.apply({ kind: 'map', fn: 'affine', a: 1, b: epsilon }, variance),
  )
  return [y, mean, site.apply({ kind: 'map', fn: 'reciprocal' }, deviation)]
}

const instanceNormalization: Operator = (site) => {
  const x = site.input(0)
  const y = site.apply({ kind: 'normalise', axis: 2, epsilon: site.number('epsilon', 1e-5) }, x)
  const rank = x.dims.length
  return [affine(site, y, perChannel(site, site.input(1), rank), perChannel(site, site.input(2), rank))]
}

const groupNormalization: Operator = (site) => {
  const x = site.input(0)
  const [n, c] = x.dims
  const groups = site.number('num_groups', 1)
  const split = site.reshape(x, [n, groups, count(x.dims.slice(1)) / groups])
  const y = site.apply({ kind: 'normalise', axis: 2, epsilon: site.number('epsilon', 1e-5) }, split)
  const rank = x.dims.length
  // Before operator set 21 there was one number a group.
  const each = (v: Value) => {
    if (count(v.dims) === c) return perChannel(site, v, rank)
    const indices = site.table(c, (i) => Math.floor((i * groups) / c))
    return perChannel(site, site.apply({ kind: 'take', axis: 0, indices }, v), rank)
  }
  return [affine(site, site.reshape(y, x.dims), each(site.input(1)), each(site.input(2)))]
}

/** Most channels of a window: far more than any network has. */
const MAX_LRN_SIZE = 65535

const lrn: Operator = (site) => {
  const size = site.number('size', 1)
  if (size < 1 || size > MAX_LRN_SIZE) throw site.fail(`a window of ${size} channels`, 'E_SHAPE')
  const fn = {
    kind: 'lrn',
    size,
    alpha: site.number('alpha', 1e-4),
    beta: site.number('beta', 0.75),
    bias: site.number('bias', 1),
  } as const
  return [perImage(site, site.input(0), (image) => site.importer.lrn(image, fn, site.who))]
}

export const statistics: Readonly<Record<string, Operator>> = {
  BatchNormalization: batchNormalization,
  GroupNormalization: groupNormalization,
  InstanceNormalization: instanceNormalization,
  LRN: lrn,
  LayerNormalization: layerNormalization,
  LogSoftmax: softmax(true),
  ReduceL1: reduce('l1'),
  ReduceL2: reduce('sumsquare', 'sqrt'),
  ReduceLogSum: reduce('sum', 'log'),
  ReduceLogSumExp: logSumExp,
  ReduceMax: reduce('max'),
  ReduceMean: reduce('mean'),
  ReduceMin: reduce('min'),
  ReduceProd: reduce('prod'),
  ReduceSum: reduce('sum'),
  ReduceSumSquare: reduce('sumsquare'),
  Softmax: softmax(false),
}
