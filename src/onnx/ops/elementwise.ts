/** Operators that work element by element. */
import type { CombineFunction, MapFunction } from '../../graph/tensor-fn.js'
import type { Value } from '../importer.js'
import type { Operator, Site } from '../site.js'
import { type HostType, isFloat } from '../tensor.js'

const map =
  (fn: MapFunction, parameters: (site: Site) => { a?: number; b?: number } = () => ({})): Operator =>
  (site) => [site.apply({ kind: 'map', fn, ...parameters(site) }, site.input(0))]

const combine =
  (fn: CombineFunction, type?: HostType): Operator =>
  (site) => {
    const [a, b] = [site.input(0), site.input(1)]
    if (fn === 'add') {
      const sum = site.importer.add(a, b, site.who)
      if (sum !== undefined) return [sum]
    }
    const y = site.typed(type ?? a.type, { kind: 'combine', fn }, a, aligned(site, a, b))
    return [fn === 'div' && !isFloat(a.type) && y.constant === undefined ? truncated(site, y) : y]
  }

/** In operator sets below 7 the second operand may begin at an `axis` of the first. */
function aligned(site: Site, a: Value, b: Value): Value {
  if (site.opset >= 7 || site.number('broadcast', 0) === 0) return b
  const given = site.number('axis', a.dims.length - b.dims.length)
  const axis = given < 0 ? given + a.dims.length : given
  const behind = a.dims.length - axis - b.dims.length
  if (axis < 0 || behind < 0) throw site.fail(`axis ${given} of a tensor with ${a.dims.length} dimensions`, 'E_SHAPE')
  return behind > 0 ? site.reshape(b, [...b.dims, ...new Array(behind).fill(1)]) : b
}

/** Of any number of operands. */
const chain =
  (fn: CombineFunction, mean = false): Operator =>
  (site) => {
    const [first, ...others] = site.inputs
    const total = others.reduce((sum, v) => {
      const direct = fn === 'add' ? site.importer.add(sum, v, site.who) : undefined
      return direct ?? site.apply({ kind: 'combine', fn }, sum, v)
    }, first)
    return [mean ? site.apply({ kind: 'map', fn: 'affine', a: 1 / site.inputs.length, b: 0 }, total) : total]
  }

const relu: Operator = (site) => {
  const x = site.input(0)
  if (x.constant !== undefined) return [site.apply({ kind: 'map', fn: 'clip', a: 0, b: Infinity }, x)]
  return [site.importer.activation(x, 'relu', site.who)]
}

const clip: Operator = (site) => {
  const bound = (i: number, attribute: string, otherwise: number) =>
    site.opset < 11 ? site.number(attribute, otherwise) : (site.constant(i, 'bounds')?.data[0] ?? otherwise)
  const x = site.input(0)
  const a = bound(1, 'min', -Infinity)
  const b = bound(2, 'max', Infinity)
  const plain = x.constant === undefined && a === 0
  if (plain && b === 6) return [site.importer.activation(x, 'relu6', site.who)]
  if (plain && b === Infinity) return [site.importer.activation(x, 'relu', site.who)]
  return [site.apply({ kind: 'map', fn: 'clip', a, b }, x)]
}

/** x ** 2 and x ** 0.5 have quicker ways. */
const pow: Operator = (site) => {
  const [x, y] = [site.input(0), site.input(1)]
  const exponent = y.constant?.data.length === 1 ? y.constant.data[0] : undefined
  if (exponent === 2) return [site.apply({ kind: 'combine', fn: 'mul' }, x, x)]
  if (exponent === 0.5) return [site.apply({ kind: 'map', fn: 'sqrt' }, x)]
  return [site.apply({ kind: 'combine', fn: 'pow' }, x, y)]
}

const mod: Operator = (site) => {
  const [x, y] = [site.input(0), site.input(1)]
  const rest = site.apply({ kind: 'combine', fn: 'mod' }, x, y)
  if (site.number('fmod', 0) === 1) return [rest]
  // With the sign of the divisor: x mod y = fmod(fmod(x, y) + y, y).
  const moved = site.apply({ kind: 'combine', fn: 'add' }, rest, y)
  return [site.apply({ kind: 'combine', fn: 'mod' }, moved, y)]
}

