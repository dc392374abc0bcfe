/** From an ONNX file to a network of plain weights. */
import { WhiteDwarfError } from '../errors.js'
import { type Graph, type InputSpec, inferShapes, MAX_ELEMENTS } from '../graph/ir.js'
import type { FloatModel } from '../graph/model.js'
import { simplify } from '../graph/passes.js'
import { MAX_DIMENSIONS } from '../graph/tensor-fn.js'
import { Importer, type Value } from './importer.js'
import type { OnnxModel, OnnxNode, OnnxPort } from './model.js'
import { operators } from './ops/index.js'
import { type ExternalData, readOnnx } from './read.js'
import { Site } from './site.js'
import { count, type HostTensor, hostTensor } from './tensor.js'

export interface OnnxOptions {
  /** Bytes of the files in which weights lie outside of the model, by their names. */
  readonly external?: ExternalData
  /** Sizes of dimensions that the model leaves open, by their names. The first dimension of all inputs is the batch. */
  readonly sizes?: Readonly<Record<string, number>>
  /** Inputs that are always fed the same, for example weights: they become constants. */
  readonly constants?: Readonly<Record<string, HostTensor>>
}

/**
 * Imports an ONNX model. Inputs are fed as they are: their scales are 1.
 * @throws WhiteDwarfError E_FORMAT (no ONNX file), E_GRAPH (operators or forms that are not supported, cycles), E_SHAPE, E_DATA
 */
export function importOnnx(bytes: Uint8Array, options: OnnxOptions = {}): FloatModel {
  const model = readOnnx(bytes, options.external)
  checkOptions(model, options)
  const constants = new Map([...model.constants, ...Object.entries(options.constants ?? {})])
  for (const input of model.inputs) {
    // What has no elements is always the same.
    if (input.dims.includes(0) && !constants.has(input.name)) constants.set(input.name, emptyTensor(input))
  }
  const fed = model.inputs.filter((i) => !constants.has(i.name))
  if (fed.length === 0) throw new WhiteDwarfError('E_GRAPH', 'the ONNX model is fed nothing: its results never change')
  checkNames(model, fed)
  const order = inOrder(model)
  const needed = new Set(order)
  checkOperators(model.nodes.filter((node) => needed.has(node)))
  const batched = hasBatch(fed)
  const importer = new Importer(model.opset, batched)
  for (const [name, tensor] of constants) importer.give(name, tensor)
  const inputs = fed.map((port): InputSpec => {
    const dims = port.dims.map((d, i) => sizeOf(port, d, i, batched, options.sizes ?? {}))
    if (dims.length > MAX_DIMENSIONS || dims.some((d) => d > MAX_SIZE) || count(dims) > MAX_ELEMENTS) {
      throw new WhiteDwarfError('E_SHAPE', `input '${port.name}' has shape [${dims.join(', ')}]: too large`)
    }
    const stripped = importer.strips(dims)
    importer.fresh(port.name)
    importer.define(port.name, { dims, type: port.type, name: port.name, stripped })
    const shape = stripped ? dims.slice(1) : dims
    return { name: port.name, shape, scale: [1], offset: [0] }
  })
  // Outputs keep their names: nothing else may take them.
  const outputs = [...new Set(model.outputs.map((o) => o.name))]
  for (const name of outputs) importer.fresh(name)
  for (const node of order) runNode(importer, node)
  const graph: Graph = { inputs, nodes: importer.finish(outputs), outputs }
  inferShapes(graph)
  return simplify({ graph, weights: importer.weights, constants: importer.constants })
}

/**
 * Whether dimension 0 of all inputs is the batch: it is 1 or open. Of vectors it is only where an image has the same open dimension;
 * else it may be anything, for example time.
 */
function hasBatch(inputs: readonly OnnxPort[]): boolean {
  const wide = inputs.filter(({ dims }) => dims.length >= 2)
  const shared = new Set(wide.map(({ dims }) => dims[0]).filter((d) => typeof d === 'string'))
  return (
    wide.every(({ dims }) => typeof dims[0] !== 'number' || dims[0] === 1) &&
    inputs.every(({ dims }) => dims.length >= 2 || (typeof dims[0] === 'string' && shared.has(dims[0])))
  )
}

/** Largest size of a dimension of an input. */
const MAX_SIZE = 2 ** 24

/** A tensor without elements; what is open counts as 0. */
function emptyTensor({ type, dims }: OnnxPort): HostTensor {
  const sizes = dims.map((d) => (typeof d === 'number' ? d : 0))
  return hostTensor(type, sizes, () => 0)
}

/** @throws WhiteDwarfError E_OPTION */
function checkOptions(model: OnnxModel, { sizes = {}, constants = {} }: OnnxOptions): void {
  const open = new Set(model.inputs.flatMap(({ dims }) => dims).filter((d) => typeof d === 'string'))
  const unknown = Object.keys(sizes).find((name) => !open.has(name))
  if (unknown !== undefined) {
    const known = [...open].join(', ') || 'none'
    throw new WhiteDwarfError(
      'E_OPTION',
      `sizes: no dimension '${unknown}' is open in the model's inputs (open: ${known})`,
    )
  }
  for (const [name, { dims, data }] of Object.entries(constants)) {
    if (!model.constants.has(name) && model.inputs.every((i) => i.name !== name)) {
      throw new WhiteDwarfError('E_OPTION', `constants: the model has no input '${name}'`)
    }
    if (!Array.isArray(dims) || !ArrayBuffer.isView(data) || count(dims) !== data.length) {
      throw new WhiteDwarfError(
        'E_OPTION',
        `constants: '${name}' must be a tensor { type, dims, data } whose data fit dims`,
      )
    }
  }
}

