/**
 * PNG images (ISO/IEC 15948) of up to 8 bits a sample: grey, RGB, palette, with or without alpha, not interlaced.
 *
 *   signature | IHDR | PLTE? | tRNS? | IDAT ... | IEND |      chunk: u32 length | type | data | u32 CRC of type and data
 *
 * The IDAT chunks together are one zlib stream of rows: a filter byte, then samples from the most significant bit on.
 */
import { WhiteDwarfError } from '../../errors.js'
import { crc32 } from '../../format/crc32.js'
import type { RawImage } from './image.js'
import { inflate, MAX_BYTES } from './inflate.js'

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10]

export const isPng = (bytes: Uint8Array): boolean => SIGNATURE.every((v, i) => bytes[i] === v)

/** Colour type -> samples a pixel, and whether the last of them is alpha. */
const COLOUR_TYPES: Readonly<Record<number, { samples: number; alpha: boolean }>> = {
  0: { samples: 1, alpha: false },
  2: { samples: 3, alpha: false },
  3: { samples: 1, alpha: false },
  4: { samples: 2, alpha: true },
  6: { samples: 4, alpha: true },
}
const PALETTE = 3

interface Header {
  readonly width: number
  readonly height: number
  readonly depth: number
  readonly colour: number
}

/**
 * Decodes a PNG. Transparent pixels are mixed with black; a single transparent colour of an image without alpha is ignored.
 * @param name what messages call it
 * @throws WhiteDwarfError E_FORMAT for anything that is not such a PNG, undamaged
 */
export async function decodePng(bytes: Uint8Array, name = 'PNG data'): Promise<RawImage> {
  const fail = (why: string) => new WhiteDwarfError('E_FORMAT', `${name}: ${why}`)
  if (!isPng(bytes)) throw fail('not a PNG image: its signature is missing')
  let header: Header | undefined
  let palette: Uint8Array | undefined
  let alphas: Uint8Array | undefined
  const packed: Uint8Array[] = []
  for (let at = 8, type = ''; type !== 'IEND'; ) {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, bytes.length - at)
    const length = view.byteLength < 12 ? Number.POSITIVE_INFINITY : view.getUint32(0)
    if (length > view.byteLength - 12) throw fail(`truncated: a chunk at byte ${at} goes on behind the end of the file`)
    type = String.fromCharCode(...bytes.subarray(at + 4, at + 8))
    if (crc32(bytes.subarray(at + 4, at + 8 + length)) !== view.getUint32(8 + length)) {
      throw fail(`damaged: the checksum of the ${type} chunk at byte ${at} is wrong`)
    }
    const data = bytes.subarray(at + 8, at + 8 + length)
    if ((type === 'IHDR') !== (header === undefined)) throw fail('damaged: it must begin with one IHDR chunk')
    if (type === 'IHDR') header = readHeader(data, fail)
    else if (type === 'PLTE') palette = data
    else if (type === 'tRNS') alphas = data
    else if (type === 'IDAT') packed.push(data)
    // A lower-case first letter marks chunks that a reader may ignore.
    else if (type !== 'IEND' && type[0] === type[0].toUpperCase()) throw fail(`unknown chunk ${type}`)
    at += 12 + length
  }
  const { width, height, depth, colour } = header as Header
  const { samples, alpha } = COLOUR_TYPES[colour]
  const rowBytes = Math.ceil((width * samples * depth) / 8)
  const size = height * (rowBytes + 1)
  const rows = await inflate(new Uint8Array(await new Blob(packed as BlobPart[]).arrayBuffer()), 'deflate', name, size)
  if (rows.length !== size) throw fail(`damaged: ${rows.length} bytes of pixels, expected ${size}`)
  if (!unfilter(rows, height, rowBytes, Math.max(1, (samples * depth) >> 3))) throw fail('damaged: unknown filter')
  const values = unpack(rows, width * samples, height, depth)
  if (colour === PALETTE) return throughPalette(values, width, height, palette, alphas, fail)
  if (depth < 8) for (let i = 0; i < values.length; i++) values[i] *= 255 / (2 ** depth - 1)
  return alpha ? onBlack(values, width, height, samples) : { width, height, channels: samples as 1 | 3, data: values }
}

