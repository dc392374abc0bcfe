/**
 * The header: graph, input ranges and what kind of tensor each weighted node has. One function per part describes it
 * in both directions: while encoding, `given` holds the values; while decoding it is absent.
 */
import { WhiteDwarfError } from '../errors.js'
import {
  elements,
  type Graph,
  type InputSpec,
  inferShapes,
  isWeighted,
  type Node,
  type Shape,
  weightShape,
} from '../graph/ir.js'
import { rangedValues } from '../graph/ranges.js'
import type { Pattern } from '../patterns/pattern.js'
import type { Fields } from './fields.js'
import {
  damaged,
  MAX_COLS,
  MAX_DIM,
  MAX_INPUTS,
  MAX_NAME_BYTES,
  MAX_NODES,
  MAX_OUTPUTS,
  MAX_RANK,
  MAX_SIGN_SEED,
} from './limits.js'
import { isEarly, NodeCoder } from './nodes.js'
import type { PatternCode, PatternCoder } from './patterned.js'

/** Ways of coding a level tensor; the numbers are those of the file. */
export const MODES = ['context', 'runs'] as const
export type Mode = (typeof MODES)[number]

/** What the header says of one level tensor. */
export interface TensorHeader {
  readonly name: string
  readonly shape: readonly number[]
  readonly maxLevel: 1 | 3 | 7 | 127
  readonly signSeed?: number
  readonly mode: Mode
  /** Columns of one input channel (kernel positions, or pixels of a flattened image), and of one line of them: width 0 when the columns have no order. */
  readonly plane: number
  readonly width: number
  readonly pattern?: Pattern
  /** Whether the levels are coded in the packed form of the pattern. */
  readonly packed?: boolean
}

/** What a reader without code for patterns throws where it needs it. */
export class PatternsNeeded extends Error {}

export interface LayerHeader {
  readonly node: string
  /** Index into `tensors`. */
  readonly tensor: number
}

export interface Header {
  readonly graph: Graph
  readonly shapes: ReadonlyMap<string, Shape>
  readonly tensors: readonly TensorHeader[]
  readonly layers: readonly LayerHeader[]
  readonly ranges: Readonly<Record<string, number>>
}

/** @param patterns loaded only where it is needed: without it, a tensor with a pattern throws PatternsNeeded */
export function codeHeader(f: Fields, patterns?: PatternCode, given?: Header): Header {
  const graph = codeGraph(f, given?.graph)
  const shapes = checkedShapes(graph)
  const planes = columnPlanes(graph, shapes)
  const tensors: TensorHeader[] = []
  const layers: LayerHeader[] = []
  const names = new Set<string>()
  const sharing = new SharingCoder()
  const patternCoder = patterns && new patterns.PatternCoder(f)
  for (const node of graph.nodes) {
    if (!isWeighted(node)) continue
    const shape = weightShape(node, shapes.get(node.inputs[0]) as Shape)
    const tensor = sharing.code(f, shape, tensors, given?.layers[layers.length].tensor)
    if (tensor === tensors.length) {
      const plane = planes.get(node.name) as Plane
      const t = codeTensor(f, node.name, shape, plane, patternCoder, given?.tensors[tensor])
      if (names.has(t.name)) throw damaged(`two level tensors are called '${t.name}'`)
      names.add(t.name)
      tensors.push(t)
    } else if (tensors[tensor].shape.join() !== shape.join()) {
      throw damaged(
        `'${node.name}' has weights [${shape.join(', ')}], but shares a tensor of [${tensors[tensor].shape.join(', ')}]`,
      )
    }
    layers.push({ node: node.name, tensor })
  }
  const ranges = codeRanges(f, graph, given?.ranges)
  return { graph, shapes, tensors, layers, ranges }
}

function checkedShapes(graph: Graph): Map<string, Shape> {
  try {
    return inferShapes(graph)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new WhiteDwarfError('E_FORMAT', `not a valid network in this .wd file: ${why}`, { cause })
  }
}

function codeGraph(f: Fields, given?: Graph): Graph {
  const inputs: InputSpec[] = []
  const inputCount = f.near('inputs', given?.inputs.length ?? 1, 1, 1, MAX_INPUTS)
  for (let i = 0; i < inputCount; i++) inputs.push(codeInput(f, i, given?.inputs[i]))
  const values = inputs.map((input) => input.name)
  const nodes: Node[] = []
  const nodeCount = f.uint('nodes', given?.nodes.length ?? 0, MAX_NODES)
  const coder = new NodeCoder()
  for (let i = 0; i < nodeCount; i++) {
    if (f.coder.overrun) throw damaged('the header runs past the end of the file')
    const node = coder.code(f, values, given?.nodes[i])
    nodes.push(node)
    values.push(node.name)
  }
  const outputs: string[] = []
  const outputCount = f.near('outputs', given?.outputs.length ?? 1, 1, 1, MAX_OUTPUTS)
  for (let i = 0; i < outputCount; i++) {
    const at = given === undefined ? 0 : values.lastIndexOf(given.outputs[i])
    outputs.push(values[f.near('output', at, values.length - 1, 0, values.length - 1)])
  }
  return { inputs, nodes, outputs }
}

