/**
 * Folding: a batchnorm node behind a weighted node becomes that node's scale and bias, and disappears.
 *
 *   (c * (levels . x) - mean) / sqrt(variance + eps) * gamma + beta  =  scale * (levels . x) + bias
 *   factor = gamma / sqrt(variance + eps),   scale = c * factor,   bias = beta - mean * factor
 */
import { WhiteDwarfError } from '../errors.js'
import { type Graph, inferShapes, isWeighted, type Node } from './ir.js'
import { CanonicalNames } from './names.js'

/** Inference constants of a batchnorm node, one number per channel each. */
export interface NormConstants {
  readonly gamma: ArrayLike<number>
  readonly beta: ArrayLike<number>
  readonly mean: ArrayLike<number>
  readonly variance: ArrayLike<number>
  readonly eps: number
}

export interface FoldedNode {
  /** The weighted node in the graph before folding, and in the one after. */
  readonly original: string
  readonly name: string
  /** The batchnorm node that went into it, if one followed. */
  readonly norm: string | undefined
  /** The node of the graph before folding whose weights it uses: itself, unless it shares another's. */
  readonly owner: string
}

export interface Folded {
  readonly graph: Graph
  readonly weighted: readonly FoldedNode[]
  /** Value of the original graph -> the value of the folded graph that equals it. */
  readonly values: ReadonlyMap<string, string>
}

/**
 * Removes every batchnorm node from a graph and gives the nodes canonical names (graph/names.ts).
 * @throws WhiteDwarfError E_GRAPH for a batchnorm that does not directly follow a weighted node, or whose weighted node
 * others use too
 */
export function foldGraph(graph: Graph): Folded {
  inferShapes(graph)
  const makers = new Map(graph.nodes.map((node) => [node.name, node]))
  const uses = new Map<string, number>()
  for (const name of [...graph.nodes.flatMap((node) => node.inputs), ...graph.outputs])
    uses.set(name, (uses.get(name) ?? 0) + 1)
  const names = new CanonicalNames()
  const values = new Map(graph.inputs.map((input) => [input.name, input.name]))
  const nodes: Node[] = []
  const weighted: FoldedNode[] = []
  for (const node of graph.nodes) {
    if (node.op === 'batchnorm') {
      const maker = makers.get(node.inputs[0])
      if (maker === undefined || !isWeighted(maker) || uses.get(maker.name) !== 1) {
        throw new WhiteDwarfError(
          'E_GRAPH',
          `'${node.name}' (batchnorm) cannot be folded: it must follow a conv2d or dense node that nothing else uses`,
        )
      }
      const name = values.get(maker.name) as string
      const at = weighted.findIndex((w) => w.name === name)
      weighted[at] = { ...weighted[at], norm: node.name }
      values.delete(maker.name)
      values.set(node.name, name)
      continue
    }
    const name = names.next(node.op)
    const inputs = node.inputs.map((input) => values.get(input) as string)
    values.set(node.name, name)
    if (isWeighted(node)) {
      const { weightsOf, ...rest } = node
      nodes.push({ ...rest, name, inputs })
      weighted.push({ original: node.name, name, norm: undefined, owner: weightsOf ?? node.name })
    } else {
      nodes.push({ ...node, name, inputs })
    }
  }
  const outputs = graph.outputs.map((name) => values.get(name) as string)
  return { graph: { inputs: graph.inputs, nodes, outputs }, weighted, values }
}

/** Scale and bias of each channel. Without a batchnorm: the layer constant, and zero. */
export function foldConstants(
  constant: number,
  channels: number,
  norm: NormConstants | undefined,
): { scale: Float64Array; bias: Float64Array } {
  const scale = new Float64Array(channels).fill(constant)
  const bias = new Float64Array(channels)
  if (norm !== undefined) {
    for (let c = 0; c < channels; c++) {
      const factor = norm.gamma[c] / Math.sqrt(norm.variance[c] + norm.eps)
      scale[c] = constant * factor
      bias[c] = norm.beta[c] - norm.mean[c] * factor
    }
  }
  return { scale, bias }
}
