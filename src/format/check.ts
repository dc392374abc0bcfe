/** Checks of a model before it is written. */
import { type Graph, inferShapes, isWeighted, type Node, weightShape } from '../graph/ir.js'
import type { CodedArray, LevelTensor, Model } from '../graph/model.js'
import { listedNumbers } from '../graph/tensor-fn.js'
import { violation } from '../patterns/mask.js'
import { checkFits } from '../patterns/pattern.js'
import { columnPlanes, type Header, type LayerHeader, type Plane, type TensorHeader } from './header.js'
import { MAX_COLS, MAX_INPUTS, MAX_LISTED, MAX_NAME_BYTES, MAX_NODES, MAX_OUTPUTS, MAX_RANK, refuse } from './limits.js'
import { seededSigns } from './signs.js'

/** The header of a model to be written; checks that everything fits together. */
export function checkedHeader(model: Model): Header {
  const graph = model.graph
  const shapes = inferShapes(graph)
  checkGraph(graph)
  const planes = columnPlanes(graph, shapes)
  const tensors: TensorHeader[] = []
  const index = new Map<string, number>()
  const layers: LayerHeader[] = []
  const weighted = new Set<string>()
  const constants = new Set<string>()
  for (const node of graph.nodes) {
    if (!isWeighted(node)) continue
    const layer = own(model.layers, node.name)
    if (layer === undefined) throw refuse(`weighted node '${node.name}' has no entry in layers`)
    const t = own(model.tensors, layer.tensor)
    if (t === undefined) throw refuse(`'${node.name}' uses level tensor '${layer.tensor}', which does not exist`)
    const channels = node.op === 'conv2d' ? node.channels : node.units
    checkArray(node.name, 'scale', layer.scale, channels)
    checkArray(node.name, 'bias', layer.bias, channels)
    let at = index.get(layer.tensor)
    if (at === undefined) {
      at = tensors.length
      index.set(layer.tensor, at)
      checkName(layer.tensor)
      checkTensor(layer.tensor, t)
      const header = {
        name: layer.tensor,
        shape: t.shape,
        maxLevel: t.maxLevel,
        mode: 'context',
        ...(planes.get(node.name) as Plane),
        ...(t.pattern !== undefined && { pattern: t.pattern }),
        ...(t.signSeed !== undefined && { signSeed: t.signSeed }),
      } as const
      tensors.push(header)
    }
    const wanted = weightShape(node, shapes.get(node.inputs[0]) as readonly number[])
    if (t.shape.join() !== wanted.join()) {
      throw refuse(
        `'${node.name}' has weights of shape [${wanted.join(', ')}], but its tensor '${layer.tensor}' has [${t.shape.join(', ')}]`,
      )
    }
    layers.push({ node: node.name, tensor: at })
    weighted.add(node.name)
  }
  for (const name of Object.keys(model.tensors)) {
    if (!index.has(name)) throw refuse(`level tensor '${name}' is not used by any node`)
  }
  for (const name of Object.keys(model.layers)) {
    if (!weighted.has(name)) throw refuse(`layers has an entry '${name}', but no weighted node is called so`)
  }
  for (const node of graph.nodes) {
    if (node.op !== 'tensor' || node.fn.kind !== 'constant') continue
    constants.add(node.name)
    const values = own(model.constants ?? {}, node.name)
    const wanted = node.fn.shape.reduce((a, b) => a * b, 1)
    if (values?.length !== wanted)
      throw refuse(`constant '${node.name}' has ${values?.length ?? 'no'} values, expected ${wanted}`)
    if (!values.every(Number.isFinite)) throw refuse(`constant '${node.name}' holds numbers that are not finite`)
  }
  for (const name of Object.keys(model.constants ?? {})) {
    if (!constants.has(name)) throw refuse(`constants has an entry '${name}', but no constant node is called so`)
  }
  for (const [name, code] of Object.entries(model.ranges)) {
    if (!shapes.has(name)) throw refuse(`ranges has an entry '${name}', but no value is called so`)
    if (!Number.isInteger(code) || code < 0 || code > 255)
      throw refuse(`the range code of '${name}' is ${code}, expected 0 to 255`)
  }
  return { graph, shapes, tensors, layers, ranges: model.ranges }
}

function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined
}

function checkArray(node: string, what: string, a: CodedArray, channels: number): void {
  if (a.codes.length !== channels)
    throw refuse(`'${node}' has ${a.codes.length} codes of ${what}, expected ${channels}`)
  if (a.kind === 'f16') return
  if (!Number.isInteger(a.bits) || a.bits < 1 || a.bits > 8)
    throw refuse(`'${node}': ${what} has ${a.bits} bits, expected 1 to 8`)
  if (a.codes.some((code) => code >= 2 ** a.bits))
    throw refuse(`'${node}': a code of ${what} needs more than ${a.bits} bits`)
}

