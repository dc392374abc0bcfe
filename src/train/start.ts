/** What a training starts from instead of random weights: a network that was trained before. */
import { WhiteDwarfError } from '../errors.js'
import { crc32 } from '../format/crc32.js'
import { elements, type Graph, inferShapes, isWeighted, weightShape } from '../graph/ir.js'
import type { TrainedNetwork, TrainedNorm } from './trained.js'

/** A TrainedNetwork of the same graph, or as much of one as is needed: f32 weights, or levels, whose weights are constant * level. */
export type TrainStart = Pick<TrainedNetwork, 'norms'> & Partial<Pick<TrainedNetwork, 'weights' | 'tensors'>>

export type Start = Required<Pick<TrainedNetwork, 'weights' | 'norms'>>

const PARTS = ['gamma', 'beta', 'mean', 'variance'] as const

/**
 * The start with plain weights and nothing else.
 * @throws WhiteDwarfError E_DATA when nodes, lengths or values are not those that the graph needs
 */
export function checkedStart(start: TrainStart, graph: Graph): Start {
  const shapes = inferShapes(graph)
  const shapeOf = (name: string) => shapes.get(name) ?? []
  const weights: Record<string, Float32Array> = {}
  const norms: Record<string, TrainedNorm> = {}
  const given = start.weights ?? levelWeights(start.tensors ?? {})
  for (const node of graph.nodes) {
    const { name, op } = node
    if (isWeighted(node) && node.weightsOf === undefined) {
      weights[name] = checked(given[name], elements(weightShape(node, shapeOf(node.inputs[0]))), `weights.${name}`)
    } else if (op === 'batchnorm') {
      const norm = start.norms?.[name]
      const channels = shapeOf(name)[0]
      const parts = PARTS.map((part) => [part, checked(norm?.[part], channels, `norms.${name}.${part}`)])
      const { eps } = norm
      if (!(eps > 0 && Number.isFinite(eps))) refuse(`norms.${name}.eps`, 'a number above 0', eps)
      if (norm.variance.some((v) => v < 0)) refuse(`norms.${name}.variance`, 'at least 0', 'less')
      norms[name] = { ...(Object.fromEntries(parts) as Omit<TrainedNorm, 'eps'>), eps }
    }
  }
  for (const [what, mine, theirs] of [
    ['weights', weights, given],
    ['norms', norms, start.norms ?? {}],
  ] as const) {
    const unknown = Object.keys(theirs).find((name) => !Object.hasOwn(mine, name))
    if (unknown !== undefined) refuse(what, `those of ${Object.keys(mine).join(', ')}`, `'${unknown}' too`)
  }
  return { weights, norms }
}

const levelWeights = (tensors: TrainedNetwork['tensors']): Record<string, Float32Array> =>
  Object.fromEntries(
    Object.entries(tensors).map(([name, { levels, constant }]) => [
      name,
      Float32Array.from(levels ?? [], (level) => Math.fround(constant) * level),
    ]),
  )

function checked(values: unknown, n: number, what: string): Float32Array {
  const expected = `a Float32Array of ${n} finite numbers`
  if (!(values instanceof Float32Array)) refuse(what, expected, values === undefined ? 'nothing' : typeof values)
  if (values.length !== n) refuse(what, expected, String(values.length))
  if (!values.every(Number.isFinite)) refuse(what, expected, 'NaN or infinity')
  return values
}

function refuse(what: string, expected: string, got: unknown): never {
  throw new WhiteDwarfError(
    'E_DATA',
    `start.${what} must be ${expected}, got ${String(got)}: start with the same graph`,
  )
}

/** Checksums, for checkpoints. */
export function startSums({ weights, norms }: Start): unknown {
  const sum = ({ buffer, byteOffset, byteLength }: Float32Array) =>
    crc32(new Uint8Array(buffer, byteOffset, byteLength))
  return [
    Object.entries(weights).map(([name, values]) => [name, sum(values)]),
    Object.entries(norms).map(([name, norm]) => [name, norm.eps, PARTS.map((part) => sum(norm[part]))]),
  ]
}
