/** Tensors with sparsity patterns: round trips, what their levels and places cost, damage. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { WhiteDwarfError } from '../../src/errors.js'
import { crc32 } from '../../src/format/crc32.js'
import { pack, packedMatrix, unpack } from '../../src/format/packing.js'
import { decodeModel, encodeModel, entropyBits, type Mode, readWd, tensorBytes } from '../../src/format.js'
import type { LevelTensor, Model } from '../../src/graph/model.js'
import { blockMask } from '../../src/patterns/blocks.js'
import { indexBits, violation } from '../../src/patterns/mask.js'
import { parsePattern } from '../../src/patterns/names.js'
import { misfit, type Pattern } from '../../src/patterns/pattern.js'
import { Rng } from '../../src/rng.js'
import { FOLDED_CHAIN, foldedChain, foldedModel, randomGraph, randomLevels, randomModel, SMALL } from './models.js'
import { FAMILIES, onPattern, patternedLayer, randomPattern, withoutPatterns, withPatterns } from './patterned.js'

const patternsOf = (model: Model) => Object.values(model.tensors).flatMap((t) => (t.pattern ? [t.pattern] : []))

describe('a model with patterns', () => {
  it('comes back as it was, and gives the same bytes when encoded again', () => {
    const seen = { kinds: new Set<string>(), packed: 0, seeded: 0 }
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 12 }), (seed, size) => {
        const rng = new Rng(seed)
        const model = withPatterns(rng, randomModel(rng, randomGraph(rng, size)))
        const bytes = encodeModel(model)
        const back = decodeModel(bytes)
        expect(back).toStrictEqual(model)
        expect(encodeModel(back)).toStrictEqual(bytes)
        for (const p of patternsOf(model)) seen.kinds.add(p.kind === 'groups' ? p.axis : p.kind)
        const packed = readWd(bytes).tensors.filter((t) => t.packed)
        seen.packed += packed.length
        seen.seeded += packed.filter((t) => t.signSeed !== undefined).length
      }),
      { numRuns: 400 },
    )
    expect([...seen.kinds].sort()).toEqual([...FAMILIES].sort())
    expect(Math.min(seen.packed, seen.seeded)).toBeGreaterThan(0)
  })

  it('comes back in both modes', () => {
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom<Mode>('context', 'runs'), (seed, mode) => {
        const rng = new Rng(seed)
        const model = withPatterns(rng, randomModel(rng, randomGraph(rng, 8), mode === 'context' ? SMALL : undefined))
        const bytes = encodeModel(model, { mode })
        expect(decodeModel(bytes)).toStrictEqual(model)
        for (const t of readWd(bytes).tensors) expect(t.mode).toBe(mode)
      }),
      { numRuns: 200 },
    )
  })

  it('comes back with tensors that several layers use', () => {
    const rng = new Rng(4)
    const plain = foldedModel(foldedChain(), FOLDED_CHAIN)
    const patterns: Record<string, Pattern> = { conv1: parsePattern('PS4_P4'), conv3: parsePattern('complementary:4') }
    const tensors = Object.entries(plain.tensors).map(([name, t]): [string, LevelTensor] => {
      const pattern = patterns[name]
      return [name, pattern ? onPattern(rng, { ...t, levels: t.levels.map((_, i) => (i % 3 ? 1 : -1)) }, pattern) : t]
    })
    const model = { ...plain, tensors: Object.fromEntries(tensors) }
    const bytes = encodeModel(model)
    expect(decodeModel(bytes)).toStrictEqual(model)
    const shared = readWd(bytes).tensors.find((t) => t.name === 'conv3')
    expect(shared).toMatchObject({ pattern: patterns.conv3, packed: true })
    expect(Object.values(model.layers).filter((layer) => layer.tensor === 'conv3').length).toBe(3)
  })

  it('has an order of filters only where it is not the usual one', () => {
    const pattern: Pattern = { kind: 'groups', axis: 'out', of: 4, keep: 1 }
    const model = patternedLayer(1, [8, 5], { ...pattern, order: [0, 1, 2, 3, 4, 5, 6, 7] }, 1, 1)
    expect(decodeModel(encodeModel(model)).tensors.fc1.pattern).toStrictEqual(pattern)
  })

  it.each<[Pattern, string, RegExp]>([
    [{ kind: 'groups', axis: 'out', of: 1, keep: 1 }, 'E_OPTION', /pattern.of/],
    [{ kind: 'groups', axis: 'out', of: 16, keep: 1 }, 'E_SHAPE', /'fc1' \[8, 6\]/],
    [{ kind: 'groups', axis: 'in-strided', of: 4, keep: 1 }, 'E_SHAPE', /equal segments/],
    [{ kind: 'groups', axis: 'in', of: 3, keep: 1 }, 'E_FORMAT', /'fc1' does not keep to its pattern: the group/],
    [{ kind: 'blocks', block: 2, ratio: 3, seed: 1 }, 'E_FORMAT', /not on the pattern/],
  ])('is refused where the pattern is not valid, or broken: %j', (pattern, code, message) => {
    const dense = patternedLayer(1, [8, 6], parsePattern('complementary:2'), 1, 1)
    const levels = new Int8Array(48).fill(1)
    const model = { ...dense, tensors: { fc1: { ...dense.tensors.fc1, levels, pattern } } }
    const error = expect.objectContaining({ code, message: expect.stringMatching(message) })
    expect(() => encodeModel(model)).toThrow(error)
  })
})

describe('packing', () => {
  it('and unpacking give back levels on a pattern, in a matrix that is no larger than the tensor', () => {
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom(...FAMILIES), fc.boolean(), (seed, family, conv) => {
        const rng = new Rng(seed)
        const kernel = conv ? 1 + rng.below(3) : 1
        const shape = [1 + rng.below(20), 1 + rng.below(20), ...(conv ? [kernel, kernel] : [])]
        const pattern = randomPattern(rng, family, shape)
        if (pattern === undefined || misfit(pattern, shape) !== undefined) return
        const cols = shape.slice(1).reduce((a, b) => a * b)
        const levels = randomLevels(rng, shape[0] * cols, 7, rng.float())
        const tensor = onPattern(rng, { shape, maxLevel: 7, levels }, pattern)
        const matrix = packedMatrix(pattern, shape, 1)
        expect(matrix.rows).toBeLessThanOrEqual(shape[0])
        expect(matrix.cols).toBeLessThanOrEqual(cols)
        const packed = pack(pattern, shape, tensor.levels, 1)
        expect(packed.levels.length).toBe(matrix.rows * matrix.cols)
        expect(unpack(pattern, shape, packed.levels, () => packed.members)).toStrictEqual(tensor.levels)
      }),
      { numRuns: 1000 },
    )
  })

  it('keeps rows where all have the same number of places', () => {
    for (const [name, shape, rows, cols] of [
      ['cgs:4/4', [16, 32], 16, 8],
      ['cgs:4/2', [16, 32, 3, 3], 16, 144],
      ['PS4_P4', [16, 32, 3, 3], 16, 128],
      ['PSD2_P8', [16, 32, 3, 3], 16, 4 * (7 * 2 + 9)],
      ['complementary:4', [16, 32, 3, 3], 4, 288],
      ['complementary:4', [18, 32], 5, 32],
      ['complementary:3/8', [16, 32], 6, 32],
      ['2:4', [16, 32, 3, 3], 16, 144],
      ['2:4', [16, 35], 16, 18],
      ['segments:4', [16, 32], 16, 8],
    ] as const) {
      const plane = name.startsWith('cgs') ? shape.slice(2).reduce<number>((a, b) => a * b, 1) : 1
      expect(packedMatrix(parsePattern(name), shape, plane), name).toEqual({ rows, cols })
    }
  })
})

describe('patterns of blocks', () => {
  /** The definition, word by word: the most used column gives a block, in the first row that has one, to each that has none. */
  function slowDraw(rows: number, cols: number, ratio: number, rng: Rng): number[][] {
    const kept = Math.max(1, Math.round(cols / ratio))
    const drawn = Array.from({ length: rows }, () => {
      const order = Array.from({ length: cols }, (_, c) => c)
      rng.shuffle(order)
      return order.slice(0, kept)
    })
    for (let empty = 0; empty < cols; empty++) {
      const uses = Array.from({ length: cols }, (_, c) => drawn.filter((row) => row.includes(c)).length)
      if (uses[empty] > 0) continue
      const most = uses.indexOf(Math.max(...uses))
      if (uses[most] < 2) break
      const row = drawn.find((r) => r.includes(most)) as number[]
      row[row.indexOf(most)] = empty
    }
    return drawn
  }

  it('keep the blocks that their definition says', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 2, max: 12 }), (seed, rows, cols) => {
        const ratio = 1 + (seed % 70) / 10
        const mask = blockMask({ kind: 'blocks', block: 1, ratio, seed }, [rows, cols])
        const expected = new Uint8Array(rows * cols)
        slowDraw(rows, cols, ratio, new Rng(seed)).forEach((row, r) => {
          for (const c of row) expected[r * cols + c] = 1
        })
        expect(mask).toStrictEqual(expected)
      }),
      { numRuns: 500 },
    )
  })

  it('are drawn in time in proportion to their number', () => {
    const begin = performance.now()
    const mask = blockMask({ kind: 'blocks', block: 1, ratio: 4, seed: 1 }, [3, 400_000])
    expect(performance.now() - begin).toBeLessThan(5000)
    expect(mask.reduce((sum, m) => sum + m, 0)).toBe(300_000)
  })
})

