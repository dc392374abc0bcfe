/**
 * Writes TensorFlow Lite files: the parts of its schema (version 3) that the compared networks need, through the flatbuffers library.
 * Numbers of fields, operators and types are those of tensorflow/lite/schema/schema.fbs.
 *
 * @typedef {object} TfTensor
 * @property {string} name
 * @property {number[]} shape
 * @property {'FLOAT32' | 'INT32' | 'INT8'} type
 * @property {ArrayBufferView} [data]  of a constant
 * @property {{ scale: number[], zero: number[], axis: number }} [grid]  real = scale * (code - zero), one or for each index of an axis
 * @property {{ segments: number[], indices: number[] }} [csr]  `data` holds non-zeros only: of all dimensions but the last, flattened,
 *   the row pointers, and their places in the last
 * @typedef {{ op: keyof OPERATORS, inputs: number[], outputs: number[], options?: object }} TfOperator  tensors by index
 * @typedef {{ tensors: TfTensor[], operators: TfOperator[], inputs: number[], outputs: number[] }} TfModel
 */
import { Builder } from 'flatbuffers'

const TYPES = { FLOAT32: 0, INT32: 2, INT8: 9 }

const conv = { padding: [0, 'Int8'], strideX: [1, 'Int32'], strideY: [2, 'Int32'] }
const dilation = (field) => ({ dilationX: [field, 'Int32', 1], dilationY: [field + 1, 'Int32', 1] })

/** Builtin code, version, and the options: number in the union BuiltinOptions, and fields as [index, type, default]. */
const OPERATORS = {
  ADD: { code: 0, version: 2, union: 11, fields: { activation: [0, 'Int8'] } },
  CONV_2D: { code: 3, version: 3, union: 1, fields: { ...conv, activation: [3, 'Int8'], ...dilation(4) } },
  DEPTHWISE_CONV_2D: {
    code: 4,
    version: 3,
    union: 2,
    fields: { ...conv, multiplier: [3, 'Int32'], activation: [4, 'Int8'], ...dilation(5) },
  },
  DEQUANTIZE: { code: 6, version: 2, union: 0, fields: {} },
  FULLY_CONNECTED: { code: 9, version: 4, union: 8, fields: { activation: [0, 'Int8'] } },
  MAX_POOL_2D: {
    code: 17,
    version: 2,
    union: 5,
    fields: { ...conv, width: [3, 'Int32'], height: [4, 'Int32'], activation: [5, 'Int8'] },
  },
  RESHAPE: { code: 22, version: 1, union: 0, fields: {} },
  PAD: { code: 34, version: 2, union: 22, fields: {} },
  MEAN: { code: 40, version: 2, union: 27, fields: { keepDims: [0, 'Int8'] } },
  QUANTIZE: { code: 114, version: 1, union: 0, fields: {} },
  DENSIFY: { code: 124, version: 1, union: 0, fields: {} },
}

/** @param {TfModel} model @returns {Uint8Array} */
export function encodeTflite({ tensors, operators, inputs, outputs }) {
  const b = new Builder(1024)

  /** A table from pairs of field number and what writes the field. */
  const table = (fields) => {
    b.startObject(Math.max(0, ...fields.map(([i]) => i + 1)))
    for (const [i, type, value, otherwise = 0] of fields) b[`addField${type}`](i, value, otherwise)
    return b.endObject()
  }
  const vector = (values, size, add) => {
    b.startVector(size, values.length, size)
    for (let i = values.length - 1; i >= 0; i--) add(values[i])
    return b.endVector()
  }
  const ints = (values) => vector(values, 4, (v) => b.addInt32(v))
  const offsets = (values) => vector(values, 4, (v) => b.addOffset(v))
  const bytes = (view) => {
    // The schema wants the data of constants on multiples of 16.
    b.prep(16, view.byteLength)
    return b.createByteVector(new Uint8Array(view.buffer, view.byteOffset, view.byteLength))
  }

  const quantization = ({ scale, zero, axis }) => {
    const scales = vector(scale, 4, (v) => b.addFloat32(v))
    const zeros = vector(zero, 8, (v) => b.addInt64(BigInt(v)))
    return table([
      [2, 'Offset', scales],
      [3, 'Offset', zeros],
      [6, 'Int32', axis],
    ])
  }
  const sparsity = (shape, { segments, indices }) => {
    const int32Vector = (values) => table([[0, 'Offset', ints(values)]])
    const dimensions = shape.map((size, i) => {
      if (i < shape.length - 1) return table([[1, 'Int32', size]])
      const [rows, places] = [int32Vector(segments), int32Vector(indices)]
      return table([
        [0, 'Int8', 1],
        [2, 'Int8', 1],
        [3, 'Offset', rows],
        [4, 'Int8', 1],
        [5, 'Offset', places],
      ])
    })
    const order = ints(shape.map((_, i) => i))
    const metadata = offsets(dimensions)
    return table([
      [0, 'Offset', order],
      [2, 'Offset', metadata],
    ])
  }

  // Buffer 0 is the empty one, by the format's rule.
  const buffers = [table([])]
  const tensorTables = tensors.map(({ name, shape, type, data, grid, csr }) => {
    if (data !== undefined) buffers.push(table([[0, 'Offset', bytes(data)]]))
    const fields = [
      [0, 'Offset', ints(shape)],
      [3, 'Offset', b.createString(name)],
    ]
    if (grid !== undefined) fields.push([4, 'Offset', quantization(grid)])
    if (csr !== undefined) fields.push([6, 'Offset', sparsity(shape, csr)])
    return table([...fields, [1, 'Int8', TYPES[type]], [2, 'Int32', data === undefined ? 0 : buffers.length - 1]])
  })

  const used = [...new Set(operators.map(({ op }) => op))]
  const codes = used.map((op) => {
    const { code, version } = OPERATORS[op]
    return table([
      [0, 'Int8', code],
      [2, 'Int32', version, 1],
      [3, 'Int32', code],
    ])
  })
  const operatorTables = operators.map(({ op, inputs, outputs, options = {} }) => {
    const { union, fields } = OPERATORS[op]
    const values = Object.entries(options).map(([key, v]) => [
      fields[key][0],
      fields[key][1],
      Number(v),
      fields[key][2],
    ])
    const from = ints(inputs)
    const to = ints(outputs)
    const own = table(values)
    const kind =
      union === 0
        ? []
        : [
            [3, 'Int8', union],
            [4, 'Offset', own],
          ]
    return table([[0, 'Int32', used.indexOf(op)], [1, 'Offset', from], [2, 'Offset', to], ...kind])
  })
  const subgraph = table(
    [offsets(tensorTables), ints(inputs), ints(outputs), offsets(operatorTables)].map((v, i) => [i, 'Offset', v]),
  )
  const parts = [offsets(codes), offsets([subgraph]), b.createString('network'), offsets(buffers)]
  b.finish(table([[0, 'Int32', 3], ...parts.map((v, i) => [i + 1, 'Offset', v])]), 'TFL3')
  return b.asUint8Array()
}
