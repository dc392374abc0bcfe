/** Packing filters that are sparse already: every filter in one group, few collisions, and the law of chance. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { packFilters, project } from '../../src/patterns.js'
import { Rng } from '../../src/rng.js'

/** Weights of a layer of which each is not zero with a probability. */
function sparse(out: number, cols: number, density: number, seed: number): Float32Array {
  const rng = new Rng(seed)
  return Float32Array.from({ length: out * cols }, () => (rng.float() < density ? rng.normal() : 0))
}

const nonZeros = (weights: Float32Array) => weights.reduce((sum, w) => sum + (w === 0 ? 0 : 1), 0)
const keptShare = (weights: Float32Array, mask: Uint8Array) =>
  nonZeros(weights.map((w, i) => w * mask[i])) / nonZeros(weights)

/** Collisions of some filters: weights that are not the first at their place. */
function collisions(weights: Float32Array, cols: number, filters: readonly number[]): number {
  let sum = 0
  for (let k = 0; k < cols; k++) {
    sum += Math.max(0, filters.filter((n) => weights[n * cols + k] !== 0).length - 1)
  }
  return sum
}

describe('groups of filters by chance', () => {
  // 590,000 weights: the share has a standard deviation below 0.0015.
  it.each([
    [2, 0.75],
    [4, 0.684],
    [8, 0.656],
    [16, 0.644],
  ])('of %d keep %d of the weights, as the law says', (g, share) => {
    const weights = sparse(512, 1152, 1 / g, g)
    const law = (1 - (1 - 1 / g) ** g) / (g * (1 / g))
    expect(Math.abs(law - share)).toBeLessThan(0.0005)
    const mask = project({ kind: 'groups', axis: 'out', of: g, keep: 1 }, [512, 1152], weights)
    expect(Math.abs(keptShare(weights, mask) - law)).toBeLessThan(0.005)
  })
})

