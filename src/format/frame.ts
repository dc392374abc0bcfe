/** What surrounds the coded stream of a .wd file: magic, version, length, sections, checksum. Laid out in wd.ts. */
import { WhiteDwarfError } from '../errors.js'
import { crc32 } from './crc32.js'
import { damaged } from './limits.js'

export const VERSION = 1
const HAS_SECTIONS = 128
export const CHECKSUM_BYTES = 4

/** Extra data in a file. A reader that does not know an odd tag refuses the file; even tags may be ignored. */
export interface Section {
  readonly tag: number
  readonly bytes: Uint8Array
}

export function readFrame(bytes: Uint8Array): { sections: Section[]; begin: number; end: number } {
  if (bytes.length < 3 || bytes[0] !== 0x57 || bytes[1] !== 0x44) {
    throw new WhiteDwarfError('E_FORMAT', `not a .wd file: it must begin with 'WD', got ${describeStart(bytes)}`)
  }
  if ((bytes[2] & 127) !== VERSION) {
    throw new WhiteDwarfError(
      'E_FORMAT',
      `.wd version ${bytes[2] & 127}: this release reads version ${VERSION}, update whitedwarf`,
    )
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

export function frame(stream: Uint8Array, sections: readonly Section[]): Uint8Array {
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