function codeInput(f: Fields, index: number, given?: InputSpec): InputSpec {
  const rank = f.near('rank', given?.shape.length ?? 1, 3, 1, MAX_RANK)
  const shape: number[] = []
  for (let i = 0; i < rank; i++) {
    const g = given?.shape[i] ?? 1
    const square = rank === 3 && i === 2
    shape.push(
      1 + (square ? f.near('width', g - 1, shape[1] - 1, 0, MAX_DIM - 1) : f.uint(`dim${i}`, g - 1, MAX_DIM - 1)),
    )
  }
  const usual = index === 0 ? (rank === 3 ? 'image' : 'input') : `input${index + 1}`
  const name = f.rare('input.named', given !== undefined && given.name !== usual)
    ? f.text('name', given?.name ?? '', MAX_NAME_BYTES)
    : usual
  const bytes = given !== undefined && isList(given.scale, [1 / 255]) && isList(given.offset, [0])
  if (!f.bit('input.other', !bytes, 8192)) return { name, shape, scale: [1 / 255], offset: [0] }
  const scale = codeNumbers(f, 'input.scale', shape[0], given?.scale)
  const offset = codeNumbers(f, 'input.offset', shape[0], given?.offset)
  return { name, shape, scale, offset }
}

const isList = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length && a.every((v, i) => Object.is(v, b[i]))

/** One number for all channels, or one for each. */
function codeNumbers(f: Fields, name: string, channels: number, given?: readonly number[]): number[] {
  const count = f.bit(`${name}.each`, given !== undefined && given.length > 1) ? channels : 1
  const out: number[] = []
  for (let i = 0; i < count; i++) {
    if (f.coder.overrun) throw damaged('the header runs past the end of the file')
    out.push(f.float(name, given?.[i] ?? 0))
  }
  return out
}

/**
 * Which tensor each weighted node uses: a new one, or that of an earlier node. In a folded stage, node after node uses the
 * tensor of the node just one block earlier.
 */
class SharingCoder {
  /** Tensors of the weighted nodes so far. */
  private readonly used: number[] = []
  /** How many weighted nodes back the last shared tensor was used; 0 as long as none was shared. */
  private distance = 0
  private shared = false

  /**
   * @param tensors those so far
   * @param given index of the tensor to encode; tensors.length is a new one
   * @returns the index
   */
  code(f: Fields, shape: Shape, tensors: readonly TensorHeader[], given?: number): number {
    const index = this.codeIndex(f, shape, tensors, given)
    this.used.push(index)
    return index
  }

  private codeIndex(f: Fields, shape: Shape, tensors: readonly TensorHeader[], given = tensors.length): number {
    const { used } = this
    if (used.length === 0) return 0
    const isShared = given < tensors.length
    if (this.distance === 0) {
      this.shared = f.rare('shared', isShared)
    } else {
      const fits = tensors[used[used.length - this.distance]].shape.join() === shape.join()
      this.shared = f.bit(`shared.${+fits}.${+this.shared}`, isShared)
    }
    if (!this.shared) return tensors.length
    const back = isShared ? used.length - used.lastIndexOf(given) : 1
    this.distance = f.near('shared.back', back, Math.max(1, this.distance), 1, used.length)
    return used[used.length - this.distance]
  }
}

/** Kind of a tensor of 8-bit levels, coded as runs. The numbers of the others are those of their modes. */
const BYTES = 2
/** Kind of a tensor with a pattern, which is followed by one of the kinds above. */
const PATTERNED = 3

const kindOf = (t: TensorHeader): number => (t.maxLevel === 127 ? BYTES : MODES.indexOf(t.mode))

function codeMaxLevel(f: Fields, given?: TensorHeader): 1 | 3 | 7 {
  const wide = f.bit('tensor.wide', given !== undefined && given.maxLevel > 1)
  if (!wide) return 1
  return f.bit('tensor.seven', given?.maxLevel === 7) ? 7 : 3
}

