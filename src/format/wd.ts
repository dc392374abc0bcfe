/**
 * The .wd file.
 *
 *     0    'W' 'D'
 *     2    version 1, plus 128 if sections follow
 *     3    length of the whole file, LEB128
 *          sections: count, then tag, length and bytes of each (all LEB128 but the bytes)
 *          coded stream: header, params, levels
 *     -4   CRC-32 of all before it, little-endian
 *
 * docs/format.md is the specification.
 */
import { elements, type Graph, type Shape } from '../graph/ir.js'
import type { LayerParams, LevelTensor, Model } from '../graph/model.js'
import { RangeDecoder, RangeEncoder } from '../kernels/ref/entropy/coder.js'
import { checkedHeader } from './check.js'
import { Fields } from './fields.js'
import { CHECKSUM_BYTES, frame, readFrame, type Section, VERSION } from './frame.js'
import { floatToHalf, halfToFloat } from './half.js'
import { codeHeader, type Header, type Mode, setOwn, type TensorHeader } from './header.js'
import { LevelCoder, largest, matrixOf, rowClasses, tensorArguments } from './levels.js'
import { damaged, MAX_CONTEXT_WEIGHTS, PARAMS_PER_BYTE, refuse, WEIGHTS_PER_BYTE } from './limits.js'
import { codeArray } from './params.js'

export interface EncodeOptions {
  /** How levels are coded. By default the smaller of both for up to 2^21 weights, the smallest tensors first, `runs` for others. */
  readonly mode?: Mode
  readonly sections?: readonly Section[]
}

