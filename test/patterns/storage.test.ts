/** Bits of one layer: formulas against counting in real masks, and against published tables. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  capacity,
  formatBits,
  type Pattern,
  parsePattern,
  patternBits,
  project,
  setTableBits,
  tapsPerKernel,
} from '../../src/patterns.js'
import { Rng } from '../../src/rng.js'

const total = ({ values, index }: { values: number; index: number }) => values + index

/** Bits of numbers 0 to count - 1. */
const wide = (count: number) => (count <= 1 ? 0 : (count - 1).toString(2).length)

/** Writes every coordinate out, as a list of [number, how many there could be], and adds up their bits. */
function counted(format: string, shape: readonly number[], mask: Uint8Array): number {
  const [out, ins, height = 1, breadth = 1] = shape
  const taps = height * breadth
  const at = Array.from(mask.keys()).filter((i) => mask[i] !== 0)
  const bits = (...counts: number[]) => counts.reduce((sum, c) => sum + wide(c), 0)
  const pointers = (n: number) => (n + 1) * wide(at.length + 1)
  switch (format) {
    case 'bitmask':
      return mask.length
    case 'coo':
      return at.reduce((sum) => sum + bits(out, ins, height, breadth), 0)
    case 'csr':
      return at.reduce((sum) => sum + bits(ins * taps), 0) + pointers(out)
    case 'csr16':
      return 16 * at.length + 32 * (out + 1)
    case 'csc':
      return at.reduce((sum) => sum + bits(out), 0) + pointers(ins * taps)
    case 'in-kernel':
      return at.reduce((sum) => sum + bits(taps), 0) + out * ins * bits(taps + 1)
    default:
      throw new Error(format)
  }
}

describe('formats of counts', () => {
  const shapes = fc.oneof(
    fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 })),
    fc.tuple(
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 5 }),
    ),
  )

  it('give the bits that coordinates of a drawn mask take', () => {
    fc.assert(
      fc.property(shapes, fc.double({ min: 0, max: 1, noNaN: true }), fc.integer(), (shape, density, seed) => {
        const rng = new Rng(seed)
        const mask = Uint8Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () =>
          rng.float() < density ? 1 : 0,
        )
        const nonZeros = mask.reduce((a, b) => a + b, 0)
        for (const format of ['bitmask', 'coo', 'csr', 'csr16', 'csc', 'in-kernel'] as const) {
          const bits = formatBits(format, { shape, nonZeros }, 8)
          expect([format, bits.index]).toEqual([format, counted(format, shape, mask)])
          expect(bits.values).toBe(8 * nonZeros)
        }
        expect(formatBits('dense', { shape, nonZeros }, 8)).toEqual({ values: 8 * mask.length, index: 0 })
      }),
    )
  })

  it('tell values that may be zero from values that may not', () => {
    const layer = { shape: [4, 4], nonZeros: 5 }
    const bits = { dense: 2, nonZero: 1 }
    expect(formatBits('dense', layer, bits).values).toBe(32)
    expect(formatBits('bitmask', layer, bits)).toEqual({ values: 5, index: 16 })
  })

  it('count no kernels where all have as many', () => {
    const layer = { shape: [8, 8, 3, 3], nonZeros: 4 * 64 }
    expect(formatBits('in-kernel', { ...layer, perKernel: 4 }, 8).index).toBe(4 * 4 * 64)
    expect(formatBits('in-kernel', layer, 8).index).toBe(4 * 4 * 64 + 4 * 64)
  })

  it('number the sets of taps of kernels; a kernel of one tap has two', () => {
    expect(formatBits('pattern-id', { shape: [8, 8, 3, 3], nonZeros: 256 }, 8).index).toBe(3 * 64)
    expect(formatBits('pattern-id', { shape: [8, 8, 3, 3], nonZeros: 256 }, 8, { sets: 56 }).index).toBe(6 * 64)
    expect(formatBits('pattern-id', { shape: [8, 8], nonZeros: 20 }, 8).index).toBe(64)
    expect(setTableBits(3)).toBe(72)
  })
})

