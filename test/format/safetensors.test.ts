/** Reading safetensors: what is written here byte by byte, and what is no such file. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { WhiteDwarfError } from '../../src/errors.js'
import { floatToHalf, readSafetensors } from '../../src/format.js'

interface Entry {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly bytes: Uint8Array
}

/** A file from a header and the numbers behind it. */
function fileOf(header: unknown, numbers: Uint8Array = new Uint8Array(0)): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
  const file = new Uint8Array(8 + text.length + numbers.length)
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true)
  file.set(text, 8)
  file.set(numbers, 8 + text.length)
  return file
}

function write(entries: Readonly<Record<string, Entry>>): Uint8Array {
  let end = 0
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } }
  for (const [name, { dtype, shape, bytes }] of Object.entries(entries)) {
    Object.defineProperty(header, name, {
      value: { dtype, shape, data_offsets: [end, end + bytes.length] },
      enumerable: true,
    })
    end += bytes.length
  }
  return fileOf(header, Uint8Array.from(Object.values(entries).flatMap(({ bytes }) => Array.from(bytes))))
}

/** How each type is written. */
const WRITERS: Readonly<Record<string, [bytes: number, write: (view: DataView, at: number, v: number) => void]>> = {
  F64: [8, (d, at, v) => d.setFloat64(at, v, true)],
  F32: [4, (d, at, v) => d.setFloat32(at, v, true)],
  F16: [2, (d, at, v) => d.setUint16(at, floatToHalf(v), true)],
  BF16: [2, (d, at, v) => d.setUint16(at, new Uint32Array(Float32Array.of(v).buffer)[0] >>> 16, true)],
  I64: [8, (d, at, v) => d.setBigInt64(at, BigInt(v), true)],
  U64: [8, (d, at, v) => d.setBigUint64(at, BigInt(v), true)],
  I32: [4, (d, at, v) => d.setInt32(at, v, true)],
  U32: [4, (d, at, v) => d.setUint32(at, v, true)],
  I16: [2, (d, at, v) => d.setInt16(at, v, true)],
  U16: [2, (d, at, v) => d.setUint16(at, v, true)],
  I8: [1, (d, at, v) => d.setInt8(at, v)],
  U8: [1, (d, at, v) => d.setUint8(at, v)],
  BOOL: [1, (d, at, v) => d.setUint8(at, v)],
}

function entry(dtype: string, shape: readonly number[], values: readonly number[]): Entry {
  const [size, put] = WRITERS[dtype]
  const bytes = new Uint8Array(size * values.length)
  const view = new DataView(bytes.buffer)
  values.forEach((v, i) => {
    put(view, i * size, v)
  })
  return { dtype, shape, bytes }
}

/** Whole numbers that every type holds: of 7 significant bits, from 0 to 127, and from -127 where there are signs. */
const numbersOf = (dtype: string) =>
  fc.array(fc.integer({ min: /^(U|BOOL)/.test(dtype) ? 0 : -127, max: dtype === 'BOOL' ? 1 : 127 }), { maxLength: 12 })

describe('reading', () => {
  it('gives back tensors of all types, in the order of the file', () => {
    const tensor = fc
      .constantFrom(...Object.keys(WRITERS))
      .chain((dtype) =>
        numbersOf(dtype).map((values) => ({ dtype, values, entry: entry(dtype, [values.length], values) })),
      )
    fc.assert(
      fc.property(fc.array(tensor, { maxLength: 8 }), fc.nat(7), (tensors, shift) => {
        const names = tensors.map((_, i) => ['layer.weight', '__proto__', '', 'größe', 'b', 'a', '層', '\u0000'][i])
        const file = write(Object.fromEntries(tensors.map((t, i) => [names[i], t.entry])))
        // Somewhere in a larger buffer.
        const buffer = new Uint8Array(file.length + shift)
        buffer.set(file, shift)
        const read = readSafetensors(buffer.subarray(shift))
        expect([...read.keys()]).toStrictEqual(names)
        tensors.forEach(({ values }, i) => {
          const { shape, data } = read.get(names[i]) as { shape: number[]; data: Float32Array }
          expect(shape).toStrictEqual([values.length])
          expect(Array.from(data, (v) => v + 0)).toStrictEqual(values.map((v) => v + 0))
        })
      }),
      { numRuns: 200 },
    )
  })

  it('widens numbers exactly, keeps shapes of any rank, and scalars', () => {
    const read = readSafetensors(
      write({
        f: entry('F32', [1, 2, 1], [Math.fround(0.1), 1e38]),
        h: entry('F16', [], [2 ** -24]),
        b: entry('BF16', [2], [-1.5, 2 ** 120]),
        d: entry('F64', [1], [0.1]),
        none: entry('F32', [0, 3], []),
      }),
    )
    expect(Array.from(read.get('f')?.data ?? [])).toEqual([Math.fround(0.1), Math.fround(1e38)])
    expect(read.get('f')?.shape).toEqual([1, 2, 1])
    expect(read.get('h')).toMatchObject({ shape: [], data: Float32Array.of(2 ** -24) })
    expect(Array.from(read.get('b')?.data ?? [])).toEqual([-1.5, 2 ** 120])
    expect(read.get('d')?.data[0]).toBe(Math.fround(0.1))
    expect(read.get('none')?.data.length).toBe(0)
  })
})

