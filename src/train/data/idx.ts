/**
 * The IDX format of MNIST and its relatives: 0, 0, type, rank, then `rank` big-endian u32 sizes, then the elements
 * in row-major order. Only unsigned bytes (type 8) are read here. Files may be gzip-compressed.
 */
import { WhiteDwarfError } from '../../errors.js'
import { inflate, isGzip } from './inflate.js'

export interface IdxArray {
  readonly shape: readonly number[]
  readonly data: Uint8Array
}

const UNSIGNED_BYTES = 8

/**
 * Parses IDX bytes, gzip-compressed or raw.
 * @param name what messages call the file
 * @throws WhiteDwarfError E_FORMAT when the bytes are not exactly one IDX array of unsigned bytes
 */
export async function parseIdx(bytes: Uint8Array, name = 'IDX data'): Promise<IdxArray> {
  const raw = isGzip(bytes) ? await inflate(bytes, 'gzip', name) : bytes
  const fail = (why: string) => new WhiteDwarfError('E_FORMAT', `${name}: ${why}`)
  if (raw.length < 4) throw fail(`${raw.length} bytes are too few for an IDX header`)
  const [zero0, zero1, type, rank] = raw
  if (zero0 !== 0 || zero1 !== 0 || rank === 0) {
    throw fail(
      `not an IDX file: it starts with ${[...raw.subarray(0, 4)].join(' ')}, expected 0 0 8 and the number of dimensions`,
    )
  }
  if (type !== UNSIGNED_BYTES)
    throw fail(`element type ${type} is not supported: expected ${UNSIGNED_BYTES} (unsigned bytes)`)
  const header = 4 + 4 * rank
  if (raw.length < header) throw fail(`truncated in the header: ${raw.length} bytes, expected at least ${header}`)
  const view = new DataView(raw.buffer, raw.byteOffset, raw.length)
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i))
  const expected = header + shape.reduce((a, b) => a * b, 1)
  if (raw.length < expected)
    throw fail(`truncated: ${raw.length} bytes, a [${shape.join(', ')}] array needs ${expected}`)
  if (raw.length > expected)
    throw fail(`${raw.length - expected} bytes too many behind the [${shape.join(', ')}] array`)
  return { shape, data: raw.subarray(header) }
}