/** ONNX's numbers of the types that a cast may go to. */
export const CASTS: Readonly<Record<number, HostType>> = {
  1: 'float32',
  2: 'uint8',
  3: 'int8',
  4: 'uint16',
  5: 'int16',
  6: 'int32',
  7: 'int64',
  9: 'bool',
  10: 'float32',
  11: 'float64',
  12: 'uint32',
  13: 'uint64',
  21: 'uint4',
  22: 'int4',
  25: 'uint2',
  26: 'int2',
}

const cast: Operator = (site) => {
  const x = site.input(0)
  const type = site.node.op === 'CastLike' ? site.input(1).type : CASTS[site.number('to', 0)]
  if (type === undefined) throw site.fail(`a cast to element type ${site.number('to', 0)} is not supported`)
  return [castTo(site, x, type)]
}

function castTo(site: Site, x: Value, type: HostType): Value {
  const identity = { kind: 'map', fn: 'affine', a: 1, b: 0 } as const
  if (x.constant !== undefined) {
    // Host tensors convert as they are written, but for numbers smaller than a byte.
    const small = (BITS[type] ?? 8) < 8 && x.type !== type
    return site.typed(type, identity, small ? wrapped(site, isFloat(x.type) ? truncated(site, x) : x, type) : x)
  }
  if (type === 'bool' && x.type !== 'bool') {
    return site.typed(type, { kind: 'map', fn: 'not' }, site.apply({ kind: 'map', fn: 'not' }, x))
  }
  if (x.type === type || x.type === 'bool' || isFloat(type)) return { ...x, type }
  const whole = isFloat(x.type) ? truncated(site, x) : x
  return { ...wrapped(site, whole, type), type }
}

/** Bits of the narrow integers. Wider ones are beyond what f32 holds exactly. */
const BITS: Readonly<Partial<Record<HostType, number>>> = {
  int2: 2,
  uint2: 2,
  int4: 4,
  uint4: 4,
  int8: 8,
  uint8: 8,
  int16: 16,
  uint16: 16,
}

/** The lowest bits of a whole number. */
function wrapped(site: Site, x: Value, type: HostType): Value {
  const bits = BITS[type]
  if (bits === undefined) return x
  const n = 2 ** bits
  const least = type.startsWith('int') ? -n / 2 : 0
  const turns = site.apply({ kind: 'map', fn: 'affine', a: 1 / n, b: -least / n }, x)
  const over = site.apply({ kind: 'map', fn: 'affine', a: n, b: 0 }, site.apply({ kind: 'map', fn: 'floor' }, turns))
  return site.apply({ kind: 'combine', fn: 'sub' }, x, over)
}

/** Towards zero: the sign times the whole part of the size. */
function truncated(site: Site, x: Value): Value {
  const whole = site.apply({ kind: 'map', fn: 'floor' }, site.apply({ kind: 'map', fn: 'abs' }, x))
  return site.apply({ kind: 'combine', fn: 'mul' }, whole, site.apply({ kind: 'map', fn: 'sign' }, x))
}

const identity: Operator = (site) => [site.input(0)]

const dropout: Operator = (site) => {
  const x = site.input(0)
  if (site.constant(2, 'the mode')?.data[0] === 1) throw site.fail('training mode is not supported')
  const ones = { kind: 'map', fn: 'affine', a: 0, b: 1 } as const
  return site.node.outputs.length > 1 ? [x, site.typed('bool', ones, x)] : [x]
}

const times = (site: Site, x: Value, factor: number): Value =>
  site.apply({ kind: 'map', fn: 'affine', a: factor, b: 0 }, x)

const ab = (a: number, b: number) => (site: Site) => ({ a: site.number('alpha', a), b: site.number('beta', b) })

