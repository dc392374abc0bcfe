/** Reading files and folders where there is a file system (Node), with errors that name the path. */
import { WhiteDwarfError } from '../../errors.js'
import { MAX_BYTES } from './inflate.js'

/** @throws WhiteDwarfError E_IO outside of Node */
function fileSystem() {
  const fs = globalThis.process?.getBuiltinModule?.('node:fs/promises')
  if (fs !== undefined) return fs
  throw new WhiteDwarfError(
    'E_IO',
    'reading files needs Node: elsewhere, fetch the bytes and use the functions that parse them',
  )
}

/** A path inside a folder. */
export const join = (folder: string, name: string): string => `${folder.replace(/(?<=.)[/\\]+$/, '')}/${name}`

const codeOf = (error: unknown) => (error as { code?: string }).code

/**
 * The bytes of a file, undefined when there is none.
 * @throws WhiteDwarfError E_IO when it cannot be read or is too large
 */
export async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  const fs = fileSystem()
  try {
    const info = await fs.stat(path)
    // A device or a pipe may never end.
    if (!info.isFile()) throw new WhiteDwarfError('E_IO', `${path} is not a file`)
    if (info.size > MAX_BYTES) {
      throw new WhiteDwarfError('E_IO', `${path} has ${info.size} bytes, more than the ${MAX_BYTES} that are read`)
    }
    return await fs.readFile(path)
  } catch (cause) {
    if (cause instanceof WhiteDwarfError) throw cause
    if (codeOf(cause) === 'ENOENT') return undefined
    throw new WhiteDwarfError('E_IO', `could not read ${path}: ${(cause as Error).message}`, { cause })
  }
}

/**
 * @param why what the file is needed for, said when it is missing
 * @throws WhiteDwarfError E_IO when it is missing or cannot be read
 */
export async function readFile(path: string, why: string): Promise<Uint8Array> {
  const bytes = await readIfThere(path)
  if (bytes === undefined) throw new WhiteDwarfError('E_IO', `${path} is missing: ${why}`)
  return bytes
}

export interface Listing {
  /** Names, sorted. */
  readonly files: readonly string[]
  readonly folders: readonly string[]
}

/**
 * What is in a folder, but for names that begin with a dot; undefined when the path is a file.
 * @throws WhiteDwarfError E_IO when there is nothing or it cannot be read
 */
export async function listFolder(path: string): Promise<Listing | undefined> {
  const fs = fileSystem()
  try {
    const info = await fs.stat(path)
    if (!info.isDirectory()) return undefined
    const listing = { files: [] as string[], folders: [] as string[] }
    for (const entry of await fs.readdir(path, { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue
      const linked = entry.isSymbolicLink() && (await fs.stat(join(path, entry.name))).isDirectory()
      listing[linked || entry.isDirectory() ? 'folders' : 'files'].push(entry.name)
    }
    return { files: listing.files.sort(), folders: listing.folders.sort() }
  } catch (cause) {
    throw new WhiteDwarfError('E_IO', `could not read ${path}: ${(cause as Error).message}`, { cause })
  }
}

/** Files that are read at a time: enough to keep the disk and the threads that unpack busy. */
const AT_ONCE = 16

/** The results of `read` for all items, in order, few at a time. Of several failures the first in this order is thrown. */
export async function readAll<T, R>(items: readonly T[], read: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let i = 0; i < items.length; i += AT_ONCE) {
    for (const result of await Promise.allSettled(items.slice(i, i + AT_ONCE).map(read))) {
      if (result.status === 'rejected') throw result.reason
      results.push(result.value)
    }
  }
  return results
}
