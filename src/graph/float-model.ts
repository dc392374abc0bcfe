/** Networks of plain weights, checked. */
import { WhiteDwarfError } from '../errors.js'
import { elements, inferShapes, isWeighted, type Shape, type WeightedNode, weightShape } from './ir.js'
import type { FloatModel, LayerWeights } from './model.js'

/** A weighted node with its plain weights. */
export interface FloatLayer extends LayerWeights {
  readonly node: WeightedNode
  /** Of the weights: [out, in / groups, kh, kw] or [out, in]. */
  readonly shape: Shape
}

/**
 * The weighted nodes of a network in order.
 * @throws WhiteDwarfError E_GRAPH, E_SHAPE for weights that are missing or do not fit their node
 */
export function floatLayers({ graph, weights }: FloatModel): FloatLayer[] {
  const shapes = inferShapes(graph)
  return graph.nodes.filter(isWeighted).map((node) => {
    const shape = weightShape(node, shapes.get(node.inputs[0]) as Shape)
    if (!Object.hasOwn(weights, node.name)) {
      throw new WhiteDwarfError('E_GRAPH', `there are no weights for '${node.name}' (${node.op})`)
    }
    const own = weights[node.name]
    if (own.weights.length !== elements(shape) || own.bias.length !== shape[0]) {
      throw new WhiteDwarfError(
        'E_SHAPE',
        `'${node.name}' needs ${elements(shape)} weights [${shape.join(', ')}] and ${shape[0]} biases, got ${own.weights.length} and ${own.bias.length}`,
      )
    }
    return { node, shape, ...own }
  })
}
