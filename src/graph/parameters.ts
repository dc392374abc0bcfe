/** Networks of plain weights from a graph as it is trained, and parameters from elsewhere. */
import { WhiteDwarfError } from '../errors.js'
import { foldConstants, foldGraph, type NormConstants } from './fold.js'
import { elements, type Graph, inferShapes, isWeighted, type Shape, weightShape } from './ir.js'
import type { FloatModel, LayerWeights } from './model.js'

/** A parameter, or a running statistic. */
export interface Parameter {
  readonly shape: readonly number[]
  readonly data: Float32Array
}

/**
 * The parameters of one module as PyTorch names them: those of a layer end in `.weight` and `.bias`, those of batch normalisation also
 * in `.running_mean` and `.running_var`.
 */
type Module = ReadonlyMap<string, Parameter>

/** What a module may have besides `weight`. A counter of training steps means nothing here. */
const PARTS = ['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked']

/**
 * Fills a graph with parameters named as PyTorch does, module after module: they must come in the order of the graph's nodes, because
 * names are not compared, shapes are. Batch normalisation is folded into the layers; that of which there are no parameters does nothing,
 * for example behind the last layer.
 * @param eps of batch normalisation
 * @throws WhiteDwarfError E_SHAPE when parameters do not fit, or are too few or too many; E_GRAPH
 */
export function withParameters(graph: Graph, parameters: ReadonlyMap<string, Parameter>, eps = 1e-5): FloatModel {
  const modules = new Modules(parameters)
  const shapes = inferShapes(graph)
  const layers = new Map<string, LayerWeights>()
  const norms = new Map<string, NormConstants>()
  for (const node of graph.nodes) {
    if (isWeighted(node) && node.weightsOf !== undefined) {
      layers.set(node.name, layers.get(node.weightsOf) as LayerWeights)
    } else if (isWeighted(node)) {
      const shape = weightShape(node, shapes.get(node.inputs[0]) as Shape)
      const take = modules.next(node.name)
      const weights = take('weight', shape)
      layers.set(node.name, { weights, bias: take('bias', [shape[0]], new Float32Array(shape[0])) })
    } else if (node.op === 'batchnorm' && modules.isNorm) {
      const shape = [(shapes.get(node.name) as Shape)[0]]
      const take = modules.next(node.name)
      const [gamma, beta] = [take('weight', shape), take('bias', shape)]
      norms.set(node.name, {
        gamma,
        beta,
        mean: take('running_mean', shape),
        variance: take('running_var', shape),
        eps,
      })
    }
  }
  modules.finish()
  const folded = foldGraph(graph)
  const weights = folded.weighted.map(({ original, name, norm }): [string, LayerWeights] => {
    const own = layers.get(original) as LayerWeights
    const { scale, bias } = foldConstants(1, own.bias.length, norm === undefined ? undefined : norms.get(norm))
    const each = own.weights.length / own.bias.length
    return [
      name,
      {
        weights: own.weights.map((w, i) => w * scale[Math.floor(i / each)]),
        bias: own.bias.map((b, c) => b * scale[c] + bias[c]),
      },
    ]
  })
  return { graph: folded.graph, weights: Object.fromEntries(weights), constants: {} }
}

const misfit = (message: string) => new WhiteDwarfError('E_SHAPE', message)

/** Hands out a part of a module, or what is used instead where the module may lack it. */
type Take = (part: string, shape: Shape, instead?: Float32Array) => Float32Array

/** Modules in the order of their first parameters. */
class Modules {
  private readonly waiting: [name: string, module: Module][]

  constructor(parameters: ReadonlyMap<string, Parameter>) {
    const modules = new Map<string, Map<string, Parameter>>()
    for (const [key, parameter] of parameters) {
      const [, name, part] = /^(?:(.*)\.)?([^.]*)$/s.exec(key) as RegExpExecArray
      if (!PARTS.includes(part)) throw misfit(`parameter '${key}' is unknown: its name must end in ${PARTS.join(', ')}`)
      if (elements(parameter.shape) !== parameter.data.length) {
        throw misfit(`'${key}' of shape [${parameter.shape.join(', ')}] has ${parameter.data.length} numbers`)
      }
      const module = modules.get(name ?? '') ?? new Map<string, Parameter>()
      modules.set(name ?? '', module.set(part, parameter))
    }
    this.waiting = [...modules]
  }

  /** Whether the next module is batch normalisation. */
  get isNorm(): boolean {
    return this.waiting[0]?.[1].has('running_mean') ?? false
  }

  /** @param node that gets the next module's parameters */
  next(node: string): Take {
    const next = this.waiting.shift()
    if (next === undefined) throw misfit(`there are no parameters left for '${node}'`)
    const [name, module] = next
    return (part, shape, instead) => {
      const parameter = module.get(part)
      if (parameter === undefined && instead !== undefined) return instead
      if (parameter?.shape.join() !== shape.join()) {
        const got = parameter === undefined ? `no ${part}` : `one of [${parameter.shape.join(', ')}]`
        throw misfit(
          `'${node}' needs a ${part} of [${shape.join(', ')}], but the next parameters, '${name}', have ${got}: they must come in the order of the graph`,
        )
      }
      return (parameter as Parameter).data
    }
  }

  finish(): void {
    if (this.waiting.length === 0) return
    const more = this.waiting.length > 1 ? ` and ${this.waiting.length - 1} more` : ''
    throw misfit(`the parameters '${this.waiting[0][0]}'${more} have no place in the network`)
  }
}
