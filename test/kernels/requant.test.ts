import { describe, expect, it } from 'vitest'
import { type Fp8Format, fp8Format, type Grid, gridUnit, gridWords, INT8 } from '../../src/kernels/grid.js'
import { Rng } from '../../src/rng.js'
import { builds, check, Layout, row } from './harness.js'

const LANES = ['i16', 'i32', 'f32'] as const
const FORMATS = ['e4m3', 'e5m2', 'e3m4', 'e2m5'].map(fp8Format)

/** Grids whose numbers fit the lane they are stored in. */
const gridsFor = (lane: (typeof LANES)[number]): (Grid | undefined)[] =>
  lane === 'f32'
    ? [undefined, INT8, ...FORMATS]
    : [INT8, ...FORMATS].filter((g) => g.max / gridUnit(g) < (lane === 'i16' ? 2 ** 15 : 2 ** 22))

describe.each(builds('core'))('requantisation, $build build', (module) => {
  for (const [fromCode, from] of LANES.entries()) {
    for (const to of LANES) {
      it(`requant_planes_${to} equals its reference on ${from}`, () => {
        let seed = 1
        for (const grid of gridsFor(to)) {
          for (const width of [1, 2, 3, 4, 5, 7, 8, 9, 12, 15]) {
            check(module, row(`requant_planes_${to}`), seed++, (layout) => {
              const [channels, height, pitch] = [3, 2, width + (seed % 3)]
              const acc = layout.lanes(from, channels * height * pitch + 8, from === 'i16' ? 32767 : 40000)
              const yPitch = width + 2
              const y = layout.reserve(channels * (height + 1) * yPitch * 4)
              const spread = ((grid?.max ?? 1) / 40000) * 2
              const scale = layout.f32(Array.from({ length: channels }, () => layout.rng.normal() * spread))
              const bias = layout.f32(Array.from({ length: channels }, () => layout.rng.normal() * spread * 100))
              const g = layout.bytes(gridWords(grid, seed % 2 === 0, to !== 'f32'))
              const yPlane = (height + 1) * yPitch
              return {
                args: [
                  acc,
                  fromCode,
                  height * pitch,
                  pitch,
                  y,
                  yPlane,
                  yPitch,
                  channels,
                  height,
                  width,
                  scale,
                  bias,
                  g,
                ],
              }
            })
          }
        }
      })
      it(`requant_vector_${to} equals its reference on ${from}`, () => {
        let seed = 1
        for (const grid of gridsFor(to)) {
          for (const n of [1, 2, 3, 4, 5, 8, 31]) {
            check(module, row(`requant_vector_${to}`), seed++, (layout) => {
              const acc = layout.lanes(from, n, from === 'i16' ? 32767 : 40000)
              const spread = ((grid?.max ?? 1) / 40000) * 2
              const scale = layout.lanes('f32', n, spread)
              const bias = layout.lanes('f32', n, spread * 100)
              const g = layout.bytes(gridWords(grid, seed % 2 === 0, to !== 'f32'))
              return { args: [acc, fromCode, layout.reserve(n * 4), n, scale, bias, g] }
            })
          }
        }
      })
    }
  }

  for (const to of LANES) {
    it(`requant_add_${to} equals its reference, whatever the lanes of its inputs`, () => {
      let seed = 1
      for (const grid of gridsFor(to)) {
        for (const [accLane, from] of LANES.entries()) {
          for (const [rLane, other] of LANES.entries()) {
            const width = 1 + (seed % 9)
            check(module, row(`requant_add_${to}`), seed++, (layout) => {
              const [channels, height] = [3, 2]
              const area = (lane: (typeof LANES)[number], range: number, pitch: number) => {
                const plane = height * pitch + 1
                return { at: layout.lanes(lane, channels * plane, range), plane, pitch }
              }
              const acc = area(from, from === 'i16' ? 32767 : 40000, width + (seed % 3))
              const r = area(other, 127, width + (seed % 2))
              const spread = ((grid?.max ?? 1) / 40000) * 2
              const scale = layout.f32(Array.from({ length: channels }, () => layout.rng.normal() * spread))
              const bias = layout.f32(Array.from({ length: channels }, () => layout.rng.normal() * spread * 100))
              const factor = layout.rng.normal() * spread * 300
              const ceiling = seed % 3 === 0 ? (grid?.max ?? 1) * layout.rng.float() : Infinity
              const g = layout.bytes(gridWords(grid, seed % 2 === 0, to !== 'f32', ceiling))
              const y = layout.reserve(channels * (height + 1) * (width + 2) * 4)
              const sources = [acc.at, accLane, acc.plane, acc.pitch, r.at, rLane, r.plane, r.pitch]
              const target = [y, (height + 1) * (width + 2), width + 2, channels, height, width]
              return { args: [...sources, ...target, scale, bias, factor, g] }
            })
          }
        }
      }
    })
  }

  it('rounds ties to even, saturates, and keeps every representable number', () => {
    for (const grid of [INT8, ...FORMATS]) {
      const unit = gridUnit(grid)
      const numbers = [
        0,
        unit / 2,
        1.5 * unit,
        2.5 * unit,
        grid.max,
        grid.max * 1.0001,
        grid.max * 1e6,
        3e38,
        unit * 1e-20,
      ]
      check(module, row('requant_vector_f32'), 7, (layout) => tieCase(layout, numbers, grid))
    }
  })
})

