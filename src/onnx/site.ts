/** One node of an ONNX graph with its inputs at hand: what operators are written against. */
import { WhiteDwarfError } from '../errors.js'
import type { TensorFn } from '../graph/tensor-fn.js'
import type { Importer, Value } from './importer.js'
import type { OnnxNode } from './model.js'
import { count, type HostTensor, type HostType, hostTensor, isFloat, numbers } from './tensor.js'

export class Site {
  readonly who: string

  constructor(
    readonly importer: Importer,
    readonly node: OnnxNode,
    private readonly values: readonly (Value | undefined)[],
  ) {
    this.who = node.outputs[0] || node.name
  }

  get opset(): number {
    return this.importer.opset
  }

  fail(message: string, code: 'E_GRAPH' | 'E_SHAPE' = 'E_GRAPH'): WhiteDwarfError {
    return new WhiteDwarfError(code, `'${this.node.name}' (${this.node.op}): ${message}`)
  }

  optional(i: number): Value | undefined {
    return this.values[i]
  }

  /** @throws WhiteDwarfError E_GRAPH */
  input(i: number): Value {
    const v = this.values[i]
    if (v === undefined) throw this.fail(`input ${i} is missing`)
    return v
  }

  /** All inputs, at least one. @throws WhiteDwarfError E_GRAPH */
  get inputs(): readonly Value[] {
    return this.first(Math.max(1, this.node.inputs.length))
  }

  /** The first inputs, so many. @throws WhiteDwarfError E_GRAPH */
  first(count: number): Value[] {
    return Array.from({ length: count }, (_, i) => this.input(i))
  }

  /** Input i, which must be a constant; undefined if it is not given. @throws WhiteDwarfError E_GRAPH */
  constant(i: number, what: string): HostTensor | undefined {
    const v = this.values[i]
    if (v === undefined) return undefined
    if (v.constant === undefined) {
      throw this.fail(
        `${what} (input '${this.node.inputs[i]}') depend on what the network is fed; they must be constants: export the model with them fixed, or give them with the option 'constants'`,
      )
    }
    return v.constant
  }

  /** Input i, which must be a constant. @throws WhiteDwarfError E_GRAPH */
  required(i: number, what: string): HostTensor {
    const tensor = this.constant(i, what)
    if (tensor === undefined) throw this.fail(`input ${i}, its ${what}, is missing`)
    return tensor
  }

  /** Numbers from an attribute, or from an input in newer operator sets. @throws WhiteDwarfError E_GRAPH */
  floats(attribute: string, i?: number): number[] | undefined {
    const given = i === undefined ? undefined : this.constant(i, attribute)
    if (given !== undefined) return numbers(given)
    const value = this.node.attributes.get(attribute)
    return Array.isArray(value) && value.every((v) => typeof v === 'number') ? [...value] : undefined
  }

  /** The same, whole numbers all of them. @throws WhiteDwarfError E_GRAPH, E_SHAPE */
  integers(attribute: string, i?: number): number[] | undefined {
    const list = this.floats(attribute, i)
    if (list === undefined || list.every(Number.isSafeInteger)) return list
    throw this.fail(`'${attribute}' must be whole numbers, got [${list.slice(0, 8).join(', ')}]`, 'E_SHAPE')
  }

  /** So many integers of an attribute, all the same where it is not given. @throws WhiteDwarfError E_SHAPE */
  numbers(attribute: string, length: number, otherwise: number): number[] {
    const list = this.integers(attribute)
    if (list === undefined || list.length === 0) return new Array<number>(length).fill(otherwise)
    if (list.length === length) return list
    throw this.fail(`attribute '${attribute}' has ${list.length} numbers, expected ${length}`, 'E_SHAPE')
  }

  number(attribute: string, otherwise: number): number {
    const value = this.node.attributes.get(attribute)
    return typeof value === 'number' ? value : otherwise
  }

  text(attribute: string, otherwise: string): string {
    const value = this.node.attributes.get(attribute)
    return typeof value === 'string' ? value : otherwise
  }

  /** What an attribute's word stands for. @throws WhiteDwarfError E_GRAPH for words that are not in the table */
  choice<T>(attribute: string, otherwise: string, table: Readonly<Record<string, T>>): T {
    const word = this.text(attribute, otherwise)
    if (Object.hasOwn(table, word)) return table[word]
    throw this.fail(`${attribute} '${word}' is not supported, only ${Object.keys(table).join(', ')}`)
  }

  /** A dimension counted from the end where it is negative. @throws WhiteDwarfError E_SHAPE */
  axis(value: number, rank: number): number {
    if (!Number.isInteger(value) || value < -rank || value >= Math.max(rank, 1)) {
      throw this.fail(`axis ${value} of a tensor with ${rank} dimensions`, 'E_SHAPE')
    }
    return value < 0 ? value + rank : value
  }

  apply(fn: TensorFn, ...inputs: Value[]): Value {
    return this.importer.apply(fn, inputs, this.who)
  }

  typed(type: HostType, fn: TensorFn, ...inputs: Value[]): Value {
    return this.importer.apply(fn, inputs, this.who, type)
  }

  reshape(v: Value, shape: readonly number[]): Value {
    return this.apply({ kind: 'reshape', shape }, v)
  }

  scalar(value: number, type: HostType = 'float32'): Value {
    const data = isFloat(type) ? Float32Array.of(value) : Float64Array.of(value)
    return this.importer.constant({ type, dims: [], data })
  }

  constantOf(tensor: HostTensor): Value {
    return this.importer.constant(tensor)
  }

  /** A constant that is computed. @throws WhiteDwarfError E_SHAPE where it is absurdly large */
  computed(type: HostType, dims: readonly number[], value: (i: number) => number): Value {
    if (dims.some((d) => !Number.isSafeInteger(d) || d < 0)) {
      throw this.fail(`its result cannot have shape [${dims.join(', ')}]`, 'E_SHAPE')
    }
    this.importer.charge(count(dims), `'${this.node.name}' (${this.node.op})`)
    return this.constantOf(hostTensor(type, dims, value))
  }

  /** A table for a tensor function. @throws WhiteDwarfError E_SHAPE where it is absurdly long */
  table(length: number, value: (i: number) => number): number[] {
    if (!(length >= 0)) throw this.fail(`its result cannot have ${length} elements`, 'E_SHAPE')
    this.importer.charge(length, `'${this.node.name}' (${this.node.op})`)
    return Array.from({ length }, (_, i) => value(i))
  }
}

/** An operator: its node's outputs, in order. */
export type Operator = (site: Site) => readonly Value[]