/** Every value has one maker, and a name that records can have. @throws WhiteDwarfError E_GRAPH */
function checkNames({ nodes, constants }: OnnxModel, fed: readonly OnnxPort[]): void {
  const makers = new Map([...constants.keys()].map((name) => [name, 'the initializers']))
  const make = (name: string, maker: string) => {
    const other = makers.get(name)
    if (other !== undefined) {
      throw new WhiteDwarfError('E_GRAPH', `'${name}' is made twice: by ${other} and by ${maker}`)
    }
    if (name === '__proto__') throw new WhiteDwarfError('E_GRAPH', `${maker}: a value cannot be called '${name}'`)
    makers.set(name, maker)
  }
  for (const { name } of fed) {
    if (name === '') throw new WhiteDwarfError('E_GRAPH', 'an input of the ONNX model has no name')
    make(name, 'the inputs')
  }
  for (const node of nodes) {
    for (const name of node.outputs) if (name !== '') make(name, describe(node))
  }
}

const describe = ({ name, op }: OnnxNode) => `'${name}' (${op})`

/** Names of nodes that an error shows for each operator. */
const SHOWN_NODES = 3

/** All operators that are not supported at once, with their nodes, so that nobody finds them one by one. */
function checkOperators(nodes: readonly OnnxNode[]): void {
  const unknown = new Map<string, string[]>()
  for (const { op, domain, name } of nodes) {
    if (domain === '' && Object.hasOwn(operators, op)) continue
    const full = domain === '' ? op : `${domain}.${op}`
    unknown.set(full, [...(unknown.get(full) ?? []), `'${name}'`])
  }
  if (unknown.size === 0) return
  const list = [...unknown].map(([op, names]) => {
    const more = names.length - SHOWN_NODES
    return `${op} (${names.slice(0, SHOWN_NODES).join(', ')}${more > 0 ? ` and ${more} more` : ''})`
  })
  throw new WhiteDwarfError(
    'E_GRAPH',
    `the ONNX model uses operators that cannot be imported: ${list.join(', ')}. Export the part of the network before them, or replace them in the original`,
  )
}

function sizeOf(
  port: OnnxPort,
  dim: number | string | undefined,
  index: number,
  batched: boolean,
  sizes: Readonly<Record<string, number>>,
): number {
  if (typeof dim === 'number') return dim
  if (batched && index === 0) return 1
  const given = typeof dim === 'string' && Object.hasOwn(sizes, dim) ? sizes[dim] : undefined
  if (given !== undefined && Number.isInteger(given) && given >= 1) return given
  const name = typeof dim === 'string' ? `'${dim}'` : index
  throw new WhiteDwarfError(
    'E_SHAPE',
    `input '${port.name}' leaves dimension ${name} open: give its size with the option 'sizes'`,
  )
}

/** Nodes so that each comes after those it reads. @throws WhiteDwarfError E_GRAPH for cycles, and names without a value */
function inOrder(model: OnnxModel): OnnxNode[] {
  const makers = new Map(model.nodes.flatMap((node) => node.outputs.map((name) => [name, node])))
  const known = new Set(['', ...model.constants.keys(), ...model.inputs.map((i) => i.name)])
  const order: OnnxNode[] = []
  const state = new Map<OnnxNode, 'open' | 'done'>()
  const needed = (name: string, by: string): OnnxNode | undefined => {
    if (known.has(name)) return undefined
    const maker = makers.get(name)
    if (maker === undefined) throw new WhiteDwarfError('E_GRAPH', `${by} uses '${name}', which nothing makes`)
    return maker
  }
  // Depth first, without recursion: graphs may be thousands of nodes deep.
  for (const { name } of model.outputs) {
    if (name === '') throw new WhiteDwarfError('E_GRAPH', 'an output of the ONNX model has no name')
    const first = needed(name, 'the list of outputs')
    const stack = first === undefined ? [] : [first]
    while (stack.length > 0) {
      const node = stack[stack.length - 1]
      const who = describe(node)
      if (state.get(node) === undefined) {
        state.set(node, 'open')
        for (const input of node.inputs) {
          const maker = needed(input, who)
          if (maker === undefined || state.get(maker) === 'done') continue
          if (state.get(maker) === 'open') {
            throw new WhiteDwarfError('E_GRAPH', `${who} uses '${input}', which is made from its own result: a cycle`)
          }
          stack.push(maker)
        }
      } else {
        stack.pop()
        if (state.get(node) === 'done') continue
        state.set(node, 'done')
        order.push(node)
      }
    }
  }
  return order
}

function runNode(importer: Importer, node: OnnxNode): void {
  const inputs = node.inputs.map((name) => (name === '' ? undefined : importer.find(name)))
  const site = new Site(importer, node, inputs)
  if (inputs.some((v) => v !== undefined && count(v.dims) === 0 && v.constant === undefined)) {
    throw site.fail('an input has no elements', 'E_SHAPE')
  }
  let outputs: readonly Value[]
  try {
    outputs = operators[node.op](site)
  } catch (error) {
    if (error instanceof WhiteDwarfError && !error.message.includes(`'${node.name}'`)) {
      throw new WhiteDwarfError(error.code, `'${node.name}' (${node.op}): ${error.message}`, { cause: error })
    }
    throw error
  }
  node.outputs.forEach((name, i) => {
    if (name === '') return
    if (outputs[i] === undefined) throw site.fail(`its result ${i} ('${name}') is not supported`)
    importer.define(name, outputs[i])
  })
}
