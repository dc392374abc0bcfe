/**
 * What the operators of an ONNX graph become. Each value of the ONNX graph is a constant, or a value of the graph that is being
 * built. ONNX counts the batch as dimension 0; our graphs leave it out: where all inputs of a model have a dimension 0 that is 1 or
 * free, it is the batch, it counts as 1 while importing, and values whose dimension 0 is 1 go without it ('stripped').
 */
import { WhiteDwarfError } from '../errors.js'
import { type ConvNode, MAX_ELEMENTS, type Node, type PoolNode } from '../graph/ir.js'
import type { LayerWeights } from '../graph/model.js'
import { type TensorFn, tensorShape } from '../graph/tensor-fn.js'
import { evaluate } from './evaluate.js'
import { count, type HostTensor, type HostType } from './tensor.js'

export interface Value {
  /** As ONNX counts them. */
  readonly dims: readonly number[]
  readonly type: HostType
  readonly constant?: HostTensor | undefined
  /** The value's name in our graph; constants get one when a kernel needs them. */
  readonly name?: string
  /** In our graph without dimension 0. */
  readonly stripped: boolean
}

const same = (a: readonly number[], b: readonly number[]) => a.length === b.length && a.every((d, i) => d === b[i])

/** Most operations of a network: what a file of a few bytes may ask for must end. */
const MAX_NODES = 2 ** 14
/** Elements of constants and tables that importing may compute, besides some times as many as the file holds. */
const FREE_ELEMENTS = 2 ** 21
const ELEMENTS_PER_GIVEN = 8

/** The graph that is being built. */
export class Importer {
  readonly nodes: Node[] = []
  readonly weights: Record<string, LayerWeights> = {}
  readonly constants: Record<string, Float32Array> = {}
  private readonly values = new Map<string, Value>()
  private readonly names = new Set<string>()
  /** How many names were made from a name. */
  private readonly variants = new Map<string, number>()
  private budget = FREE_ELEMENTS

  /** @param batched whether dimension 0 is the batch */
  constructor(
    readonly opset: number,
    readonly batched: boolean,
  ) {}

  /** A constant that the file holds, or the caller gives. */
  give(name: string, tensor: HostTensor): void {
    this.budget += ELEMENTS_PER_GIVEN * count(tensor.dims)
    this.define(name, this.constant(tensor))
  }

  /**
   * Must come before a constant or a table of so many elements is made.
   * @throws WhiteDwarfError E_SHAPE
   */
  charge(elements: number, who: string): void {
    this.budget -= elements
    if (this.budget >= 0) return
    throw new WhiteDwarfError(
      'E_SHAPE',
      `${who}: the constants that the model computes grow beyond all measure: ${elements} elements here`,
    )
  }

  define(name: string, value: Value): void {
    this.values.set(name, value)
  }

  find(name: string): Value | undefined {
    return this.values.get(name)
  }

  /** A name that no value has yet. */
  fresh(wanted: string): string {
    let name = wanted
    while (this.names.has(name)) {
      const i = (this.variants.get(wanted) ?? 1) + 1
      this.variants.set(wanted, i)
      name = `${wanted}~${i}`
    }
    this.names.add(name)
    return name
  }

  /** Whether a value of these dimensions goes without the first. */
  strips(dims: readonly number[]): boolean {
    return this.batched && dims[0] === 1
  }

