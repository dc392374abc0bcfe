/**
 * Reading a .wd file: everything but the levels, which the kernels decode (or decodeModel). This is what a session needs of the
 * format; writing is in wd.ts.
 */
import { elements, type Graph, type Shape } from '../graph/ir.js'
import type { LayerParams, Model } from '../graph/model.js'
import { RangeDecoder } from '../kernels/ref/entropy/coder.js'
import type { Pattern } from '../patterns/pattern.js'
import { Fields } from './fields.js'
import { CHECKSUM_BYTES, readFrame, type Section, VERSION } from './frame.js'
import { floatToHalf, halfToFloat } from './half.js'
import { codeHeader, type Header, setOwn, type TensorHeader } from './header.js'
import { type CodedTensor, largest, matrixOf, rowClasses, tensorArguments } from './levels.js'
import { BLOCKS_PER_BYTE, damaged, MAX_CONTEXT_WEIGHTS, PARAMS_PER_BYTE, WEIGHTS_PER_BYTE } from './limits.js'
import { codeArray } from './params.js'
import type { PatternCode } from './patterned.js'

/** A level tensor of a file whose levels are not decoded yet. */
export interface WdTensor extends CodedTensor {
  readonly rows: number
  readonly cols: number
  /**
   * The numbers between `state` and `classes` in the kernel `entropy_tensor`, and the bytes that `classes` points at. Rows and columns
   * of a packed tensor are those of its packing.
   */
  readonly kernelArguments: readonly number[]
  readonly rowClasses: Uint8Array
}

/** State of the arithmetic decoder where the levels begin: what the kernel `entropy_begin` takes. */
export interface StreamPosition {
  readonly range: number
  readonly code: number
  /** Offsets in the file of the next byte and of the end of the stream. */
  readonly next: number
  readonly end: number
}

export interface WdFile {
  readonly version: number
  readonly graph: Graph
  readonly shapes: ReadonlyMap<string, Shape>
  readonly layers: Readonly<Record<string, LayerParams>>
  readonly ranges: Readonly<Record<string, number>>
  /** Values of constant nodes. */
  readonly constants: Readonly<Record<string, Float32Array>>
  /** In the order of the stream. */
  readonly tensors: readonly WdTensor[]
  readonly levels: StreamPosition
  /** Largest matrix of the file: what the decoder's state is sized for (entropyStateBytes). */
  readonly maxCols: number
  readonly maxRows: number
  readonly sections: readonly Section[]
  /** Bytes of the file by part; parts of the coded stream are fractional. They add up to `total`. */
  readonly size: {
    readonly total: number
    /** Magic, version, length and sections. */
    readonly frame: number
    readonly header: number
    readonly params: number
    readonly levels: number
    readonly checksum: number
  }
}

/**
 * Checks a file and reads everything but the levels.
 * @param patterns the code for patterns (patterned.ts), if it was loaded
 * @throws WhiteDwarfError E_FORMAT; PatternsNeeded for a file with patterns where their code is undefined
 */
export function readFile(bytes: Uint8Array, patterns: PatternCode | undefined): WdFile {
  const { sections, begin, end } = readFrame(bytes)
  const coder = new RangeDecoder(bytes, begin, end)
  const f = new Fields(coder)
  const start = coder.bits
  const header = codeHeader(f, patterns)
  if (coder.overrun) throw damaged('the header runs past the end of the file')
  const afterHeader = coder.bits
  checkClaims(header, end - begin)
  const layers = codeParams(f, header)
  const constants = codeConstants(f, header)
  if (coder.overrun) throw damaged('the constants run past the end of the file')
  const afterParams = coder.bits
  const classes = classesOf(header, layers)
  const tensors = header.tensors.map((t, i) => {
    const { pattern } = t
    const coded: CodedTensor = pattern === undefined || patterns === undefined ? t : patterned(t, pattern, patterns)
    return { ...coded, ...matrixOf(t.shape), kernelArguments: tensorArguments(coded), rowClasses: classes[i] }
  })
  if (tensors.length === 0 && !coder.exhausted) throw damaged('bytes are left over after the constants')
  const headerBytes = (afterHeader - start) / 8
  const params = (afterParams - afterHeader) / 8
  return {
    version: VERSION,
    graph: header.graph,
    shapes: header.shapes,
    layers,
    constants,
    ranges: header.ranges,
    tensors,
    levels: { range: coder.range, code: coder.code, next: coder.next, end },
    ...largest(header.tensors),
    sections,
    size: {
      total: bytes.length,
      frame: begin,
      header: headerBytes,
      params,
      levels: end - begin - headerBytes - params,
      checksum: CHECKSUM_BYTES,
    },
  }
}

