/** The graph of an ONNX file that is being written: nodes, constants, and the batch that our graphs leave out. */
import { inferShapes, type Shape } from '../graph/ir.js'
import type { FloatModel } from '../graph/model.js'
import {
  AttributeProto_AttributeType as Kind,
  type MessageInitShape,
  type NodeProtoSchema,
  type TensorProtoSchema,
} from './vendor.js'

type NodeInit = MessageInitShape<typeof NodeProtoSchema>
type TensorInit = MessageInitShape<typeof TensorProtoSchema>
export type Attributes = Readonly<Record<string, number | string | readonly number[] | { readonly float: number }>>

/** ONNX's numbers of element types. */
export const FLOAT = 1
export const INT64 = 7
export const BOOL = 9

export class Writer {
  readonly nodes: NodeInit[] = []
  readonly constants: TensorInit[] = []
  private readonly shapes: ReadonlyMap<string, Shape>
  /** Constants, which have no batch, and what those were called that were given one. */
  private readonly loose = new Set<string>()
  private readonly batched = new Map<string, string>()
  private batchSize: string | undefined
  private helpers = 0

  constructor(readonly model: FloatModel) {
    this.shapes = inferShapes(model.graph)
  }

  /** A value's shape in our graph. */
  shapeOf(name: string): Shape {
    return this.shapes.get(name) as Shape
  }

  /** Writes a constant of our graph. */
  constant(name: string, shape: Shape, values: Float32Array): void {
    this.constants.push(tensor(name, FLOAT, shape, Float32Array.from(values)))
    this.loose.add(name)
  }

  isConstant(name: string): boolean {
    return this.loose.has(name)
  }

  /** A value with its batch; a constant is repeated. */
  value(name: string): string {
    if (!this.loose.has(name)) return name
    const known = this.batched.get(name)
    if (known !== undefined) return known
    const whole = this.repeated(name)
    this.batched.set(name, whole)
    return whole
  }

  /** A constant for each example, under a name of its own or a given one. */
  repeated(name: string, output?: string): string {
    const shape = this.add('Concat', [this.batch(), this.integers(this.shapeOf(name))], { axis: 0 })
    return this.add('Expand', [name, shape], {}, output)
  }

  /** The size of the batch, [1]. */
  private batch(): string {
    const [input] = this.model.graph.inputs
    this.batchSize ??= this.add('Gather', [this.add('Shape', [input.name]), this.integers([0])], { axis: 0 })
    return this.batchSize
  }

  /** A value that broadcasts to so many dimensions: they are aligned at the end, so those of an example follow the batch. */
  widened(name: string, rank: number): string {
    const shape = this.shapeOf(name)
    if (shape.length >= rank) return this.value(name)
    const ones = new Array<number>(rank - shape.length).fill(1)
    return this.add('Reshape', [this.value(name), this.integers([0, ...ones, ...shape])])
  }

  /** @returns the name of the result */
  add(opType: string, input: readonly string[], attributes: Attributes = {}, output = this.fresh()): string {
    const attribute = Object.entries(attributes).map(([name, value]) => {
      if (typeof value === 'string') return { name, type: Kind.STRING, s: new TextEncoder().encode(value) }
      if (typeof value === 'number') return { name, type: Kind.INT, i: BigInt(value) }
      if ('float' in value) return { name, type: Kind.FLOAT, f: value.float }
      return { name, type: Kind.INTS, ints: value.map(BigInt) }
    })
    this.nodes.push({ name: output, opType, input: [...input], output: [output], attribute })
    return output
  }

  /** A name that no value has. */
  fresh(wanted = 'helper'): string {
    let name: string
    do name = `${wanted}_${this.helpers++}`
    while (this.shapes.has(name))
    return name
  }

  floats(values: ArrayLike<number>, dims: Shape): string {
    const name = this.fresh()
    this.constants.push(tensor(name, FLOAT, dims, Float32Array.from(values)))
    return name
  }

  scalar(value: number): string {
    return this.floats([value], [])
  }

  integers(values: readonly number[]): string {
    const name = this.fresh()
    this.constants.push(tensor(name, INT64, [values.length], BigInt64Array.from(values, BigInt)))
    return name
  }
}

function tensor(name: string, dataType: number, dims: Shape, data: Float32Array | BigInt64Array): TensorInit {
  const rawData = new Uint8Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) as ArrayBuffer)
  return { name, dataType, dims: dims.map(BigInt), rawData }
}
