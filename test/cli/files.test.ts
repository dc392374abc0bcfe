import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkWritable, readInput, writeOutput } from '../../src/cli/files.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'whitedwarf-files-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('writeOutput', () => {
  it('replaces a file whole and leaves nothing else behind', () => {
    const path = join(folder, 'model.wd')
    writeFileSync(path, 'old')
    writeOutput(path, 'new', 'model')
    expect(readFileSync(path, 'utf8')).toBe('new')
    expect(readdirSync(folder)).toEqual(['model.wd'])
  })

  it('leaves nothing behind when it fails', () => {
    mkdirSync(join(folder, 'model.wd'))
    expect(() => writeOutput(join(folder, 'model.wd'), 'new', 'model')).toThrow(/cannot write model/)
    expect(readdirSync(folder)).toEqual(['model.wd'])
  })
})

describe('checkWritable', () => {
  it('passes a path that can be written and leaves no trace', () => {
    checkWritable(join(folder, 'model.wd'), 'model')
    expect(readdirSync(folder)).toEqual([])
  })

  it('refuses missing folders, folders, and files in the place of folders', () => {
    writeFileSync(join(folder, 'file'), '')
    expect(() => checkWritable(join(folder, 'none', 'model.wd'), 'model')).toThrow(/no such file or folder/)
    expect(() => checkWritable(folder, 'model')).toThrow(/it is a folder/)
    expect(() => checkWritable(join(folder, 'file', 'model.wd'), 'model')).toThrow(/not a folder/)
  })

  it.skipIf(process.getuid?.() === 0)('refuses a folder without write permission', () => {
    chmodSync(folder, 0o500)
    expect(() => checkWritable(join(folder, 'model.wd'), 'model')).toThrow(/permission denied/)
    chmodSync(folder, 0o700)
  })
})

describe('readInput', () => {
  it('reads a file', async () => {
    writeFileSync(join(folder, 'a'), 'abc')
    expect([...(await readInput(join(folder, 'a'), 'model'))]).toEqual([97, 98, 99])
  })

  it('refuses folders, missing files and absurd sizes', async () => {
    const large = join(folder, 'large')
    writeFileSync(large, '')
    truncateSync(large, 2 ** 31)
    await expect(readInput(large, 'model')).rejects.toMatchObject({
      code: 'E_IO',
      message: expect.stringContaining('2147483648 bytes'),
    })
    await expect(readInput(folder, 'model')).rejects.toMatchObject({
      code: 'E_IO',
      message: expect.stringContaining('is a folder'),
    })
    await expect(readInput(join(folder, 'none'), 'model')).rejects.toMatchObject({ code: 'E_IO' })
  })
})
