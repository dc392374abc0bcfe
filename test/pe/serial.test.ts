/** Bit-serial arrays: published ratios of speed, and simulations of lanes with drawn operands, value by value. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SerialArch } from '../../src/pe/arch.js'
import { digitsOf, inputShares, mean, uniformShares, weightShares } from '../../src/pe/serial/digits.js'
import { serial } from '../../src/pe/serial/model.js'
import { archs, type PeLayer } from '../../src/pe.js'
import { Rng } from '../../src/rng.js'
import { drawn, sized } from './layers.js'

type Design = SerialArch['design']
const DESIGNS: readonly Design[] = ['stripes', 'loom', 'pragmatic', 'laconic', 'bitfusion']

const arch = (design: Design, groups: number, lanes: number): SerialArch => ({
  ...(archs.stripes as SerialArch),
  design,
  groups,
  lanes,
})

const walk = (layer: PeLayer, on: SerialArch) =>
  serial.walk?.(layer as Parameters<NonNullable<typeof serial.walk>>[0], on) as ReturnType<typeof serial.estimate>

const ones = (v: number): number => [...v.toString(2)].filter((c) => c === '1').length
const length = (v: number): number => (v === 0 ? 0 : v.toString(2).length)

/** Cycles of a step, told by its operands. */
function stepCycles(design: Design, weights: readonly number[], inputs: readonly number[], bits: number): number {
  switch (design) {
    case 'loom':
      return Math.max(1, Math.max(...weights.map(length)) * Math.max(...inputs.map(length)))
    case 'pragmatic':
      return Math.max(1, ...inputs.map(ones))
    case 'laconic':
      return Math.max(1, ...weights.map((w, i) => ones(w) * ones(inputs[i])))
    default:
      return bits
  }
}

/** Average cycles of the filters one after another, on one group, with inputs drawn `runs` times. */
function simulated(layer: ReturnType<typeof drawn>, on: SerialArch, runs: number): number {
  const { n, k, levels, activationBits, activationDensity } = layer
  const rng = new Rng(9)
  let cycles = 0
  for (let run = 0; run < runs; run++) {
    for (let f = 0; f < n; f++) {
      const inputs = Array.from({ length: k }, () =>
        rng.float() < activationDensity ? 1 + rng.below(2 ** activationBits - 1) : 0,
      )
      for (let at = 0; at < k; at += on.lanes) {
        const weights = Array.from(
          levels.levels.slice(f * k + at, Math.min(f * k + k, f * k + at + on.lanes)),
          Math.abs,
        )
        cycles += stepCycles(on.design, weights, inputs.slice(at, at + weights.length), activationBits)
      }
    }
  }
  return cycles / runs
}

