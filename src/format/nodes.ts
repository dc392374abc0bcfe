/**
 * Nodes of the graph in the header: operation, inputs, name and attributes, each predicted from the nodes before. In the
 * repeated blocks of a residual network, nearly every field is what it was one block earlier.
 */
import { WhiteDwarfError } from '../errors.js'
import type { ConvNode, Graph, Node, Pads, Pair, TensorNode } from '../graph/ir.js'
import { listedNumbers, type TensorFn } from '../graph/tensor-fn.js'
import type { Fields } from './fields.js'
import { damaged, MAX_DIM, MAX_LISTED } from './limits.js'
import { NameCoder } from './names.js'
import { codeTensorFn } from './tensor-fn.js'

/** Operation codes. 0 and all not listed are reserved. */
const OPS: readonly (Node['op'] | undefined)[] = [
  undefined,
  'conv2d',
  'dense',
  'relu',
  'maxpool',
  'avgpool',
  'flatten',
  'batchnorm',
  // A convolution of more than one group.
  'conv2d',
  'add',
  'relu6',
  'padchannels',
  'transpose',
  'tensor',
  // A dilated convolution of any number of groups.
  'conv2d',
]
const GROUPED = 8
const DILATED = 14
/** Codes from here on came after the first release. They take nothing away from files without them. */
const FIRST_LATER = 8

const isGrouped = (node: Node) => node.op === 'conv2d' && (node.groups ?? 1) > 1
const isDilated = (node: Node) => node.op === 'conv2d' && (node.dilation ?? [1, 1]).some((d) => d > 1)

const opCode = (node: Node): number => (isDilated(node) ? DILATED : isGrouped(node) ? GROUPED : OPS.indexOf(node.op))

/** Whether a graph has only operations of the first release. */
export const isEarly = (graph: Graph): boolean => graph.nodes.every((node) => opCode(node) < FIRST_LATER)

/** All of a node but its name. */
interface Pattern {
  readonly code: number
  /** How far behind the node its inputs are: 0 is the value just before it. */
  readonly reach: readonly number[]
  readonly attributes: object
}

/** Codes that a repetition is recognised by: a residual block of two convolutions and three other nodes. */
const MEMORY = 5

export class NodeCoder {
  private readonly names = new NameCoder()
  /** Codes of the last nodes, the latest first. */
  private readonly before: number[] = new Array(MEMORY).fill(0)
  /** Whether one of the nodes so far has a later code. */
  private later = false
  /** What followed each sequence of codes the last time it occurred. */
  private readonly followed = new Map<string, Pattern>()
  /** Reach of the last add node. */
  private addReach: readonly number[] = [0, 1]
  /** Channels of the last convolution. */
  private channels = 1
  /** Numbers listed by the tensor functions so far. */
  private listed = 0

  /** @param values names of all values so far */
  code(f: Fields, values: readonly string[], given?: Node): Node {
    const history = this.before.join('.')
    const usual = this.later ? this.followed.get(history) : undefined
    const last = values.length - 1
    const wanted = given?.inputs.map((name) => last - values.lastIndexOf(name)) ?? [0, 0]
    const differs = given !== undefined && usual !== undefined && !isLike(usual, given, wanted)
    const repeated = usual !== undefined && !f.bit('node.differs', differs) ? usual : undefined
    const code = repeated?.code ?? this.codeOp(f, given === undefined ? 0 : opCode(given))
    const op = OPS[code]
    if (op === undefined) {
      throw new WhiteDwarfError('E_FORMAT', `this .wd file uses operation ${code}, unknown here: update whitedwarf`)
    }
    const reach = repeated?.reach ?? this.codeReach(f, op, last, wanted)
    const name = this.names.code(f, op, given?.name ?? '')
    const attributes = repeated?.attributes ?? this.codeAttributes(f, code, given)
    this.followed.set(history, { code, reach, attributes })
    this.before.unshift(code)
    this.before.pop()
    this.later ||= code >= FIRST_LATER
    if (op === 'add') this.addReach = reach
    if (op === 'conv2d') this.channels = (attributes as ConvNode).channels
    if (op === 'tensor') this.listed += reach.length + listedNumbers((attributes as TensorNode).fn)
    if (this.listed > MAX_LISTED) throw damaged(`its tensor functions list more than ${MAX_LISTED} numbers`)
    return { op, name, inputs: reach.map((back) => values[last - back]), ...attributes } as Node
  }

  /** @param last index of the value just before the node */
  private codeReach(f: Fields, op: Node['op'], last: number, given: readonly number[]): readonly number[] {
    if (op === 'tensor') {
      const count = f.uint('tensor.inputs', given.length, 255)
      return Array.from({ length: count }, (_, i) => f.near('tensor.back', given[i] ?? 0, 0, 0, last))
    }
    if (op !== 'add') return [f.near('back', given[0], 0, 0, last)]
    return this.addReach.map((usual, i) => f.near(`add.back${i}`, given[i], Math.min(usual, last), 0, last))
  }

  /** An 8-bit operation code. Its top four bits are zero for all that exist today. */
  private codeOp(f: Fields, op: number): number {
    let node = 1
    for (let k = 7; k >= 0; k--) {
      const bit = ((op >>> k) & 1) === 1
      if (k > 3) node = node * 2 + +f.bit(`op.high${k}`, bit, 512)
      else if (k === 3) node = node * 2 + +f.bit(`op.later.${this.before[0]}`, bit, this.later ? 16384 : 512)
      else node = node * 2 + +f.bit(`op.${this.before[0]}.${node}`, bit)
    }
    return node & 255
  }

