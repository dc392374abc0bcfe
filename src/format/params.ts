/** Per-channel constants (scales and biases) in the coded stream. */
import type { CodedArray } from '../graph/model.js'
import type { Fields } from './fields.js'
import { floatToHalf, gridPoint, halfToFloat, MAX_GRID } from './half.js'
import { damaged, refuse } from './limits.js'

/** Codes one array of `count` constants. `name` tells scales from biases, `layer` numbers the layers: codes of different layers have little in common. */
export function codeArray(f: Fields, name: string, layer: number, count: number, a?: CodedArray): CodedArray {
  if (f.bit(`${name}.f16`, a?.kind === 'f16', 4096)) {
    const given = a?.kind === 'f16' ? a.codes : undefined
    const codes = new Uint16Array(count)
    const tree = `${name}.${layer}.half`
    for (let i = 0; i < count && !f.coder.overrun; i++) codes[i] = codeTree(f, tree, given?.[i] ?? 0, 16, 8, 4, 32)
    return { kind: 'f16', codes }
  }
  const u = a?.kind === 'uniform' ? a : undefined
  const bits = 1 + f.near(`${name}.bits`, (u?.bits ?? 1) - 1, 5, 0, 7)
  const step = codeStep(f, name, u?.step ?? 0)
  const lo = codeLow(f, name, u?.lo ?? 0, step)
  const codes = new Uint8Array(count)
  const tree = `${name}.${layer}`
  for (let i = 0; i < count && !f.coder.overrun; i++) codes[i] = f.tree(tree, u?.codes[i] ?? 0, bits, 4, 32)
  return { kind: 'uniform', bits, lo, step, codes }
}

/** A value of `bits` bits, highest first; the first `adaptive` of them as a tree of adaptive decisions. */
function codeTree(
  f: Fields,
  name: string,
  value: number,
  bits: number,
  adaptive: number,
  first?: number,
  last?: number,
): number {
  const rest = bits - adaptive
  const high = f.tree(name, value >>> rest, adaptive, first, last)
  return rest === 0 ? high : high * 2 ** rest + f.coder.raw(rest, value & (2 ** rest - 1))
}

function codeStep(f: Fields, name: string, step: number): number {
  const code = halfCode(step)
  const coarse = !f.bit(`${name}.fine`, (code & 31) !== 0, 8192)
  const high = codeTree(f, `${name}.step`, code >>> 5, 11, 6)
  return half((high << 5) | (coarse ? 0 : f.coder.raw(5, code & 31)))
}

function codeLow(f: Fields, name: string, lo: number, step: number): number {
  // + 0 turns -0, which is not on the grid, into 0.
  const index = step > 0 ? Math.max(-MAX_GRID, Math.min(MAX_GRID, Math.round(lo / step))) + 0 : 0
  if (f.bit(`${name}.offgrid`, !Object.is(gridPoint(index, step), lo), 8192)) {
    return half(codeTree(f, `${name}.lo`, halfCode(lo), 16, 6))
  }
  return gridPoint(f.near(`${name}.low`, index, 0, -MAX_GRID, MAX_GRID), step)
}

function halfCode(value: number): number {
  const code = floatToHalf(value)
  if (!Object.is(halfToFloat(code), value) || !Number.isFinite(value)) {
    throw refuse(`${value} is not a half precision number: make coded arrays with quantiseUniform`)
  }
  return code
}

function half(code: number): number {
  const value = halfToFloat(code)
  if (!Number.isFinite(value)) throw damaged('a step or low end is not finite')
  return value
}