describe('patterns and connectivity (PatDNN)', () => {
  it('has 56 patterns of four taps with the centre', () => {
    const sets = Array.from({ length: 512 }, (_, bits) => bits).filter(
      (bits) => (bits >> 4) & 1 && bits.toString(2).replaceAll('0', '').length === 4,
    )
    expect(sets).toHaveLength(56)
    expect(formatBits('pattern-id', { shape: [64, 64, 3, 3], nonZeros: 4 }, 8, { sets: sets.length }).index).toBe(
      6 * 4096,
    )
  })

  it('keeps one in 8.1 weights with 4 of 9 taps in one of 3.6 kernels', () => {
    const shape = [512, 512, 3, 3]
    const kernels = Math.ceil((512 * 512) / 3.6)
    const dense = formatBits('dense', { shape, nonZeros: 0 }, 8)
    const stored = formatBits('pattern-id', { shape, nonZeros: 4 * kernels }, 8, { kernels })
    expect(dense.values / stored.values).toBeCloseTo(8.1, 3)
    // Set and channel of each kernel, and 513 pointers.
    expect(stored.index).toBe(kernels * (3 + 9) + 513 * 17)
  })
})

describe('formats of patterns', () => {
  const names = [
    '2:4',
    '1:4',
    '4:8',
    'complementary:4',
    'complementary:2/8',
    'segments:4',
    'cgs:4/4',
    'hcgs:8/2,4/2',
    'PS4_P8',
  ]

  it('have a value for each weight of the mask, and hardly an index', () => {
    for (const name of names) {
      const pattern = parsePattern(name)
      const shape = [16, 32, 3, 3]
      const mask = project(
        pattern,
        shape,
        Float32Array.from({ length: 16 * 32 * 9 }, (_, i) => 1 + i),
      )
      const kept = mask.reduce((a, b) => a + b, 0)
      const stored = patternBits(pattern, shape, 8)
      expect([name, stored.values, capacity(pattern, shape)]).toEqual([name, 8 * kept, kept])
      for (const format of ['coo', 'csr', 'csr16'] as const) {
        expect(stored.index).toBeLessThan(formatBits(format, { shape, nonZeros: kept }, 8).index)
      }
    }
  })

  it('count a mask without making it', () => {
    const kinds = fc.constantFrom(
      '2:4',
      '3:8',
      'complementary:2/8',
      'cgs:3/2.5',
      'hcgs:6/2,2/2',
      'PS4_P4',
      'PSD1_P16',
      'PS2_P6',
    )
    const sizes = fc.tuple(fc.integer({ min: 8, max: 40 }), fc.integer({ min: 12, max: 40 }))
    fc.assert(
      fc.property(kinds, sizes, fc.boolean(), (name, [out, ins], rotate) => {
        const parsed = parsePattern(name)
        const pattern = parsed.kind === 'periodic' ? { ...parsed, rotate } : parsed
        const shape = [out, ins, 3, 3]
        const mask = project(pattern, shape, new Float32Array(out * ins * 9).fill(1))
        expect(capacity(pattern, shape)).toBe(mask.reduce((a, b) => a + b, 0))
      }),
    )
  })

  it('are dense where the pattern does not fit', () => {
    expect(patternBits(parsePattern('PS4_P8'), [10, 20], 8)).toEqual({ values: 1600, index: 0 })
    expect(patternBits(parsePattern('2:4'), [10, 3, 3, 3], 8)).toEqual({ values: 2160, index: 0 })
  })

  it('store zeros in slots that no weight needs', () => {
    const bits = { dense: 2, nonZero: 1 }
    expect(patternBits(parsePattern('1:4'), [8, 8], bits, { nonZeros: 16 }).values).toBe(16)
    expect(patternBits(parsePattern('1:4'), [8, 8], bits, { nonZeros: 15 }).values).toBe(32)
  })

  it('count the order of filters, where they have one', () => {
    const pattern = { kind: 'groups', axis: 'out', of: 4, keep: 1 } as const
    const order = Array.from({ length: 12 }, (_, n) => (5 * n) % 12)
    const [plain, ordered] = [{}, { order }].map((o) => patternBits({ ...pattern, ...o }, [12, 40], 8))
    expect(ordered.index - plain.index).toBe(12 * 4)
    expect(ordered.values).toBe(plain.values)
  })

  it('know whether all kernels keep as many taps', () => {
    const taps = (name: string) => tapsPerKernel(parsePattern(name) as Extract<Pattern, { kind: 'periodic' }>)
    expect([taps('PS4_P4'), taps('PS1_P9'), taps('PSD4_P8')]).toEqual([4, 1, undefined])
  })
})