/** What coding may take beyond entropy and indices: learning the probabilities, those of 8-bit levels most, and rounding in the coder. */
const LEARNING_BITS = { 1: 150, 7: 150, 127: 800 }
const ROUNDING = 1.002

const NAMES = [
  'complementary:2',
  'complementary:4',
  'complementary:16',
  'complementary:3/8',
  '1:4',
  '2:4',
  '4:8',
  'segments:4',
  'segments:16',
  'cgs:8/4',
  'hcgs:16/2,4/2',
  'PS4_P4',
  'PS2_P6',
  'PS1_P9',
  'PSD2_P8',
]

const fits = (name: string, shape: readonly number[]) => misfit(parsePattern(name), shape) === undefined
const CASES = NAMES.flatMap((name) =>
  [
    [96, 256],
    [48, 32, 3, 3],
  ]
    .filter((shape) => fits(name, shape))
    .flatMap((shape) => [1, 0.6, 0.1].map((density) => ({ name, shape, density }))),
)

describe('pattern-aware coding', () => {
  it.each(CASES)('takes the entropy of the packed levels and the indices at most: $name $shape $density', (c) => {
    const pattern = parsePattern(c.name)
    for (const maxLevel of [1, 7, 127] as const) {
      const model = patternedLayer(c.shape.length, c.shape, pattern, maxLevel, c.density)
      const { levels } = model.tensors.fc1
      const packed = pack(pattern, c.shape, levels, 1)
      const index = pattern.kind === 'groups' ? indexBits(pattern, c.shape) : 0
      const bound = ROUNDING * (entropyBits(packed.levels) + index)
      expect(8 * tensorBytes(encodeModel(model))[0].bytes).toBeLessThan(bound + LEARNING_BITS[maxLevel])
    }
  })

  it.each([
    // A kept weight takes a sign, and the choice of its place.
    ['complementary:2', [128, 256], 1 / 2, 1],
    ['complementary:4', [128, 256], 1 / 4, 2],
    ['complementary:8', [128, 256], 1 / 8, 3],
    ['complementary:4', [64, 64, 3, 3], 1 / 4, 2],
    ['2:4', [128, 256], 1 / 2, Math.log2(6) / 2],
    ['segments:4', [128, 256], 1 / 4, 2],
    ['cgs:16/4', [128, 256], 1 / 4, 0],
    ['PS4_P4', [64, 64, 3, 3], 4 / 9, 0],
  ] as const)(
    'of INT2 that fills %s on %j, density %d: %d bits for the place of each',
    (name, shape, density, place) => {
      const model = patternedLayer(3, shape, parsePattern(name), 1, 1)
      const bits = 8 * readWd(encodeModel(model)).size.levels
      const aware = model.tensors.fc1.levels.length * density * (1 + place)
      expect(bits / aware).toBeGreaterThan(0.995)
      expect(bits / aware).toBeLessThan(1.005)
      expect(readWd(encodeModel(model)).tensors[0].packed).toBe(true)
      // Contexts find a part of what the pattern says.
      const blind = 8 * readWd(encodeModel(withoutPatterns(model))).size.levels
      expect(bits / blind).toBeLessThan(0.92)
    },
  )

  it('is not used where coding without the pattern is smaller', () => {
    let plain = 0
    for (const name of ['complementary:4', '2:4', 'cgs:8/4', 'PS4_P4']) {
      for (const density of [0, 0.002, 0.01, 0.05]) {
        const model = patternedLayer(5, [64, 64, 3, 3], parsePattern(name), 1, density)
        const bytes = encodeModel(model)
        if (!readWd(bytes).tensors[0].packed) plain++
        // The pattern itself: some fields, a seed, a table of taps.
        const blind = encodeModel(withoutPatterns(model)).length
        expect(bytes.length).toBeLessThanOrEqual(blind + 12)
      }
    }
    expect(plain).toBeGreaterThan(0)
  })

  it('stores a pattern of blocks as its seed, a periodic one as a table, and a repeated one as next to nothing', () => {
    const header = (model: Model) => 8 * readWd(encodeModel(model)).size.header
    const cost = (name: string, shape: readonly number[]) => {
      const model = patternedLayer(1, shape, parsePattern(name), 1, 1)
      return header(model) - header(withoutPatterns(model))
    }
    expect(cost('cgs:16/4', [64, 512])).toBeLessThan(32 + 32)
    expect(cost('PS4_P4', [16, 16, 3, 3])).toBeLessThan(64 + 16)
    expect(cost('complementary:4', [64, 512])).toBeLessThan(24)
    /** Header of a network of so many layers. */
    const deep = (count: number, patternOf: (layer: number) => Pattern | undefined) => {
      const nodes = Array.from(
        { length: count },
        (_, i) => ({ op: 'dense', name: `fc${i + 1}`, inputs: [i === 0 ? 'input' : `fc${i}`], units: 32 }) as const,
      )
      const inputs = [{ name: 'input', shape: [32], scale: [1], offset: [0] }]
      const model = foldedModel({ inputs, nodes, outputs: [`fc${count}`] }, new Map())
      const tensors = Object.entries(model.tensors).map(([name, t], i): [string, LevelTensor] => {
        const pattern = patternOf(i)
        return [name, pattern ? onPattern(new Rng(i), t, pattern) : t]
      })
      const patterned = { ...model, tensors: Object.fromEntries(tensors) }
      expect(decodeModel(encodeModel(patterned))).toStrictEqual(patterned)
      return header(patterned)
    }
    const further = (patternOf: (layer: number) => Pattern | undefined) =>
      (deep(40, patternOf) - deep(20, patternOf)) / 20
    const plain = further(() => undefined)
    expect(further(() => parsePattern('complementary:4')) - plain).toBeLessThan(1)
    expect(further(() => parsePattern('cgs:4/4', 77)) - plain).toBeLessThan(1)
    expect(further((layer) => parsePattern('cgs:4/4', 77 + layer)) - plain).toBeLessThan(5)
  })
})

