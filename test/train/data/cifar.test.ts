import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadCifar, parseCifar } from '../../../src/compress.js'

const PIXELS = 3072

/** Records whose pixels all have the label's value, plus 100 in the red plane. */
function batch(labels: readonly number[], coarse?: number): Uint8Array {
  return Uint8Array.from(
    labels.flatMap((label) => [
      ...(coarse === undefined ? [] : [coarse]),
      label,
      ...Array.from({ length: PIXELS }, (_, k) => label + (k < 1024 ? 100 : 0)),
    ]),
  )
}

describe('parseCifar', () => {
  it('reads labels and planes of several files', () => {
    const data = parseCifar(
      [
        { name: 'a', bytes: batch([3, 9]) },
        { name: 'b', bytes: batch([0]) },
      ],
      10,
    )
    expect(data).toMatchObject({ shape: [3, 32, 32], labels: Uint8Array.of(3, 9, 0), classes: 10 })
    expect(data.classNames?.[9]).toBe('truck')
    expect(data.images).toHaveLength(3 * PIXELS)
    expect([1023, 1024, PIXELS, 3 * PIXELS - 1].map((k) => data.images[k])).toEqual([103, 3, 109, 0])
  })

  it('takes the fine label of CIFAR-100', () => {
    const data = parseCifar([{ name: 'train.bin', bytes: batch([99, 20], 7) }], 100)
    expect([...data.labels]).toEqual([99, 20])
    expect(data.images[PIXELS]).toBe(120)
  })

  it('refuses files that are not whole records, and labels out of range', () => {
    const parse = (bytes: Uint8Array, classes: 10 | 100 = 10) => parseCifar([{ name: 'some.bin', bytes }], classes)
    expect(() => parse(new Uint8Array(0))).toThrow(/^some.bin: 0 bytes are not whole records of 3073/)
    expect(() => parse(batch([1, 2]).subarray(1))).toThrow(/6145 bytes are not whole records/)
    expect(() => parse(batch([1]), 100)).toThrow(/whole records of 3074/)
    expect(() => parse(batch([1, 10]))).toThrow(/record 1 has label 10, expected 0 to 9/)
    expect(() => parse(batch([100], 1), 100)).toThrow(/label 100, expected 0 to 99/)
  })
})

describe('loadCifar', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'whitedwarf-cifar-'))
    for (let k = 1; k <= 5; k++) await writeFile(join(folder, `data_batch_${k}.bin`), batch([k, k + 1]))
    await writeFile(join(folder, 'test_batch.bin'), batch([7]))
  })
  afterEach(() => rm(folder, { recursive: true }))

  it('joins the five training batches in order', async () => {
    const { train, test } = await loadCifar(folder)
    expect([...train.labels]).toEqual([1, 2, 2, 3, 3, 4, 4, 5, 5, 6])
    expect(train.images[9 * PIXELS]).toBe(106)
    expect([...test.labels]).toEqual([7])
  })

  it('names the file that is missing or damaged', async () => {
    await rm(join(folder, 'data_batch_4.bin'))
    await expect(loadCifar(folder)).rejects.toMatchObject({
      code: 'E_IO',
      message: expect.stringMatching(/data_batch_4\.bin is missing: CIFAR-10, binary version, is data_batch_1\.bin, /),
    })
    await writeFile(join(folder, 'data_batch_4.bin'), batch([1]))
    await truncate(join(folder, 'test_batch.bin'), 3000)
    await expect(loadCifar(folder)).rejects.toMatchObject({
      code: 'E_FORMAT',
      message: expect.stringMatching(/test_batch\.bin: 3000 bytes/),
    })
    await expect(loadCifar(folder, 100)).rejects.toMatchObject({ code: 'E_IO' })
  })
})
