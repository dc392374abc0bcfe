/** Quantised operators, computed as ONNX defines them, in f32: products of 8-bit integers are exact there up to 2^24. */
import type { Value } from '../importer.js'
import type { Operator, Site } from '../site.js'
import { count, type HostTensor, type HostType, hostTensor } from '../tensor.js'
import { CASTS } from './elementwise.js'
import { convolve, product } from './layers.js'
import { perChannel } from './statistics.js'

const RANGES: Readonly<Partial<Record<HostType, readonly [number, number]>>> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
  int4: [-8, 7],
  uint4: [0, 15],
  int2: [-2, 1],
  uint2: [0, 3],
}

/** A scale or zero point for a tensor: one for all, one for each element of an axis, or (blocks) as many as elements. */
function spread(site: Site, v: Value, x: Value): Value {
  if (v.dims.length === 0 || count(v.dims) === 1) return count(v.dims) === 1 ? site.reshape(v, []) : v
  if (v.dims.length > 1) {
    const block = site.number('block_size', 0)
    if (block < 1) return v
    const axis = site.axis(site.number('axis', 1), x.dims.length)
    const indices = site.table(x.dims[axis], (i) => Math.floor(i / block))
    return site.apply({ kind: 'take', axis, indices }, v)
  }
  return perChannel(site, v, x.dims.length, site.axis(site.number('axis', 1), x.dims.length))
}

/** round(x) + zero point, within the type. */
function saturate(site: Site, x: Value, zero: Value | undefined, type: HostType): Value {
  const range = RANGES[type]
  if (range === undefined) throw site.fail(`quantising to ${type} is not supported`)
  const rounded = site.apply({ kind: 'map', fn: 'round' }, x)
  const moved = zero === undefined ? rounded : site.apply({ kind: 'combine', fn: 'add' }, rounded, float(site, zero))
  return site.typed(type, { kind: 'map', fn: 'clip', a: range[0], b: range[1] }, moved)
}

/** The same numbers as f32. */
const float = (site: Site, v: Value): Value =>
  v.type === 'float32' ? v : site.typed('float32', { kind: 'map', fn: 'affine', a: 1, b: 0 }, v)

/** x without its zero point. */
const centred = (site: Site, x: Value, zero: Value | undefined): Value =>
  zero === undefined || isZero(zero)
    ? float(site, x)
    : site.apply({ kind: 'combine', fn: 'sub' }, float(site, x), float(site, zero))

const isZero = (v: Value) => v.constant?.data.every((n) => n === 0) ?? false

/** ONNX's number of the type that counts where none is given. */
const UINT8 = 2

const quantizeLinear: Operator = (site) => {
  const x = float(site, site.input(0))
  const zero = site.optional(2)
  const scaled = site.apply({ kind: 'combine', fn: 'div' }, x, spread(site, site.input(1), x))
  const type = zero?.type ?? CASTS[site.number('output_dtype', 0) || UINT8]
  if (type === undefined) throw site.fail(`output_dtype ${site.number('output_dtype', 0)} is not supported`)
  return [saturate(site, scaled, zero && spread(site, zero, x), type)]
}

/** The range of what it is fed decides on scale and zero point; of each example by itself. */
const dynamicQuantizeLinear: Operator = (site) => {
  const x = float(site, site.input(0))
  const zero = site.scalar(0)
  const most = (fn: 'max' | 'min') => {
    const all = site.apply({ kind: 'reduce', fn, begin: 0, end: x.dims.length }, x)
    return site.apply({ kind: 'combine', fn }, site.reshape(all, []), zero)
  }
  const low = most('min')
  const range = site.apply({ kind: 'combine', fn: 'sub' }, most('max'), low)
  const steps = site.apply({ kind: 'map', fn: 'affine', a: 1 / 255, b: 0 }, range)
  // Zeros alone have no range.
  const scale = site.apply({ kind: 'select' }, range, steps, site.scalar(1))
  const lowest = site.apply({ kind: 'combine', fn: 'div' }, site.apply({ kind: 'map', fn: 'neg' }, low), scale)
  const point = saturate(site, lowest, undefined, 'uint8')
  return [saturate(site, site.apply({ kind: 'combine', fn: 'div' }, x, scale), point, 'uint8'), scale, point]
}

