/** Writing ONNX files: networks in dense form, for other runtimes. */
import { WhiteDwarfError } from '../errors.js'
import { codedValues } from '../format/half.js'
import { type InputSpec, isWeighted, type Node, type Shape, weightShape } from '../graph/ir.js'
import type { FloatModel, LayerWeights, Model } from '../graph/model.js'
import { create, ModelProtoSchema, toBinary } from './vendor.js'
import { writeTensor } from './write-tensor.js'
import { FLOAT, Writer } from './writer.js'

/** Operators of this set are written; every runtime of the last years reads it. */
const OPSET = 17

/** The network that a compressed model stands for: each weight is its level times the scale of its channel. */
export function toFloatModel(model: Model): FloatModel {
  const weights: Record<string, LayerWeights> = {}
  for (const [name, layer] of Object.entries(model.layers)) {
    const { levels } = model.tensors[layer.tensor]
    const scale = codedValues(layer.scale)
    const each = levels.length / scale.length
    weights[name] = {
      weights: Float32Array.from(levels, (level, i) => level * scale[Math.floor(i / each)]),
      bias: codedValues(layer.bias),
    }
  }
  return { graph: model.graph, weights, constants: model.constants ?? {} }
}

/**
 * The network as an ONNX file. The batch is the first dimension of every input and output, and left open.
 * @throws WhiteDwarfError E_GRAPH for nodes that exist only in training, E_SHAPE
 */
export function exportOnnx(model: FloatModel | Model): Uint8Array {
  const net = 'weights' in model ? model : toFloatModel(model)
  const writer = new Writer(net)
  const { graph } = net
  const inputs = graph.inputs.map((input) => writeInput(writer, input))
  for (const node of graph.nodes) writeNode(writer, node)
  const outputs = graph.outputs.map((name) =>
    writer.isConstant(name) ? writer.repeated(name, writer.fresh(name)) : name,
  )
  const proto = create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [{ domain: '', version: BigInt(OPSET) }],
    producerName: 'whitedwarf',
    graph: {
      name: 'network',
      node: writer.nodes,
      initializer: writer.constants,
      input: inputs.map(({ name, shape }) => port(name, shape)),
      output: outputs.map((name, i) => port(name, writer.shapeOf(graph.outputs[i]))),
    },
  })
  return toBinary(ModelProtoSchema, proto)
}

const port = (name: string, shape: Shape) => ({
  name,
  type: {
    value: {
      case: 'tensorType' as const,
      value: {
        elemType: FLOAT,
        shape: {
          dim: [
            { value: { case: 'dimParam' as const, value: 'N' } },
            ...shape.map((d) => ({ value: { case: 'dimValue' as const, value: BigInt(d) } })),
          ],
        },
      },
    },
  },
})

/** An input takes raw values; what the graph calls by its name is scaled. */
function writeInput(w: Writer, { name, shape, scale, offset }: InputSpec): { name: string; shape: Shape } {
  if (scale.every((s) => s === 1) && offset.every((o) => o === 0)) return { name, shape }
  const raw = w.fresh(`${name}_raw`)
  const each = (values: readonly number[]) =>
    w.floats(values, values.length === 1 ? [] : [values.length, ...shape.slice(1).map(() => 1)])
  const scaled = w.add('Mul', [raw, each(scale)])
  w.add('Add', [scaled, each(offset)], {}, name)
  return { name: raw, shape }
}

function writeNode(w: Writer, node: Node): void {
  const { name } = node
  if (node.op === 'tensor') {
    writeTensor(w, node.fn, node.inputs, name)
    return
  }
  const inputs = node.inputs.map((input) => w.value(input))
  if (isWeighted(node)) {
    const { weights, bias } = w.model.weights[name]
    const shape = weightShape(node, w.shapeOf(node.inputs[0]))
    const operands = [inputs[0], w.floats(weights, shape), w.floats(bias, [bias.length])]
    if (node.op === 'dense') w.add('Gemm', operands, { transB: 1 }, name)
    else {
      const { kernel, stride, pad, groups = 1, dilation = [1, 1] } = node
      const attributes = { kernel_shape: kernel, strides: stride, pads: pad, group: groups, dilations: dilation }
      w.add('Conv', operands, attributes, name)
    }
    return
  }
  switch (node.op) {
    case 'maxpool':
    case 'avgpool': {
      const attributes = { kernel_shape: node.kernel, strides: node.stride, pads: node.pad }
      w.add(node.op === 'maxpool' ? 'MaxPool' : 'AveragePool', inputs, attributes, name)
      return
    }
    case 'relu':
      w.add('Relu', inputs, {}, name)
      return
    case 'relu6':
      w.add('Clip', [...inputs, w.scalar(0), w.scalar(6)], {}, name)
      return
    case 'flatten':
      w.add('Flatten', inputs, { axis: 1 }, name)
      return
    case 'add':
      w.add('Add', inputs, {}, name)
      return
    case 'padchannels':
      w.add('Pad', [...inputs, w.integers([0, node.before, 0, 0, 0, node.after, 0, 0])], {}, name)
      return
    case 'transpose': {
      const [c, height, width] = w.shapeOf(node.inputs[0])
      const wide = w.add('Reshape', [inputs[0], w.integers([0, c, height * width])])
      const turned = w.add('Transpose', [wide], { perm: [0, 2, 1] })
      w.add('Reshape', [turned, w.integers([0, height * width, node.height, node.width])], {}, name)
      return
    }
    case 'batchnorm':
      throw new WhiteDwarfError('E_GRAPH', `'${name}' (${node.op}) exists only in training: fold it before writing`)
  }
}
