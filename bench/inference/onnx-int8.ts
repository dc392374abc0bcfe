/**
 * A network as an 8-bit ONNX file: every stored value goes through QuantizeLinear and DequantizeLinear (u8, one scale), every weight
 * through DequantizeLinear (s8, a scale for each channel). onnxruntime makes integer operators of it (QLinearConv and the like).
 */

import type { MessageInitShape } from '@bufbuild/protobuf'
import { create, toBinary } from '@bufbuild/protobuf'
import {
  AttributeProto_AttributeType as Kind,
  ModelProtoSchema,
  type NodeProtoSchema,
  type TensorProtoSchema,
  TensorProto_DataType as Type,
} from 'onnx-buf'
import { inferShapes, isWeighted, type Shape, weightShape } from 'whitedwarf/compress'
import type { RandomNetwork } from './networks.js'
import { fusedIntoRelu, type Grid, type Quantised, type QuantisedLayer } from './quantised.js'

type Attributes = Readonly<Record<string, number | readonly number[]>>
type Typed = Float32Array | Int8Array | Uint8Array | Int32Array

const OPSET = 17

export function onnxInt8({ floats }: RandomNetwork, { grids, layers }: Quantised): Uint8Array {
  const { graph } = floats
  const shapes = inferShapes(graph)
  const fused = fusedIntoRelu(graph.nodes)
  const node: MessageInitShape<typeof NodeProtoSchema>[] = []
  const initializer: MessageInitShape<typeof TensorProtoSchema>[] = []

  const add = (opType: string, input: readonly string[], output: string, attributes: Attributes = {}): string => {
    const attribute = Object.entries(attributes).map(([name, v]) =>
      typeof v === 'number'
        ? { name, type: Kind.INT, i: BigInt(v) }
        : { name, type: Kind.INTS, ints: v.map((i) => BigInt(i)) },
    )
    node.push({ name: output, opType, input: [...input], output: [output], attribute })
    return output
  }
  const constant = (name: string, dataType: Type, dims: Shape, data: Typed): string => {
    const rawData = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength)
    initializer.push({ name, dataType, dims: dims.map(BigInt), rawData })
    return name
  }
  const gridInputs = (name: string, { scale, zero }: Grid) => [
    constant(`${name}_scale`, Type.FLOAT, [], Float32Array.of(scale)),
    constant(`${name}_zero`, Type.UINT8, [], Uint8Array.of(zero)),
  ]
  /** The value that readers see: what `made` holds, through 8 bits. */
  const stored = (name: string, made: string): void => {
    const grid = gridInputs(name, grids.get(name) as Grid)
    const codes = add('QuantizeLinear', [made, ...grid], `${name}_codes`)
    add('DequantizeLinear', [codes, ...grid], `${name}_real`)
  }
  const weightInputs = (name: string, shape: Shape, x: Grid, { weights, scale, bias }: QuantisedLayer) => {
    const rows = shape[0]
    const biasScale = scale.map((s) => s * x.scale)
    const w = [
      constant(`${name}_weights`, Type.INT8, shape, weights),
      constant(`${name}_weights_scale`, Type.FLOAT, [rows], scale),
      constant(`${name}_weights_zero`, Type.INT8, [rows], new Int8Array(rows)),
    ]
    const b = [
      constant(`${name}_bias`, Type.INT32, [rows], bias),
      constant(`${name}_bias_scale`, Type.FLOAT, [rows], biasScale),
      constant(`${name}_bias_zero`, Type.INT32, [rows], new Int32Array(rows)),
    ]
    return [
      add('DequantizeLinear', w, `${name}_weights_real`, { axis: 0 }),
      add('DequantizeLinear', b, `${name}_bias_real`, { axis: 0 }),
    ]
  }

  const [input] = graph.inputs
  stored(input.name, input.name)
  for (const n of graph.nodes) {
    const { name } = n
    const last = graph.outputs.includes(name)
    const inputs = n.inputs.map((x) => (fused.has(x) ? `${x}_float` : `${x}_real`))
    const made = last ? name : `${name}_float`
    if (isWeighted(n)) {
      const shape = weightShape(n, shapes.get(n.inputs[0]) as Shape)
      const x = grids.get(n.inputs[0]) as Grid
      const operands = [...inputs, ...weightInputs(name, shape, x, layers.get(name) as QuantisedLayer)]
      if (n.op === 'dense') add('Gemm', operands, made, { transB: 1 })
      else {
        const { kernel, stride, pad, groups = 1 } = n
        add('Conv', operands, made, { kernel_shape: kernel, strides: stride, pads: pad, group: groups })
      }
    } else if (n.op === 'maxpool') {
      add('MaxPool', inputs, made, { kernel_shape: n.kernel, strides: n.stride, pads: n.pad })
    } else if (n.op === 'avgpool') add('GlobalAveragePool', inputs, made)
    else if (n.op === 'relu') add('Relu', inputs, made)
    else if (n.op === 'add') add('Add', inputs, made)
    else if (n.op === 'flatten') add('Flatten', inputs, made, { axis: 1 })
    else throw new Error(`'${name}' (${n.op}) has no 8-bit form here`)
    if (!fused.has(name) && !last) stored(name, made)
  }

  const port = (name: string) => {
    const dim = [1, ...(shapes.get(name) as Shape)].map((d) => ({
      value: { case: 'dimValue' as const, value: BigInt(d) },
    }))
    return { name, type: { value: { case: 'tensorType' as const, value: { elemType: Type.FLOAT, shape: { dim } } } } }
  }
  const model = create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [{ domain: '', version: BigInt(OPSET) }],
    producerName: 'whitedwarf bench',
    graph: { name: 'network', node, initializer, input: [port(input.name)], output: graph.outputs.map(port) },
  })
  return toBinary(ModelProtoSchema, model)
}