function tieCase(layout: Layout, numbers: readonly number[], grid: Grid) {
  const all = numbers.flatMap((v) => [v, -v])
  const acc = layout.f32(all)
  const scale = layout.f32(all.map(() => 1))
  const bias = layout.f32(all.map(() => 0))
  const g = layout.bytes(gridWords(grid, false, false))
  return { args: [acc, 2, layout.reserve(all.length * 4), all.length, scale, bias, g] }
}

describe.each(builds('core'))('FP8 bytes, $build build', (module) => {
  const decodeArgs = (f: Fp8Format) => [f.mantissaBits, f.bias, f.maxCode, f.infinityCode]

  it.each(FORMATS)('decodes all 256 codes of $name', (format) => {
    check(module, row('fp8_decode'), 1, (layout) => {
      const x = layout.bytes(Uint8Array.from({ length: 256 }, (_, i) => i))
      return { args: [x, layout.reserve(1024), 256, ...decodeArgs(format)] }
    })
  })

  it.each(FORMATS)('encodes $name as the reference does: ties, overflow, infinities, NaN, random', (format) => {
    check(module, row('fp8_encode'), 2, (layout) => {
      const unit = gridUnit(format)
      const special = [0, unit / 2, unit, 1.5 * unit, format.max, format.max * 1.04, 1e30, Infinity, 1e-40]
      const random = Array.from({ length: 500 }, () => layout.rng.normal() * 2 ** (layout.rng.below(24) - 14))
      const values = [...special, ...special.map((v) => -v), Number.NaN, ...random]
      const g = layout.bytes(gridWords(format, false, false))
      const x = layout.f32(values)
      const args = [
        x,
        layout.reserve(values.length),
        values.length,
        g,
        format.mantissaBits,
        format.bias,
        format.nanCode,
      ]
      return { args }
    })
  })

  it.each(FORMATS)('$name: encode(decode(code)) = code for every finite code', (format) => {
    const codes = Array.from({ length: 256 }, (_, i) => i).filter((c) => (c & 0x7f) <= format.maxCode)
    const u8 = new Uint8Array(module.memory.buffer)
    u8.set(codes, 8192)
    u8.set(gridWords(format, false, false), 4096)
    module.exports.fp8_decode(8192, 16384, codes.length, ...decodeArgs(format))
    module.exports.fp8_encode(16384, 32768, codes.length, 4096, format.mantissaBits, format.bias, format.nanCode)
    expect(Array.from(u8.subarray(32768, 32768 + codes.length))).toEqual(codes)
  })
})

describe('the ceiling of a grid', () => {
  it.each([undefined, INT8, ...FORMATS])('is its number nearest to 6 in units of the scale (%#)', (grid) => {
    const reference = row('requant_vector_f32').reference
    for (const gridScale of [0.01, 0.75, 1, 3.3, 17.125, 20, 21.1, 1e6]) {
      // Clamped before rounding, by hand, and after, by the descriptor.
      const six = Math.fround(6 * gridScale)
      const numbers = [0.1, 0.5, 0.98, 0.999, 1, 1.001, 1.02, 2, 1e6].map((f) => Math.fround(six * f))
      const after = [numbers, numbers.map((v) => Math.min(v, six))].map((values, i) => {
        const layout = new Layout(new Rng(1))
        const n = values.length
        const [acc, one, zero] = [values, values.map(() => 1), values.map(() => 0)].map((a) => layout.f32(a))
        const y = layout.reserve(n * 4)
        const g = layout.bytes(gridWords(grid, true, false, i === 0 ? six : Infinity))
        reference(layout.mem, acc, 2, y, n, one, zero, g)
        return Array.from(layout.mem.f32.subarray(y / 4, y / 4 + n))
      })
      expect(after[0]).toEqual(after[1])
    }
  })
})

describe('FP8 formats', () => {
  it('have the published extremes', () => {
    expect(fp8Format('E4M3')).toMatchObject({ max: 448, minExponent: -6, bias: 7 })
    expect(fp8Format('e5m2')).toMatchObject({ max: 57344, minExponent: -14, bias: 15 })
    expect(448 / gridUnit(fp8Format('e4m3'))).toBe(229376)
  })
  it('refuse other splits', () => {
    expect(() => fp8Format('e4m4')).toThrow(/e4m3/)
    expect(() => fp8Format('e6m1')).toThrow(/e4m3/)
  })
})
