/** How large a network is and how much it computes. */
import { elements, type Graph, inferShapes, isWeighted, type Shape, weightShape } from './ir.js'

export interface GraphCount {
  /** Weights to store: those that several nodes share count once. */
  readonly weights: number
  /** Multiply-accumulates of one inference with dense weights, those with the zeros around an image included. */
  readonly macs: number
  /** Channels of batch normalisation, each a scale and a bias once folded. */
  readonly normChannels: number
}

/** @throws WhiteDwarfError E_GRAPH, E_SHAPE */
export function countGraph(graph: Graph): GraphCount {
  const shapes = inferShapes(graph)
  const shape = (name: string) => shapes.get(name) as Shape
  let weights = 0
  let macs = 0
  let normChannels = 0
  for (const node of graph.nodes) {
    if (node.op === 'batchnorm') normChannels += shape(node.name)[0]
    if (!isWeighted(node)) continue
    const n = elements(weightShape(node, shape(node.inputs[0])))
    if (node.weightsOf === undefined) weights += n
    macs += n * elements(shape(node.name).slice(1))
  }
  return { weights, macs, normChannels }
}