  /**
   * A tensor function of values in ONNX's dimensions: computed now where all of them are constants, else a node.
   * @param type of the result; by default that of the first input
   */
  apply(fn: TensorFn, inputs: readonly Value[], who: string, type: HostType = inputs[0].type): Value {
    const shapes = inputs.map((v) => v.dims)
    const dims = tensorShape(fn, shapes, who)
    if (dims.some((d) => !Number.isSafeInteger(d) || d < 0) || count(dims) > MAX_ELEMENTS) {
      throw new WhiteDwarfError('E_SHAPE', `${who}: it cannot have shape [${dims.join(', ')}]`)
    }
    if (inputs.every((v) => v.constant !== undefined)) {
      if (fn.kind !== 'reshape') this.charge(count(dims), who)
      const constants = inputs.map((v) => v.constant as HostTensor)
      const result = evaluate(fn, constants, type, who)
      if (result !== undefined) return this.constant(result)
    }
    if (fn.kind === 'reshape' && this.named(inputs[0], who) && same(this.shapeOf(inputs[0]), this.irShape(dims))) {
      return { ...inputs[0], dims, type, constant: undefined, stripped: this.strips(dims) }
    }
    const stripped = this.strips(dims)
    const short = stripped ? withoutBatch(fn) : undefined
    const goes =
      short !== undefined && inputs.every((v) => v.stripped || v.dims.length < dims.length || this.strips(v.dims))
    if (goes && (fn.kind === 'combine' || fn.kind === 'select' || inputs.every((v) => this.strips(v.dims)))) {
      const operands = inputs.map((v) => (this.strips(v.dims) ? this.shaped(v, true, who) : this.named(v, who)))
      return { dims, type, name: this.tensor(short, operands, who), stripped: true }
    }
    const operands = inputs.map((v) => this.shaped(v, false, who))
    const name = this.tensor(fn, operands, who)
    const whole: Value = { dims, type, name, stripped: false }
    return stripped ? { ...whole, name: this.shaped(whole, true, who), stripped } : whole
  }

  constant(tensor: HostTensor): Value {
    return { dims: tensor.dims, type: tensor.type, constant: tensor, stripped: false }
  }

  /** The value's shape in our graph. */
  private shapeOf(v: Value): readonly number[] {
    return v.stripped ? v.dims.slice(1) : v.dims
  }

  private irShape(dims: readonly number[]): readonly number[] {
    return this.strips(dims) ? dims.slice(1) : dims
  }

  /** The value's name in our graph; a constant becomes a node. */
  named(v: Value, who: string): string {
    if (v.name !== undefined) return v.name
    const { constant } = v
    if (constant === undefined) throw new WhiteDwarfError('E_GRAPH', `${who}: a value is missing`)
    const name = this.fresh(`${who}:constant`)
    this.push({ op: 'tensor', name, inputs: [], fn: { kind: 'constant', shape: this.shapeOf(v) } })
    this.constants[name] = Float32Array.from(constant.data)
    return name
  }

  /** The value's name in our graph, with or without dimension 0, reshaped if need be. */
  private shaped(v: Value, stripped: boolean, who: string): string {
    if (v.constant !== undefined && v.name === undefined) return this.named({ ...v, stripped }, who)
    const name = this.named(v, who)
    if (v.stripped === stripped) return name
    const shape = stripped ? v.dims.slice(1) : v.dims
    return this.tensor({ kind: 'reshape', shape }, [name], who)
  }

  private tensor(fn: TensorFn, inputs: readonly string[], who: string): string {
    const name = this.fresh(who)
    this.push({ op: 'tensor', name, inputs, fn })
    return name
  }

  private push(node: Node): void {
    if (this.nodes.length >= MAX_NODES) {
      throw new WhiteDwarfError('E_GRAPH', `'${node.name}': the network takes more than ${MAX_NODES} operations`)
    }
    this.nodes.push(node)
  }

  /** The name of [1, C, H, W] as [C, H, W]. */
  private image(v: Value, who: string): string {
    if (v.dims.length !== 4 || v.dims[0] !== 1) {
      throw new WhiteDwarfError('E_SHAPE', `${who} needs one image [1, C, H, W], got [${v.dims.join(', ')}]`)
    }
    return this.shaped(v, true, who)
  }

  /** What [C, H, W] is as [1, C, H, W]. */
  private ofImage(name: string, [c, h, w]: readonly number[], who: string): Value {
    const value: Value = { dims: [1, c, h, w], type: 'float32', name, stripped: true }
    return this.batched ? value : { ...value, name: this.shaped(value, false, who), stripped: false }
  }

  /** A convolution of one image [1, C, H, W]. */
  conv(
    x: Value,
    spec: Omit<ConvNode, 'op' | 'name' | 'inputs'>,
    weights: LayerWeights,
    size: readonly number[],
    who: string,
  ): Value {
    const from = this.image(x, who)
    const name = this.fresh(who)
    this.push({ op: 'conv2d', name, inputs: [from], ...spec })
    this.weights[name] = weights
    return this.ofImage(name, [spec.channels, ...size], who)
  }

  /** A pool of one image [1, C, H, W]. */
  pool(x: Value, spec: Omit<PoolNode, 'name' | 'inputs'>, size: readonly number[], who: string): Value {
    const from = this.image(x, who)
    const name = this.fresh(who)
    this.push({ ...spec, name, inputs: [from] })
    return this.ofImage(name, [x.dims[1], ...size], who)
  }

