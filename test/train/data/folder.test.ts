import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ImageFolderOptions, loadImageFolder } from '../../../src/compress.js'
import { encodePng } from './encode.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'whitedwarf-folder-'))
})
afterEach(() => rm(folder, { recursive: true }))

const put = async (name: string, bytes: Uint8Array) => {
  await mkdir(dirname(join(folder, name)), { recursive: true })
  await writeFile(join(folder, name), bytes)
}
/** One colour everywhere. */
const grey = (v: number, width = 2, height = 2) =>
  encodePng({ width, height, colour: 0, samples: new Array(width * height).fill(v) })
const colour = (v: readonly number[], width = 2, height = 2) =>
  encodePng({ width, height, colour: 2, samples: Array.from({ length: width * height }, () => v).flat() })
const JPEG = Uint8Array.of(0xff, 0xd8, 1, 2, 3)

const refused = async (message: RegExp, options?: ImageFolderOptions, code = 'E_DATA') =>
  expect(loadImageFolder(folder, options)).rejects.toMatchObject({ code, message: expect.stringMatching(message) })

describe('loadImageFolder', () => {
  it('numbers classes by their names and has no test set without a folder for it', async () => {
    await put('dog/1.png', grey(10))
    await put('cat/b.png', grey(20))
    await put('cat/a.png', grey(30))
    await put('cat/.hidden', Uint8Array.of(1))
    await put('README.txt', Uint8Array.of(65))
    const { train, test } = await loadImageFolder(folder)
    expect(test).toBeUndefined()
    expect(train).toMatchObject({ shape: [1, 2, 2], classes: 2, classNames: ['cat', 'dog'] })
    // Classes take turns.
    expect([...train.labels]).toEqual([0, 1, 0])
    expect([0, 4, 8].map((k) => train.images[k])).toEqual([30, 10, 20])
  })

  it('reads train and test or val, follows links, and makes all images colour when one is', async () => {
    for (const part of ['test', 'val']) {
      await put('train/a/1.png', grey(1))
      await put('train/b/1.png', grey(2))
      await put(`${part}/b/1.png`, colour([3, 4, 5]))
      const { train, test } = await loadImageFolder(folder)
      expect(train).toMatchObject({ shape: [3, 2, 2], classNames: ['a', 'b'] })
      expect([...train.images]).toEqual([...new Array(12).fill(1), ...new Array(12).fill(2)])
      expect([...(test?.labels ?? [])]).toEqual([1])
      expect([...(test?.images ?? [])]).toEqual([3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5])
      await rm(join(folder, part), { recursive: true })
    }
    await symlink(join(folder, 'train/a'), join(folder, 'train/c'))
    expect((await loadImageFolder(folder)).train.classNames).toEqual(['a', 'b', 'c'])
  })

  it('resizes where it is told to', async () => {
    await put('a/1.png', grey(1, 4, 6))
    await put('b/1.png', grey(2, 3, 3))
    await refused(/b\/1\.png: 3 x 3 pixels, but .*a\/1\.png has 4 x 6: give the option resize/)
    const { train } = await loadImageFolder(folder, { resize: 3 })
    expect([...train.images]).toEqual([...new Array(9).fill(1), ...new Array(9).fill(2)])
    for (const resize of [0, 2.5, 5000]) await refused(/resize must be a whole number/, { resize }, 'E_OPTION')
  })

  it('reads JPEG images with a decoder', async () => {
    await put('a/1.png', grey(1))
    await put('b/1.jpg', JPEG)
    const jpeg = () => ({ width: 2, height: 2, channels: 3, data: new Uint8Array(12).fill(9) }) as const
    expect([...(await loadImageFolder(folder, { jpeg })).train.images.subarray(12)]).toEqual(new Array(12).fill(9))
    await refused(/b\/1\.jpg: JPEG images need a decoder/)
    const broken = () => {
      throw new Error('marker missing')
    }
    await refused(/b\/1\.jpg: damaged JPEG image \(marker missing\)/, { jpeg: broken }, 'E_FORMAT')
  })

  it('names what does not belong there', async () => {
    await refused(/0 sub-folders, expected one for each class/)
    await put('a/1.png', grey(1))
    await refused(/1 sub-folders, expected one for each class, at least 2/)
    await mkdir(join(folder, 'b'))
    await put('b/notes.txt', Uint8Array.of(65, 66))
    await refused(/b\/notes\.txt: neither a PNG nor a JPEG image/)
    await rm(join(folder, 'b/notes.txt'))
    await put('b/deeper/1.png', grey(1))
    await refused(/\/b: the folder of a class may hold images only, it holds the folder 'deeper'/)
    await rm(join(folder, 'b/deeper'), { recursive: true })
    await put('b/2.png', grey(1).subarray(0, 50))
    await refused(/b\/2\.png: truncated/, {}, 'E_FORMAT')
    await rm(join(folder, 'a/1.png'))
    await rm(join(folder, 'b/2.png'))
    await refused(/there are no images/)
  })

  it('refuses test sets that do not fit', async () => {
    await put('train/a/1.png', grey(1))
    await put('train/b/1.png', grey(1))
    await put('test/c/1.png', grey(1))
    await refused(/test\/c: a class without training images/)
    await rm(join(folder, 'test/c'), { recursive: true })
    await put('test/a/1.png', grey(1, 3, 3))
    await refused(/training images have \[1, 2, 2\], test images \[1, 3, 3\]: give the option resize/)
  })

  it('refuses more classes than labels can number', async () => {
    for (let k = 0; k <= 256; k++) await mkdir(join(folder, `class${k}`))
    await refused(/257 classes, more than 256/)
  })
})
