/**
 * A network as a TensorFlow Lite model, for LiteRT.js: dense f32, dense int8 (f32 at both ends, as LiteRT.js wants it), or f32 with the
 * pruned weights as sparse tensors, each behind a DENSIFY operator, which is what XNNPACK's sparse kernels ask for.
 *
 * Images are [1, H, W, C] there. Padding that TensorFlow's SAME does not give (at stride 2) is a PAD operator of its own, which XNNPACK
 * merges into the convolution; its sparse kernels need it to be symmetric, as ours is.
 */
import { inferShapes, isWeighted, type Node, type Shape, weightShape } from 'whitedwarf/compress'
import type { RandomNetwork } from './networks.js'
import { fusedIntoRelu, type Grid, type Quantised, type QuantisedLayer } from './quantised.js'

interface TfTensor {
  readonly name: string
  readonly shape: Shape
  readonly type: 'FLOAT32' | 'INT32' | 'INT8'
  readonly data?: ArrayBufferView
  readonly grid?: { readonly scale: readonly number[]; readonly zero: readonly number[]; readonly axis: number }
  readonly csr?: { readonly segments: readonly number[]; readonly indices: readonly number[] }
}

interface TfOperator {
  readonly op: string
  readonly inputs: readonly number[]
  readonly outputs: readonly number[]
  readonly options?: Readonly<Record<string, number | boolean>>
}

/** What peers/tflite.mjs writes. */
export interface TfModel {
  readonly tensors: readonly TfTensor[]
  readonly operators: readonly TfOperator[]
  readonly inputs: readonly number[]
  readonly outputs: readonly number[]
}

export type TfForm = 'f32' | 'int8' | 'sparse'

const SAME = 0
const VALID = 1
const RELU = 1
/** Weights with at most this share of non-zeros are written as sparse tensors. */
const SPARSE_LIMIT = 1 / 3

export function tfliteModel(network: RandomNetwork, form: TfForm, quantised: Quantised): TfModel {
  return new Converter(network, form, quantised).convert()
}

class Converter {
  private readonly tensors: TfTensor[] = []
  private readonly operators: TfOperator[] = []
  /** Value of the graph -> index of its tensor. */
  private readonly made = new Map<string, number>()
  private readonly shapes: ReadonlyMap<string, Shape>

  constructor(
    private readonly network: RandomNetwork,
    private readonly form: TfForm,
    private readonly quantised: Quantised,
  ) {
    this.shapes = inferShapes(network.floats.graph)
  }

  convert(): TfModel {
    const { graph } = this.network.floats
    const [{ name: image }] = graph.inputs
    const input = this.tensor({ name: `${image}_f32`, shape: this.imageShape(image), type: 'FLOAT32' })
    if (this.form === 'int8') this.operator('QUANTIZE', [input], this.value(image))
    else this.made.set(image, input)
    const fused = fusedIntoRelu(graph.nodes)
    const relus = new Map(graph.nodes.filter((n) => n.op === 'relu').map((n) => [n.inputs[0], n.name]))
    for (const node of graph.nodes) {
      if (node.op === 'relu') {
        if (!fused.has(node.inputs[0])) throw new Error(`'${node.name}' is not fused: no operator for it here`)
      } else if (fused.has(node.name)) this.node(node, relus.get(node.name) as string, RELU)
      else this.node(node, node.name, 0)
    }
    const [last] = graph.outputs
    let output = this.at(last)
    if (this.form === 'int8') {
      output = this.tensor({ name: `${last}_f32`, shape: this.imageShape(last), type: 'FLOAT32' })
      this.operator('DEQUANTIZE', [this.at(last)], output)
    }
    return { tensors: this.tensors, operators: this.operators, inputs: [input], outputs: [output] }
  }