const patterned = (t: TensorHeader, pattern: Pattern, { packingOf, checkerOf }: PatternCode): CodedTensor =>
  t.packed
    ? { ...t, packing: packingOf({ ...t, pattern }) }
    : { ...t, checkLevels: checkerOf(t.name, { ...t, pattern }) }

/** Scales and biases of all layers, in node order. */
export function codeParams(f: Fields, header: Header, model?: Model): Record<string, LayerParams> {
  const layers: Record<string, LayerParams> = {}
  for (const [i, layer] of header.layers.entries()) {
    const t = header.tensors[layer.tensor]
    const given = model?.layers[layer.node]
    const scale = codeArray(f, 'scale', i, t.shape[0], given?.scale)
    const bias = codeArray(f, 'bias', i, t.shape[0], given?.bias)
    setOwn(layers, layer.node, { tensor: t.name, scale, bias })
  }
  return layers
}

/** Values of all constant nodes, in node order: 16 bits each where half precision holds all of a node's, else 32. */
export function codeConstants(f: Fields, { graph }: Header, model?: Model): Record<string, Float32Array> {
  const constants: Record<string, Float32Array> = {}
  for (const node of graph.nodes) {
    if (node.op !== 'tensor' || node.fn.kind !== 'constant') continue
    const given = model?.constants?.[node.name]
    const half = f.bit('constant.half', given?.every((v) => Object.is(halfToFloat(floatToHalf(v)), v)) ?? false)
    const values = new Float32Array(elements(node.fn.shape))
    const bits = new Uint32Array(values.buffer)
    const from = given && new Uint32Array(given.slice().buffer)
    for (let i = 0; i < values.length && !f.coder.overrun; i++) {
      if (half) values[i] = halfToFloat(f.coder.raw(16, given === undefined ? 0 : floatToHalf(given[i])))
      else bits[i] = f.coder.raw(32, from?.[i] ?? 0)
    }
    if (!values.every(Number.isFinite)) throw damaged(`constant '${node.name}' holds numbers that are not finite`)
    setOwn(constants, node.name, values)
  }
  return constants
}

/** Row classes of each tensor, from the scales of the first layer that uses it. */
export function classesOf(header: Header, layers: Readonly<Record<string, LayerParams>>): Uint8Array[] {
  const classes: Uint8Array[] = []
  for (const { node, tensor } of header.layers) {
    if (tensor === classes.length) classes.push(rowClasses(layers[node].scale))
  }
  return classes
}

/** Refuses headers that claim more than the stream can hold, before anything of that size is allocated. */
function checkClaims(header: Header, streamBytes: number): void {
  const slow = header.tensors.reduce((sum, t) => sum + (t.mode === 'context' ? elements(t.shape) : 0), 0)
  if (slow > MAX_CONTEXT_WEIGHTS) {
    throw damaged(`${slow} weights in context mode, at most ${MAX_CONTEXT_WEIGHTS} are allowed`)
  }
  const needed = claimedBytes(header, header.tensors)
  if (needed > streamBytes + GRACE) {
    throw damaged(
      `the header claims weights and constants that need ${Math.ceil(needed)} bytes, the stream has ${streamBytes}`,
    )
  }
}

/** What the decoder holds, and what rounding of a few probabilities may gain. */
export const GRACE = 8

/** Fewest bytes of stream, but for GRACE, that a file with these tensors must have. */
export function claimedBytes({ graph, layers }: Header, tensors: readonly TensorHeader[]): number {
  let bytes = 0
  for (const { tensor } of layers) bytes += (2 * tensors[tensor].shape[0]) / PARAMS_PER_BYTE
  for (const node of graph.nodes) {
    if (node.op === 'tensor' && node.fn.kind === 'constant') bytes += 2 * elements(node.fn.shape)
  }
  for (const t of tensors) bytes += elements(t.shape) / weightsPerByte(t)
  return bytes
}

/** With patterns it is a limit that no trained network comes near, which keeps memory and time in proportion to the file. */
function weightsPerByte({ shape, mode, packed, pattern }: TensorHeader): number {
  const most = WEIGHTS_PER_BYTE[packed ? 'runs' : mode]
  if (pattern?.kind !== 'blocks') return most
  const { block } = pattern.inner ?? pattern
  return Math.min(most, BLOCKS_PER_BYTE * block ** 2 * elements(shape.slice(2)))
}