describe('packFilters', () => {
  const layer = fc.record({
    out: fc.integer({ min: 2, max: 24 }),
    cols: fc.integer({ min: 1, max: 70 }),
    density: fc.constantFrom(0, 0.05, 0.2, 0.5, 1),
    of: fc.integer({ min: 2, max: 8 }),
    gammaMax: fc.constantFrom(0, 0.05, 0.3, 1, Number.POSITIVE_INFINITY),
    seed: fc.nat(),
  })

  it('puts every filter into one group, and keeps the largest weight of each place', () => {
    fc.assert(
      fc.property(layer, ({ out, cols, density, of, gammaMax, seed }) => {
        fc.pre(out >= of)
        const weights = sparse(out, cols, density, seed)
        const { pattern, mask, clusters } = packFilters(weights, [out, cols], of, gammaMax)
        expect([...(pattern.order as number[])].sort((a, b) => a - b)).toEqual(Array.from({ length: out }, (_, n) => n))
        expect(mask).toEqual(project(pattern, [out, cols], weights))
        const empty = (n: number) => weights.subarray(n * cols, (n + 1) * cols).every((w) => w === 0)
        const expected = Array.from({ length: out }, (_, n) => n).filter((n) => !empty(n))
        expect(clusters.flat().sort((a, b) => a - b)).toEqual(expected)
        for (const cluster of clusters) {
          expect(cluster.length).toBeLessThanOrEqual(of)
          if (cluster.length > 1) expect(collisions(weights, cols, cluster)).toBeLessThanOrEqual(gammaMax * cols)
        }
      }),
    )
  })

  it('combines as the rule says, counted place by place', () => {
    /** Of all pairs that may combine the first that leaves the fewest places unused, until there is none. */
    const byRule = (weights: Float32Array, out: number, cols: number, of: number, gammaMax: number): number[][] => {
      const used = (n: number, k: number) => weights[n * cols + k] !== 0
      const places = Array.from({ length: cols }, (_, k) => k)
      let clusters = Array.from({ length: out }, (_, n) => [n]).filter(([n]) => places.some((k) => used(n, k)))
      for (;;) {
        let best: { a: number[]; b: number[]; empty: number } | undefined
        for (const [i, a] of clusters.entries()) {
          for (const b of clusters.slice(i + 1)) {
            const both = [...a, ...b]
            if (both.length > of || collisions(weights, cols, both) > gammaMax * cols) continue
            const empty = places.filter((k) => both.every((n) => !used(n, k))).length
            if (best === undefined || empty < best.empty) best = { a, b, empty }
          }
        }
        if (best === undefined) return clusters
        const { a, b } = best
        clusters = clusters.filter((c) => c !== b).map((c) => (c === a ? [...a, ...b] : c))
      }
    }
    fc.assert(
      fc.property(layer, ({ out, cols, density, of, gammaMax, seed }) => {
        fc.pre(out >= of && out <= 12 && cols <= 40)
        const weights = sparse(out, cols, density, seed)
        expect(packFilters(weights, [out, cols], of, gammaMax).clusters).toEqual(
          byRule(weights, out, cols, of, gammaMax),
        )
      }),
    )
  })

  it('stops only where no two clusters may combine', () => {
    fc.assert(
      fc.property(layer, ({ out, cols, density, of, gammaMax, seed }) => {
        fc.pre(out >= of)
        const weights = sparse(out, cols, density, seed)
        const { clusters } = packFilters(weights, [out, cols], of, gammaMax)
        clusters.forEach((a, i) => {
          for (const b of clusters.slice(i + 1)) {
            const fits = a.length + b.length <= of && collisions(weights, cols, [...a, ...b]) <= gammaMax * cols
            expect(fits).toBe(false)
          }
        })
      }),
    )
  })

  it('finds groups without collisions where filters were made of them', () => {
    // 16 dense rows, each shared out among 4 filters; the filters then shuffled.
    const rng = new Rng(5)
    const order = Array.from({ length: 64 }, (_, n) => n)
    rng.shuffle(order)
    const weights = new Float32Array(64 * 96)
    for (let g = 0; g < 16; g++) {
      for (let k = 0; k < 96; k++) weights[order[4 * g + rng.below(4)] * 96 + k] = rng.normal()
    }
    const { mask, clusters } = packFilters(weights, [64, 96], 4, 0)
    expect(keptShare(weights, mask)).toBe(1)
    const made = Array.from({ length: 16 }, (_, g) => order.slice(4 * g, 4 * g + 4).sort((a, b) => a - b))
    const found = clusters.map((cluster) => [...cluster].sort((a, b) => a - b))
    expect(found.sort((a, b) => a[0] - b[0])).toEqual(made.sort((a, b) => a[0] - b[0]))
  })

  it.each([2, 4, 8])('keeps more than chance does, %d in a group', (g) => {
    const weights = sparse(64, 128, 1 / g, 3)
    const { mask } = packFilters(weights, [64, 128], g)
    const natural = project({ kind: 'groups', axis: 'out', of: g, keep: 1 }, [64, 128], weights)
    expect(keptShare(weights, mask)).toBeGreaterThan(keptShare(weights, natural) + 0.01)
  })

  it('packs 512 filters of 4608 weights within seconds', () => {
    const weights = sparse(512, 4608, 0.1, 1)
    const start = performance.now()
    const { mask } = packFilters(weights, [512, 512, 3, 3], 8, 1)
    expect(performance.now() - start).toBeLessThan(20_000)
    expect(keptShare(weights, mask)).toBeGreaterThan((1 - 0.9 ** 8) / 0.8)
  }, 60_000)

  it('takes NaN and infinite weights without losing a filter', () => {
    const weights = Float32Array.of(Number.NaN, 0, Number.POSITIVE_INFINITY, 0, 1, 1)
    expect([...(packFilters(weights, [3, 2], 2, 0).pattern.order as number[])].sort()).toEqual([0, 1, 2])
  })

  it('refuses what it cannot pack', () => {
    const refused = (...args: Parameters<typeof packFilters>) => expect(() => packFilters(...args))
    refused(new Float32Array(8), [4, 3], 2).toThrow('[4,3] has 12 weights, got 8')
    refused(new Float32Array(12), [4, 3], 5).toThrow(/groups of 5 along 'out' need as many/)
    refused(new Float32Array(12), [4, 3], 1).toThrow(/pattern.of/)
    refused(new Float32Array(12), [4, 3], 2, -1).toThrow('gammaMax must be 0 or more, got -1')
    refused(new Float32Array(12), [4, 3], 2, Number.NaN).toThrow('gammaMax must be 0 or more, got NaN')
  })
})