function checkTensor(name: string, t: LevelTensor): void {
  const count = t.shape.reduce((a, b) => a * b, 1)
  if (![1, 3, 7, 127].includes(t.maxLevel)) {
    throw refuse(`'${name}' has maxLevel ${t.maxLevel}, expected 1, 3, 7 or 127`)
  }
  if (t.levels.length !== count) {
    throw refuse(`'${name}' has ${t.levels.length} levels, but its shape [${t.shape.join(', ')}] holds ${count}`)
  }
  if (count / t.shape[0] > MAX_COLS) throw refuse(`'${name}' has ${count / t.shape[0]} columns, at most ${MAX_COLS}`)
  const bad = t.levels.find((level) => Math.abs(level) > t.maxLevel)
  if (bad !== undefined) throw refuse(`'${name}' has a level ${bad} beyond its maxLevel ${t.maxLevel}`)
  if (t.pattern !== undefined) {
    checkFits(t.pattern, t.shape, `'${name}'`)
    const broken = violation(t.pattern, t.shape, t.levels)
    if (broken !== undefined) throw refuse(`'${name}' does not keep to its pattern: ${broken}`)
  }
  if (t.signSeed === undefined) return
  const signs = seededSigns(t.shape, t.signSeed)
  if (t.levels.some((level, i) => level * signs[i] < 0)) {
    throw refuse(`'${name}' has a level whose sign is not that of its sign seed ${t.signSeed}`)
  }
}

/** Checks what the header cannot say of a graph, before encoding. */
function checkGraph(graph: Graph): void {
  if (graph.nodes.length > MAX_NODES) throw refuse(`${graph.nodes.length} nodes, at most ${MAX_NODES}`)
  if (graph.inputs.length > MAX_INPUTS) throw refuse(`${graph.inputs.length} inputs, at most ${MAX_INPUTS}`)
  if (graph.outputs.length > MAX_OUTPUTS) throw refuse(`${graph.outputs.length} outputs, at most ${MAX_OUTPUTS}`)
  for (const input of graph.inputs) {
    if (input.shape.length > MAX_RANK)
      throw refuse(`input '${input.name}' has ${input.shape.length} dimensions, at most ${MAX_RANK}`)
    for (const v of [...input.scale, ...input.offset]) {
      if (!Number.isFinite(v)) throw refuse(`input '${input.name}' has a scale or offset of ${v}`)
    }
  }
  for (const { name } of [...graph.inputs, ...graph.nodes]) checkName(name)
  checkFunctions(graph.nodes)
  for (const node of graph.nodes) {
    if (isWeighted(node) && node.weightsOf !== undefined) {
      throw refuse(
        `'${node.name}' has weightsOf, which exists only in training: fold the graph, then name one tensor in both layers`,
      )
    }
  }
}

function checkName(name: string): void {
  if (new TextEncoder().encode(name).length > MAX_NAME_BYTES)
    throw refuse(`the name '${name.slice(0, 40)}...' is longer than ${MAX_NAME_BYTES} bytes`)
  if (!isWellFormed(name)) throw refuse('a name holds half a surrogate pair')
}

/** Fields of tensor functions whose numbers may be infinite: bounds and paddings. */
const UNBOUNDED = ['a', 'b', 'value']

/** What shapes do not tell of tensor functions: their numbers, and how many they are. */
function checkFunctions(nodes: readonly Node[]): void {
  let listed = 0
  for (const node of nodes) {
    if (node.op !== 'tensor') continue
    const { name, fn, inputs } = node
    if (inputs.length > MAX_INPUTS) throw refuse(`'${name}' has ${inputs.length} inputs, at most ${MAX_INPUTS}`)
    listed += inputs.length + listedNumbers(fn)
    if (listed > MAX_LISTED) throw refuse(`its tensor functions list more than ${MAX_LISTED} numbers`)
    for (const [field, value] of Object.entries(fn) as [string, unknown][]) {
      const fine = (v: unknown) =>
        typeof v !== 'number' || Number.isFinite(v) || (UNBOUNDED.includes(field) && !Number.isNaN(v))
      const bad = (Array.isArray(value) ? value : [value]).find((v) => !fine(v))
      if (bad !== undefined) throw refuse(`'${name}' (${fn.kind}) has ${bad} in its field '${field}'`)
    }
  }
}

const isWellFormed = (name: string) =>
  !/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(name)
