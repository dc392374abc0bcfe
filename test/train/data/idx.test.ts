import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { idxDataSet, loadMnist, parseIdx } from '../../../src/compress.js'

/** IDX bytes of unsigned bytes 0, 1, 2, ... in the given shape. */
function idx(shape: readonly number[], type = 8): Uint8Array {
  const n = shape.reduce((a, b) => a * b, 1)
  const bytes = new Uint8Array(4 + 4 * shape.length + n)
  bytes.set([0, 0, type, shape.length])
  shape.forEach((d, i) => {
    new DataView(bytes.buffer).setUint32(4 + 4 * i, d)
  })
  for (let i = 0; i < n; i++) bytes[4 + 4 * shape.length + i] = i
  return bytes
}

describe('parseIdx', () => {
  it('reads raw and gzip-compressed arrays', async () => {
    const raw = idx([2, 3, 2])
    for (const bytes of [raw, new Uint8Array(gzipSync(raw))]) {
      const { shape, data } = await parseIdx(bytes)
      expect(shape).toEqual([2, 3, 2])
      expect(Array.from(data)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    }
  })

  it('refuses everything else with E_FORMAT, naming the file', async () => {
    const good = idx([2, 3])
    const zipped = new Uint8Array(gzipSync(good))
    const corrupt = zipped.slice()
    corrupt[corrupt.length - 6] ^= 255
    const cases: [Uint8Array, RegExp][] = [
      [new Uint8Array(0), /0 bytes are too few/],
      [good.subarray(0, 3), /too few/],
      [Uint8Array.of(60, 33, 68, 79, 67), /not an IDX file/],
      [Uint8Array.of(0, 0, 8, 0), /not an IDX file/],
      [idx([2], 13), /element type 13/],
      [good.subarray(0, 9), /truncated in the header/],
      [good.subarray(0, good.length - 1), /truncated: 17 bytes, a \[2, 3\] array needs 18/],
      [Uint8Array.of(...good, 0), /1 bytes too many/],
      [idx([2, 3]).map((v, i) => (i === 4 ? 255 : v)), /truncated/],
      [zipped.subarray(0, zipped.length - 9), /damaged gzip/],
      [corrupt, /damaged gzip/],
    ]
    for (const [bytes, message] of cases) {
      await expect(parseIdx(bytes, 'some-file')).rejects.toMatchObject({
        code: 'E_FORMAT',
        message: expect.stringMatching(message),
      })
      await expect(parseIdx(bytes, 'some-file')).rejects.toThrow(/^some-file: /)
    }
  })

  it('pairs images with labels only when they fit', async () => {
    const [images, labels] = [await parseIdx(idx([3, 2, 2])), await parseIdx(idx([3]))]
    expect(idxDataSet(images, labels, 'x')).toMatchObject({ shape: [1, 2, 2], classes: 10 })
    expect(() => idxDataSet(labels, images, 'x')).toThrow(/expected images/)
    expect(() => idxDataSet({ ...images, shape: [2, 2, 2] }, labels, 'x')).toThrow(/2 images but 3 labels/)
  })
})

describe('loadMnist', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'whitedwarf-'))
    await writeFile(join(folder, 'train-images-idx3-ubyte.gz'), gzipSync(idx([4, 2, 2])))
    await writeFile(join(folder, 'train-labels-idx1-ubyte'), idx([4]))
    await writeFile(join(folder, 't10k-images-idx3-ubyte'), idx([2, 2, 2]))
  })
  afterAll(() => rm(folder, { recursive: true }))

  it('says which file is missing', async () => {
    await expect(loadMnist(`${folder}/`)).rejects.toMatchObject({
      code: 'E_IO',
      message: expect.stringMatching(/t10k-labels-idx1-ubyte\.gz is missing/),
    })
    await expect(loadMnist('/no such folder')).rejects.toMatchObject({ code: 'E_IO' })
  })

  it('says which file cannot be read or is damaged', async () => {
    const path = join(folder, 't10k-labels-idx1-ubyte')
    await writeFile(path, idx([2]).subarray(0, 9))
    await expect(loadMnist(folder)).rejects.toMatchObject({ code: 'E_FORMAT', message: expect.stringContaining(path) })
    await expect(loadMnist(join(path))).rejects.toMatchObject({ code: 'E_IO' })
  })

  it('reads packed and unpacked files', async () => {
    await writeFile(join(folder, 't10k-labels-idx1-ubyte'), idx([2]))
    const { train, test } = await loadMnist(folder)
    expect(train.labels).toHaveLength(4)
    expect(train.images).toHaveLength(16)
    expect(test.images).toHaveLength(8)
  })
})