describe('damaged files with patterns', () => {
  function sealed(bytes: Uint8Array): Uint8Array {
    const end = bytes.length - 4
    new DataView(bytes.buffer).setUint32(end, crc32(bytes.subarray(0, end)), true)
    return bytes
  }

  it('are refused, or decode to levels that keep to their patterns', () => {
    let decoded = 0
    fc.assert(
      fc.property(
        fc.nat(),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (seed, changes) => {
          const rng = new Rng(seed)
          const bytes = encodeModel(withPatterns(rng, randomModel(rng, randomGraph(rng, 6)))).slice()
          for (const [at, value] of changes) bytes[4 + (at % (bytes.length - 8))] = value
          try {
            const model = decodeModel(sealed(bytes))
            for (const { pattern, shape, levels } of Object.values(model.tensors)) {
              if (pattern === undefined) continue
              decoded++
              expect(violation(pattern, shape, levels)).toBeUndefined()
            }
          } catch (e) {
            if (!(e instanceof WhiteDwarfError)) throw e
            expect(e.code).toBe('E_FORMAT')
          }
        },
      ),
      { numRuns: 500 },
    )
    expect(decoded).toBeGreaterThan(5)
  })

  it('are refused when cut off anywhere', () => {
    const bytes = encodeModel(patternedLayer(1, [16, 16, 3, 3], parsePattern('complementary:4'), 3, 0.9))
    for (let n = 0; n < bytes.length; n++) {
      expect(() => decodeModel(bytes.subarray(0, n))).toThrow(expect.objectContaining({ code: 'E_FORMAT' }))
    }
  })
})