const dequantizeLinear: Operator = (site) => {
  const x = site.input(0)
  const zero = site.optional(2)
  const y = centred(site, x, zero && spread(site, zero, x))
  return [site.apply({ kind: 'combine', fn: 'mul' }, y, spread(site, site.input(1), x))]
}

/** Weights less their zero points, which are one for all or one for each row. */
function centredWeights(site: Site, w: HostTensor, zero: HostTensor | undefined): HostTensor {
  if (zero === undefined) return hostTensor('float32', w.dims, (i) => w.data[i])
  const each = zero.data.length === 1 ? w.data.length : w.data.length / w.dims[0]
  if (zero.data.length !== 1 && zero.data.length !== w.dims[0])
    throw site.fail('zero points do not fit the weights', 'E_SHAPE')
  return hostTensor('float32', w.dims, (i) => w.data[i] - zero.data[Math.floor(i / each)])
}

const qLinearConv: Operator = (site) => {
  const w = site.required(3, 'weights')
  const bias = site.constant(8, 'biases')
  const weights = centredWeights(site, w, site.constant(5, 'zero points'))
  const sums = convolve(site, centred(site, site.input(0), site.input(2)), weights, bias)
  const factor = site.apply({ kind: 'combine', fn: 'mul' }, site.input(1), oneEach(site, site.input(4), sums))
  const out = site.apply({ kind: 'combine', fn: 'div' }, factor, site.input(6))
  return [saturate(site, site.apply({ kind: 'combine', fn: 'mul' }, sums, out), site.input(7), site.input(7).type)]
}

const oneEach = (site: Site, v: Value, y: Value) =>
  count(v.dims) === 1 ? site.reshape(v, []) : perChannel(site, v, y.dims.length)

const convInteger: Operator = (site) => {
  const w = site.required(1, 'weights')
  const weights = centredWeights(site, w, site.constant(3, 'zero points'))
  return [convolve(site, centred(site, site.input(0), site.optional(2)), weights, undefined)]
}

/** A zero point of a matrix's rows (of a) or columns (of b). */
const along = (site: Site, v: Value, column: boolean): Value =>
  v.dims.length === 1 && v.dims[0] > 1 ? site.reshape(v, column ? [v.dims[0], 1] : [1, v.dims[0]]) : v

const matMulInteger: Operator = (site) => {
  const [za, zb] = [site.optional(2), site.optional(3)]
  const a = centred(site, site.input(0), za && along(site, za, true))
  const b = centred(site, site.input(1), zb && along(site, zb, false))
  return [product(site, a, b, undefined)]
}

const qLinearMatMul: Operator = (site) => {
  const [a, aScale, aZero, b, bScale, bZero, yScale, yZero] = site.first(8)
  const sums = product(
    site,
    centred(site, a, along(site, aZero, true)),
    centred(site, b, along(site, bZero, false)),
    undefined,
  )
  const factor = site.apply({ kind: 'combine', fn: 'mul' }, along(site, aScale, true), along(site, bScale, false))
  const out = site.apply({ kind: 'combine', fn: 'div' }, factor, yScale)
  return [saturate(site, site.apply({ kind: 'combine', fn: 'mul' }, sums, out), yZero, yZero.type)]
}

export const quantised: Readonly<Record<string, Operator>> = {
  ConvInteger: convInteger,
  DequantizeLinear: dequantizeLinear,
  DynamicQuantizeLinear: dynamicQuantizeLinear,
  MatMulInteger: matMulInteger,
  QLinearConv: qLinearConv,
  QLinearMatMul: qLinearMatMul,
  QuantizeLinear: quantizeLinear,
}
