/**
 * Reading ONNX files. The wire format is @bufbuild/protobuf's matter, with the message types of onnx-buf; here its messages
 * are checked and turned into plain data.
 */

import { WhiteDwarfError } from '../errors.js'
import { brainToFloat, halfToFloat } from '../format/half.js'
import type { AttributeValue, OnnxModel, OnnxNode, OnnxPort } from './model.js'
import { count, type HostTensor, type HostType, hostTensor } from './tensor.js'
import {
  type AttributeProto,
  fromBinary,
  AttributeProto_AttributeType as Kind,
  ModelProtoSchema,
  type NodeProto,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProtoSchema,
  type ValueInfoProto,
} from './vendor.js'

/** Hands out the bytes of a file that lies beside the model; its name is as the model has it. */
export type ExternalData = (location: string) => Uint8Array

/** How elements are stored: the type that they are read as, and their bits. */
interface Element {
  readonly host: HostType
  readonly bits: 2 | 4 | 8 | 16 | 32 | 64
  /** Half precision: what a pattern of 16 bits stands for. */
  readonly widen?: (bits: number) => number
}

/** By ONNX's numbers. */
const ELEMENTS: Readonly<Record<number, Element>> = {
  1: { host: 'float32', bits: 32 },
  2: { host: 'uint8', bits: 8 },
  3: { host: 'int8', bits: 8 },
  4: { host: 'uint16', bits: 16 },
  5: { host: 'int16', bits: 16 },
  6: { host: 'int32', bits: 32 },
  7: { host: 'int64', bits: 64 },
  9: { host: 'bool', bits: 8 },
  10: { host: 'float32', bits: 16, widen: halfToFloat },
  11: { host: 'float64', bits: 64 },
  12: { host: 'uint32', bits: 32 },
  13: { host: 'uint64', bits: 64 },
  16: { host: 'float32', bits: 16, widen: brainToFloat },
  21: { host: 'uint4', bits: 4 },
  22: { host: 'int4', bits: 4 },
  25: { host: 'uint2', bits: 2 },
  26: { host: 'int2', bits: 2 },
}

/** What ONNX calls the types that are not read, for messages. */
const OTHERS: Readonly<Record<number, string>> = {
  0: 'undefined',
  8: 'string',
  14: 'complex64',
  15: 'complex128',
  17: 'float8e4m3fn',
  18: 'float8e4m3fnuz',
  19: 'float8e5m2',
  20: 'float8e5m2fnuz',
  23: 'float4e2m1',
  24: 'float8e8m0',
}

/** @throws WhiteDwarfError E_GRAPH */
function elementOf(type: number, who: string): Element {
  if (Object.hasOwn(ELEMENTS, type)) return ELEMENTS[type]
  throw fail('E_GRAPH', `${who} has element type ${OTHERS[type] ?? type}: not supported`)
}

/** Most elements of a tensor in a model: 2 GiB of f32. */
const MAX_ELEMENTS = 2 ** 29

const fail = (code: 'E_FORMAT' | 'E_GRAPH' | 'E_SHAPE' | 'E_DATA', message: string) =>
  new WhiteDwarfError(code, message)

/** @throws WhiteDwarfError E_FORMAT (no ONNX file), E_GRAPH, E_SHAPE, E_DATA (external data) */
export function readOnnx(bytes: Uint8Array, external?: ExternalData): OnnxModel {
  const model = decode(() => fromBinary(ModelProtoSchema, bytes), 'an ONNX model')
  const graph = model.graph
  if (graph === undefined) throw fail('E_FORMAT', 'this is not an ONNX model: it has no graph')
  const opsets = model.opsetImport.filter((o) => o.domain === '' || o.domain === 'ai.onnx')
  if (opsets.length === 0) throw fail('E_FORMAT', 'the ONNX model does not say which operator set it uses')
  if (model.functions.length > 0) {
    throw fail(
      'E_GRAPH',
      `the ONNX model defines functions (${model.functions[0].name}): inline them before importing it`,
    )
  }
  const constants = new Map<string, HostTensor>()
  for (const t of graph.initializer) constants.set(t.name, readTensor(t, `initializer '${t.name}'`, external))
  if (graph.sparseInitializer.length > 0) {
    throw fail('E_GRAPH', 'the ONNX model has sparse initializers: store them dense, zeros are found again')
  }
  return {
    opset: Number(opsets[0].version),
    producer: [model.producerName, model.producerVersion].filter((s) => s !== '').join(' '),
    nodes: graph.node.map((node) => readNode(node, external)),
    constants,
    inputs: graph.input.filter((i) => !constants.has(i.name)).map(readPort),
    outputs: graph.output.map(readPort),
  }
}

