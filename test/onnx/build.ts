/** ONNX models made by hand, for tests. */
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import {
  type AttributeProtoSchema,
  AttributeProto_AttributeType as Kind,
  ModelProtoSchema,
  type NodeProtoSchema,
  type TensorProtoSchema,
} from 'onnx-buf'

type AttributeInit = MessageInitShape<typeof AttributeProtoSchema>
export type TensorInit = MessageInitShape<typeof TensorProtoSchema>
type NodeInit = MessageInitShape<typeof NodeProtoSchema>

/** ONNX's numbers of element types. */
export const FLOAT = 1
export const INT64 = 7

export const floats = (name: string, dims: readonly number[], values: ArrayLike<number>): TensorInit => ({
  name,
  dataType: FLOAT,
  dims: dims.map(BigInt),
  floatData: Array.from(values),
})

export const ints = (
  name: string,
  values: readonly number[],
  dims: readonly number[] = [values.length],
): TensorInit => ({
  name,
  dataType: INT64,
  dims: dims.map(BigInt),
  int64Data: values.map(BigInt),
})

/** A list of floats must be a Float32Array: other lists are integers. */
export type AttributeGiven = number | string | readonly number[] | Float32Array | TensorInit

function attribute(name: string, value: AttributeGiven): AttributeInit {
  if (value instanceof Float32Array) return { name, type: Kind.FLOATS, floats: [...value] }
  if (typeof value === 'string') return { name, type: Kind.STRING, s: new TextEncoder().encode(value) }
  if (typeof value === 'number') {
    const whole = Number.isInteger(value) && !/alpha|beta|epsilon|value|bias|^min$|^max$/.test(name)
    return whole ? { name, type: Kind.INT, i: BigInt(value) } : { name, type: Kind.FLOAT, f: value }
  }
  if (Array.isArray(value)) return { name, type: Kind.INTS, ints: value.map(BigInt) }
  return { name, type: Kind.TENSOR, t: value as NonNullable<AttributeInit['t']> }
}

export function node(
  opType: string,
  input: readonly string[],
  output: readonly string[],
  attributes: Readonly<Record<string, AttributeGiven>> = {},
): NodeInit {
  const list = Object.entries(attributes).map(([name, value]) => attribute(name, value))
  return { name: `${opType}_${output[0]}`, opType, input: [...input], output: [...output], attribute: list }
}

export interface ModelInit {
  readonly nodes: readonly NodeInit[]
  /** Name -> dimensions; a string is one that is left open. */
  readonly inputs: Readonly<Record<string, readonly (number | string)[]>>
  readonly outputs: readonly string[]
  readonly constants?: readonly TensorInit[]
  readonly opset?: number
}

/** The file of a model. */
export function onnx({ nodes, inputs, outputs, constants = [], opset = 17 }: ModelInit): Uint8Array {
  const port = (name: string, dims: readonly (number | string)[] = []) => ({
    name,
    type: {
      value: {
        case: 'tensorType' as const,
        value: {
          elemType: FLOAT,
          shape: {
            dim: dims.map((d) => ({
              value:
                typeof d === 'string'
                  ? { case: 'dimParam' as const, value: d }
                  : { case: 'dimValue' as const, value: BigInt(d) },
            })),
          },
        },
      },
    },
  })
  const model = create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [{ domain: '', version: BigInt(opset) }],
    graph: {
      name: 'test',
      node: [...nodes],
      input: Object.entries(inputs).map(([name, dims]) => port(name, dims)),
      output: outputs.map((name) => port(name)),
      initializer: [...constants],
    },
  })
  return toBinary(ModelProtoSchema, model)
}