describe('what is no such file is refused', () => {
  const at = (offsets: unknown, shape: unknown = [1], dtype: unknown = 'F32') => ({
    a: { dtype, shape, data_offsets: offsets },
  })
  const four = new Uint8Array(4)
  it.each<[string, Uint8Array, RegExp]>([
    ['nothing', new Uint8Array(0), /0 bytes, expected at least 8/],
    ['a header longer than the file', fileOf({}).subarray(0, 9), /header would have 2 bytes, the file has 9/],
    ['a header of 2^63 bytes', Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 128, 0), /header would have 9223372036854776000/],
    ['text', new TextEncoder().encode('<!DOCTYPE html>'), /header would have/],
    ['no JSON', fileOf('{"a"'), /not JSON/],
    ['no UTF-8', Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 255), /not JSON/],
    ['a list', fileOf('[]'), /not an object/],
    ['null', fileOf('null'), /not an object/],
    ['a number', fileOf('5'), /not an object/],
    ['a tensor of null', fileOf({ a: null }), /'a' has type undefined/],
    ['a tensor that is a text', fileOf({ a: 'b' }), /'a' has type undefined/],
    ['an unknown type', fileOf(at([0, 4], [1], 'F8_E5M2'), four), /'a' has type F8_E5M2, known are F64/],
    ['a type that every object has', fileOf(at([0, 4], [1], 'toString'), four), /type toString/],
    ['a type that is no text', fileOf(at([0, 4], [1], ['F32']), four), /type F32, known/],
    ['no shape', fileOf({ a: { dtype: 'F32', data_offsets: [0, 4] } }, four), /no shape/],
    ['a shape that is no list', fileOf(at([0, 4], { length: 1 }), four), /no shape/],
    ['a negative size', fileOf(at([0, 4], [-1]), four), /no shape/],
    ['half a size', fileOf(at([0, 4], [0.5]), four), /no shape/],
    ['one offset', fileOf(at([0]), four), /no place/],
    ['three offsets', fileOf(at([0, 4, 8]), four), /no place/],
    ['offsets outside', fileOf(at([4, 8]), four), /cannot lie at bytes 4 to 8/],
    ['offsets that go back', fileOf(at([4, 0]), four), /cannot lie/],
    ['too few bytes', fileOf(at([0, 4], [2]), four), /cannot lie/],
    ['sizes whose product overflows', fileOf(at([0, 4], [2 ** 50, 2 ** 50, 2 ** 50]), four), /cannot lie/],
  ])('%s', (_, bytes, message) => {
    const read = () => readSafetensors(bytes)
    expect(read).toThrow(message)
    expect(read).toThrow(expect.objectContaining({ code: 'E_FORMAT' }))
  })

  it('a file cut off or changed anywhere is refused, or read as something', () => {
    const file = write({ w: entry('F32', [2, 2], [1, 2, 3, 4]), b: entry('I8', [3], [1, -1, 0]) })
    for (let n = 0; n < file.length; n++) expect(() => readSafetensors(file.subarray(0, n))).toThrow(WhiteDwarfError)
    fc.assert(
      fc.property(fc.nat(file.length - 1), fc.nat(255), (at, value) => {
        const changed = file.slice()
        changed[at] = value
        try {
          for (const { data } of readSafetensors(changed).values()) expect(data.length).toBeLessThan(file.length)
        } catch (error) {
          expect((error as WhiteDwarfError).code).toBe('E_FORMAT')
        }
      }),
      { numRuns: 500 },
    )
  })
})
