/**
 * Which values of a folded graph are rounded to a grid of their own, and so need a calibrated range. The exporter
 * measures them, the format expects them, and the engine rounds by them (engine/lower.ts).
 */
import { type Graph, isWeighted, type Node, type WeightedNode } from './ir.js'

/** How often each value is read, as an output of the graph too. */
function usesOf(graph: Graph): Map<string, number> {
  const uses = new Map<string, number>()
  for (const name of [...graph.nodes.flatMap((node) => node.inputs), ...graph.outputs])
    uses.set(name, (uses.get(name) ?? 0) + 1)
  return uses
}

/**
 * Of each add node, the weighted node whose sums it takes before they are rounded: an input that is a conv2d or dense
 * node which nothing else uses; the later one if both are. The other input is the shortcut. The engine computes both
 * in one step and rounds once, so a fused node's own result needs no range.
 * @returns add node's name -> weighted node; adds of two stored values are not in it
 */
export function fusedAdds(graph: Graph): Map<string, WeightedNode> {
  const uses = usesOf(graph)
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

/**
 * Values that are never negative and are rounded as such: what a ReLU leaves that is computed together with the sums before it, and what is
 * pooled or moved of it.
 */
export function nonnegativeValues(graph: Graph): Set<string> {
  const uses = usesOf(graph)
  const sums = new Set(graph.nodes.filter((node) => isWeighted(node) || node.op === 'add').map((node) => node.name))
  const found = new Set<string>()
  for (const { op, name, inputs } of graph.nodes) {
    const fused = (op === 'relu' || op === 'relu6') && sums.has(inputs[0]) && uses.get(inputs[0]) === 1
    const moved = SAME_GRID.includes(op) && found.has(inputs[0])
    if (fused || moved) found.add(name)
  }
  return found
}

/** What only moves or pools its input, whose grid its result therefore has. */
const SAME_GRID: readonly Node['op'][] = ['maxpool', 'avgpool', 'flatten', 'padchannels', 'transpose']

/**
 * Each value that needs a range, and the value whose range it is rounded by: itself, or one that it was pooled or moved from.
 * @returns value -> value, both of rangedValues
 */
export function rangeOwners(graph: Graph): Map<string, string> {
  const ranged = rangedValues(graph)
  const owners = new Map<string, string>()
  const own = (name: string, inherited?: string) => {
    const owner = inherited ?? (ranged.has(name) ? name : undefined)
    if (owner !== undefined) owners.set(name, owner)
  }
  for (const input of graph.inputs) own(input.name)
  for (const { op, name, inputs } of graph.nodes) own(name, SAME_GRID.includes(op) ? owners.get(inputs[0]) : undefined)
  return new Map([...owners].filter(([name]) => ranged.has(name)))
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
