/** Unpacking of deflate data (RFC 1950 to 1952) with the platform's decompressor. */
import { WhiteDwarfError } from '../../errors.js'

/** Most bytes that a file may unpack to: bounds what a damaged one can ask for. */
export const MAX_BYTES = 2 ** 30

/** 'gzip'; 'deflate': with the zlib header (PNG); 'deflate-raw': without (zip). */
export type Packing = 'gzip' | 'deflate' | 'deflate-raw'

/**
 * @param name what messages call the data
 * @param limit most bytes to unpack to
 * @throws WhiteDwarfError E_FORMAT for damaged data, and for more bytes than the limit
 */
export async function inflate(
  bytes: Uint8Array,
  packing: Packing,
  name: string,
  limit = MAX_BYTES,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new DecompressionStream(packing))
    const reader = stream.getReader()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      size += value.length
      if (size > limit) {
        await reader.cancel()
        throw new RangeError(`it unpacks to more than ${limit} bytes`)
      }
      chunks.push(value)
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new WhiteDwarfError('E_FORMAT', `${name}: damaged ${packing} data (${why})`, { cause })
  }
  const out = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    out.set(chunk, at)
    at += chunk.length
  }
  return out
}

export const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b
