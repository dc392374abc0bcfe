/**
 * The networks whose speed is compared with other runtimes: well-known architectures with random levels, a given share of them not
 * zero. Speed does not depend on what the weights are; that all runtimes compute the same is checked, so activations must live.
 */
import {
  calibrate,
  type FloatModel,
  foldGraph,
  type Graph,
  inferShapes,
  isWeighted,
  type Model,
  mobilenetV1,
  resnet,
  type Shape,
  vggSmall,
  weightShape,
} from 'whitedwarf/compress'
import { quantiseHalf } from 'whitedwarf/format'
import { Rng } from 'whitedwarf/kernels'
import { toFloatModel } from 'whitedwarf/onnx'

/** The same architectures at any density. */
export const ARCHITECTURES = {
  resnet50: () => resnet({ depth: 50 }),
  mobilenetv1: () => mobilenetV1(),
  'resnet18-cifar': () => resnet({ depth: 18, stem: 'cifar', input: [3, 32, 32], classes: 10 }),
  'vgg-small': () => vggSmall(),
} as const
export type Architecture = keyof typeof ARCHITECTURES

export interface RandomNetwork {
  readonly name: string
  readonly architecture: Architecture
  /** Per cent of the pruned weights that are zero. */
  readonly sparsity: number
  /** Levels, with calibrated ranges. */
  readonly model: Model
  /** The same network as plain weights, each level times its scale. */
  readonly floats: FloatModel
  /** An image to run, [1, ...shape]: normal numbers, as normalised pixels are. */
  readonly image: Float32Array
  readonly shape: Shape
}

const CALIBRATION_IMAGES = 4

/**
 * Pruned layers have INT2 levels: all convolutions and the classifier, the first one too. In MobileNet only the 1 x 1 convolutions are
 * pruned (the classifier is one, of an image of one pixel); its first and its depthwise convolutions have INT8 levels without zeros.
 */
export async function randomNetwork(architecture: Architecture, sparsity: number): Promise<RandomNetwork> {
  const rng = new Rng(1)
  const graph = directInput(foldGraph(ARCHITECTURES[architecture]()).graph)
  const model = randomLevels(graph, 1 - sparsity / 100, architecture === 'mobilenetv1', rng)
  const floats = toFloatModel(model)
  const [{ name, shape }] = graph.inputs
  const images = (n: number) => Float32Array.from({ length: n * shape.reduce((a, b) => a * b) }, () => rng.normal())
  const feed = { type: 'float32', data: images(CALIBRATION_IMAGES), dims: [CALIBRATION_IMAGES, ...shape] } as const
  return {
    name: `${architecture} ${sparsity} %`,
    architecture,
    sparsity,
    model: { ...model, ranges: await calibrate(floats, { [name]: feed }) },
    floats,
    image: images(1),
    shape,
  }
}

/** Takes its input as it is, so that no runtime has to scale it. */
const directInput = (graph: Graph): Graph => ({
  ...graph,
  inputs: graph.inputs.map((input) => ({ ...input, scale: [1], offset: [0] })),
})

function randomLevels(graph: Graph, density: number, pointwiseOnly: boolean, rng: Rng): Omit<Model, 'ranges'> & Model {
  const shapes = inferShapes(graph)
  const readers = new Map(graph.nodes.flatMap((node) => node.inputs.map((name) => [name, node.op])))
  const tensors: Record<string, Model['tensors'][string]> = {}
  const layers: Record<string, Model['layers'][string]> = {}
  for (const node of graph.nodes.filter(isWeighted)) {
    const shape = weightShape(node, shapes.get(node.inputs[0]) as Shape)
    const rows = shape[0]
    const cols = shape.slice(1).reduce((a, b) => a * b, 1)
    const pruned = !pointwiseOnly || node.op === 'dense' || node.kernel[0] === 1
    const levels = pruned
      ? Int8Array.from({ length: rows * cols }, () => (rng.float() < density ? 1 - 2 * rng.below(2) : 0))
      : Int8Array.from({ length: rows * cols }, () => rng.below(2 * 127 + 1) - 127)
    // Behind a ReLU half of the variance is left. What is added to a shortcut is small beside it, or the sums would grow and grow.
    const gain = readers.get(node.name) === 'add' ? 0.5 : Math.SQRT2
    const scale = Float64Array.from({ length: rows }, (_, r) => {
      const squares = levels.subarray(r * cols, (r + 1) * cols).reduce((sum, level) => sum + level * level, 0)
      return ((0.8 + 0.4 * rng.float()) * gain) / Math.sqrt(Math.max(1, squares))
    })
    const bias = Float64Array.from({ length: rows }, () => 0.2 * rng.normal())
    tensors[node.name] = { shape, maxLevel: pruned ? 1 : 127, levels }
    layers[node.name] = { tensor: node.name, scale: quantiseHalf(scale), bias: quantiseHalf(bias) }
  }
  return { graph, tensors, layers, ranges: {} }
}