function readHeader(data: Uint8Array, fail: (why: string) => WhiteDwarfError): Header {
  if (data.length !== 13) throw fail(`damaged: its IHDR chunk has ${data.length} bytes, expected 13`)
  const view = new DataView(data.buffer, data.byteOffset, 13)
  const [width, height] = [view.getUint32(0), view.getUint32(4)]
  const [depth, colour, compression, filters, interlaced] = data.subarray(8)
  if (depth === 16) throw fail('16 bits a sample are not supported: convert it to 8')
  const depths = colour === 0 || colour === PALETTE ? [1, 2, 4, 8] : [8]
  if (!Object.hasOwn(COLOUR_TYPES, colour) || !depths.includes(depth) || compression !== 0 || filters !== 0) {
    throw fail(`damaged: colour type ${colour} with ${depth} bits, compression ${compression}, filters ${filters}`)
  }
  if (interlaced !== 0) throw fail('interlaced images are not supported: save it without interlacing')
  if (width === 0 || height === 0) throw fail(`damaged: ${width} x ${height} pixels`)
  if (width * height * 5 > MAX_BYTES) throw fail(`${width} x ${height} pixels are too many`)
  return { width, height, depth, colour }
}

/** Undoes the rows' filters in place; false for one that is unknown. `step` is the bytes of a pixel, at least 1. */
function unfilter(rows: Uint8Array, height: number, rowBytes: number, step: number): boolean {
  const pitch = rowBytes + 1
  for (let y = 0; y < height; y++) {
    const filter = rows[y * pitch]
    if (filter > 4) return false
    const begin = y * pitch + 1
    for (let k = 0; k < rowBytes && filter !== 0; k++) {
      const i = begin + k
      const left = k >= step ? rows[i - step] : 0
      const up = y > 0 ? rows[i - pitch] : 0
      const corner = k >= step && y > 0 ? rows[i - pitch - step] : 0
      rows[i] += filter === 1 ? left : filter === 2 ? up : filter === 3 ? (left + up) >> 1 : paeth(left, up, corner)
    }
  }
  return true
}

/** Whichever of the three is nearest to left + up - corner. */
function paeth(left: number, up: number, corner: number): number {
  const a = Math.abs(up - corner)
  const b = Math.abs(left - corner)
  const c = Math.abs(left + up - 2 * corner)
  return a <= b && a <= c ? left : b <= c ? up : corner
}

/** One byte for each sample, without the filter bytes. */
function unpack(rows: Uint8Array, count: number, height: number, depth: number): Uint8Array {
  const values = new Uint8Array(count * height)
  const pitch = Math.ceil((count * depth) / 8) + 1
  for (let y = 0; y < height; y++) {
    const row = rows.subarray(y * pitch + 1, (y + 1) * pitch)
    if (depth === 8) {
      values.set(row, y * count)
      continue
    }
    for (let k = 0; k < count; k++) {
      const bit = k * depth
      values[y * count + k] = (row[bit >> 3] >> (8 - depth - (bit & 7))) & (2 ** depth - 1)
    }
  }
  return values
}

function throughPalette(
  indices: Uint8Array,
  width: number,
  height: number,
  palette: Uint8Array | undefined,
  alphas: Uint8Array | undefined,
  fail: (why: string) => WhiteDwarfError,
): RawImage {
  if (palette === undefined || palette.length % 3 !== 0)
    throw fail('damaged: it has no palette, or half a colour in it')
  const colours = palette.length / 3
  const data = new Uint8Array(3 * indices.length)
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i]
    if (index >= colours) throw fail(`damaged: colour ${index} of a palette of ${colours}`)
    const alpha = alphas?.[index] ?? 255
    for (let c = 0; c < 3; c++) data[3 * i + c] = Math.round((palette[3 * index + c] * alpha) / 255)
  }
  return { width, height, channels: 3, data }
}

function onBlack(values: Uint8Array, width: number, height: number, samples: number): RawImage {
  const channels = samples - 1
  const data = new Uint8Array(width * height * channels)
  for (let i = 0; i < width * height; i++) {
    const alpha = values[i * samples + channels]
    for (let c = 0; c < channels; c++) data[i * channels + c] = Math.round((values[i * samples + c] * alpha) / 255)
  }
  return { width, height, channels: channels as 1 | 3, data }
}
