/**
 * Arrays in NumPy's .npy format (versions 1 to 3):
 *
 *   93 'NUMPY' | major, minor | u16 or u32 header length | {'descr': '|u1', 'fortran_order': False, 'shape': (2, 28, 28), } | elements
 */
import { WhiteDwarfError } from '../../errors.js'

export interface NpyArray {
  readonly shape: readonly number[]
  /** Kind and bytes of an element as NumPy writes them: u1, i8, f4, ... */
  readonly type: string
  /** Row-major. Integers of 8 bytes beyond 2^53 lose digits. */
  readonly data: Uint8Array | Float64Array
}

/** Most elements of other types than bytes: they take 8 bytes each in memory. */
const MAX_NUMBERS = 2 ** 28

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]

export const isNpy = (bytes: Uint8Array): boolean => MAGIC.every((v, i) => bytes[i] === v)

/** Reads the element at a byte offset. */
type Reader = (view: DataView, at: number, little: boolean) => number

const READERS: Readonly<Record<string, Reader>> = {
  b1: (view, at) => view.getUint8(at),
  i1: (view, at) => view.getInt8(at),
  u2: (view, at, little) => view.getUint16(at, little),
  i2: (view, at, little) => view.getInt16(at, little),
  u4: (view, at, little) => view.getUint32(at, little),
  i4: (view, at, little) => view.getInt32(at, little),
  u8: (view, at, little) => Number(view.getBigUint64(at, little)),
  i8: (view, at, little) => Number(view.getBigInt64(at, little)),
  f4: (view, at, little) => view.getFloat32(at, little),
  f8: (view, at, little) => view.getFloat64(at, little),
}

/**
 * Parses a .npy file of numbers.
 * @param name what messages call it
 * @throws WhiteDwarfError E_FORMAT for anything that is not exactly one such array in row-major order
 */
export function parseNpy(bytes: Uint8Array, name = 'npy data'): NpyArray {
  const fail = (why: string) => new WhiteDwarfError('E_FORMAT', `${name}: ${why}`)
  if (!isNpy(bytes)) throw fail('not a .npy array: it does not begin with \\x93NUMPY')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const sizeBytes = bytes[6] === 1 ? 2 : 4
  const first = 8 + sizeBytes
  if (bytes.length < first) throw fail('truncated in the header')
  if (bytes[6] < 1 || bytes[6] > 3) throw fail(`version ${bytes[6]} of the format is not supported, only 1 to 3`)
  const begin = first + (sizeBytes === 2 ? view.getUint16(8, true) : view.getUint32(8, true))
  if (bytes.length < begin) throw fail('truncated in the header')
  const header = new TextDecoder().decode(bytes.subarray(first, begin))
  const descr = /'descr':\s*'([<>|=]?)([a-z]\d+)'/.exec(header)
  const order = /'fortran_order':\s*(True|False)/.exec(header)
  const dims = /'shape':\s*\(([\d\s,]*)\)/.exec(header)
  if (order === null || dims === null || descr === null) {
    throw fail(
      `cannot read the header ${JSON.stringify(header.slice(0, 200).trim())}: expected one array of plain numbers`,
    )
  }
  const [, byteOrder, type] = descr
  if (order[1] === 'True') throw fail('it is in Fortran order: save it with np.ascontiguousarray')
  const read = READERS[type]
  if (read === undefined && type !== 'u1') {
    throw fail(`element type ${type} is not supported: expected u1, ${Object.keys(READERS).join(', ')}`)
  }
  const shape = dims[1].split(',').flatMap((part) => (part.trim() === '' ? [] : [Number(part)]))
  const n = shape.reduce((a, b) => a * b, 1)
  const step = Number(type.slice(1))
  if (bytes.length - begin !== n * step) {
    throw fail(`${bytes.length - begin} bytes of elements, a [${shape.join(', ')}] array of ${type} needs ${n * step}`)
  }
  if (type === 'u1') return { shape, type, data: bytes.subarray(begin) }
  if (n > MAX_NUMBERS) throw fail(`${n} elements of ${type} are too many: save them as unsigned bytes`)
  return {
    shape,
    type,
    data: Float64Array.from({ length: n }, (_, i) => read(view, begin + i * step, byteOrder !== '>')),
  }
}
