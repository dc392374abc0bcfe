/** The same training in our library and in others: plain gradient descent, over and over on one batch, from the same weights. */
import {
  type Graph,
  inferShapes,
  isWeighted,
  type Shape,
  type TrainResult,
  train,
  weightShape,
} from 'whitedwarf/compress'
import { chanceImages } from './training.js'

export interface Descent {
  readonly graph: Graph
  readonly batch: number
  readonly learningRate: number
  readonly steps: number
}

/** What our trainer finds before each step. */
export async function ourLosses(descent: Descent): Promise<number[]> {
  return (await descend(descent)).history.map((event) => event.loss)
}

const descend = ({ graph, batch, learningRate, steps }: Descent): Promise<TrainResult> =>
  train({
    ...{ graph, batch, learningRate, train: chanceImages(batch), epochs: steps, supermask: 'none' },
    ...{ schedule: 'constant', momentum: 0, weightDecay: 0, labelSmoothing: 0, statistics: 0, progressEvery: 1 },
  })

/** A learning rate that leaves every weight as it was. */
const NOTHING = 1e-30

/** The descent as a job for a peer, as bench/peers/job.mjs describes it. It begins with our trainer's initial weights. */
export async function peerJob(descent: Descent) {
  const { graph, batch, learningRate, steps } = descent
  const [{ scale, offset, name }] = graph.inputs
  if (scale.length !== 1) throw new Error('the network must scale all channels of its input alike')
  const { weights = {} } = await descend({ ...descent, learningRate: NOTHING, steps: 1 })
  const shapes = inferShapes(graph)
  const shapeOf = (value: string) => shapes.get(value) as Shape
  const tensors = graph.nodes.filter(isWeighted).map((node) => {
    const shape = weightShape(node, shapeOf(node.inputs[0]))
    return [node.name, { shape, values: Array.from(weights[node.name]) }]
  })
  const { images, labels } = chanceImages(batch)
  return {
    ...{ graph, learningRate, steps, labels: Array.from(labels) },
    weights: Object.fromEntries(tensors),
    images: { shape: [batch, ...shapeOf(name)], values: Array.from(images, (v) => v * scale[0] + offset[0]) },
  }
}
