/** A network of plain weights, seen as what a session runs. */
import { WhiteDwarfError } from '../errors.js'
import { floatLayers } from '../graph/float-model.js'
import { elements, inferShapes, type Shape } from '../graph/ir.js'
import type { FloatModel } from '../graph/model.js'
import type { FloatNetwork } from './network.js'

/** @throws WhiteDwarfError E_GRAPH, E_SHAPE */
export function networkOfModel(model: FloatModel): FloatNetwork {
  const { graph, constants } = model
  const all = floatLayers(model)
  const shapes = inferShapes(graph)
  for (const { name } of graph.nodes.filter((node) => node.op === 'tensor' && node.fn.kind === 'constant')) {
    const size = elements(shapes.get(name) as Shape)
    if (Object.hasOwn(constants, name) && constants[name].length === size) continue
    throw new WhiteDwarfError('E_SHAPE', `the constant '${name}' needs ${size} values`)
  }
  return {
    kind: 'floats',
    weights: new Map(all.map(({ node, weights }) => [node.name, weights])),
    graph,
    shapes,
    ranges: {},
    tensors: all.map(({ node, shape }) => ({ name: node.name, shape, rows: shape[0], cols: elements(shape.slice(1)) })),
    layers: new Map(
      all.map(({ node, bias }) => [
        node.name,
        { tensor: node.name, scale: new Float32Array(bias.length).fill(1), bias },
      ]),
    ),
    constants,
  }
}
