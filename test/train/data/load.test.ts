import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { deflateSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { channelStatistics, type DataSet, holdOut, loadCifarSprites, loadDataSet } from '../../../src/compress.js'
import { chunk, encodeNpy, encodePng, SIGNATURE } from './encode.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'whitedwarf-load-'))
})
afterEach(() => rm(folder, { recursive: true }))
const put = (name: string, bytes: Uint8Array | string) => writeFile(join(folder, name), bytes)
const refused = async (code: string, message: RegExp, path = folder, options = {}) =>
  expect(loadDataSet(path, options)).rejects.toMatchObject({ code, message: expect.stringMatching(message) })

/** Records of CIFAR's binary version whose pixels all have the label's value. */
const records = (labelBytes: number, ...labels: number[]) =>
  Uint8Array.from(labels.flatMap((label) => [...new Array(labelBytes).fill(label), ...new Array(3072).fill(label)]))

describe('loadDataSet', () => {
  it('reads MNIST', async () => {
    const { train, test } = await loadDataSet(join(root, 'data/mnist'))
    expect([train.labels.length, test.labels.length]).toEqual([60_000, 10_000])
    expect(channelStatistics(train).mean[0]).toBeCloseTo(0.1307, 4)
  })

  it('reads CIFAR-10 and CIFAR-100 in their binary version', async () => {
    for (let k = 1; k <= 5; k++) await put(`data_batch_${k}.bin`, records(1, k))
    await put('test_batch.bin', records(1, 9))
    expect(await loadDataSet(folder)).toMatchObject({ train: { classes: 10, labels: Uint8Array.of(1, 2, 3, 4, 5) } })
    await rm(folder, { recursive: true })
    await mkdir(folder)
    await put('train.bin', records(2, 40, 50))
    await refused('E_IO', /test\.bin is missing: CIFAR-100/)
    await put('test.bin', records(2, 60))
    expect(await loadDataSet(`${folder}/`)).toMatchObject({ test: { classes: 100, labels: Uint8Array.of(60) } })
  })

  it('reads NumPy arrays in a folder', async () => {
    const labels = Array.from({ length: 40 }, (_, i) => i % 2)
    await put('x.npy', encodeNpy('|u1', [40, 3, 3, 4], new Array(40 * 36).fill(7)))
    await put('y.npy', encodeNpy('<i8', [40], labels))
    await refused('E_DATA', /x: which axis of \[n, 3, 3, 4\] are the channels\?/)
    const { train, test } = await loadDataSet(folder, { layout: 'hwc', holdOut: 0.25 })
    expect([train.shape, train.labels.length, test.labels.length]).toEqual([[4, 3, 3], 30, 10])
    await refused('E_OPTION', /the option resize is not for data of this form \(NumPy arrays/, folder, { resize: 3 })
  })

  it('reads folders of images and holds a tenth of each class out', async () => {
    for (const name of ['a', 'b']) {
      await mkdir(join(folder, name))
      const png = encodePng({ width: 1, height: 1, colour: 0, samples: [name.charCodeAt(0)] })
      for (let i = 0; i < 20; i++) await put(`${name}/${i}.png`, png)
    }
    const { train, test } = await loadDataSet(folder)
    expect([...test.labels].sort()).toEqual([0, 0, 1, 1])
    expect(test.images).toEqual(test.labels.map((label) => 97 + label))
    expect(train.labels).toHaveLength(36)
    await refused('E_OPTION', /holdOut must be/, folder, { holdOut: 1 })
    await refused('E_OPTION', /option layout is not for data of this form/, folder, { layout: 'hwc' })
  })

  it('reads .npz archives, and says what else a file may not be', async () => {
    await put('a.npz', 'PK')
    await refused('E_FORMAT', /a\.npz: not a zip archive, or truncated/, join(folder, 'a.npz'))
    await put('a.txt', 'text')
    await refused('E_IO', /\/dev\/zero is not a file/, '/dev/zero')
    await truncate(join(folder, 'a.txt'), 2 ** 30 + 1)
    await refused('E_IO', /a\.txt has 1073741825 bytes, more than/, join(folder, 'a.txt'))
    await put('a.txt', 'text')
    await refused('E_DATA', /a\.txt is a file, but not a \.npz archive with x_train/, join(folder, 'a.txt'))
  })

  it('says what it looked for', async () => {
    await refused(
      'E_DATA',
      /no data set of a known form\. Looked for MNIST: .*; CIFAR-10, .*; PNG or JPEG images.*; or a \.npz/,
    )
    await put('data_batch_1', 'pickled')
    await refused('E_DATA', /This is CIFAR-10 for Python: get the binary version\./)
    await refused('E_IO', /could not read .*none/, join(folder, 'none'))
  })

  it('checks what it read', async () => {
    await put('x_train.npy', encodeNpy('|u1', [2, 4], [1, 2, 3, 4, 5, 6, 7, 8]))
    await put('y_train.npy', encodeNpy('<i8', [2], [0, 0]))
    // Two examples: a tenth of them is nothing.
    await refused('E_DATA', /2 examples are too few to hold out 0\.1/)
  })
})

describe('loadCifarSprites', () => {
  it('refuses sprites of another size, and names the file that is missing', async () => {
    await put('cifar10_batch_0.png', encodePng({ width: 4, height: 1, colour: 2, samples: new Array(12).fill(1) }))
    await refused(
      'E_IO',
      /labels\.bin is missing: CIFAR-10 as sprites is cifar10_batch_0\.png to cifar10_batch_50\.png/,
    )
    await put('labels.bin', new Uint8Array(51))
    await refused('E_FORMAT', /labels\.bin: expected 51000 labels from 0 to 9, got 51 bytes/)
    await put('labels.bin', new Uint8Array(51_000).fill(10))
    await refused('E_FORMAT', /expected 51000 labels from 0 to 9/)
    await put('labels.bin', new Uint8Array(51_000))
    await refused('E_FORMAT', /cifar10_batch_0\.png: 4 x 1 pixels of 3 channels, expected 1024 x 1000 of 3/)
  })

  it('puts the pixels of each row into planes', async () => {
    await put(
      'labels.bin',
      Uint8Array.from({ length: 51_000 }, (_, i) => (i === 50_999 ? 9 : 1)),
    )
    // Red is the row's number, green the pixel's, blue the sprite's, of three different sprites.
    const sprites = [0, 3, 50].map((k) => ({ k, bytes: sprite(k) }))
    for (let k = 0; k <= 50; k++) {
      await put(`cifar10_batch_${k}.png`, (sprites.find((s) => s.k === k) ?? sprites[0]).bytes)
    }
    const { train, test } = await loadCifarSprites(folder)
    expect([train.labels.length, test.labels.length, test.labels[999]]).toEqual([50_000, 1000, 9])
    const pixel = (data: DataSet, n: number, p: number) => [0, 1, 2].map((c) => data.images[n * 3072 + c * 1024 + p])
    expect(pixel(train, 3007, 300)).toEqual([7, 300 & 255, 3])
    expect(pixel(test, 999, 1023)).toEqual([999 & 255, 255, 50])
  })
})

/** A whole sprite of 1024 x 1000 pixels. Its rows are written here without filters: the general writer is slow for so many. */
function sprite(k: number): Uint8Array {
  const rows = new Uint8Array(1000 * 3073)
  for (let y = 0; y < 1000; y++) {
    for (let x = 0; x < 1024; x++) rows.set([y, x, k], y * 3073 + 1 + 3 * x)
  }
  const header = [0, 0, 4, 0, 0, 0, 3, 232, 8, 2, 0, 0, 0]
  const packed = deflateSync(rows, { level: 1 })
  return Uint8Array.from([...SIGNATURE, ...chunk('IHDR', header), ...chunk('IDAT', packed), ...chunk('IEND', [])])
}

describe('holdOut', () => {
  const data: DataSet = {
    shape: [1],
    images: Uint8Array.from({ length: 100 }, (_, i) => i),
    labels: Uint8Array.from({ length: 100 }, (_, i) => (i < 80 ? 0 : 1)),
    classes: 2,
  }

  it('takes its share of each class, keeps the order, and loses nothing', () => {
    const { train, test } = holdOut(data, 0.25)
    expect([train, test].map((d) => d.labels.filter((l) => l === 0).length)).toEqual([60, 20])
    expect([train, test].map((d) => d.labels.filter((l) => l === 1).length)).toEqual([15, 5])
    expect([...train.images, ...test.images].sort((a, b) => a - b)).toEqual([...data.images])
    for (const part of [train, test]) {
      expect([...part.images]).toEqual([...part.images].sort((a, b) => a - b))
      part.images.forEach((v, i) => {
        expect(part.labels[i]).toBe(data.labels[v])
      })
    }
  })

  it('is drawn by chance, the same for a seed', () => {
    expect(holdOut(data, 0.3)).toEqual(holdOut(data, 0.3, 1))
    expect(holdOut(data, 0.3).test.images).not.toEqual(holdOut(data, 0.3, 2).test.images)
  })

  it('refuses shares that leave nothing', () => {
    for (const share of [0, 1, -1, Number.NaN]) expect(() => holdOut(data, share)).toThrow(/holdOut must be/)
    expect(() => holdOut(data, 0.001)).toThrow(/too few to hold out/)
    expect(() => holdOut(data, 0.999)).toThrow(/too few to hold out/)
  })
})
