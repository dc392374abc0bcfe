import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseNpy } from '../../../src/compress.js'
import { WhiteDwarfError } from '../../../src/errors.js'
import { arrayDataSets, type Layout } from '../../../src/train/data/arrays.js'
import { readZip } from '../../../src/train/data/zip.js'
import { base64, encodeNpy } from './encode.js'

// Written by NumPy 2.4. x: 3 images of 2 x 2 pixels 0, 1, 2, ...; labels 0, 2, 1. Test: the first image, label 1.
/** np.savez, labels i8 and u1. */
const SMALL = base64(
  'UEsDBC0AAAAAAAAAIQCaCbEc//////////8LABQAeF90cmFpbi5ucHkBABAAjAAAAAAAAACMAAAAAAAAAJNOVU1QWQEAdgB7J2Rlc2NyJzogJ3x1MScsICdmb3J0cmFuX29yZGVyJzogRmFsc2UsICdzaGFwZSc6ICgzLCAyLCAyKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAKAAECAwQFBgcICQoLUEsDBC0AAAAAAAAAIQDm81VN//////////8LABQAeV90cmFpbi5ucHkBABAAmAAAAAAAAACYAAAAAAAAAJNOVU1QWQEAdgB7J2Rlc2NyJzogJzxpOCcsICdmb3J0cmFuX29yZGVyJzogRmFsc2UsICdzaGFwZSc6ICgzLCksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAKAAAAAAAAAAACAAAAAAAAAAEAAAAAAAAAUEsDBC0AAAAAAAAAIQBI2nZq//////////8KABQAeF90ZXN0Lm5weQEAEACEAAAAAAAAAIQAAAAAAAAAk05VTVBZAQB2AHsnZGVzY3InOiAnfHUxJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDEsIDIsIDIpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAQIDUEsDBC0AAAAAAAAAIQB7sqbA//////////8KABQAeV90ZXN0Lm5weQEAEACBAAAAAAAAAIEAAAAAAAAAk05VTVBZAQB2AHsnZGVzY3InOiAnfHUxJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDEsKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoBUEsBAi0DLQAAAAAAAAAhAJoJsRyMAAAAjAAAAAsAAAAAAAAAAAAAAIABAAAAAHhfdHJhaW4ubnB5UEsBAi0DLQAAAAAAAAAhAObzVU2YAAAAmAAAAAsAAAAAAAAAAAAAAIAByQAAAHlfdHJhaW4ubnB5UEsBAi0DLQAAAAAAAAAhAEjadmqEAAAAhAAAAAoAAAAAAAAAAAAAAIABngEAAHhfdGVzdC5ucHlQSwECLQMtAAAAAAAAACEAe7KmwIEAAACBAAAACgAAAAAAAAAAAAAAgAFeAgAAeV90ZXN0Lm5weVBLBQYAAAAABAAEAOIAAAAbAwAAAAA=',
)
/** np.savez_compressed, 20 times as many examples, labels [n, 1] big-endian i4 and i2; train_images, val_labels and so on. */
const PACKED = base64(
  'UEsDBC0AAAAIAAAAIQAV8Rr9//////////8QABQAdHJhaW5faW1hZ2VzLm5weQEAEABwAQAAAAAAAFcAAAAAAAAAm+wX6hsQychQxlCtnpJanFykbqWgXlNqqK6joJ6WX1RSlJgXn1+UkgoSd0vMKU4FihdnJBakAvkaZgY6CkZApKmjUKtAFuBiYGRiZmFlY+fg5OIeCWwAUEsDBC0AAAAIAAAAIQCk0Q9b//////////8QABQAdHJhaW5fbGFiZWxzLm5weQEAEABwAQAAAAAAAFAAAAAAAAAAm+wX6hsQychQxlCtnpJanFykbqWgbpdpoq6joJ6WX1RSlJgXn1+UkgoSd0vMKU4FihdnJBakAvkaZgY6CoaaOgq1CuQCLgYIYAJixpHABgBQSwMELQAAAAgAAAAhAEjadmr//////////w4AFAB2YWxfaW1hZ2VzLm5weQEAEACEAAAAAAAAAEwAAAAAAAAAm+wX6hsQychQxlCtnpJanFykbqWgXlNqqK6joJ6WX1RSlJgXn1+UkgoSd0vMKU4FihdnJBakAvkahjoKRkCkqaNQq0Ae4GJgZGIGAFBLAwQtAAAACAAAACEAR2gxF///////////DgAUAHZhbF9sYWJlbHMubnB5AQAQAIIAAAAAAAAARgAAAAAAAACb7BfqGxDJyFDGUK2eklqcXKRupaBuk2mkrqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RqGOpo6CrUKFAAuRgYAUEsBAi0DLQAAAAgAAAAhABXxGv1XAAAAcAEAABAAAAAAAAAAAAAAAIABAAAAAHRyYWluX2ltYWdlcy5ucHlQSwECLQMtAAAACAAAACEApNEPW1AAAABwAQAAEAAAAAAAAAAAAAAAgAGZAAAAdHJhaW5fbGFiZWxzLm5weVBLAQItAy0AAAAIAAAAIQBI2nZqTAAAAIQAAAAOAAAAAAAAAAAAAACAASsBAAB2YWxfaW1hZ2VzLm5weVBLAQItAy0AAAAIAAAAIQBHaDEXRgAAAIIAAAAOAAAAAAAAAAAAAACAAbcBAAB2YWxfbGFiZWxzLm5weVBLBQYAAAAABAAEAPQAAAA9AgAAAAA=',
)

