/** How large the file of a supermask will be, before it is trained: to try small ones first. */
import { elements, type Graph, inferShapes, isWeighted, type Shape, weightShape } from '../graph/ir.js'
import { capacity } from '../patterns/mask.js'
import { layerDensities } from './densities.js'
import { layerPatterns } from './patterns.js'
import type { Supermask } from './supermask.js'

/** Bits of a yes or no that is yes with probability p. */
const entropy = (p: number): number => (p <= 0 || p >= 1 ? 0 : -p * Math.log2(p) - (1 - p) * Math.log2(1 - p))

/**
 * Bytes of levels and constants: for each weight that stays its level, as if all were as frequent, and where it is, within what its
 * pattern allows. Header and activation ranges, some dozen bytes, are not counted.
 * @param graph while training, batch normalisation included
 * @throws WhiteDwarfError E_OPTION when the mask's pattern or densities do not fit
 */
export function estimateBytes(graph: Graph, mask: Supermask): number {
  const shapes = inferShapes(graph)
  const weighted = graph.nodes.filter(isWeighted)
  const shapeOf = (node: (typeof weighted)[number]) => weightShape(node, shapes.get(node.inputs[0]) as Shape)
  const layers = weighted
    .filter((node) => node.weightsOf === undefined)
    .map((node) => ({ name: node.name, shape: shapeOf(node) }))
  const densities = layerDensities(layers, mask, mask.density)
  const patterns = mask.pattern === undefined ? [] : layerPatterns(layers, mask.pattern)
  const levelBits = Math.log2(mask.signs === 'learned' ? 2 * mask.coats : mask.coats)
  let bits = 0
  layers.forEach(({ shape }, i) => {
    const [n, pattern] = [elements(shape), patterns[i]]
    const allowed = pattern === undefined ? n : capacity(pattern, shape)
    const kept = Math.min(allowed, densities[i] * n)
    const member = pattern?.kind === 'groups' ? Math.log2(pattern.of / pattern.keep) : 0
    bits += allowed * entropy(kept / allowed) + kept * (levelBits + member)
  })
  const constants = weighted.reduce((sum, node) => sum + 2 * shapeOf(node)[0], 0)
  return Math.ceil((bits + constants * mask.constantBits) / 8)
}