  private codeAttributes(f: Fields, code: number, given: Partial<Attributes> = {}): object {
    switch (OPS[code]) {
      case 'conv2d':
        if (code === DILATED) return this.codeDilated(f, given)
        return code === GROUPED ? this.codeGrouped(f, given) : this.codeConv(f, given)
      case 'tensor':
        return { fn: codeTensorFn(f, given.fn) }
      case 'dense':
        return { units: 1 + f.uint('units', (given.units ?? 1) - 1, MAX_DIM - 1) }
      case 'maxpool':
      case 'avgpool':
        return codePool(f, given)
      case 'padchannels': {
        const before = f.uint('padchannels.before', given.before ?? 0, 65535)
        return { before, after: f.near('padchannels.after', given.after ?? 0, before, 0, 65535) }
      }
      case 'transpose': {
        const [height, width] = codePair(f, 'transpose', [given.height ?? 1, given.width ?? 1])
        return { height, width }
      }
      default:
        return {}
    }
  }

  private codeConv(f: Fields, given: Partial<Attributes>) {
    const differs = !this.later || f.bit('channels.differ', given.channels !== this.channels, 16384)
    const channels = differs ? 1 + f.uint('channels', (given.channels ?? 1) - 1, MAX_DIM - 1) : this.channels
    const kernel = codePair(f, 'conv.kernel', given.kernel)
    const stride = codePair(f, 'conv.stride', given.stride, 1)
    return { channels, kernel, stride, pad: codePads(f, 'conv', kernel, given.pad) }
  }

  /** Depthwise, with the channels of the convolution before it, unless told otherwise. */
  private codeGrouped(f: Fields, given: Partial<Attributes>) {
    const channels = 1 + f.near('grouped.channels', (given.channels ?? 1) - 1, this.channels - 1, 0, MAX_DIM - 1)
    const groups = 2 + f.near('grouped.groups', (given.groups ?? 2) - 2, Math.max(0, channels - 2), 0, MAX_DIM - 2)
    const kernel = codePair(f, 'grouped.kernel', given.kernel, 3)
    const stride = codePair(f, 'grouped.stride', given.stride, 1)
    return { channels, kernel, stride, pad: codePads(f, 'grouped', kernel, given.pad), groups }
  }

  private codeDilated(f: Fields, given: Partial<Attributes>) {
    const dilation = codePair(f, 'dilated.dilation', given.dilation, 2)
    const groups = 1 + f.uint('dilated.groups', (given.groups ?? 1) - 1, MAX_DIM - 1)
    return { ...this.codeConv(f, given), dilation, ...(groups > 1 && { groups }) }
  }
}

/** What any of the nodes has. */
interface Attributes extends Omit<ConvNode, 'op' | 'inputs'> {
  readonly fn: TensorFn
  readonly units: number
  readonly before: number
  readonly after: number
  readonly height: number
  readonly width: number
}

/** Whether a node to be written is all that the pattern says. */
function isLike(pattern: Pattern, node: Node, reach: readonly number[]): boolean {
  const given: Partial<Attributes> = node
  const known: Partial<Attributes> = pattern.attributes
  return (
    pattern.code === opCode(node) &&
    String(pattern.reach) === String(reach) &&
    (Object.keys(known) as (keyof Attributes)[]).every((name) => same(known[name], given[name])) &&
    (known.groups ?? 1) === (given.groups ?? 1)
  )
}

/** Whether two attributes are the same numbers, lists or functions; 0 and -0 are two numbers. */
function same(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((v, i) => same(v, b[i]))
  if (typeof a !== 'object' || a === null || typeof b !== 'object' || b === null) return Object.is(a, b)
  const [mine, other] = [Object.entries(a), new Map(Object.entries(b))]
  return mine.length === other.size && mine.every(([key, value]) => same(value, other.get(key)))
}

function codePool(f: Fields, given: Partial<Attributes>) {
  const kernel = codePair(f, 'pool.kernel', given.kernel, 2)
  const strided = given.stride !== undefined && given.stride.join() !== kernel.join()
  const stride: Pair = f.rare('pool.strided', strided)
    ? codePair(f, 'pool.stride', given.stride)
    : [kernel[0], kernel[1]]
  return { kernel, stride, pad: codePads(f, 'pool', kernel, given.pad) }
}

/** Height, then the width, which is usually the same. `usual`, where there is one, is the height to expect. */
function codePair(f: Fields, name: string, given?: Pair, usual?: number): Pair {
  const y = given?.[0] ?? 1
  const height =
    1 +
    (usual === undefined
      ? f.uint(`${name}.y`, y - 1, MAX_DIM - 1)
      : f.near(`${name}.y`, y - 1, usual - 1, 0, MAX_DIM - 1))
  const width = 1 + f.near(`${name}.x`, (given?.[1] ?? 1) - 1, height - 1, 0, MAX_DIM - 1)
  return [height, width]
}

/** None, or as much as keeps the size of an image at stride 1, or four numbers. */
function codePads(f: Fields, name: string, kernel: Pair, given?: Pads): Pads {
  if (!f.bit(`${name}.padded`, given?.some((p) => p !== 0) ?? false, name === 'pool' ? 2048 : 32768))
    return [0, 0, 0, 0]
  const [y, x] = [(kernel[0] - 1) >> 1, (kernel[1] - 1) >> 1]
  const same: Pads = [y, x, kernel[0] - 1 - y, kernel[1] - 1 - x]
  if (!f.bit(`${name}.unsame`, given?.join() !== same.join(), 8192)) return same
  const pads = [0, 1, 2, 3].map((i) => f.uint(`${name}.pad`, given?.[i] ?? 0, 65535))
  return [pads[0], pads[1], pads[2], pads[3]]
}
