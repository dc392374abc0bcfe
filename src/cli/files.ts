/** Files for the command line: clean errors, and outputs that appear whole or not at all. */
import { randomBytes } from 'node:crypto'
import { accessSync, constants, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { WhiteDwarfError } from '../errors.js'

/** Larger files are refused before they are read: no model or data set here comes near. */
const MAX_INPUT_BYTES = 2 ** 30

/** @throws WhiteDwarfError E_IO */
export async function readInput(path: string, what: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const info = await stat(path)
    if (info.isDirectory()) throw new WhiteDwarfError('E_IO', `${what} '${path}' is a folder, expected a file`)
    if (info.size > MAX_INPUT_BYTES) {
      throw new WhiteDwarfError(
        'E_IO',
        `${what} '${path}' has ${info.size} bytes, more than the ${MAX_INPUT_BYTES} that are read`,
      )
    }
    const bytes = await readFile(path)
    return new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength)
  } catch (cause) {
    if (cause instanceof WhiteDwarfError) throw cause
    throw new WhiteDwarfError('E_IO', `cannot read ${what} '${path}': ${reason(cause)}`, { cause })
  }
}

/** The same at once. @throws WhiteDwarfError E_IO */
export function readInputNow(path: string, what: string): Uint8Array {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw new WhiteDwarfError('E_IO', `cannot read ${what} '${path}': ${reason(cause)}`, { cause })
  }
}

/**
 * Checks that a file could be written, before hours of work depend on it.
 * @throws WhiteDwarfError E_IO
 */
export function checkWritable(path: string, what: string): void {
  const folder = dirname(resolve(path))
  try {
    if (!statSync(folder).isDirectory())
      throw new WhiteDwarfError('E_IO', `cannot write ${what} '${path}': '${folder}' is not a folder`)
    const existing = statSync(path, { throwIfNoEntry: false })
    if (existing?.isDirectory()) throw new WhiteDwarfError('E_IO', `cannot write ${what} '${path}': it is a folder`)
    accessSync(folder, constants.W_OK)
    if (existing !== undefined) accessSync(path, constants.W_OK)
    // Permissions do not tell of read-only or special file systems: only writing does.
    const probe = temporaryName(path)
    writeFileSync(probe, '')
    rmSync(probe)
  } catch (cause) {
    if (cause instanceof WhiteDwarfError) throw cause
    throw new WhiteDwarfError('E_IO', `cannot write ${what} '${path}': ${reason(cause)}`, { cause })
  }
}

/**
 * Writes a file beside its final name and renames it: nobody ever sees half of it, and an older file stays until then.
 * @throws WhiteDwarfError E_IO
 */
export function writeOutput(path: string, data: Uint8Array | string, what: string): void {
  const temporary = temporaryName(path)
  try {
    writeFileSync(temporary, data)
    renameSync(temporary, path)
  } catch (cause) {
    rmSync(temporary, { force: true })
    throw new WhiteDwarfError('E_IO', `cannot write ${what} '${path}': ${reason(cause)}`, { cause })
  }
}

const temporaryName = (path: string): string =>
  join(dirname(resolve(path)), `.${basename(path)}.${randomBytes(4).toString('hex')}.tmp`)

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  ENOTDIR: 'part of the path is not a folder',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left',
  EISDIR: 'it is a folder',
}

export function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return (code !== undefined && REASONS[code]) || message
}