  /** @param name of the value that it makes: its own, or that of the ReLU that is computed with it */
  private node(node: Node, name: string, activation: number): void {
    const [x] = node.inputs
    if (isWeighted(node)) {
      const [w, bias] = this.weights(node, x)
      if (node.op === 'dense') {
        this.operator('FULLY_CONNECTED', [this.at(x), w, bias], this.value(name), { activation })
        return
      }
      const { padding, from } = this.padded(node, x)
      const [strideY, strideX] = node.stride
      const options = { padding, strideX, strideY, activation }
      if ((node.groups ?? 1) === 1) this.operator('CONV_2D', [from, w, bias], this.value(name), options)
      else this.operator('DEPTHWISE_CONV_2D', [from, w, bias], this.value(name), { ...options, multiplier: 1 })
      return
    }
    switch (node.op) {
      case 'maxpool': {
        // Zeros may surround the image only because no number in it is negative.
        const { padding, from } = this.padded(node, x)
        const [[height, width], [strideY, strideX]] = [node.kernel, node.stride]
        this.operator('MAX_POOL_2D', [from], this.value(name), { padding, strideX, strideY, width, height })
        return
      }
      case 'avgpool': {
        const axes = this.constant(`${name}_axes`, [2], 'INT32', Int32Array.of(1, 2))
        const shape = [1, (this.shapes.get(x) as Shape)[0]]
        this.operator('MEAN', [this.at(x), axes], this.value(name, shape), { keepDims: false })
        return
      }
      case 'flatten': {
        const shape = this.imageShape(name)
        const from = this.at(x)
        if (this.tensors[from].shape.join() === shape.join()) this.made.set(name, from)
        else {
          const to = this.constant(`${name}_shape`, [2], 'INT32', Int32Array.from(shape))
          this.operator('RESHAPE', [from, to], this.value(name))
        }
        return
      }
      case 'add':
        this.operator(
          'ADD',
          node.inputs.map((input) => this.at(input)),
          this.value(name),
          { activation },
        )
        return
      default:
        throw new Error(`'${name}' (${node.op}) has no form in TensorFlow Lite here`)
    }
  }

  /** Padding of a window: SAME, VALID, or an operator before it. */
  private padded(node: Extract<Node, { kernel: unknown }>, x: string): { padding: number; from: number } {
    const { kernel, stride, pad } = node
    const from = this.at(x)
    if (pad.every((p) => p === 0)) return { padding: VALID, from }
    const middle = pad.every((p, i) => p === (kernel[i % 2] - 1) / 2)
    if (middle && stride.every((s) => s === 1)) return { padding: SAME, from }
    const [top, left, bottom, right] = pad
    const around = Int32Array.of(0, 0, top, bottom, left, right, 0, 0)
    const { shape, ...rest } = this.tensors[from]
    const [n, h, w, c] = shape
    const name = `${node.name}_padded`
    const to = this.tensor({ ...rest, name, shape: [n, h + top + bottom, w + left + right, c] })
    this.operator('PAD', [from, this.constant(`${name}_by`, [4, 2], 'INT32', around)], to)
    return { padding: VALID, from: to }
  }

  /** Weights in TensorFlow's order, and the bias. */
  private weights(node: Extract<Node, { op: 'conv2d' | 'dense' }>, x: string): [number, number] {
    const own = weightShape(node, this.shapes.get(x) as Shape)
    const { shape, places } = this.order(node, own, x)
    const { name } = node
    const rows = own[0]
    if (this.form === 'int8') {
      const { weights, scale, bias } = this.quantised.layers.get(name) as QuantisedLayer
      const zero = Array.from(scale, () => 0)
      const axis = node.op === 'conv2d' && node.groups !== undefined ? 3 : 0
      const unit = (this.quantised.grids.get(x) as Grid).scale
      const w = this.constant(
        `${name}_weights`,
        shape,
        'INT8',
        Int8Array.from(places, (i) => weights[i]),
        {
          grid: { scale: Array.from(scale), zero, axis },
        },
      )
      const b = this.constant(`${name}_bias`, [rows], 'INT32', bias, {
        grid: { scale: Array.from(scale, (s) => s * unit), zero, axis: 0 },
      })
      return [w, b]
    }
    const { weights, bias } = this.network.floats.weights[name]
    const ordered = Float32Array.from(places, (i) => weights[i])
    const b = this.constant(`${name}_bias`, [rows], 'FLOAT32', bias)
    const nonzeros = ordered.filter((w) => w !== 0)
    if (this.form === 'f32' || nonzeros.length > SPARSE_LIMIT * ordered.length) {
      return [this.constant(`${name}_weights`, shape, 'FLOAT32', ordered), b]
    }
    const sparse = this.constant(`${name}_sparse`, shape, 'FLOAT32', nonzeros, {
      csr: compressed(ordered, shape[shape.length - 1]),
    })
    const w = this.tensor({ name: `${name}_weights`, shape, type: 'FLOAT32' })
    this.operator('DENSIFY', [sparse], w)
    return [w, b]
  }

