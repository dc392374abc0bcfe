/** Getting a model's bytes from wherever the caller has them. */
import { WhiteDwarfError } from '../errors.js'

/** A file path (Node), a URL, or the file's bytes. */
export type ModelSource = string | URL | ArrayBuffer | Uint8Array

/** Node's file system where there is one. Bundlers see no import. */
function nodeFs(): typeof import('node:fs/promises') | undefined {
  const process = (globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } }).process
  return process?.getBuiltinModule?.('node:fs/promises') as typeof import('node:fs/promises') | undefined
}

/** @throws WhiteDwarfError E_IO, E_OPTION, E_ABORTED */
export async function loadBytes(source: ModelSource, signal?: AbortSignal): Promise<Uint8Array> {
  if (signal?.aborted) throw new WhiteDwarfError('E_ABORTED', 'loading was aborted', { cause: signal.reason })
  if (source instanceof URL) return fetchOrRead(source.href, signal)
  if (typeof source === 'string') {
    if (source === '') throw new WhiteDwarfError('E_OPTION', 'the model path is empty')
    return fetchOrRead(source, signal)
  }
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
  const tag = Object.prototype.toString.call(source)
  if (tag === '[object ArrayBuffer]' || tag === '[object SharedArrayBuffer]')
    return new Uint8Array(source as ArrayBuffer)
  throw new WhiteDwarfError('E_OPTION', `a model is a path, a URL, an ArrayBuffer or a Uint8Array, got ${tag}`)
}

async function fetchOrRead(location: string, signal?: AbortSignal): Promise<Uint8Array> {
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(location)?.[1]?.toLowerCase()
  const fs = nodeFs()
  if (fs !== undefined && (scheme === undefined || scheme === 'file')) {
    try {
      const path = scheme === 'file' ? new URL(location) : location
      return await fs.readFile(path, signal === undefined ? {} : { signal })
    } catch (cause) {
      throw aborted(signal, cause) ?? ioError(location, cause)
    }
  }
  try {
    const response = await fetch(location, signal === undefined ? {} : { signal })
    if (!response.ok) {
      throw new WhiteDwarfError(
        'E_IO',
        `could not load ${location}: the server answered ${response.status} ${response.statusText}`,
      )
    }
    return new Uint8Array(await response.arrayBuffer())
  } catch (cause) {
    if (cause instanceof WhiteDwarfError) throw cause
    throw aborted(signal, cause) ?? ioError(location, cause)
  }
}

const aborted = (signal: AbortSignal | undefined, cause: unknown) =>
  signal?.aborted ? new WhiteDwarfError('E_ABORTED', 'loading was aborted', { cause }) : undefined

function ioError(location: string, cause: unknown): WhiteDwarfError {
  const code = (cause as { code?: string }).code
  const what =
    code === 'ENOENT'
      ? 'there is no such file'
      : code === 'EISDIR'
        ? 'it is a folder'
        : cause instanceof Error
          ? cause.message
          : String(cause)
  return new WhiteDwarfError('E_IO', `could not read ${location}: ${what}`, { cause })
}
