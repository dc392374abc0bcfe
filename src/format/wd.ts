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
import { WhiteDwarfError } from '../errors.js'
import { type Graph, inferShapes, isWeighted, type Shape } from '../graph/ir.js'
import type { LayerParams, LevelTensor, Model } from '../graph/model.js'
import { type BitCoder, RangeDecoder, RangeEncoder } from './coder.js'
import { crc32 } from './crc32.js'
import { Fields } from './fields.js'
import { checkGraph, checkName, codeHeader, type Header, type Mode, planeWidth, setOwn, type TensorHeader } from './header.js'
import { LevelCoder, matrixOf, tensorArguments } from './levels.js'
import { damaged, PARAMS_PER_BYTE, refuse, WEIGHTS_PER_BYTE } from './limits.js'
import { codeArray } from './params.js'
import { seededSigns } from './signs.js'

const VERSION = 1
const HAS_SECTIONS = 128
const CHECKSUM_BYTES = 4
/** Largest tensor that the encoder codes in context mode unless asked to. */
const CONTEXT_LIMIT = 2 ** 20

/** Extra data in a file. A reader that does not know an odd tag refuses the file; even tags may be ignored. */
export interface Section {
  readonly tag: number
  readonly bytes: Uint8Array
}

export interface EncodeOptions {
  /** How levels are coded. By default the smaller of both, for tensors above 2^20 weights `runs`, which decodes faster. */
  readonly mode?: Mode
  readonly sections?: readonly Section[]
}

/** A level tensor of a file whose levels are not decoded yet. */
export interface WdTensor extends TensorHeader {
  readonly rows: number
  readonly cols: number
  /** The numbers that follow `state` in the kernel `entropy_tensor`. */
  readonly kernelArguments: readonly number[]
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
  /** In the order of the stream. */
  readonly tensors: readonly WdTensor[]
  readonly levels: StreamPosition
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
  const header = headerOf(model)
  if (options.mode !== undefined) return encodeWith(model, header, header.tensors.map(() => options.mode as Mode), options)
  // All tensors in one mode first, then tensor by tensor whatever is smaller.
  const modes = header.tensors.map((t): Mode => (matrixOf(t.shape).rows * matrixOf(t.shape).cols > CONTEXT_LIMIT ? 'runs' : 'context'))
  let best = encodeWith(model, header, modes, options)
  for (let i = 0; i < modes.length; i++) {
    if (modes[i] === 'runs' || modes.length > 64) continue
    const other = encodeWith(model, header, modes.map((m, k) => (k === i ? 'runs' : m)), options)
    if (other.length < best.length) {
      best = other
      modes[i] = 'runs'
    }
  }
  return best
}

/** Reads a whole model. Round trip: encodeModel(decodeModel(bytes)) gives bytes written by encodeModel again. */
export function decodeModel(bytes: Uint8Array): Model {
  const file = readWd(bytes)
  const coder = resume(bytes, file.levels)
  const levelCoder = new LevelCoder(coder, file.tensors)
  const tensors: Record<string, LevelTensor> = {}
  for (const t of file.tensors) {
    const levels = levelCoder.decode(t)
    const tensor = { shape: t.shape, maxLevel: t.maxLevel, levels }
    setOwn(tensors, t.name, t.signSeed === undefined ? tensor : { ...tensor, signSeed: t.signSeed })
  }
  if (!coder.exhausted) throw damaged('the stream of levels is longer than its tensors')
  return { graph: file.graph, tensors, layers: file.layers, ranges: file.ranges }
}