/** A file with one tensor, as ONNX's tests keep them. @throws WhiteDwarfError E_FORMAT, E_SHAPE */
export function readOnnxTensor(bytes: Uint8Array): HostTensor {
  return readTensor(
    decode(() => fromBinary(TensorProtoSchema, bytes), 'an ONNX tensor'),
    'the tensor',
  )
}

function decode<T>(read: () => T, what: string): T {
  try {
    return read()
  } catch (cause) {
    throw new WhiteDwarfError('E_FORMAT', `this is not ${what}: ${(cause as Error).message}`, { cause })
  }
}

function readPort(info: ValueInfoProto): OnnxPort {
  const type = info.type?.value
  if (type?.case !== 'tensorType') {
    throw fail('E_GRAPH', `'${info.name}' is not a tensor: only networks from tensors to tensors can be imported`)
  }
  const dims = type.value.shape?.dim.map(({ value }) => {
    if (value.case === 'dimParam') return value.value
    return value.case === 'dimValue' && value.value >= 0n ? Number(value.value) : undefined
  })
  return { name: info.name, type: elementOf(type.value.elemType, `'${info.name}'`).host, dims: dims ?? [] }
}

function readNode(node: NodeProto, external: ExternalData | undefined): OnnxNode {
  const name = node.name !== '' ? node.name : (node.output[0] ?? node.opType)
  const attributes = new Map<string, AttributeValue>()
  for (const a of node.attribute) {
    const value = readAttribute(a, `'${name}' (${node.opType})`, external)
    if (value !== undefined) attributes.set(a.name, value)
  }
  const domain = node.domain === 'ai.onnx' ? '' : node.domain
  return { name, op: node.opType, domain, inputs: node.input, outputs: node.output, attributes }
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

function readAttribute(a: AttributeProto, who: string, external: ExternalData | undefined): AttributeValue | undefined {
  switch (a.type) {
    case Kind.FLOAT:
      return a.f
    case Kind.INT:
      return safe(Number(a.i))
    case Kind.STRING:
      return text(a.s)
    case Kind.TENSOR:
      return a.t && readTensor(a.t, `attribute '${a.name}' of ${who}`, external)
    case Kind.FLOATS:
      return a.floats
    case Kind.INTS:
      return a.ints.map((v) => safe(Number(v)))
    case Kind.STRINGS:
      return a.strings.map(text)
    default:
      // Graphs, types and sparse tensors: operators that have them are not imported.
      return undefined
  }
}

function readTensor(t: TensorProto, who: string, external?: ExternalData): HostTensor {
  const dims = t.dims.map(Number)
  if (dims.some((d) => !Number.isInteger(d) || d < 0) || !(count(dims) <= MAX_ELEMENTS)) {
    throw fail(
      'E_SHAPE',
      `${who} has shape [${dims.join(', ')}]: sizes must be 0 or more, and ${MAX_ELEMENTS} elements at most`,
    )
  }
  const element = elementOf(t.dataType, who)
  const { host, bits, widen = (v: number) => v } = element
  if (t.dataLocation === TensorProto_DataLocation.EXTERNAL)
    return fromRaw(element, dims, externalBytes(t, who, external), who)
  if (t.rawData.length > 0) return fromRaw(element, dims, t.rawData, who)
  // Two or more to a byte, as in raw data.
  if (bits < 8) return fromRaw(element, dims, Uint8Array.from(t.int32Data), who)
  const listed =
    [t.floatData, t.doubleData, t.int32Data, t.int64Data, t.uint64Data].find((list) => list.length > 0) ?? []
  if (listed.length !== count(dims)) {
    throw fail(
      'E_FORMAT',
      `${who}: shape [${dims.join(', ')}] needs ${count(dims)} elements, there are ${listed.length}`,
    )
  }
  const exact = bits === 64 && host !== 'float64' ? safe : (v: number) => v
  return hostTensor(host, dims, (i) => widen(exact(Number(listed[i]))))
}

/** Little-endian elements, one after the other. */
function fromRaw({ host, bits, widen }: Element, dims: readonly number[], raw: Uint8Array, who: string): HostTensor {
  const bytes = Math.ceil((count(dims) * bits) / 8)
  if (raw.length !== bytes) {
    throw fail(
      'E_FORMAT',
      `${who}: shape [${dims.join(', ')}] of ${host} needs ${bytes} bytes, there are ${raw.length}`,
    )
  }
  // A copy, aligned; typed arrays read it in the machine's order, which is little-endian wherever this library runs.
  const { buffer } = new Uint8Array(raw)
  if (widen !== undefined) {
    const patterns = new Uint16Array(buffer)
    return hostTensor(host, dims, (i) => widen(patterns[i]))
  }
  switch (host) {
    case 'float32':
      return { type: host, dims, data: new Float32Array(buffer) }
    case 'float64':
      return { type: host, dims, data: new Float64Array(buffer) }
    case 'int8':
      return { type: host, dims, data: new Int8Array(buffer) }
    case 'uint8':
      return { type: host, dims, data: new Uint8Array(buffer) }
    case 'bool':
      return { type: host, dims, data: new Uint8Array(buffer).map((v) => Number(v !== 0)) }
    case 'int16':
      return { type: host, dims, data: new Int16Array(buffer) }
    case 'uint16':
      return { type: host, dims, data: new Uint16Array(buffer) }
    case 'int32':
      return { type: host, dims, data: new Int32Array(buffer) }
    case 'uint32':
      return { type: host, dims, data: new Uint32Array(buffer) }
    case 'int64':
    case 'uint64': {
      const wide = host === 'int64' ? new BigInt64Array(buffer) : new BigUint64Array(buffer)
      return hostTensor(host, dims, (i) => safe(Number(wide[i])))
    }
    default:
      return unpacked(host, bits, dims, raw)
  }
}

/** Integers of 2 or 4 bits, the first in the lowest bits of a byte. */
function unpacked(host: HostType, bits: number, dims: readonly number[], raw: Uint8Array): HostTensor {
  const perByte = 8 / bits
  const signed = host.startsWith('int')
  return hostTensor(host, dims, (i) => {
    const code = (raw[Math.floor(i / perByte)] >> (bits * (i % perByte))) & (2 ** bits - 1)
    return signed && code >= 2 ** (bits - 1) ? code - 2 ** bits : code
  })
}

/** ONNX uses the ends of the 64-bit range for "to the end": they become the ends of what f64 holds exactly. */
const safe = (v: number) => Math.min(Number.MAX_SAFE_INTEGER, Math.max(Number.MIN_SAFE_INTEGER, v))

function externalBytes(t: TensorProto, who: string, external: ExternalData | undefined): Uint8Array {
  const entries = new Map(t.externalData.map((e) => [e.key, e.value]))
  const location = entries.get('location')
  if (location === undefined)
    throw fail('E_FORMAT', `${who}: its data lies outside of the model, but where is not said`)
  if (/^([/\\]|[a-z]:)|(^|[/\\])\.\.([/\\]|$)/i.test(location)) {
    throw fail('E_DATA', `${who}: its data would lie in '${location}', outside of the model's folder: refused`)
  }
  if (external === undefined) {
    throw fail(
      'E_DATA',
      `${who}: its data lies in '${location}' beside the model: give the option 'external' to read it`,
    )
  }
  const file = externalFile(location, who, external)
  const begin = Number(entries.get('offset') ?? 0)
  const length = Number(entries.get('length') ?? file.length - begin)
  if (!(begin >= 0 && length >= 0 && begin + length <= file.length)) {
    throw fail('E_DATA', `${who}: bytes ${begin} to ${begin + length} of '${location}', which has ${file.length}`)
  }
  return file.subarray(begin, begin + length)
}

/** @throws WhiteDwarfError E_DATA for whatever goes wrong outside, but errors of this library as they are */
function externalFile(location: string, who: string, external: ExternalData): Uint8Array {
  let file: unknown
  try {
    file = external(location)
  } catch (cause) {
    if (cause instanceof WhiteDwarfError) throw cause
    throw new WhiteDwarfError('E_DATA', `${who}: cannot read '${location}': ${(cause as Error)?.message ?? cause}`, {
      cause,
    })
  }
  if (file instanceof Uint8Array) return file
  throw fail('E_DATA', `${who}: the option 'external' gave no bytes (Uint8Array) for '${location}'`)
}
