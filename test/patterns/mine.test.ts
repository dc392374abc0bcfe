/** Periodic patterns from weights: those that made the weights are found again. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { kernelSets, minePattern, type PeriodicPattern, periodicMask, periodicPattern } from '../../src/patterns.js'
import { Rng } from '../../src/rng.js'

const random = (shape: readonly number[], seed: number): Float32Array => {
  const rng = new Rng(seed)
  return Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => rng.normal())
}

/** Weights that are large on a pattern, and small elsewhere. */
function weightsOn(pattern: PeriodicPattern, shape: readonly number[], seed: number): Float32Array {
  const mask = periodicMask(pattern, shape)
  return random(shape, seed).map((w, i) => (mask[i] === 1 ? Math.sign(w) + w : 0.1 * w))
}

const energy = (weights: Float32Array, mask: Uint8Array) => weights.reduce((sum, w, i) => sum + mask[i] * w * w, 0)

/** C(8, 3) sets of four taps with the centre. */
const CENTRED = Array.from({ length: 512 }, (_, bits) => [...Array(9).keys()].filter((t) => (bits >> t) & 1)).filter(
  (taps) => taps.length === 4 && taps.includes(4),
)

describe('by slots', () => {
  it.each(['PS4_P4', 'PS2_P6', 'PS1_P9'])('%s is found in weights made by it', (name) => {
    const pattern = periodicPattern(name)
    const weights = weightsOn(pattern, [40, 36, 3, 3], 1)
    const kept = pattern.taps[0].length
    expect(minePattern(weights, [40, 36, 3, 3], { kept, period: pattern.taps.length })).toEqual(pattern)
    const still = { ...pattern, rotate: false }
    const found = minePattern(weightsOn(still, [40, 36, 3, 3], 2), [40, 36, 3, 3], {
      kept,
      period: pattern.taps.length,
      rotate: false,
    })
    expect(found).toEqual(still)
  })

  it('no other sets of that period keep more energy', () => {
    const shape = fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 }), fc.constantFrom(2, 3, 5))
    const any = fc.record({ shape, period: fc.integer({ min: 1, max: 6 }), rotate: fc.boolean(), seed: fc.nat() })
    fc.assert(
      fc.property(any, fc.nat(), ({ shape: [out, ins, k], period, rotate, seed }, slot) => {
        const size = [out, ins, k, k]
        const weights = random(size, seed)
        const kept = Math.max(1, Math.floor(k ** 2 / 2))
        const mined = minePattern(weights, size, { kept, period, rotate })
        expect(mined).toMatchObject({ kind: 'periodic', kernel: k, rotate })
        expect(mined.taps.map((set) => set.length)).toEqual(Array(period).fill(kept))
        const most = energy(weights, periodicMask(mined, size))
        // Another tap in place of each of one slot's.
        const at = slot % period
        for (const given of mined.taps[at]) {
          for (let tap = 0; tap < k ** 2; tap++) {
            if (mined.taps[at].includes(tap)) continue
            const other = mined.taps[at].map((t) => (t === given ? tap : t)).sort((a, b) => a - b)
            const taps = mined.taps.map((set, i) => (i === at ? other : set))
            expect(energy(weights, periodicMask({ ...mined, taps }, size))).toBeLessThanOrEqual(most * (1 + 1e-9))
          }
        }
      }),
    )
  })
})

describe('by kernels', () => {
  it('there are 56 sets of four taps with the centre, and random kernels choose each', () => {
    expect(CENTRED).toHaveLength(56)
    const sets = kernelSets(random([64, 64, 3, 3], 1), [64, 64, 3, 3], 4)
    const sorted = (taps: readonly (readonly number[])[]) => taps.map((t) => t.join()).sort()
    expect(sorted(sets.map((s) => s.taps))).toEqual(sorted(CENTRED))
    expect(sets.reduce((sum, s) => sum + s.kernels, 0)).toBe(64 * 64)
    expect(sets.map((s) => s.kernels)).toEqual(sets.map((s) => s.kernels).sort((a, b) => b - a))
  })

  it('counts the centre and the three largest others', () => {
    const kernel = [9, 1, 8, 2, 0, 3, -7, 4, 5]
    expect(kernelSets([...kernel, ...[...kernel].reverse(), ...kernel], [1, 3, 3, 3], 4)).toEqual([
      { taps: [0, 2, 4, 6], kernels: 2 },
      { taps: [2, 4, 6, 8], kernels: 1 },
    ])
  })

  it('finds the sets of a pattern, each in its slot', () => {
    const taps = [
      [0, 3, 4, 6],
      [1, 2, 4, 5],
      [3, 4, 5, 8],
      [0, 1, 2, 4],
      [4, 6, 7, 8],
    ]
    const pattern: PeriodicPattern = { kind: 'periodic', kernel: 3, taps, rotate: true }
    const shape = [30, 25, 3, 3]
    expect(minePattern(weightsOn(pattern, shape, 4), shape, { kept: 4, period: 5, by: 'kernels' })).toEqual(pattern)
  })

  it('has a shorter period where kernels choose fewer sets', () => {
    const weights = random([2, 1, 3, 3], 1)
    expect(minePattern(weights, [2, 1, 3, 3], { kept: 4, period: 8, by: 'kernels' }).taps).toHaveLength(2)
  })
})

describe('what cannot be mined', () => {
  it.each<[number[], Partial<Parameters<typeof minePattern>[2]>, RegExp]>([
    [[2, 2], {}, /patterns are mined in weights \[out, in, k, k\], got 36 of \[2,2\]/],
    [[2, 2, 1, 9], {}, /patterns are mined/],
    [[2, 3, 3, 3], {}, /got 36 of \[2,3,3,3\]/],
    [[2, 2, 3, 3], { kept: 0 }, /kept must be a whole number from 1 to 9, got 0/],
    [[2, 2, 3, 3], { kept: 10 }, /kept/],
    [[2, 2, 3, 3], { period: 0 }, /period must be a whole number from 1 to 256, got 0/],
    [[2, 2, 3, 3], { period: 2.5 }, /period/],
    [[2, 2, 3, 3], { period: 257 }, /period/],
    [[3, 3, 2, 2], { by: 'kernels' }, /kernels of \[3,3,2,2\] have no centre/],
  ])('[%j] with %j', (shape, options, message) => {
    expect(() => minePattern(random([36], 1), shape, { kept: 2, period: 2, ...options })).toThrow(message)
  })
})