describe('complementary', () => {
  const ratio = (of: number, bits: number) => {
    const shape = [1024, 576]
    return (1024 * 576 * bits) / total(patternBits(parsePattern(`complementary:${of}`), shape, bits))
  }

  it.each([
    [2, 1.78, 1.6],
    [4, 3.2, 2.67],
    [8, 5.82, 4.57],
    [16, 10.7, 8],
  ])('of groups of %i: %f times smaller than dense with 8 bits, %f with 4', (of, eight, four) => {
    expect(ratio(of, 8)).toBeCloseTo(eight, eight > 10 ? 1 : 2)
    expect(ratio(of, 4)).toBeCloseTo(four, 2)
  })

  it('int8 in groups of 4: N * K / 4 * 10 bits; 2:4 is 1.6 times smaller than dense', () => {
    for (const [out, ins] of [
      [64, 64],
      [128, 300],
    ]) {
      expect(total(patternBits(parsePattern('complementary:4'), [out, ins, 3, 3], 8))).toBe(((out * ins * 9) / 4) * 10)
    }
    expect((512 * 512 * 8) / total(patternBits(parsePattern('2:4'), [512, 512], 8))).toBeCloseTo(1.6, 6)
    expect((512 * 512 * 16) / total(patternBits(parsePattern('2:4'), [512, 512], 16))).toBeCloseTo(16 / 9, 6)
  })
})

describe('CGS', () => {
  it.each([
    [4, 14.6, 16.7, 16384],
    [8, 3.1, 3.6, 4096],
    [16, 0.65, 0.78, 1024],
    [32, 0.13, 0.16, 256],
    [64, 0.02, 0.03, 64],
  ])(
    'columns of blocks of %i take %f per cent of 3-bit weights at 512 x 512, %f at 1024 x 1024; a map of 512 x 512 %i bits',
    (block, small, large, map) => {
      const pattern = { kind: 'blocks', block, ratio: 4, seed: 1 } as const
      const share = (size: number) => {
        const { values, index } = patternBits(pattern, [size, size], 3, { blocks: 'columns' })
        return (100 * index) / values
      }
      const digits = block < 16 ? 1 : 2
      expect(share(512)).toBeCloseTo(small, digits)
      expect(share(1024)).toBeCloseTo(large, digits)
      expect((512 / block) ** 2).toBe(map)
    },
  )

  it('stores a seed of 32 bits otherwise', () => {
    const pattern = parsePattern('cgs:16/8')
    expect(patternBits(pattern, [512, 512], 3)).toEqual({ values: (512 * 512 * 3) / 8, index: 32 })
  })

  it('counts columns of both levels of HCGS', () => {
    const pattern = parsePattern('hcgs:64/4,16/4')
    const { values, index } = patternBits(pattern, [512, 512], 6, { blocks: 'columns' })
    expect(values).toBe((512 * 512 * 6) / 16)
    // 8 rows of 2 blocks of 8; in each of them 4 rows of 1 block of 4.
    expect(index).toBe(16 * 3 + 16 * 4 * 2)
    expect(capacity(pattern, [512, 512])).toBe((512 * 512) / 16)
  })
})