export const elementwise: Readonly<Record<string, Operator>> = {
  Abs: map('abs'),
  Add: combine('add'),
  And: combine('and', 'bool'),
  Cast: cast,
  CastLike: cast,
  Ceil: map('ceil'),
  Celu: (site) => {
    const alpha = site.number('alpha', 1)
    const scaled = site.apply({ kind: 'map', fn: 'affine', a: 1 / alpha, b: 0 }, site.input(0))
    return [times(site, site.apply({ kind: 'map', fn: 'elu', a: 1 }, scaled), alpha)]
  },
  Clip: clip,
  Div: combine('div'),
  Dropout: dropout,
  Elu: map('elu', ab(1, 0)),
  Equal: combine('equal', 'bool'),
  Erf: map('erf'),
  Exp: map('exp'),
  Floor: map('floor'),
  Gelu: (site) => map(site.text('approximate', 'none') === 'tanh' ? 'gelu-tanh' : 'gelu')(site),
  Greater: combine('greater', 'bool'),
  GreaterOrEqual: combine('greaterequal', 'bool'),
  HardSigmoid: map('hardsigmoid', ab(0.2, 0.5)),
  HardSwish: map('hardswish'),
  Identity: identity,
  LeakyRelu: map('leakyrelu', ab(0.01, 0)),
  Less: combine('less', 'bool'),
  LessOrEqual: combine('lessequal', 'bool'),
  Log: map('log'),
  Max: chain('max'),
  Mean: chain('add', true),
  Min: chain('min'),
  Mish: (site) => {
    const x = site.input(0)
    const gate = site.apply({ kind: 'map', fn: 'tanh' }, site.apply({ kind: 'map', fn: 'softplus' }, x))
    return [site.apply({ kind: 'combine', fn: 'mul' }, x, gate)]
  },
  Mod: mod,
  Mul: combine('mul'),
  Neg: map('neg'),
  Not: (site) => [site.typed('bool', { kind: 'map', fn: 'not' }, site.input(0))],
  Or: combine('or', 'bool'),
  PRelu: (site) => {
    const [x, slope] = [site.input(0), site.input(1)]
    // Before operator set 7 a row of slopes was one for each channel.
    const rows = site.opset < 7 && slope.dims.length === 1 && x.dims.length > 1
    const slopes = rows ? site.reshape(slope, [slope.dims[0], ...x.dims.slice(2).map(() => 1)]) : slope
    return [site.apply({ kind: 'combine', fn: 'prelu' }, x, slopes)]
  },
  Pow: pow,
  Reciprocal: map('reciprocal'),
  Relu: relu,
  Round: map('round'),
  Selu: (site) => {
    const { a } = ab(1.6732631921768188, 0)(site)
    return [
      times(site, site.apply({ kind: 'map', fn: 'elu', a }, site.input(0)), site.number('gamma', 1.0507010221481323)),
    ]
  },
  Sigmoid: map('sigmoid'),
  Sign: map('sign'),
  Softplus: map('softplus'),
  Softsign: (site) => {
    const x = site.input(0)
    const size = site.apply({ kind: 'map', fn: 'abs' }, x)
    return [site.apply({ kind: 'combine', fn: 'div' }, x, site.apply({ kind: 'map', fn: 'affine', a: 1, b: 1 }, size))]
  },
  Sqrt: map('sqrt'),
  Sub: combine('sub'),
  Sum: chain('add'),
  Swish: (site) => {
    const alpha = site.number('alpha', 1)
    if (alpha === 1) return map('silu')(site)
    const x = site.input(0)
    const gate = site.apply(
      { kind: 'map', fn: 'sigmoid' },
      site.apply({ kind: 'map', fn: 'affine', a: alpha, b: 0 }, x),
    )
    return [site.apply({ kind: 'combine', fn: 'mul' }, x, gate)]
  },
  Tanh: map('tanh'),
  ThresholdedRelu: (site) => {
    const x = site.input(0)
    const above = site.apply({ kind: 'combine', fn: 'greater' }, x, site.scalar(site.number('alpha', 1)))
    return [site.apply({ kind: 'select' }, above, x, site.scalar(0))]
  },
  Where: (site) => [site.typed(site.input(1).type, { kind: 'select' }, ...site.first(3))],
  Xor: combine('xor', 'bool'),
}