describe('bit-serial lanes', () => {
  it('take what drawn operands take, one group', () => {
    for (const design of ['loom', 'pragmatic', 'laconic', 'stripes'] as const) {
      for (const [density, activationDensity] of [
        [1, 1],
        [0.3, 0.4],
        [0.05, 0.9],
      ]) {
        const layer = drawn({ m: 1, n: 24, channels: 150 }, density, { activationDensity, maxLevel: 7, seed: 4 })
        const on = arch(design, 1, 16)
        const expected = simulated(layer, on, 12)
        const what = `${design} ${density} ${activationDensity}`
        expect(Math.abs(walk(layer, on).cycles / expected - 1), what).toBeLessThan(0.02)
        // Sparseness drawn is not the density itself.
        expect(Math.abs(serial.estimate(layer, on).cycles / expected - 1), what).toBeLessThan(0.04)
      }
    }
  })

  it('have the rates that the papers state', () => {
    const cycles = (design: Design, weightBits: number, activationBits: number) =>
      serial.estimate(sized({ m: 256, n: 64, channels: 1024 }, { weightBits, activationBits }), arch(design, 64, 16))
        .cycles
    const parallel = (256 * 64 * 1024) / (64 * 16)
    for (const bits of [1, 2, 4, 5, 8, 13, 16]) {
      // Sixteen times the lanes of a bit-parallel array of 16 bits: a speed-up of 16 / bits.
      expect(cycles('stripes', 16, bits)).toBe(parallel * bits)
    }
    expect(cycles('bitfusion', 2, 2)).toBe(parallel / 16)
    expect(cycles('bitfusion', 2, 4)).toBe(parallel / 8)
    expect(cycles('bitfusion', 4, 4)).toBe(parallel / 4)
    expect(cycles('bitfusion', 3, 4)).toBe(parallel / 4)
    expect(cycles('bitfusion', 8, 8)).toBe(parallel)
    expect(cycles('bitfusion', 16, 8)).toBe(parallel * 2)
    expect(cycles('bitfusion', 16, 16)).toBe(parallel * 4)
    // Weights of a sign and a bit, inputs of one bit: nothing to skip.
    expect(cycles('loom', 2, 1)).toBe(parallel)
    expect(cycles('laconic', 2, 1)).toBe(parallel)
  })

  it('are faster with fewer bits and more zeros, never slower than all bits', () => {
    for (const design of ['loom', 'pragmatic', 'laconic'] as const) {
      // One group, which never waits for others.
      const on = arch(design, 1, 16)
      const cycles = (weightBits: number, activationBits: number, weightDensity: number, activationDensity: number) =>
        serial.estimate(
          sized({ m: 4, n: 32, channels: 256 }, { weightBits, activationBits, weightDensity, activationDensity }),
          on,
        ).cycles
      fc.assert(
        fc.property(
          fc.integer({ min: 2, max: 8 }),
          fc.integer({ min: 1, max: 8 }),
          fc.double({ min: 0, max: 0.9, noNaN: true }),
          fc.double({ min: 0, max: 0.9, noNaN: true }),
          (bw, ba, dw, da) => {
            const here = cycles(bw, ba, dw, da)
            const most = 4 * 32 * 16 * Math.max(1, design === 'pragmatic' ? ba : (bw - 1) * ba)
            expect(here).toBeLessThanOrEqual(most * (1 + 1e-9))
            expect(cycles(bw + 1, ba, dw, da)).toBeGreaterThanOrEqual(here * (1 - 1e-9))
            expect(cycles(bw, ba + 1, dw, da)).toBeGreaterThanOrEqual(here * (1 - 1e-9))
            expect(cycles(bw, ba, dw + 0.1, da)).toBeGreaterThanOrEqual(here * (1 - 1e-9))
            expect(cycles(bw, ba, dw, da + 0.1)).toBeGreaterThanOrEqual(here * (1 - 1e-9))
          },
        ),
      )
    }
  })

  it('wait for the slowest filter of a round', () => {
    // Filter 0 has all its weights, the others none: they wait for it when they are side by side.
    const layer = drawn({ m: 10, n: 4, channels: 64 }, 0)
    const levels = new Int8Array(256)
    levels.fill(1, 0, 64)
    const known = { ...layer, activationBits: 1, levels: { ...layer.levels, levels } }
    const one = walk(known, arch('laconic', 1, 16))
    expect(one.cycles).toBe(10 * 4 * 4)
    expect(one.slots.sync).toBe(0)
    const wide = { ...known, activationBits: 8 }
    const [alone, together] = [walk(wide, arch('laconic', 1, 16)), walk(wide, arch('laconic', 4, 16))]
    expect(together.cycles).toBeCloseTo(alone.cycles - 10 * 3 * 4, 6)
    expect(together.slots.sync).toBeCloseTo(3 * 16 * (together.cycles - 10 * 4), 6)
  })

  it('are estimated with the waiting of filters that differ by chance', () => {
    for (const design of ['loom', 'laconic'] as const) {
      for (const [density, maxLevel, channels] of [
        [0.05, 7, 256],
        [0.02, 1, 1024],
        [0.3, 3, 512],
        [0.1, 127, 128],
      ] as const) {
        const layer = drawn({ m: 4, n: 512, channels }, density, { maxLevel, activationDensity: 0.5, seed: 11 })
        const on = arch(design, 256, 16)
        const [walked, estimated] = [walk(layer, on), serial.estimate(layer, on)]
        const what = `${design} ${density} ${maxLevel}`
        // Few steps are not normally distributed.
        expect(Math.abs(estimated.cycles / walked.cycles - 1), what).toBeLessThan(channels < 256 ? 0.15 : 0.06)
        expect(walked.slots.sync, what).toBeGreaterThan(0.01 * walked.cycles * 256 * 16)
      }
    }
  })

  it('give what a run counted where it is told', () => {
    const layer = sized({ m: 1, n: 1, channels: 64 }, { activationBits: 4 })
    // Every input is 8: a single one, of four bits.
    const inputMagnitudes = Float64Array.from({ length: 16 }, (_, v) => (v === 8 ? 1 : 0))
    const cycles = (design: Design, more: Partial<PeLayer>) =>
      serial.estimate({ ...layer, weightBits: 2, ...more }, arch(design, 1, 16)).cycles
    expect(cycles('pragmatic', { inputMagnitudes })).toBe(4)
    expect(cycles('laconic', { inputMagnitudes })).toBe(4)
    expect(cycles('loom', { inputMagnitudes })).toBe(16)
    expect(cycles('stripes', { inputMagnitudes })).toBe(16)
    expect(cycles('pragmatic', {})).toBeGreaterThan(10)
  })

  it('compute as many products whichever way they are spread', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...DESIGNS),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 20 }),
        fc.nat(),
        (design, groups, lanes, seed) => {
          const layer = drawn({ m: 7, n: 9, channels: 33 }, 0.4, { seed, activationDensity: 0.5 })
          const [one, many] = [walk(layer, arch(design, 1, 1)), walk(layer, arch(design, groups, lanes))]
          expect(many.slots.useful).toBeCloseTo(one.slots.useful, 6)
          expect(many.slots.zeros).toBeCloseTo(one.slots.zeros, 6)
          expect(many.effectual).toBeCloseTo(one.effectual, 6)
          // Loom's longest weight and longest input may be of different lanes: a step can take longer than its products one by one.
          const longest = layer.m * layer.n * layer.k * (layer.weightBits - 1) * layer.activationBits
          const most = design === 'loom' && lanes > 1 ? longest : one.cycles
          expect(many.cycles).toBeLessThanOrEqual(most * (1 + 1e-9))
        },
      ),
      { examples: [['loom', 1, 2, 0]] },
    )
  })
})