/** A level tensor of a file whose levels are not decoded yet. */
export interface WdTensor extends TensorHeader {
  readonly rows: number
  readonly cols: number
  /** The numbers between `state` and `classes` in the kernel `entropy_tensor`, and the bytes that `classes` points at. */
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
 * Writes a model.
 * @throws WhiteDwarfError E_GRAPH or E_SHAPE for a graph that is not valid, E_FORMAT for what the format cannot hold
 */
export function encodeModel(model: Model, options: EncodeOptions = {}): Uint8Array {
  const header = checkedHeader(model)
  const sections = options.sections ?? []
  const inMode = (mode: Mode) =>
    encodeWith(
      model,
      header,
      header.tensors.map(() => mode),
      sections,
    )
  if (options.mode === 'context' && contextModes(header.tensors).includes('runs')) {
    throw refuse(
      `mode 'context' codes at most ${MAX_CONTEXT_WEIGHTS} weights a file, and no 8-bit levels: leave the mode out, or use 'runs'`,
    )
  }
  if (options.mode !== undefined) return inMode(options.mode).bytes
  const runs = inMode('runs')
  const allowed = contextModes(header.tensors)
  const context = encodeWith(model, header, allowed, sections)
  // Each tensor in the mode in which it was smaller: nearly always the best, as tensors hardly depend on each other.
  const modes = allowed.map((mode, i) => (context.tensorBits[i] <= runs.tensorBits[i] ? mode : 'runs'))
  const candidates = [context, encodeWith(model, header, modes, sections), runs]
  return candidates.reduce((best, c) => (c.bytes.length < best.bytes.length ? c : best)).bytes
}

/** Context mode for the smallest tensors, as many as the limit allows; runs for the others, and for 8-bit levels. */
function contextModes(tensors: readonly TensorHeader[]): Mode[] {
  const modes = tensors.map((): Mode => 'runs')
  const smallestFirst = tensors.map((t, i) => ({ i, size: elements(t.shape) })).sort((a, b) => a.size - b.size)
  let total = 0
  for (const { i, size } of smallestFirst) {
    if (tensors[i].maxLevel === 127) continue
    total += size
    if (total <= MAX_CONTEXT_WEIGHTS) modes[i] = 'context'
  }
  return modes
}

/** Reads a whole model. Round trip: encodeModel(decodeModel(bytes)) gives bytes written by encodeModel again. */
export function decodeModel(bytes: Uint8Array): Model {
  const file = readWd(bytes)
  const coder = resume(bytes, file.levels)
  const levelCoder = new LevelCoder(coder, file.tensors)
  const tensors: Record<string, LevelTensor> = {}
  for (const t of file.tensors) {
    const levels = levelCoder.decode(t, t.rowClasses)
    const tensor = { shape: t.shape, maxLevel: t.maxLevel, levels }
    setOwn(tensors, t.name, t.signSeed === undefined ? tensor : { ...tensor, signSeed: t.signSeed })
  }
  if (!coder.exhausted) throw damaged('the stream of levels is longer than its tensors')
  const { graph, layers, ranges, constants } = file
  return { graph, tensors, layers, ranges, ...(Object.keys(constants).length > 0 && { constants }) }
}

/** Coded size of each level tensor in bytes (fractional), in file order. Decodes all levels. */
export function tensorBytes(bytes: Uint8Array): { name: string; bytes: number }[] {
  const file = readWd(bytes)
  const coder = resume(bytes, file.levels)
  const levelCoder = new LevelCoder(coder, file.tensors)
  return file.tensors.map((t) => {
    const before = coder.bits
    levelCoder.decode(t, t.rowClasses)
    return { name: t.name, bytes: (coder.bits - before) / 8 }
  })
}

/**
 * Checks a file and reads everything but the levels, which the kernels decode (or decodeModel).
 * @throws WhiteDwarfError E_FORMAT
 */
export function readWd(bytes: Uint8Array): WdFile {
  const { sections, begin, end } = readFrame(bytes)
  const coder = new RangeDecoder(bytes, begin, end)
  const f = new Fields(coder)
  const start = coder.bits
  const header = codeHeader(f)
  if (coder.overrun) throw damaged('the header runs past the end of the file')
  const afterHeader = coder.bits
  checkClaims(header, end - begin)
  const layers = codeParams(f, header)
  const constants = codeConstants(f, header)
  if (coder.overrun) throw damaged('the constants run past the end of the file')
  const afterParams = coder.bits
  const classes = classesOf(header, layers)
  const tensors = header.tensors.map((t, i) => {
    const { rows, cols } = matrixOf(t.shape)
    return { ...t, rows, cols, kernelArguments: tensorArguments(t), rowClasses: classes[i] }
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

function resume(bytes: Uint8Array, at: StreamPosition): RangeDecoder {
  return RangeDecoder.resume(bytes, at.range, at.code, at.next, at.end)
}

interface Encoded {
  readonly bytes: Uint8Array
  readonly tensorBits: readonly number[]
}

function encodeWith(model: Model, header: Header, modes: readonly Mode[], sections: readonly Section[]): Encoded {
  const tensors = header.tensors.map((t, i) => ({ ...t, mode: modes[i] }))
  const coder = new RangeEncoder()
  const f = new Fields(coder)
  codeHeader(f, { ...header, tensors })
  const classes = classesOf(header, codeParams(f, header, model))
  codeConstants(f, header, model)
  const levelCoder = new LevelCoder(coder, tensors)
  const tensorBits = tensors.map((t, i) => {
    const before = coder.bits
    levelCoder.encode(t, classes[i], model.tensors[t.name].levels)
    return coder.bits - before
  })
  return { bytes: frame(coder.finish(), sections), tensorBits }
}

/** Scales and biases of all layers, in node order. */
function codeParams(f: Fields, header: Header, model?: Model): Record<string, LayerParams> {
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
function codeConstants(f: Fields, { graph }: Header, model?: Model): Record<string, Float32Array> {
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
function classesOf(header: Header, layers: Readonly<Record<string, LayerParams>>): Uint8Array[] {
  const classes: Uint8Array[] = []
  for (const { node, tensor } of header.layers) {
    if (tensor === classes.length) classes.push(rowClasses(layers[node].scale))
  }
  return classes
}

/** Refuses headers that claim more than the stream can hold, before anything of that size is allocated. */
function checkClaims(header: Header, streamBytes: number): void {
  let params = 0
  for (const layer of header.layers) params += 2 * header.tensors[layer.tensor].shape[0]
  let bytesNeeded = params / PARAMS_PER_BYTE
  for (const node of header.graph.nodes) {
    if (node.op === 'tensor' && node.fn.kind === 'constant') bytesNeeded += 2 * elements(node.fn.shape)
  }
  let slow = 0
  for (const { shape, mode } of header.tensors) {
    bytesNeeded += elements(shape) / WEIGHTS_PER_BYTE[mode]
    if (mode === 'context') slow += elements(shape)
  }
  if (slow > MAX_CONTEXT_WEIGHTS) {
    throw damaged(`${slow} weights in context mode, at most ${MAX_CONTEXT_WEIGHTS} are allowed`)
  }
  // Eight bytes of grace: what the decoder holds, and what rounding of a few probabilities may gain.
  if (bytesNeeded > streamBytes + 8) {
    throw damaged(
      `the header claims weights and constants that need ${Math.ceil(bytesNeeded)} bytes, the stream has ${streamBytes}`,
    )
  }
}