const numbers = (n: number) => Array.from({ length: n }, (_, i) => i)

describe('parseNpy', () => {
  it('reads every element type in both byte orders and all versions', () => {
    const values = [0, 1, -5, 100, 77, 3]
    for (const type of ['i1', 'i2', 'i4', 'i8', 'f4', 'f8']) {
      for (const order of ['<', '>']) {
        for (const version of [1, 2, 3]) {
          const array = parseNpy(encodeNpy(order + type, [2, 3], values, version))
          expect(array).toEqual({ shape: [2, 3], type, data: Float64Array.from(values) })
        }
      }
    }
    expect(parseNpy(encodeNpy('|u1', [3], [1, 2, 255])).data).toEqual(Uint8Array.of(1, 2, 255))
    expect(parseNpy(encodeNpy('|b1', [2], [1, 0])).data).toEqual(Float64Array.of(1, 0))
    expect(parseNpy(encodeNpy('<u2', [1], [-1])).data).toEqual(Float64Array.of(65535))
    expect(parseNpy(encodeNpy('<u4', [1], [-1])).data).toEqual(Float64Array.of(2 ** 32 - 1))
    expect(parseNpy(encodeNpy('<u8', [1], [7])).data).toEqual(Float64Array.of(7))
  })

  it('refuses everything else with E_FORMAT, naming the file', () => {
    const good = encodeNpy('<i4', [3], [1, 2, 3])
    const header = (from: string, to: string) =>
      Uint8Array.from(Buffer.from(Buffer.from(good).toString('latin1').replace(from, to), 'latin1'))
    const cases: [Uint8Array, RegExp][] = [
      [new Uint8Array(0), /not a \.npy array/],
      [good.subarray(0, 9), /truncated in the header/],
      [good.subarray(0, 60), /truncated in the header/],
      [good.map((v, i) => (i === 6 ? 4 : v)), /version 4 of the format/],
      [good.subarray(0, good.length - 1), /11 bytes of elements, a \[3\] array of i4 needs 12/],
      [header('(3,)', '(2,)'), /12 bytes of elements, a \[2\] array/],
      [header('False', 'True '), /Fortran order/],
      [header('<i4', '<c8'), /element type c8 is not supported/],
      [header("'<i4'", "[('a'"), /cannot read the header/],
      [header('shape', 'shave'), /cannot read the header/],
    ]
    for (const [bytes, message] of cases) {
      expect(() => parseNpy(bytes, 'x.npy')).toThrow(message)
      expect(() => parseNpy(bytes, 'x.npy')).toThrow(/^x\.npy: /)
    }
  })
})