describe('digits', () => {
  it('are ones, and bits up to the highest', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), (v) => {
        expect(digitsOf(v, 'ones')).toBe(ones(v))
        expect(digitsOf(v, 'length')).toBe(length(v))
      }),
    )
  })

  it('of uniform magnitudes are what counting them all gives', () => {
    for (const bits of [1, 2, 3, 4, 8]) {
      for (const [digits, of] of [
        ['ones', ones],
        ['length', length],
      ] as const) {
        const counted = new Float64Array(bits + 1)
        for (let v = 1; v < 2 ** bits; v++) counted[of(v)] += 0.3 / (2 ** bits - 1)
        counted[0] = 0.7
        uniformShares(bits, 0.3, digits).forEach((share, j) => {
          expect(share).toBeCloseTo(counted[j], 12)
        })
      }
    }
    // Ones of a non-zero level: 1, 1.333, 1.714 for INT2, INT3, INT4.
    for (const [weightBits, expected] of [
      [2, 1],
      [3, 4 / 3],
      [4, 12 / 7],
    ]) {
      expect(mean(weightShares(sized({ m: 1, n: 1, channels: 1 }, { weightBits }), 'ones'))).toBeCloseTo(expected, 12)
    }
  })

  it('of inputs come from the run where there was one', () => {
    const inputMagnitudes = Float64Array.of(0.5, 0.25, 0, 0.25)
    const layer = sized({ m: 1, n: 1, channels: 1 }, { activationBits: 2, inputMagnitudes })
    expect([...inputShares(layer, 'ones')]).toEqual([0.5, 0.25, 0.25])
    expect([...inputShares(layer, 'length')]).toEqual([0.5, 0.25, 0.25])
  })
})
