/** Patterns as data: their names, what is refused, which layers they fit, and what their places cost. */
import { describe, expect, it } from 'vitest'
import { checkFits } from '../../src/patterns/pattern.js'
import {
  checkPattern,
  indexBits,
  isDynamic,
  minePattern,
  misfit,
  type Pattern,
  parsePattern,
  patternName,
} from '../../src/patterns.js'

const groups = { kind: 'groups', axis: 'out', of: 4, keep: 1 }
const blocks = { kind: 'blocks', block: 16, ratio: 8, seed: 1 }
const nested = { ...blocks, inner: { block: 4, ratio: 2 } }
const periodic = { kind: 'periodic', kernel: 3, taps: [[0, 1], [4]], rotate: true }

describe('names', () => {
  it.each<[string, object]>([
    ['2:4', { kind: 'groups', axis: 'in', keep: 2, of: 4 }],
    ['complementary:4', { kind: 'groups', axis: 'out', keep: 1, of: 4 }],
    ['complementary:2/8', { kind: 'groups', axis: 'out', keep: 2, of: 8 }],
    ['segments:4', { kind: 'groups', axis: 'in-strided', keep: 1, of: 4 }],
    ['segments:3/4', { kind: 'groups', axis: 'in-strided', keep: 3, of: 4 }],
    ['cgs:16/8', { kind: 'blocks', block: 16, ratio: 8, seed: 1 }],
    ['cgs:16/2.5', { kind: 'blocks', block: 16, ratio: 2.5, seed: 1 }],
    ['hcgs:64/4,16/4', { kind: 'blocks', block: 64, ratio: 4, seed: 1, inner: { block: 16, ratio: 4 } }],
  ])('%s', (name, pattern) => {
    expect(parsePattern(name)).toEqual(pattern)
    expect(patternName(parsePattern(` ${name} `))).toBe(name)
  })

  it.each(['PS4_P4', 'PS2_P6', 'PS1_P9', 'PSD4_P8', 'PSD2_P8', 'PSD1_P8', 'PSD4_P16', 'PS4_P256'])('%s', (name) => {
    expect(patternName(parsePattern(name))).toBe(name)
  })

  it('describe patterns that have none', () => {
    expect(patternName(periodic as unknown as Pattern)).toBe('periodic: 1 to 2 of 9 taps, period 2, rotated')
    const still = { ...(parsePattern('PS4_P4') as Pattern & { kind: 'periodic' }), rotate: false }
    expect(patternName(still)).toBe('periodic: 4 of 9 taps, period 4')
    const mined = minePattern(
      Float32Array.from({ length: 25 }, (_, i) => i),
      [1, 1, 5, 5],
      { kept: 3, period: 1 },
    )
    expect(patternName(mined)).toBe('periodic: 3 of 25 taps, period 1, rotated')
  })

  it('give blocks a seed', () => {
    expect(parsePattern('cgs:16/8', 7)).toMatchObject({ seed: 7 })
    expect(() => parsePattern('cgs:16/8', -1)).toThrow('pattern.seed must be a whole number from 0 to 2^32 - 1, got -1')
  })

  it.each([
    '',
    '2of4',
    '2:',
    ':4',
    '2:4:8',
    'complementary',
    'complementary:-2',
    'cgs:16',
    'cgs:x/8',
    'hcgs:64/4',
    '-1:4',
  ])("'%s' is refused", (name) => {
    expect(() => parsePattern(name)).toThrow(/^a pattern is called like '2:4' \(N:M\), .*, got '/)
  })

  it.each([
    ['4:4', /pattern.keep must be a whole number from 1 to 3, got 4/],
    ['0:4', /pattern.keep/],
    ['2:300', /pattern.of must be a whole number from 2 to 256, got 300/],
    ['complementary:1', /pattern.of/],
    ['cgs:0/8', /pattern.block must be a whole number from 1 to 4096, got 0/],
    ['cgs:16/0.5', /pattern.ratio must be a number from 1 to 65536, got 0.5/],
    ['cgs:16/1.2.3', /pattern.ratio/],
    ['hcgs:64/4,48/4', /pattern.inner.block must be a divisor of 64, got 48/],
    ['hcgs:64/4,16/0', /pattern.inner.ratio/],
    ['PS3_P3', /a periodic pattern is called like/],
  ])('%s is refused by its field', (name, message) => {
    expect(() => parsePattern(name)).toThrow(message)
  })
})

describe('checkPattern', () => {
  it.each([groups, { ...groups, order: [1, 0, 2, 3] }, blocks, nested, periodic])('accepts %j', (pattern) => {
    expect(() => checkPattern(pattern as unknown as Pattern)).not.toThrow()
  })

  it.each<[object, RegExp]>([
    [{}, /pattern.kind must be 'groups', 'blocks' or 'periodic', got undefined/],
    [{ ...groups, kind: 'group' }, /pattern.kind .* got group/],
    [{ ...groups, axis: 'rows' }, /pattern.axis must be 'out', 'in' or 'in-strided', got rows/],
    [{ ...groups, axis: undefined }, /pattern.axis/],
    [{ ...groups, of: 1 }, /pattern.of must be a whole number from 2 to 256, got 1/],
    [{ ...groups, of: 257 }, /pattern.of/],
    [{ ...groups, of: 3.5 }, /pattern.of/],
    [{ ...groups, of: '4' }, /pattern.of/],
    [{ ...groups, keep: 0 }, /pattern.keep must be a whole number from 1 to 3, got 0/],
    [{ ...groups, keep: 4 }, /pattern.keep/],
    [{ ...groups, keep: Number.NaN }, /pattern.keep/],
    [{ ...groups, axis: 'in', order: [0] }, /pattern.order must be absent unless axis is 'out'/],
    [{ ...groups, order: [0, 0, 1] }, /pattern.order must be each filter once, by number, got 0,0,1/],
    [{ ...groups, order: [1, 2] }, /pattern.order/],
    [{ ...groups, order: ['0', '1'] }, /pattern.order/],
    [{ ...groups, order: 4 }, /pattern.order/],
    [{ ...groups, order: null }, /pattern.order/],
    [{ ...blocks, seed: -1 }, /pattern.seed must be a whole number from 0 to 2\^32 - 1, got -1/],
    [{ ...blocks, seed: 2 ** 32 }, /pattern.seed/],
    [{ ...blocks, seed: undefined }, /pattern.seed/],
    [{ ...blocks, block: 0 }, /pattern.block must be a whole number from 1 to 4096, got 0/],
    [{ ...blocks, block: 4097 }, /pattern.block/],
    [{ ...blocks, ratio: 0.99 }, /pattern.ratio must be a number from 1 to 65536, got 0.99/],
    [{ ...blocks, ratio: Number.NaN }, /pattern.ratio/],
    [{ ...blocks, ratio: Number.POSITIVE_INFINITY }, /pattern.ratio/],
    [{ ...blocks, ratio: '8' }, /pattern.ratio/],
    [{ ...blocks, inner: null }, /pattern.inner must be absent, or a block size and a ratio, got null/],
    [{ ...blocks, inner: 4 }, /pattern.inner must be absent/],
    [{ ...blocks, inner: { block: 0, ratio: 2 } }, /pattern.inner.block must be a whole number/],
    [{ ...blocks, inner: { block: 4, ratio: 0 } }, /pattern.inner.ratio/],
    [{ ...blocks, inner: { block: 5, ratio: 2 } }, /pattern.inner.block must be a divisor of 16, got 5/],
    [{ ...periodic, kernel: 0 }, /pattern.kernel must be a whole number from 1 to 16, got 0/],
    [{ ...periodic, kernel: 17 }, /pattern.kernel/],
    [{ ...periodic, rotate: 1 }, /pattern.rotate must be true or false, got 1/],
    [{ ...periodic, rotate: undefined }, /pattern.rotate/],
    [{ ...periodic, taps: undefined }, /pattern.taps must be an array of sets of taps, got undefined/],
    [{ ...periodic, taps: [0, 1] }, /pattern.taps must be an array of sets/],
    [{ ...periodic, taps: [] }, /pattern.taps must be a period of 1 to 256 sets, got 0/],
    [{ ...periodic, taps: Array(257).fill([0]) }, /pattern.taps must be a period/],
    [{ ...periodic, taps: [[0, 0]] }, /pattern.taps must be ascending numbers below 9, got \[0, 0\]/],
    [{ ...periodic, taps: [[1, 0]] }, /pattern.taps/],
    [{ ...periodic, taps: [[9]] }, /pattern.taps/],
    [{ ...periodic, taps: [[-1]] }, /pattern.taps/],
    [{ ...periodic, taps: [[], []] }, /pattern.taps must be at least one tap in all, got none/],
  ])('refuses %j', (pattern, message) => {
    expect(() => checkPattern(pattern as unknown as Pattern)).toThrow(message)
    expect(() => checkPattern(pattern as unknown as Pattern)).toThrow(expect.objectContaining({ code: 'E_OPTION' }))
  })
})

describe('misfit', () => {
  it.each<[string, number[], RegExp | undefined]>([
    ['2:4', [8, 4, 3, 3], undefined],
    ['2:4', [8, 3, 3, 3], /groups of 4 along 'in' need as many, the layer has 3/],
    ['complementary:4', [4, 1], undefined],
    ['complementary:4', [3, 100], /groups of 4 along 'out' need as many, the layer has 3/],
    ['segments:4', [1, 4, 3, 3], undefined],
    ['segments:4', [1, 3, 3, 3], /27 weights of a filter are not 4 equal segments/],
    ['segments:4', [1, 3], /the layer has 3/],
    ['cgs:16/8', [10, 32], undefined],
    ['cgs:16/8', [10, 31], /31 inputs are fewer than two blocks of 16/],
    ['PS4_P4', [1, 1, 3, 3], undefined],
    ['PS4_P4', [8, 8, 1, 1], /it is for 3 x 3 kernels/],
    ['PS4_P4', [8, 9], /it is for 3 x 3 kernels/],
  ])('%s and [%j]', (name, shape, why) => {
    const pattern = parsePattern(name)
    if (why === undefined) {
      expect(misfit(pattern, shape)).toBeUndefined()
      expect(() => checkFits(pattern, shape, 'weights')).not.toThrow()
      return
    }
    expect(misfit(pattern, shape)).toMatch(why)
    expect(() => checkFits(pattern, shape, 'layer a')).toThrow(
      `the pattern does not fit layer a [${shape.join(', ')}]: `,
    )
    expect(() => checkFits(pattern, shape, 'layer a')).toThrow(expect.objectContaining({ code: 'E_SHAPE' }))
  })

  it('an order of other filters', () => {
    const pattern = { kind: 'groups', axis: 'out', of: 2, keep: 1, order: [1, 0] } as const
    expect(misfit(pattern, [3, 4])).toBe('order names 2 filters of 3')
  })
})

it('the index bound counts ceil(log2 of) bits for each weight that may stay', () => {
  expect(indexBits(parsePattern('2:4'), [8, 16])).toBe(8 * 8 * 2)
  expect(indexBits(parsePattern('complementary:8'), [16, 10, 3, 3])).toBe(2 * 90 * 3)
  expect(indexBits(parsePattern('2:5'), [1, 10])).toBe(4 * 3)
  expect(indexBits(parsePattern('hcgs:64/4,16/4'), [512, 512])).toBe(32)
})

it('training chooses the places of groups only', () => {
  const named = ['2:4', 'complementary:4', 'segments:2', 'cgs:16/8', 'hcgs:64/4,16/4', 'PS4_P4']
  expect(named.map((name) => isDynamic(parsePattern(name)))).toEqual([true, true, true, false, false, false])
})