/** Coded size of each level tensor in bytes (fractional), in file order. Decodes all levels. */
export function tensorBytes(bytes: Uint8Array): { name: string; bytes: number }[] {
  const file = readWd(bytes)
  const coder = resume(bytes, file.levels)
  const levelCoder = new LevelCoder(coder, file.tensors)
  return file.tensors.map((t) => {
    const before = coder.bits
    levelCoder.decode(t)
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
  if (coder.overrun) throw damaged('the constants run past the end of the file')
  const afterParams = coder.bits
  const tensors = header.tensors.map((t) => {
    const { rows, cols } = matrixOf(t.shape)
    return { ...t, rows, cols, kernelArguments: tensorArguments(t) }
  })
  if (tensors.length === 0 && !coder.exhausted) throw damaged('bytes are left over after the constants')
  const headerBytes = (afterHeader - start) / 8
  const params = (afterParams - afterHeader) / 8
  return {
    version: VERSION,
    graph: header.graph,
    shapes: header.shapes,
    layers,
    ranges: header.ranges,
    tensors,
    levels: { range: coder.range, code: coder.code, next: coder.next, end },
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
  const coder = new RangeDecoder(bytes, at.end, at.end)
  coder.range = at.range
  coder.code = at.code
  coder.next = at.next
  return coder
}

function encodeWith(model: Model, header: Header, modes: readonly Mode[], options: EncodeOptions): Uint8Array {
  const withModes = { ...header, tensors: header.tensors.map((t, i) => ({ ...t, mode: modes[i] })) }
  const coder = new RangeEncoder()
  const f = new Fields(coder)
  codeHeader(f, withModes)
  codeParams(f, withModes, model)
  const levelCoder = new LevelCoder(coder, withModes.tensors)
  for (const t of withModes.tensors) levelCoder.encode(t, model.tensors[t.name].levels)
  return frame(coder.finish(), options.sections ?? [])
}

/** Scales and biases of all layers, in node order. */
function codeParams(f: Fields, header: Header, model?: Model): Record<string, LayerParams> {
  const layers: Record<string, LayerParams> = {}
  for (const layer of header.layers) {
    const t = header.tensors[layer.tensor]
    const given = model?.layers[layer.node]
    const scale = codeArray(f, 'scale', t.shape[0], given?.scale)
    const bias = codeArray(f, 'bias', t.shape[0], given?.bias)
    setOwn(layers, layer.node, { tensor: t.name, scale, bias })
  }
  return layers
}

/** Refuses headers that claim more than the stream can hold, before anything of that size is allocated. */
function checkClaims(header: Header, streamBytes: number): void {
  let params = 0
  for (const layer of header.layers) params += 2 * header.tensors[layer.tensor].shape[0]
  let weights = 0
  for (const t of header.tensors) weights += matrixOf(t.shape).rows * matrixOf(t.shape).cols
  const bytes = streamBytes + 8
  if (params > bytes * PARAMS_PER_BYTE || weights > bytes * WEIGHTS_PER_BYTE) {
    throw damaged(`the header claims ${weights} weights and ${params} constants, more than ${streamBytes} bytes can hold`)
  }
}

function readFrame(bytes: Uint8Array): { sections: Section[]; begin: number; end: number } {
  if (bytes.length < 3 || bytes[0] !== 0x57 || bytes[1] !== 0x44) {
    throw new WhiteDwarfError('E_FORMAT', `not a .wd file: it must begin with 'WD', got ${describeStart(bytes)}`)
  }
  if ((bytes[2] & 127) !== VERSION) {
    throw new WhiteDwarfError('E_FORMAT', `.wd version ${bytes[2] & 127}: this release reads version ${VERSION}, update whitedwarf`)
  }
  const reader = { bytes, at: 3, end: bytes.length }
  const total = varint(reader)
  if (total !== bytes.length) {
    const what = bytes.length < total ? 'truncated' : 'followed by other data'
    throw new WhiteDwarfError('E_FORMAT', `this .wd file is ${what}: expected ${total} bytes, got ${bytes.length}`)
  }
  const end = bytes.length - CHECKSUM_BYTES
  if (end < reader.at) throw damaged('it is too short')
  const stored = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(end, true)
  if (crc32(bytes.subarray(0, end)) !== stored) throw damaged('its checksum does not match: load it again')
  reader.end = end
  const sections: Section[] = []
  if (bytes[2] & HAS_SECTIONS) {
    const count = varint(reader)
    if (count === 0 || count > end - reader.at) throw damaged(`it claims ${count} sections`)
    for (let i = 0; i < count; i++) sections.push(readSection(reader))
  }
  return { sections, begin: reader.at, end }
}

interface Reader {
  readonly bytes: Uint8Array
  at: number
  end: number
}

function readSection(reader: Reader): Section {
  const tag = varint(reader)
  const length = varint(reader)
  if (length > reader.end - reader.at) throw damaged(`section ${tag} is longer than the file`)
  if (tag % 2 === 1) {
    throw new WhiteDwarfError('E_FORMAT', `this .wd file needs feature ${tag}, unknown here: update whitedwarf`)
  }
  const bytes = reader.bytes.slice(reader.at, reader.at + length)
  reader.at += length
  return { tag, bytes }
}

/** LEB128: seven bits per byte, lowest first, at most five bytes and 2^32 - 1, without needless zero bytes at the end. */
function varint(reader: Reader): number {
  let value = 0
  for (let i = 0; i < 5; i++) {
    if (reader.at >= reader.end) throw damaged('it ends inside a number')
    const byte = reader.bytes[reader.at++]
    value += (byte & 127) * 2 ** (7 * i)
    if (byte < 128) {
      if ((byte === 0 && i > 0) || value >= 2 ** 32) break
      return value
    }
  }
  throw damaged('a number is not in its shortest form')
}

function varintBytes(value: number): number[] {
  const out: number[] = []
  for (; value >= 128; value = Math.floor(value / 128)) out.push((value % 128) + 128)
  out.push(value)
  return out
}

function frame(stream: Uint8Array, sections: readonly Section[]): Uint8Array {
  const extra: number[][] = sections.length > 0 ? [varintBytes(sections.length)] : []
  for (const s of sections) {
    if (!Number.isInteger(s.tag) || s.tag < 0 || s.tag >= 2 ** 32 || s.tag % 2 === 1) {
      throw new WhiteDwarfError('E_OPTION', `section tags must be even whole numbers from 0 to 2^32 - 2, got ${s.tag}`)
    }
    extra.push([...varintBytes(s.tag), ...varintBytes(s.bytes.length)], Array.from(s.bytes))
  }
  const middle = extra.flat()
  const rest = 3 + middle.length + stream.length + CHECKSUM_BYTES
  let total = rest + 1
  while (rest + varintBytes(total).length !== total) total++
  const out = new Uint8Array(total)
  out.set([0x57, 0x44, VERSION | (sections.length > 0 ? HAS_SECTIONS : 0), ...varintBytes(total), ...middle])
  const end = total - CHECKSUM_BYTES
  out.set(stream, end - stream.length)
  new DataView(out.buffer).setUint32(end, crc32(out.subarray(0, end)), true)
  return out
}

function describeStart(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'no bytes at all'
  const start = bytes.subarray(0, 12)
  const text = String.fromCharCode(...start)
  const hex = Array.from(start, (b) => b.toString(16).padStart(2, '0')).join(' ')
  return /^\s*<(!doctype|html)/i.test(text) ? 'an HTML page' : `bytes ${hex}`
}

/** The header of a model to be written; checks that everything fits together. */
function headerOf(model: Model): Header {
  const graph = model.graph
  const shapes = inferShapes(graph)
  checkGraph(graph)
  const tensors: TensorHeader[] = []
  const index = new Map<string, number>()
  const layers: { node: string; tensor: number }[] = []
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
      const header = { name: layer.tensor, shape: t.shape, maxLevel: t.maxLevel, mode: 'context', width: planeWidth(graph, shapes, node) } as const
      tensors.push(t.signSeed === undefined ? header : { ...header, signSeed: t.signSeed })
    }
    layers.push({ node: node.name, tensor: at })
  }
  for (const name of Object.keys(model.tensors)) {
    if (!index.has(name)) throw refuse(`level tensor '${name}' is not used by any node`)
  }
  for (const name of Object.keys(model.layers)) {
    if (!layers.some((l) => l.node === name)) throw refuse(`layers has an entry '${name}', but no weighted node is called so`)
  }
  for (const [name, code] of Object.entries(model.ranges)) {
    if (!shapes.has(name)) throw refuse(`ranges has an entry '${name}', but no value is called so`)
    if (!Number.isInteger(code) || code < 0 || code > 255) throw refuse(`the range code of '${name}' is ${code}, expected 0 to 255`)
  }
  return { graph, shapes, tensors, layers, ranges: model.ranges }
}