  /** Shape there, and for each weight there its place in our order. */
  private order(
    node: Extract<Node, { op: 'conv2d' | 'dense' }>,
    own: Shape,
    x: string,
  ): { shape: Shape; places: Uint32Array } {
    if (node.op === 'dense') {
      const [units, features] = own
      const flat = this.network.floats.graph.nodes.find((n) => n.name === x && n.op === 'flatten')
      const [c, h, w] = this.shapes.get(flat === undefined ? x : flat.inputs[0]) as Shape
      const inner = flat === undefined ? sequence(features) : permuted([c, h, w], [1, 2, 0])
      const places = Uint32Array.from({ length: units * features }, (_, i) => i - (i % features) + inner[i % features])
      return { shape: own, places }
    }
    const [o, i, kh, kw] = own
    if (node.groups !== undefined) return { shape: [1, kh, kw, o], places: permuted([o, kh, kw], [1, 2, 0]) }
    return { shape: [o, kh, kw, i], places: permuted(own, [0, 2, 3, 1]) }
  }

  private at(name: string): number {
    return this.made.get(name) as number
  }

  /** The tensor of a value of the graph. */
  private value(name: string, shape = this.imageShape(name)): number {
    const grid = this.form === 'int8' && this.gridOf(name)
    const index = this.tensor({ name, shape, type: grid ? 'INT8' : 'FLOAT32', ...(grid && { grid }) })
    this.made.set(name, index)
    return index
  }

  private gridOf(name: string) {
    const { scale, zero } = this.quantised.grids.get(name) as Grid
    return { scale: [scale], zero: [zero - 128], axis: 0 }
  }

  private imageShape(name: string): Shape {
    const [c, ...rest] = this.shapes.get(name) as Shape
    return [1, ...rest, c]
  }

  private constant(
    name: string,
    shape: Shape,
    type: TfTensor['type'],
    data: ArrayBufferView,
    more: Partial<TfTensor> = {},
  ) {
    return this.tensor({ name, shape, type, data, ...more })
  }

  private tensor(tensor: TfTensor): number {
    return this.tensors.push(tensor) - 1
  }

  private operator(op: string, inputs: readonly number[], output: number, options: TfOperator['options'] = {}): void {
    this.operators.push({ op, inputs, outputs: [output], options })
  }
}

const sequence = (n: number) => Uint32Array.from({ length: n }, (_, i) => i)

/** For each element of the permuted array its index in the original one. */
function permuted(shape: Shape, axes: readonly number[]): Uint32Array {
  const step = (d: number) => shape.slice(d + 1).reduce((a, b) => a * b, 1)
  const dims = axes.map((axis) => ({ size: shape[axis], step: step(axis) })).reverse()
  return Uint32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => {
    let place = 0
    for (const { size, step } of dims) {
      place += (i % size) * step
      i = Math.floor(i / size)
    }
    return place
  })
}

/** Row pointers and columns of the non-zeros in rows of `cols`. */
function compressed(values: Float32Array, cols: number): { segments: number[]; indices: number[] } {
  const segments = [0]
  const indices: number[] = []
  for (let i = 0; i < values.length; i++) {
    if (values[i] !== 0) indices.push(i % cols)
    if (i % cols === cols - 1) segments.push(indices.length)
  }
  return { segments, indices }
}