  /** Local response normalisation of one image. */
  lrn(x: Value, fn: TensorFn & { kind: 'lrn' }, who: string): Value {
    return this.ofImage(this.tensor(fn, [this.image(x, who)], who), x.dims.slice(1), who)
  }

  /** A dense layer of a vector [1, K] or [K]. */
  dense(x: Value, weights: LayerWeights, who: string): Value {
    const units = weights.bias.length
    const vector = { ...x, dims: [1, x.dims[x.dims.length - 1]] }
    const from = this.shaped(x.dims.length === 1 ? x : vector, x.dims.length > 1, who)
    const name = this.fresh(who)
    this.push({ op: 'dense', name, inputs: [from], units })
    this.weights[name] = weights
    const dims = [...x.dims.slice(0, -1), units]
    const value: Value = { dims, type: 'float32', name, stripped: dims.length === 2 }
    return this.strips(dims) === value.stripped
      ? value
      : { ...value, name: this.shaped(value, false, who), stripped: false }
  }

  /** An activation that our graph has a node for. */
  activation(x: Value, op: 'relu' | 'relu6', who: string): Value {
    const name = this.fresh(who)
    this.push({ op, name, inputs: [this.named(x, who)] })
    return { ...x, constant: undefined, name }
  }

  /** The sum of two values of one shape, which layers can take over. */
  add(a: Value, b: Value, who: string): Value | undefined {
    if (a.constant !== undefined || b.constant !== undefined || !same(a.dims, b.dims) || a.stripped !== b.stripped)
      return
    const name = this.fresh(who)
    this.push({ op: 'add', name, inputs: [this.named(a, who), this.named(b, who)] })
    return { ...a, name }
  }

  /** Gives values the names that the model's outputs have: their nodes are renamed, or copied where that cannot be. */
  finish(outputs: readonly string[]): Node[] {
    const renamed = new Map<string, string>()
    const made = new Set(this.nodes.map((n) => n.name))
    for (const output of outputs) {
      const v = this.values.get(output) as Value
      const name = this.named(v, output)
      // An input that is a result as it is.
      if (name === output) continue
      if (made.has(name) && !renamed.has(name) && v.stripped === this.strips(v.dims)) renamed.set(name, output)
      else {
        const from = this.shaped(v, this.strips(v.dims), output)
        this.push({
          op: 'tensor',
          name: output,
          inputs: [from],
          fn: { kind: 'reshape', shape: this.irShape(v.dims) },
        })
      }
    }
    const named = (name: string) => renamed.get(name) ?? name
    for (const [old, name] of renamed) {
      for (const record of [this.weights, this.constants]) {
        if (!Object.hasOwn(record, old)) continue
        record[name] = record[old]
        delete record[old]
      }
    }
    return this.nodes.map((node) => ({ ...node, name: named(node.name), inputs: node.inputs.map(named) }))
  }
}

/** The same function of tensors that go without dimension 0; undefined where it concerns that dimension. */
function withoutBatch(fn: TensorFn): TensorFn | undefined {
  const rest = (list: readonly number[]) => list.slice(1)
  switch (fn.kind) {
    case 'map':
    case 'combine':
    case 'select':
      return fn
    case 'reduce':
      return fn.begin >= 1 ? { ...fn, begin: fn.begin - 1, end: fn.end - 1 } : undefined
    case 'softmax':
    case 'normalise':
    case 'concat':
    case 'take':
    case 'resample':
      return fn.axis >= 1 ? { ...fn, axis: fn.axis - 1 } : undefined
    case 'reshape':
    case 'expand':
      return fn.shape[0] === 1 ? { ...fn, shape: rest(fn.shape) } : undefined
    case 'permute':
      return fn.perm[0] === 0 ? { ...fn, perm: rest(fn.perm).map((p) => p - 1) } : undefined
    case 'slice':
      return { ...fn, begin: rest(fn.begin), step: rest(fn.step), size: rest(fn.size) }
    case 'pad':
      return fn.before[0] === 0 && fn.after[0] === 0
        ? { ...fn, before: rest(fn.before), after: rest(fn.after), between: rest(fn.between) }
        : undefined
    default:
      return undefined
  }
}
