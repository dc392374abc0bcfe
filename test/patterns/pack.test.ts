/** The dense form: what goes in comes out, nothing is stored twice, and it is as small as it should be. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  blockColumns,
  capacity,
  filterOrder,
  ownerOf,
  pack,
  packedBits,
  parsePattern,
  project,
  storedPlaces,
  unpack,
} from '../../src/patterns.js'
import { anyCase, blockCase, count, difference, groupCase, masked, periodicCase, seededLevels } from './arbitrary.js'

const lanes = fc.integer({ min: 1, max: 20 })

describe('packing', () => {
  it('and unpacking gives the levels under the mask', () => {
    fc.assert(
      fc.property(anyCase, fc.nat(), lanes, ({ pattern, shape }, seed, width) => {
        const all = seededLevels(shape, seed)
        const levels = masked(all, project(pattern, shape, all))
        const packed = pack(pattern, shape, levels, width)
        expect(packed.values).toHaveLength(capacity(pattern, shape))
        expect(difference(unpack(pattern, shape, packed, width), levels)).toBe(-1)
      }),
      { numRuns: 300 },
    )
  })

  it('keeps every level that is not zero once', () => {
    fc.assert(
      fc.property(anyCase, fc.nat(), ({ pattern, shape }, seed) => {
        const all = seededLevels(shape, seed)
        const levels = masked(all, project(pattern, shape, all))
        const sorted = (values: Int8Array) => values.filter((v) => v !== 0).sort()
        expect(difference(sorted(pack(pattern, shape, levels).values), sorted(levels))).toBe(-1)
      }),
    )
  })

  it('refuses levels off the pattern, and of other numbers', () => {
    const pattern = parsePattern('2:4')
    const refused = (levels: Int8Array) => () => pack(pattern, [1, 4], levels)
    expect(refused(Int8Array.of(1, 1, 1, 0))).toThrow(/levels do not keep to the pattern: the group of weight 0 has 3/)
    expect(refused(Int8Array.of(1, 1, 1, 0))).toThrow(expect.objectContaining({ code: 'E_DATA' }))
    expect(refused(new Int8Array(3))).toThrow(expect.objectContaining({ code: 'E_SHAPE' }))
    expect(() => pack(pattern, [1, 3], new Int8Array(3))).toThrow(/the pattern does not fit levels \[1, 3\]/)
  })
})

describe('complementary filters', () => {
  const pattern = parsePattern('complementary:4')

  it('are one dense matrix, with an owner for each place: P[g, k] = W[S_g[o_g(k)], k]', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 20 }), fc.nat(), (groups, ins, seed) => {
        const shape = [4 * groups, ins, 3, 3]
        const cols = 9 * ins
        const all = seededLevels(shape, seed).map((level) => level || 1)
        const levels = masked(all, project(pattern, shape, all))
        const { values, owners } = pack(pattern, shape, levels)
        // K multiply-adds for each group, none of them with zero.
        expect(values).toHaveLength(groups * cols)
        expect(values.every((v) => v !== 0)).toBe(true)
        expect(owners).toHaveLength(2)
        const found = new Int8Array(values.length)
        for (let g = 0; g < groups; g++) {
          for (let k = 0; k < cols; k++) {
            const i = g * cols + k
            found[i] = levels[(4 * g + ownerOf(owners, i)) * cols + k]
          }
        }
        expect(difference(found, values)).toBe(-1)
      }),
    )
  })

  it('take N K / 4 times 10 bits with four in a group and 8-bit levels', () => {
    const shape = [64, 32, 3, 3]
    const all = seededLevels(shape, 1)
    const packed = pack(pattern, shape, masked(all, project(pattern, shape, all)))
    const bytes = packed.values.byteLength + packed.owners.reduce((sum, plane) => sum + plane.byteLength, 0)
    expect(8 * bytes).toBe((64 * 288 * 10) / 4)
    expect(packedBits(packed, 8)).toBe(8 * bytes)
  })

  it.each([
    [2, 8, 1.78],
    [4, 8, 3.2],
    [8, 8, 5.82],
    [16, 8, 10.67],
    [2, 4, 1.6],
    [4, 4, 2.67],
    [8, 4, 4.57],
    [16, 4, 8],
  ])('%d in a group at %d bits are %d times smaller than dense', (g, bits, ratio) => {
    const shape = [32, 64]
    const packed = pack(parsePattern(`complementary:${g}`), shape, new Int8Array(32 * 64))
    expect(Number(((32 * 64 * bits) / packedBits(packed, bits)).toFixed(2))).toBe(ratio)
  })

  it('of several layers have the owners of a place in order', () => {
    const layered = parsePattern('complementary:2/4')
    const { values, owners } = pack(layered, [4, 2], Int8Array.of(0, 1, 2, 0, 0, 3, 4, 0))
    expect(values).toEqual(Int8Array.of(2, 1, 4, 3))
    expect([0, 1, 2, 3].map((i) => ownerOf(owners, i))).toEqual([1, 0, 3, 2])
  })

  it('leave places empty that no filter needs', () => {
    const { values, owners } = pack(pattern, [4, 3], Int8Array.of(0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0))
    expect(values).toEqual(Int8Array.of(0, 5, 0))
    expect(owners.map((plane) => [...plane])).toEqual([[2], [0]])
  })
})

describe('other groups', () => {
  it('N:M has the kept inputs of a tap side by side', () => {
    const shape = [1, 4, 1, 2]
    const levels = Int8Array.of(1, 0, 0, 2, 3, 0, 0, 4)
    const { values, owners } = pack(parsePattern('2:4'), shape, levels)
    // [groups * keep][taps]: of tap 0 the inputs 0 and 2, of tap 1 the inputs 1 and 3.
    expect(values).toEqual(Int8Array.of(1, 2, 3, 4))
    expect([0, 1, 2, 3].map((i) => ownerOf(owners, i))).toEqual([0, 1, 2, 3])
  })

  it('segments lie on each other', () => {
    const { values, owners } = pack(parsePattern('segments:2'), [1, 6], Int8Array.of(7, 0, 0, 0, 6, 5))
    expect(values).toEqual(Int8Array.of(7, 6, 5))
    expect([0, 1, 2].map((i) => ownerOf(owners, i))).toEqual([0, 1, 1])
  })

  it('owners of a file that do not exist are refused', () => {
    fc.assert(
      fc.property(groupCase, fc.nat(), fc.nat(), ({ pattern, shape }, seed, flip) => {
        const all = seededLevels(shape, seed)
        const { values, owners } = pack(pattern, shape, masked(all, project(pattern, shape, all)))
        const i = flip % values.length
        owners[flip % owners.length][i >> 5] ^= 1 << (i & 31)
        try {
          const levels = unpack(pattern, shape, { values, owners })
          const sorted = (v: Int8Array) => v.filter((level) => level !== 0).sort()
          expect(sorted(levels)).toEqual(sorted(values))
        } catch (error) {
          expect(error).toMatchObject({ code: 'E_FORMAT' })
        }
      }),
    )
  })

  it('values and planes of other sizes are refused', () => {
    const pattern = parsePattern('complementary:4')
    const packed = pack(pattern, [4, 8], new Int8Array(32))
    for (const wrong of [
      { ...packed, values: new Int8Array(7) },
      { ...packed, owners: packed.owners.slice(1) },
      { ...packed, owners: [new Uint32Array(1), new Uint32Array(2)] },
    ]) {
      expect(() => unpack(pattern, [4, 8], wrong)).toThrow(expect.objectContaining({ code: 'E_SHAPE' }))
    }
  })
})

describe('blocks', () => {
  it('are stored whole, by rows of blocks and columns', () => {
    fc.assert(
      fc.property(blockCase, ({ pattern, shape }) => {
        const size = (pattern.inner ?? pattern).block
        const [, ins] = shape
        const taps = count(shape.slice(2))
        const places = storedPlaces(pattern, shape)
        const blockOf = (place: number) => {
          const channel = Math.floor(place / taps)
          return [Math.floor(Math.floor(channel / ins) / size), Math.floor((channel % ins) / size)]
        }
        const met: string[] = []
        const columns: number[] = []
        for (const place of places) {
          const [row, column] = blockOf(place)
          if (met[met.length - 1] === `${row} ${column}`) continue
          met.push(`${row} ${column}`)
          columns.push(column)
        }
        expect(new Set(met).size).toBe(met.length)
        expect(
          [...met].sort(
            (a, b) =>
              Number(a.split(' ')[0]) - Number(b.split(' ')[0]) || Number(a.split(' ')[1]) - Number(b.split(' ')[1]),
          ),
        ).toEqual(met)
        expect([...blockColumns(pattern, shape)]).toEqual(columns)
      }),
    )
  })
})

describe('periodic patterns', () => {
  it('have filters by residue, then tiles, channels, taps, lanes', () => {
    const pattern = { kind: 'periodic', kernel: 1, taps: [[0], []], rotate: true } as const
    // Filters 0, 2, 4 use channel 0, filters 1, 3 channel 1: tiles of two are {0, 2}, {4}, {1, 3}.
    expect([...filterOrder(pattern, 5)]).toEqual([0, 2, 4, 1, 3])
    expect([...storedPlaces(pattern, [5, 2, 1, 1], 2)]).toEqual([0, 4, 8, 3, 7])
    expect([...filterOrder({ ...pattern, rotate: false }, 3)]).toEqual([0, 1, 2])
  })

  it('give all lanes of a step one channel and tap, and every step as many lanes as the tile has filters', () => {
    fc.assert(
      fc.property(periodicCase, lanes, ({ pattern, shape }, width) => {
        const [out, ins, kernel] = shape
        const row = ins * kernel ** 2
        const places = storedPlaces(pattern, shape, width)
        const order = filterOrder(pattern, out)
        expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: out }, (_, n) => n))
        const period = pattern.rotate ? pattern.taps.length : 1
        const expected: number[] = []
        for (let first = 0; first < out; ) {
          const residue = order[first] % period
          let end = first
          while (end < out && end - first < width && order[end] % period === residue) end++
          for (let c = 0; c < ins; c++) {
            for (const tap of pattern.taps[(c + (pattern.rotate ? residue : 0)) % pattern.taps.length]) {
              for (const n of order.subarray(first, end)) expected.push(n * row + c * kernel ** 2 + tap)
            }
          }
          first = end
        }
        expect(difference(places, expected)).toBe(-1)
      }),
    )
  })
})
