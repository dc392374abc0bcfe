/** Scalar references of assembly/tensor/map.ts and combine.ts. */

import { COMBINE_FUNCTIONS, type CombineFunction, MAP_FUNCTIONS, type MapFunction } from '../../../graph/tensor-fn.js'
import { at } from '../../lanes.js'
import type { Mem } from '../../row.js'
import { erf, exp, log, nearest, pow, sigmoid, tanh } from './math.js'
import { walk } from './walk.js'

const { fround } = Math

const clip = (x: number, low: number, high: number) => Math.min(Math.max(x, low), high)
const SIXTH = fround(1 / 6)
const SQRT_HALF = fround(Math.SQRT1_2)
const SQRT_2_OVER_PI = fround(0.7978845608028654)

const MAPS: Readonly<Record<MapFunction, (x: number, a: number, b: number) => number>> = {
  affine: (x, a, b) => fround(x * a) + b,
  clip,
  leakyrelu: (x, a) => (x < 0 ? x * a : x),
  elu: (x, a) => (x < 0 ? fround(exp(x) - 1) * a : x),
  sigmoid,
  hardsigmoid: (x, a, b) => clip(fround(fround(x * a) + b), 0, 1),
  hardswish: (x) => x * clip(fround(fround(x * SIXTH) + 0.5), 0, 1),
  silu: (x) => x * sigmoid(x),
  gelu: (x) => fround(x * 0.5) * fround(1 + erf(fround(x * SQRT_HALF))),
  'gelu-tanh': (x) => {
    const cube = fround(fround(x * x) * x)
    const inner = fround(fround(x + fround(cube * fround(0.044715))) * SQRT_2_OVER_PI)
    return fround(x * 0.5) * fround(1 + tanh(inner))
  },
  tanh,
  erf,
  exp,
  log,
  sqrt: Math.sqrt,
  reciprocal: (x) => 1 / x,
  abs: Math.abs,
  neg: (x) => -x,
  floor: Math.floor,
  ceil: Math.ceil,
  round: nearest,
  sign: Math.sign,
  softplus: (x) => Math.max(x, 0) + log(1 + exp(-Math.abs(x))),
  not: (x) => (x === 0 ? 1 : 0),
}

export function map(mem: Mem, f: number, x: number, y: number, n: number, a: number, b: number): undefined {
  const apply = MAPS[MAP_FUNCTIONS[f]]
  for (let i = 0; i < n; i++) mem.f32[at(y, 4) + i] = apply(mem.f32[at(x, 4) + i], fround(a), fround(b))
}

const truth = (value: boolean) => (value ? 1 : 0)

const COMBINES: Readonly<Record<CombineFunction, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  min: Math.min,
  max: Math.max,
  pow,
  prelu: (a, b) => (a < 0 ? a * b : a),
  mod: (a, b) => a - Math.trunc(a / b) * b,
  less: (a, b) => truth(a < b),
  lessequal: (a, b) => truth(a <= b),
  greater: (a, b) => truth(a > b),
  greaterequal: (a, b) => truth(a >= b),
  equal: (a, b) => truth(a === b),
  and: (a, b) => truth(a !== 0 && b !== 0),
  or: (a, b) => truth(a !== 0 || b !== 0),
  xor: (a, b) => truth((a !== 0) !== (b !== 0)),
}

export function combine(mem: Mem, f: number, a: number, b: number, y: number, shape: number): undefined {
  const apply = COMBINES[COMBINE_FUNCTIONS[f]]
  let to = at(y, 4)
  walk(mem, shape, 2, ([i, j]) => {
    mem.f32[to++] = apply(mem.f32[at(a, 4) + i], mem.f32[at(b, 4) + j])
  })
}

export function select(mem: Mem, c: number, a: number, b: number, y: number, shape: number): undefined {
  let to = at(y, 4)
  walk(mem, shape, 3, ([i, j, k]) => {
    mem.f32[to++] = mem.f32[at(c, 4) + i] !== 0 ? mem.f32[at(a, 4) + j] : mem.f32[at(b, 4) + k]
  })
}
