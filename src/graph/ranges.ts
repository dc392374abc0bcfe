/**
 * Which values of a folded graph are rounded to a grid of their own, and so need a calibrated range. The exporter
 * measures them, the format expects them, and the engine rounds by them (engine/lower.ts).
 */
import { type Graph, isWeighted, type WeightedNode } from './ir.js'

/**
 * Of each add node, the weighted node whose sums it takes before they are rounded: an input that is a conv2d or dense
 * node which nothing else uses; the later one if both are. The other input is the shortcut. The engine computes both
 * in one step and rounds once, so a fused node's own result needs no range.
 * @returns add node's name -> weighted node; adds of two stored values are not in it
 */
export function fusedAdds(graph: Graph): Map<string, WeightedNode> {
  const uses = new Map<string, number>()
  for (const name of [...graph.nodes.flatMap((node) => node.inputs), ...graph.outputs])
    uses.set(name, (uses.get(name) ?? 0) + 1)
  const weighted = new Map<string, WeightedNode>()
  const order = new Map<string, number>()
  const fused = new Map<string, WeightedNode>()
  for (const [i, node] of graph.nodes.entries()) {
    order.set(node.name, i)
    if (isWeighted(node)) weighted.set(node.name, node)
    if (node.op !== 'add') continue
    const at = (name: string) => order.get(name) as number
    const candidates = node.inputs.filter((name) => weighted.has(name) && uses.get(name) === 1)
    const later = candidates.sort((a, b) => at(b) - at(a))[0]
    if (later !== undefined) fused.set(node.name, weighted.get(later) as WeightedNode)
  }
  return fused
}

/** Names of the values that need a range: what weighted nodes, average pools and adds consume, less fused sums. */
export function rangedValues(graph: Graph): Set<string> {
  const fused = fusedAdds(graph)
  const ranged = new Set<string>()
  for (const node of graph.nodes) {
    if (isWeighted(node) || node.op === 'avgpool') ranged.add(node.inputs[0])
    if (node.op !== 'add') continue
    for (const name of node.inputs) if (name !== fused.get(node.name)?.name) ranged.add(name)
  }
  return ranged
}