describe('readZip', () => {
  it('reads stored and deflated entries of archives with and without a comment', async () => {
    for (const archive of [SMALL, Uint8Array.from([...SMALL.subarray(0, SMALL.length - 2), 3, 0, 65, 66, 67])]) {
      const entries = readZip(archive)
      expect([...entries.keys()]).toEqual(['x_train.npy', 'y_train.npy', 'x_test.npy', 'y_test.npy'])
      expect(parseNpy(await entries.get('x_train.npy')!()).data).toEqual(Uint8Array.from(numbers(12)))
    }
    const deflated = await readZip(PACKED).get('train_images.npy')!()
    expect(parseNpy(deflated).shape).toEqual([60, 2, 2])
  })

  it('refuses archives that are cut off or altered', async () => {
    expect(() => readZip(SMALL.subarray(0, SMALL.length - 1), 'a.npz')).toThrow(
      /^a\.npz: not a zip archive, or truncated/,
    )
    expect(() => readZip(new Uint8Array(0))).toThrow(/not a zip archive/)
    const changed = (at: number, value: number) => SMALL.map((v, i) => (i === at ? value : v))
    const directory = SMALL.length - 22 - 226
    expect(() => readZip(changed(directory, 0))).toThrow(/entry 0 of its directory is not where/)
    const entry = (bytes: Uint8Array) => readZip(bytes, 'a.npz').get('x_train.npy')!()
    const cases: [number, number, RegExp][] = [
      [directory + 8, 1, /it is encrypted/],
      [directory + 10, 12, /compression method 12 is not supported/],
      [directory + 24, 99, /damaged: 140 bytes, expected 99/],
      [directory + 27, 99, /it unpacks to \d+ bytes, more than/],
      [directory + 20, 99, /damaged: 99 bytes/],
      [directory + 22, 99, /truncated/],
      [directory + 43, 1, /its header is not where/],
      [directory + 45, 1, /its header is not where/],
    ]
    for (const [at, value, message] of cases) await expect(entry(changed(at, value))).rejects.toThrow(message)
    await expect(entry(changed(100, 1))).rejects.toThrow(/^a\.npz, x_train\.npy: damaged: its checksum is wrong/)
  })

  it('gives the entry or E_FORMAT for any damage', async () => {
    const change = fc.record({ at: fc.nat(PACKED.length - 1), value: fc.nat(255) })
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
        const bytes = PACKED.slice()
        for (const { at, value } of changes) bytes[at] = value
        try {
          for (const [name, read] of readZip(bytes)) parseNpy(await read(), name)
        } catch (error) {
          expect(error).toBeInstanceOf(WhiteDwarfError)
          expect(error).toMatchObject({ code: 'E_FORMAT' })
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('arrayDataSets', () => {
  const files = (arrays: Record<string, Uint8Array>) =>
    new Map(Object.entries(arrays).map(([name, bytes]) => [name, async () => bytes]))
  const load = (arrays: Record<string, Uint8Array>, layout?: Layout) => arrayDataSets(files(arrays), 'a.npz', layout)
  const labels = (...values: number[]) => encodeNpy('<i8', [values.length], values)
  const images = (...shape: number[]) => encodeNpy('|u1', shape, numbers(shape.reduce((a, b) => a * b, 1)))

  it('reads what NumPy wrote', async () => {
    const of = (archive: Uint8Array) =>
      arrayDataSets(new Map([...readZip(archive)].map(([name, read]) => [name.replace('.npy', ''), read])), 'a.npz')
    const { train, test } = await of(SMALL)
    expect(train).toEqual({
      shape: [1, 2, 2],
      images: Uint8Array.from(numbers(12)),
      labels: Uint8Array.of(0, 2, 1),
      classes: 3,
    })
    expect(test).toMatchObject({ labels: Uint8Array.of(1), classes: 3 })
    const packed = await of(PACKED)
    expect(packed.train.labels).toHaveLength(60)
    expect([...packed.train.labels.subarray(57)]).toEqual([0, 2, 1])
    expect(packed.test?.images).toEqual(Uint8Array.of(0, 1, 2, 3))
  })

  it('finds arrays by their names in any case', async () => {
    for (const [x, y] of [
      ['x', 'y'],
      ['X', 'Y'],
      ['images', 'labels'],
      ['data', 'labels'],
      ['X_train', 'y_train'],
      ['train_x', 'train_y'],
      ['train_images', 'train_labels'],
    ]) {
      expect((await load({ [x]: images(2, 2, 2), [y]: labels(0, 1), other: labels(5) })).train.classes).toBe(2)
    }
    await expect(load({ a: labels(1) })).rejects.toThrow(/no images and labels among the arrays a: call them x_train, /)
    await expect(load({})).rejects.toThrow(/among the arrays \(none\)/)
  })

  it('takes images with and without channels, and vectors', async () => {
    const shapeOf = async (...shape: number[]) => (await load({ x: images(...shape), y: labels(0, 1) })).train.shape
    expect(await shapeOf(2, 8)).toEqual([8])
    expect(await shapeOf(2, 5, 6)).toEqual([1, 5, 6])
    expect(await shapeOf(2, 5, 6, 3)).toEqual([3, 5, 6])
    expect(await shapeOf(2, 3, 5, 6)).toEqual([3, 5, 6])
    expect(await shapeOf(2, 5, 6, 1)).toEqual([1, 5, 6])
    await expect(shapeOf(2, 3, 5, 3)).rejects.toThrow(/which axis of \[n, 3, 5, 3\] are the channels\?/)
    await expect(shapeOf(2, 5, 5, 5)).rejects.toThrow(/option layout: 'hwc' or 'chw'/)
    await expect(shapeOf(2)).rejects.toThrow(/neither images/)
  })

  it('puts channels first', async () => {
    const arrays = { x: images(1, 2, 2, 3), y: labels(0) }
    const { train } = await load(arrays, 'hwc')
    expect(train.shape).toEqual([3, 2, 2])
    expect([...train.images]).toEqual([0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11])
    expect((await load(arrays, 'chw')).train).toMatchObject({ shape: [2, 2, 3], images: Uint8Array.from(numbers(12)) })
  })

  it('takes other numbers only where that loses nothing', async () => {
    const pixels = async (descr: string, values: number[]) => [
      ...(await load({ x: encodeNpy(descr, [1, values.length], values), y: labels(0) })).train.images,
    ]
    expect(await pixels('<i4', [0, 1, 255])).toEqual([0, 1, 255])
    expect(await pixels('<f4', [0, 3, 255])).toEqual([0, 3, 255])
    expect(await pixels('<f4', [0, 1 / 255, 100 / 255, 1])).toEqual([0, 1, 100, 255])
    expect(await pixels('<f8', [0, 1])).toEqual([0, 255])
    expect(await pixels('|b1', [0, 1])).toEqual([0, 255])
    for (const values of [[0.5], [-1, 1], [0, 256], [0.1, 3], [Number.NaN, 1]]) {
      await expect(pixels('<f8', values)).rejects.toMatchObject({
        code: 'E_DATA',
        message: expect.stringMatching(/^a\.npz, x: f8 values from .* save the images as unsigned bytes/),
      })
    }
    await expect(pixels('<i2', [-1])).rejects.toThrow(/i2 values from -1 to -1/)
  })

  it('refuses arrays that make no data set', async () => {
    const x = images(2, 4)
    const cases: [Record<string, Uint8Array>, RegExp][] = [
      [{ x, y: labels(0) }, /y: labels are \[1\], 2 examples need \[2\]/],
      [{ x, y: encodeNpy('<i8', [2, 3], numbers(6)) }, /labels are \[2, 3\]/],
      [{ x, y: labels(0, -1) }, /label 1 is -1, expected a whole number from 0 to 255/],
      [{ x, y: labels(256, 0) }, /label 0 is 256/],
      [{ x, y: encodeNpy('<f4', [2], [0, 1.5]) }, /label 1 is 1\.5/],
      [{ x: images(0, 4), y: encodeNpy('<i8', [0], []) }, /holds no examples/],
      [
        { x_train: x, y_train: labels(0, 1), x_test: images(2, 5), y_test: labels(0, 1) },
        /training images are \[4\], test images \[5\]/,
      ],
    ]
    for (const [arrays, message] of cases) {
      await expect(load(arrays)).rejects.toMatchObject({ code: 'E_DATA', message: expect.stringMatching(message) })
    }
  })
})
