/** Images and arrays for tests: writers of PNG with any filters and of .npy, and a JPEG. */
import { crc32, deflateSync } from 'node:zlib'

export const base64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'))

export function chunk(type: string, data: ArrayLike<number>): number[] {
  const body = [...Buffer.from(type, 'latin1'), ...Array.from(data)]
  return [...u32(data.length), ...body, ...u32(crc32(Uint8Array.from(body)))]
}

const u32 = (v: number) => [v >>> 24, (v >>> 16) & 255, (v >>> 8) & 255, v & 255]

export const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10]

export interface PngParts {
  readonly width: number
  readonly height: number
  readonly depth?: number
  readonly colour: 0 | 2 | 3 | 4 | 6
  /** One for each sample, row by row. */
  readonly samples: readonly number[]
  /** One for each row; default none. */
  readonly filters?: readonly number[]
  readonly palette?: readonly number[]
  readonly alphas?: readonly number[]
  /** Pieces that the pixel data is cut into. */
  readonly pieces?: number
}

const SAMPLES = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }

export function encodePng(p: PngParts): Uint8Array {
  const { width, height, depth = 8, colour, samples, filters = [], pieces = 1 } = p
  const perRow = width * SAMPLES[colour]
  const rowBytes = Math.ceil((perRow * depth) / 8)
  const step = Math.max(1, (SAMPLES[colour] * depth) >> 3)
  const rows = Array.from({ length: height }, (_, y) => {
    const row = new Array<number>(rowBytes).fill(0)
    for (let k = 0; k < perRow; k++) {
      row[(k * depth) >> 3] |= samples[y * perRow + k] << (8 - depth - ((k * depth) & 7))
    }
    return row
  })
  const filtered = rows.flatMap((row, y) => {
    const filter = filters[y] ?? 0
    const at = (r: number, k: number) => (r >= 0 && k >= 0 ? rows[r][k] : 0)
    return [
      filter,
      ...row.map((v, k) => {
        const [a, b, c] = [at(y, k - step), at(y - 1, k), at(y - 1, k - step)]
        // The predictor nearest to a + b - c, the first of equals.
        const nearest = [a, b, c].reduce((best, v) => (Math.abs(a + b - c - v) < Math.abs(a + b - c - best) ? v : best))
        return (v - [0, a, b, Math.floor((a + b) / 2), nearest][filter]) & 255
      }),
    ]
  })
  const packed = deflateSync(Uint8Array.from(filtered))
  const size = Math.ceil(packed.length / pieces)
  return Uint8Array.from([
    ...SIGNATURE,
    ...chunk('IHDR', [...u32(width), ...u32(height), depth, colour, 0, 0, 0]),
    ...chunk('tEXt', [65, 0, 66]),
    ...(p.palette === undefined ? [] : chunk('PLTE', p.palette)),
    ...(p.alphas === undefined ? [] : chunk('tRNS', p.alphas)),
    ...Array.from({ length: pieces }, (_, i) => chunk('IDAT', packed.subarray(i * size, (i + 1) * size))).flat(),
    ...chunk('IEND', []),
  ])
}

/** @param descr NumPy's name of the element type, such as '<i8' */
export function encodeNpy(descr: string, shape: readonly number[], values: readonly number[], version = 1): Uint8Array {
  const dims = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${dims}), }`
  const lengthBytes = version === 1 ? 2 : 4
  const padded = `${header.padEnd(Math.ceil((header.length + 9 + lengthBytes) / 64) * 64 - 9 - lengthBytes)}\n`
  const length = version === 1 ? Buffer.alloc(2) : Buffer.alloc(4)
  if (version === 1) length.writeUInt16LE(padded.length)
  else length.writeUInt32LE(padded.length)
  const bytes = Number(descr.slice(2))
  const data = Buffer.alloc(bytes * values.length)
  const view = new DataView(data.buffer, data.byteOffset, data.length)
  const little = descr[0] === '<'
  values.forEach((v, i) => {
    const at = i * bytes
    const kind = descr.slice(1)
    if (kind === 'f4') view.setFloat32(at, v, little)
    else if (kind === 'f8') view.setFloat64(at, v, little)
    else if (bytes === 8) view.setBigInt64(at, BigInt(v), little)
    else if (bytes === 4) view.setInt32(at, v, little)
    else if (bytes === 2) view.setInt16(at, v, little)
    else view.setInt8(at, v)
  })
  return Uint8Array.from([0x93, ...Buffer.from('NUMPY'), version, 0, ...length, ...Buffer.from(padded), ...data])
}

/** 16 x 16 pixels that Pillow wrote: the left half 200, 30, 60, the right half 20, 180, 240. */
export const JPEG = base64(
  '/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAIBAQEBAQIBAQECAgICAgQDAgICAgUEBAMEBgUGBgYFBgYGBwkIBgcJBwYGCAsICQoKCgoKBggLDAsKDAkKCgr/2wBDAQICAgICAgUDAwUKBwYHCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgr/wAARCAAQABADAREAAhEBAxEB/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/8QAHwEAAwEBAQEBAQEBAQAAAAAAAAECAwQFBgcICQoL/8QAtREAAgECBAQDBAcFBAQAAQJ3AAECAxEEBSExBhJBUQdhcRMiMoEIFEKRobHBCSMzUvAVYnLRChYkNOEl8RcYGRomJygpKjU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6goOEhYaHiImKkpOUlZaXmJmaoqOkpaanqKmqsrO0tba3uLm6wsPExcbHyMnK0tPU1dbX2Nna4uPk5ebn6Onq8vP09fb3+Pn6/9oADAMBAAIRAxEAPwD5Pr4c/wBTD7cr/Rw/5Xz4jr/OM/6oD7cr/Rw/5Xz/2Q==',
)