function codeTensor(
  f: Fields,
  node: string,
  shape: Shape,
  usual: Plane,
  patterns: PatternCoder | undefined,
  given?: TensorHeader,
): TensorHeader {
  const name = f.rare('tensor.named', given !== undefined && given.name !== node)
    ? f.text('name', given?.name ?? '', MAX_NAME_BYTES)
    : node
  let kind = f.uint('tensor.kind', given === undefined ? 0 : given.pattern ? PATTERNED : kindOf(given), 255)
  let pattern: Pattern | undefined
  let packed = false
  if (kind === PATTERNED) {
    if (patterns === undefined) throw new PatternsNeeded()
    pattern = patterns.code(shape, given?.pattern)
    packed = f.bit('pattern.packed', given?.packed === true)
    kind = f.uint('pattern.levels', given === undefined ? 0 : kindOf(given), 255)
  }
  // Other kinds are reserved.
  if (kind > BYTES) {
    throw new WhiteDwarfError('E_FORMAT', `this .wd file has weights of kind ${kind}, unknown here: update whitedwarf`)
  }
  const maxLevel = kind === BYTES ? 127 : codeMaxLevel(f, given)
  const cols = elements(shape) / shape[0]
  if (cols > MAX_COLS) throw damaged(`'${node}' has ${cols} weights per output, at most ${MAX_COLS} are allowed`)
  const other =
    shape.length === 2 &&
    f.rare('tensor.plane', given !== undefined && (given.plane !== usual.plane || given.width !== usual.width))
  const plane = other ? 1 + f.uint('plane', (given?.plane ?? 1) - 1, cols - 1) : usual.plane
  const width = other ? f.uint('plane.width', given?.width ?? 0, plane) : usual.width
  if (cols % plane !== 0) throw damaged(`planes of ${plane} do not divide ${cols} columns`)
  const levels = { name, shape, maxLevel, mode: kind === 0 ? 'context' : 'runs', plane, width } as const
  const header = pattern === undefined ? levels : { ...levels, pattern, packed }
  if (!f.rare('tensor.seeded', given?.signSeed !== undefined)) return header
  const signSeed = f.coder.raw(6, given?.signSeed ?? 0)
  if (signSeed > MAX_SIGN_SEED) throw damaged(`sign seed ${signSeed}, expected at most ${MAX_SIGN_SEED}`)
  return { ...header, signSeed }
}

export interface Plane {
  readonly plane: number
  readonly width: number
}

const ELEMENTWISE: readonly Node['op'][] = ['relu', 'relu6', 'batchnorm', 'add']

/** How the columns of each weighted node lie: as kernels, as the planes of a flattened image, or without order. */
export function columnPlanes(graph: Graph, shapes: ReadonlyMap<string, Shape>): Map<string, Plane> {
  // Of each value: the image that it is the flattened form of, if any.
  const flattened = new Map<string, Plane>()
  const planes = new Map<string, Plane>()
  for (const node of graph.nodes) {
    const input = node.inputs[0]
    const before = flattened.get(input)
    const shape = shapes.get(input) as Shape
    if (node.op === 'flatten' && shape.length === 3) {
      flattened.set(node.name, { plane: shape[1] * shape[2], width: shape[2] })
    } else if (ELEMENTWISE.includes(node.op) && before !== undefined) {
      flattened.set(node.name, before)
    } else if (node.op === 'conv2d') {
      planes.set(node.name, { plane: node.kernel[0] * node.kernel[1], width: node.kernel[1] })
    } else if (node.op === 'dense') {
      planes.set(node.name, before ?? { plane: 1, width: 0 })
    }
  }
  return planes
}

/** Ranges: of the values that need one, unless the model has others. Early networks: of what weighted nodes consume. */
function codeRanges(f: Fields, graph: Graph, given?: Readonly<Record<string, number>>): Record<string, number> {
  const consumed = isEarly(graph)
    ? new Set(graph.nodes.filter(isWeighted).map((node) => node.inputs[0]))
    : rangedValues(graph)
  const values = [...graph.inputs, ...graph.nodes].map((v) => v.name)
  const unusual = f.rare(
    'ranges.other',
    given !== undefined && values.some((v) => Object.hasOwn(given, v) !== consumed.has(v)),
  )
  const ranges: Record<string, number> = {}
  let expected = 128
  for (const value of values) {
    const present = unusual
      ? f.bit('ranges.present', given !== undefined && Object.hasOwn(given, value))
      : consumed.has(value)
    if (!present) continue
    const code = f.near('range', given?.[value] ?? 0, expected, 0, 255)
    setOwn(ranges, value, code)
    expected = code
  }
  return ranges
}

/** Assignment that treats '__proto__' as any other name. */
export function setOwn<T>(record: Record<string, T>, name: string, value: T): void {
  Object.defineProperty(record, name, { value, enumerable: true, configurable: true, writable: true })
}
