/**
 * Reading safetensors files: eight bytes with the length of a JSON header, the header (name -> type, shape and place of
 * each tensor), and the numbers, little-endian.
 */
import { WhiteDwarfError } from '../errors.js'
import { elements } from '../graph/ir.js'
import { brainToFloat, halfToFloat } from './half.js'

export interface SafeTensor {
  readonly shape: readonly number[]
  /** f16 and bf16 are widened; f64 and integers converted. */
  readonly data: Float32Array
}

/** Largest header that is read: what the format allows. */
const MAX_HEADER = 100_000_000

interface Reader {
  readonly bytes: number
  readonly read: (view: DataView, at: number) => number
}

const READERS: Readonly<Record<string, Reader>> = {
  F64: { bytes: 8, read: (v, at) => v.getFloat64(at, true) },
  F32: { bytes: 4, read: (v, at) => v.getFloat32(at, true) },
  F16: { bytes: 2, read: (v, at) => halfToFloat(v.getUint16(at, true)) },
  BF16: { bytes: 2, read: (v, at) => brainToFloat(v.getUint16(at, true)) },
  I64: { bytes: 8, read: (v, at) => Number(v.getBigInt64(at, true)) },
  U64: { bytes: 8, read: (v, at) => Number(v.getBigUint64(at, true)) },
  I32: { bytes: 4, read: (v, at) => v.getInt32(at, true) },
  U32: { bytes: 4, read: (v, at) => v.getUint32(at, true) },
  I16: { bytes: 2, read: (v, at) => v.getInt16(at, true) },
  U16: { bytes: 2, read: (v, at) => v.getUint16(at, true) },
  I8: { bytes: 1, read: (v, at) => v.getInt8(at) },
  U8: { bytes: 1, read: (v, at) => v.getUint8(at) },
  BOOL: { bytes: 1, read: (v, at) => v.getUint8(at) },
}

const damaged = (message: string, cause?: unknown) =>
  new WhiteDwarfError('E_FORMAT', `not a safetensors file: ${message}`, { cause })

/**
 * All tensors of a file, in the file's order.
 * @throws WhiteDwarfError E_FORMAT
 */
export function readSafetensors(bytes: Uint8Array): Map<string, SafeTensor> {
  if (bytes.length < 8) throw damaged(`it has ${bytes.length} bytes, expected at least 8`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const length = Number(view.getBigUint64(0, true))
  if (length > MAX_HEADER || 8 + length > bytes.length) {
    throw damaged(`its header would have ${length} bytes, the file has ${bytes.length}`)
  }
  const header = parseHeader(bytes.subarray(8, 8 + length))
  const tensors = new Map<string, SafeTensor>()
  for (const [name, entry] of Object.entries(header)) {
    if (name !== '__metadata__') tensors.set(name, readTensor(name, entry, view, 8 + length))
  }
  return tensors
}

function parseHeader(bytes: Uint8Array): object {
  let header: unknown
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw damaged('its header is not JSON', cause)
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    throw damaged('its header is not an object')
  }
  return header
}

/** @param begin where the numbers of all tensors begin */
function readTensor(name: string, entry: unknown, view: DataView, begin: number): SafeTensor {
  const { dtype, shape, data_offsets: place } = (entry ?? {}) as Readonly<Record<string, unknown>>
  const reader = typeof dtype === 'string' && Object.hasOwn(READERS, dtype) ? READERS[dtype] : undefined
  if (reader === undefined) {
    throw damaged(`'${name}' has type ${String(dtype)}, known are ${Object.keys(READERS).join(', ')}`)
  }
  if (!isWholeNumbers(shape) || !isWholeNumbers(place) || place.length !== 2) {
    throw damaged(`'${name}' has no shape or no place`)
  }
  const count = elements(shape)
  const [from, to] = place.map((offset) => begin + offset)
  if (to > view.byteLength || to - from !== count * reader.bytes) {
    throw damaged(
      `'${name}' of shape [${shape.join(', ')}] and type ${dtype} cannot lie at bytes ${place.join(' to ')}`,
    )
  }
  const data = new Float32Array(count)
  for (let i = 0; i < count; i++) data[i] = reader.read(view, from + i * reader.bytes)
  return { shape, data }
}

const isWholeNumbers = (list: unknown): list is number[] =>
  Array.isArray(list) && list.every((n) => Number.isSafeInteger(n) && n >= 0)
