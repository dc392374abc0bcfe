import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { crc32 } from '../../src/format/crc32.js'
import {
  codedValues,
  entropyBits,
  floatToHalf,
  halfToFloat,
  quantiseHalf,
  quantiseUniform,
  seededSigns,
} from '../../src/format.js'
import { xorshift16 } from '../../src/kernels/ref/entropy/signs.js'

describe('half precision', () => {
  it('converts every bit pattern there and back', () => {
    for (let code = 0; code < 65536; code++) {
      const value = halfToFloat(code)
      if (Number.isNaN(value)) expect(floatToHalf(value)).toBe(0x7e00)
      else expect(floatToHalf(value)).toBe(code)
    }
  })

  it('rounds to nearest, ties to even', () => {
    for (let code = 0; code < 0x7bff; code++) {
      const [a, b] = [halfToFloat(code), halfToFloat(code + 1)]
      const middle = (a + b) / 2
      const rounded = [middle, middle - (b - a) / 1024, -(middle + (b - a) / 1024)].map(floatToHalf)
      expect(rounded).toStrictEqual([code % 2 === 0 ? code : code + 1, code, 0x8000 | (code + 1)])
    }
    expect(floatToHalf(65519.9)).toBe(0x7bff)
    expect(floatToHalf(65520)).toBe(0x7c00)
  })
})

describe('coded arrays', () => {
  const values = fc.array(fc.double({ min: -30000, max: 30000, noNaN: true }), { minLength: 1, maxLength: 50 })

  it('quantiseUniform keeps values that hardly differ', () => {
    for (const values of [
      [0.743, 0.71],
      [-0.71, -0.743],
      [1, 0.9999],
      [65504, 65503],
      [1000, 1000.5, 1001],
      [1e-5, 1.1e-5],
    ]) {
      for (const bits of [1, 4, 8]) {
        const [most, span] = [Math.max(...values.map(Math.abs)), Math.max(...values) - Math.min(...values)]
        const close = Math.max(most / 1023, span / (2 ** bits - 1), 2 ** -19)
        const got = codedValues(quantiseUniform(values, bits))
        values.forEach((v, i) => {
          expect(Math.abs(got[i] - v), `${values} at ${bits} bits`).toBeLessThanOrEqual(0.52 * close + most * 2 ** -11)
        })
      }
    }
  })

  it('quantiseUniform is within half a step of every value', () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 8 }), (v, bits) => {
        const a = quantiseUniform(v, bits)
        expect(halfToFloat(floatToHalf(a.lo))).toBe(a.lo)
        expect(halfToFloat(floatToHalf(a.step))).toBe(a.step)
        for (const code of a.codes) expect(code).toBeLessThan(2 ** bits)
        // Half a step and what half precision may shift the low end by.
        const slack = a.step * 0.501 + Math.max(...v.map(Math.abs)) * 2 ** -10 + 2 ** -24
        for (const [i, q] of codedValues(a).entries()) expect(Math.abs(q - v[i])).toBeLessThanOrEqual(slack)
      }),
    )
  })

  it('quantiseUniform keeps constant arrays', () => {
    expect(Array.from(codedValues(quantiseUniform([1.5, 1.5, 1.5], 4)))).toStrictEqual([1.5, 1.5, 1.5])
    expect(quantiseUniform([], 4).codes.length).toBe(0)
  })

  it('quantiseHalf rounds each value', () => {
    fc.assert(
      fc.property(values, (v) => {
        for (const [i, q] of codedValues(quantiseHalf(v)).entries()) {
          expect(Math.abs(q - v[i])).toBeLessThanOrEqual(Math.abs(v[i]) * 2 ** -11 + 2 ** -25)
        }
      }),
    )
  })

  it('refuses what half precision cannot hold', () => {
    expect(() => quantiseHalf([1e6])).toThrow(/65504/)
    expect(() => quantiseUniform([Number.NaN], 4)).toThrow(/NaN/)
    expect(() => quantiseUniform([1], 9)).toThrow(/bits/)
  })
})

describe('seeded signs', () => {
  it('come from the published generator', () => {
    const states = [1]
    for (let i = 0; i < 5; i++) states.push(xorshift16(states[i]))
    expect(states.slice(1)).toStrictEqual([0x8181, 0x6021, 0xe999, 0x2e0b, 0xb59e])
    let [x, period] = [xorshift16(1), 1]
    for (; x !== 1; period++) x = xorshift16(x)
    expect(period).toBe(65535)
  })

  it('seed dense layers by block of outputs and group of 8 inputs', () => {
    const signs = seededSigns([40, 20], 5)
    const draw = (block: number, input: number) => {
      let x = (6 << 10) ^ ((block + 1) << 5) ^ ((input >> 3) + 1)
      for (let i = 0; i <= input % 8; i++) x = xorshift16(x)
      return x
    }
    for (let o = 0; o < 40; o++) {
      for (let i = 0; i < 20; i++) expect(signs[o * 20 + i]).toBe((draw(o >> 4, i) >> (o % 16)) & 1 ? -1 : 1)
    }
  })

  it('seed convolutions by input channel, one draw per kernel position and block of outputs', () => {
    const [out, channels, plane] = [35, 3, 6]
    const signs = seededSigns([out, channels, 2, 3], 62)
    for (let i = 0; i < channels; i++) {
      let x = ((63 << 10) ^ i) & 0xffff
      for (let block = 0; block * 16 < out; block++) {
        for (let p = 0; p < plane; p++) {
          x = xorshift16(x)
          for (let o = block * 16; o < Math.min(out, block * 16 + 16); o++) {
            expect(signs[(o * channels + i) * plane + p]).toBe((x >> (o % 16)) & 1 ? -1 : 1)
          }
        }
      }
    }
  })

  it('refuse other seeds and shapes', () => {
    expect(() => seededSigns([2, 2], 63)).toThrow(/62/)
    expect(() => seededSigns([2, 2, 2], 0)).toThrow(/shape/)
  })
})

it('entropyBits is the order-0 entropy', () => {
  expect(entropyBits([0, 0, 0, 0])).toBe(0)
  expect(entropyBits([0, 1, -1, 2])).toBeCloseTo(8, 12)
  expect(entropyBits([0, 0, 0, 1])).toBeCloseTo(4 * 0.811278124459, 9)
})

it('crc32 has the check value of its standard', () => {
  expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926)
})
