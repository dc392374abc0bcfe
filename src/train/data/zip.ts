/**
 * Zip archives (APPNOTE 6.3), as far as .npz files need them: stored or deflated entries, no encryption, no ZIP64 directory.
 *
 *   local header + name + data ...  |  directory: one record an entry  |  end record: where the directory is
 */
import { WhiteDwarfError } from '../../errors.js'
import { crc32 } from '../../format/crc32.js'
import { inflate, MAX_BYTES } from './inflate.js'

const END = 0x06054b50
const RECORD = 0x02014b50
const LOCAL = 0x04034b50
const END_BYTES = 22
const RECORD_BYTES = 46
const LOCAL_BYTES = 30
const MAX_COMMENT = 65535
const STORED = 0
const DEFLATED = 8

export const isZip = (bytes: Uint8Array): boolean => bytes[0] === 0x50 && bytes[1] === 0x4b

/** The entries' names, each with a function that unpacks its data. */
export type ZipEntries = ReadonlyMap<string, () => Promise<Uint8Array>>

/**
 * Lists an archive.
 * @param name what messages call it
 * @throws WhiteDwarfError E_FORMAT for damaged archives, here or when an entry is unpacked
 */
export function readZip(bytes: Uint8Array, name = 'zip data'): ZipEntries {
  const fail = (why: string) => new WhiteDwarfError('E_FORMAT', `${name}: ${why}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const end = findEnd(view)
  if (end === undefined) throw fail('not a zip archive, or truncated: it has no end record')
  const count = view.getUint16(end + 10, true)
  const entries = new Map<string, () => Promise<Uint8Array>>()
  let at = view.getUint32(end + 16, true)
  for (let i = 0; i < count; i++) {
    if (at + RECORD_BYTES > end || view.getUint32(at, true) !== RECORD) {
      throw fail(`damaged: entry ${i} of its directory is not where it should be (ZIP64 archives are not supported)`)
    }
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((field) => view.getUint16(at + field, true))
    const entry = new TextDecoder().decode(bytes.subarray(at + RECORD_BYTES, at + RECORD_BYTES + nameBytes))
    const record = new DataView(bytes.buffer, bytes.byteOffset + at, RECORD_BYTES)
    entries.set(entry, () => unpack(view, record, `${name}, ${entry}`))
    at += RECORD_BYTES + nameBytes + extraBytes + commentBytes
  }
  return entries
}

/** The end record is the last one but for a comment of up to 65535 bytes. */
function findEnd(view: DataView): number | undefined {
  const last = view.byteLength - END_BYTES
  for (let at = last; at >= Math.max(0, last - MAX_COMMENT); at--) {
    if (view.getUint32(at, true) === END && at + END_BYTES + view.getUint16(at + 20, true) === view.byteLength)
      return at
  }
  return undefined
}

async function unpack(archive: DataView, record: DataView, name: string): Promise<Uint8Array> {
  const fail = (why: string) => new WhiteDwarfError('E_FORMAT', `${name}: ${why}`)
  const flags = record.getUint16(8, true)
  const method = record.getUint16(10, true)
  const [checksum, packedSize, size] = [16, 20, 24].map((field) => record.getUint32(field, true))
  const local = record.getUint32(42, true)
  if (flags & 1) throw fail('it is encrypted')
  if (method !== STORED && method !== DEFLATED) throw fail(`compression method ${method} is not supported`)
  if (size > MAX_BYTES) throw fail(`it unpacks to ${size} bytes, more than the ${MAX_BYTES} that are read`)
  if (local + LOCAL_BYTES > archive.byteLength || archive.getUint32(local, true) !== LOCAL) {
    throw fail('damaged: its header is not where the directory says')
  }
  const begin = local + LOCAL_BYTES + archive.getUint16(local + 26, true) + archive.getUint16(local + 28, true)
  if (begin + packedSize > archive.byteLength) throw fail('truncated: its data go on behind the end of the file')
  const packed = new Uint8Array(archive.buffer, archive.byteOffset + begin, packedSize)
  const data = method === STORED ? packed : await inflate(packed, 'deflate-raw', name, size)
  if (data.length !== size) throw fail(`damaged: ${data.length} bytes, expected ${size}`)
  if (crc32(data) !== checksum) throw fail('damaged: its checksum is wrong')
  return data
}
