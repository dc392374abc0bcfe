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
  /** An image to run, [1, ...shape]. */
  readonly image: Float32Array
  /** Another, to see how much of an output depends on the image. */
  readonly other: Float32Array
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
  const [image, other, ...more] = Array.from({ length: CALIBRATION_IMAGES }, () => randomImage(shape, rng))
  const data = Float32Array.from([image, other, ...more].flatMap((pixels) => Array.from(pixels)))
  const feed = { type: 'float32', data, dims: [CALIBRATION_IMAGES, ...shape] } as const
  return {
    name: `${architecture} ${sparsity} %`,
    architecture,
    sparsity,
    model: { ...model, ranges: await calibrate(floats, { [name]: feed }) },
    floats,
    image,
    other,
    shape,
  }
}

/**
 * Colours that go over from corner to corner, and some noise. From noise alone these networks, which average over the image in the
 * end, make nearly the same of every image.
 */
function randomImage([channels, height, width]: Shape, rng: Rng): Float32Array {
  const image = new Float32Array(channels * height * width)
  for (let c = 0, at = 0; c < channels; c++) {
    const [a, b, d, e] = Array.from({ length: 4 }, () => 2 * rng.normal())
    for (let i = 0; i < height; i++) {
      const [left, right] = [a + ((d - a) * i) / height, b + ((e - b) * i) / height]
      for (let j = 0; j < width; j++) image[at++] = left + ((right - left) * j) / width + 0.2 * rng.normal()
    }
  }
  return image
}

/** Takes its input as it is, so that no runtime has to scale it. */
const directInput = (graph: Graph): Graph => ({
  ...graph,
  inputs: graph.inputs.map((input) => ({ ...input, scale: [1], offset: [0] })),
})

function randomLevels(graph: Graph, density: number, pointwiseOnly: boolean, rng: Rng): Model {
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
    const bias = Float64Array.from({ length: rows }, () => 0.05 * rng.normal())
    tensors[node.name] = { shape, maxLevel: pruned ? 1 : 127, levels }
    layers[node.name] = { tensor: node.name, scale: quantiseHalf(scale), bias: quantiseHalf(bias) }
  }
  return { graph, tensors, layers, ranges: {} }
}
