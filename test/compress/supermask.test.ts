/** The pieces of the supermask: options, thresholds, densities of layers, frozen positions. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  countMagnitudes,
  keptByRounding,
  kthLargest,
  leastSquaresStep,
  thresholdsFrom,
} from '../../src/compress/thresholds.js'
import {
  chooseThresholds,
  drawFrozen,
  erkDensities,
  layerDensities,
  levelsFromScores,
  type SupermaskOptions,
  supermask,
} from '../../src/compress.js'
import { Rng } from '../../src/rng.js'

const normals = (n: number, seed: number) => {
  const rng = new Rng(seed)
  return Float32Array.from({ length: n }, () => rng.normal())
}
const nonZeros = (levels: Int8Array) => levels.filter((l) => l !== 0).length

describe('supermask options', () => {
  it('have the defaults of docs/compression.md', () => {
    expect(supermask()).toEqual({
      coats: 1,
      density: 0.1,
      scope: 'global',
      thresholds: 'linear',
      threshold: 0.4,
      allocation: 'uniform',
      densities: {},
      leastPerRow: 0,
      frozen: { pruned: 0, locked: 0, seed: 1 },
      signs: 'learned',
      init: 'he-normal',
      constantBits: 8,
      normalise: false,
    })
  })

  it.each<[SupermaskOptions, RegExp]>([
    [{ threshold: 1 }, /supermask.threshold must be above 0 and below 1, got 1/],
    [{ allocation: 'even' as 'erk' }, /supermask.allocation must be 'uniform' or 'erk', got even/],
    [{ allocation: 'erk' }, /supermask.allocation must be 'uniform' unless scope is 'layer'/],
    [{ densities: { conv1: 0 } }, /supermask.densities\['conv1'\] must be above 0/],
    [{ densities: { conv1: 1 }, scope: 'fixed' }, /supermask.densities must be absent/],
    [{ leastPerRow: 1.5 }, /supermask.leastPerRow must be a whole number/],
    [{ frozen: { pruned: 1 } }, /supermask.frozen.pruned/],
    [{ frozen: { pruned: 0.6, locked: 0.4 }, density: 0.5 }, /supermask.frozen must be less than 1 in sum/],
    [{ frozen: { locked: 0.2 }, density: 0.1 }, /supermask.density must be above frozen.locked \(0.2\)/],
    [{ frozen: { pruned: 0.5 }, density: 0.6 }, /at most 1 - frozen.pruned \(0.5\)/],
    [{ frozen: { seed: 0.5 } }, /supermask.frozen.seed/],
    [{ init: 'zero' as 'he-normal' }, /supermask.init/],
    [{ budget: 0.5 }, /supermask.budget must be a whole number of bytes/],
    [{ budget: 1000, scope: 'fixed' }, /supermask.budget must be absent where scope is 'fixed'/],
    [{ budget: 1000, density: 1 }, /supermask.density must be below 1 with a budget/],
    [{ constantBits: 9 }, /supermask.constantBits must be a whole number from 1 to 8/],
    [{ normalise: 1 as unknown as boolean }, /supermask.normalise must be true or false/],
  ])('refuses %j', (options, message) => {
    expect(() => supermask(options)).toThrow(message)
  })
})

describe('order statistics', () => {
  it('kthLargest is the k-th largest of any keys', () => {
    const scores = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 60 })
    fc.assert(
      fc.property(scores, fc.nat(), fc.constantFrom(1, 0.3, 2), (values, pick, scale) => {
        const keys = Float32Array.from(values, (v) => Math.abs(Math.fround(v)) * Math.fround(scale))
        fc.pre(keys.every(Number.isFinite))
        const k = 1 + (pick % values.length)
        const sorted = Array.from(keys).sort((a, b) => b - a)
        const groups = [{ scores: Float32Array.from(values), scale }]
        expect(kthLargest(countMagnitudes(groups), k)).toBe(sorted[k - 1])
      }),
    )
  })

  it('counts several layers together, without frozen positions', () => {
    const [a, b] = [normals(500, 1), normals(300, 2)]
    const frozen = Int8Array.from({ length: 500 }, (_, i) => (i % 5 === 0 ? -1 : i % 7 === 0 ? 1 : 0))
    const groups = [
      { scores: a, scale: 2, frozen },
      { scores: b, scale: 0.5 },
    ]
    const keys = [...a].filter((_, i) => frozen[i] === 0).map((v) => Math.abs(v) * 2)
    keys.push(...Array.from(b, (v) => Math.abs(v) * 0.5))
    keys.sort((x, y) => y - x)
    expect(kthLargest(countMagnitudes(groups), 100)).toBe(Math.fround(keys[99]))
  })
})

describe('adaptive thresholds', () => {
  /** The error that the thresholds are to make small, and the best step for given levels. */
  const error = (keys: readonly number[], c: number, levelOf: (key: number) => number) =>
    keys.reduce((sum, key) => sum + (key - c * levelOf(key)) ** 2, 0)

  it.each([3, 7] as const)('are the least squares uniform quantiser of what is kept, %i coats', (coats) => {
    for (const [seed, shape] of [
      [1, (v: number) => v],
      [2, (v: number) => v ** 3],
      [3, (v: number) => 5 + 0.1 * v],
    ] as const) {
      const scores = normals(4000, seed).map(shape)
      const t = chooseThresholds([{ scores, scale: 1 }], supermask({ coats, density: 0.3, thresholds: 'adaptive' }))
      const keys = Array.from(scores, Math.abs).filter((key) => key >= t[0])
      expect(keys.length).toBe(1200)
      for (let i = 1; i < coats; i++) expect(t[i]).toBeGreaterThanOrEqual(t[i - 1])
      const c = t[1] / 1.5
      const got = error(keys, c, (key) => t.filter((v) => key >= v).length)
      // No other step is clearly better.
      for (let f = 0.67; f < 30; f *= 1.01) {
        const step = f * t[0]
        const other = error(keys, step, (key) => Math.min(coats, Math.max(1, Math.round(key / step))))
        expect(got).toBeLessThanOrEqual(1.01 * other)
      }
    }
  })

  it('rounding keeps as many as the best of all quantisers with a zero', () => {
    const rng = new Rng(6)
    for (const coats of [1, 3, 7]) {
      const scores = Float32Array.from({ length: 4000 }, () => rng.normal())
      const error = (c: number) =>
        scores.reduce((sum, v) => sum + (Math.abs(v) - c * Math.min(coats, Math.round(Math.abs(v) / c))) ** 2, 0)
      let best = 0.1
      for (let c = 0.1; c < 4; c += 0.01) if (error(c) < error(best)) best = c
      const kept = keptByRounding(countMagnitudes([{ scores, scale: 1 }]), coats) / scores.length
      expect(Math.abs(kept - scores.filter((v) => Math.abs(v) >= best / 2).length / scores.length)).toBeLessThan(0.01)
    }
    const few = Float32Array.of(...new Float32Array(90), ...new Float32Array(10).fill(3))
    expect(keptByRounding(countMagnitudes([{ scores: few, scale: 1 }]), 3)).toBe(10)
  })

  it('leave nothing to choose for one coat, and find an exact grid', () => {
    const group = { scores: normals(100, 1), scale: 1 }
    const density = 0.2
    const adaptive = chooseThresholds([group], supermask({ density, thresholds: 'adaptive' }))
    expect(adaptive).toEqual(chooseThresholds([group], supermask({ density })))
    const grid = Float32Array.from({ length: 300 }, (_, i) => 0.5 * (1 + (i % 3)))
    const step = leastSquaresStep(countMagnitudes([{ scores: grid, scale: 1 }]).upper, 0.5, 3)
    expect(step).toBeGreaterThan(0.5 * 0.995)
    expect(step).toBeLessThan(0.5 * 1.005)
  })
})

describe('a given first threshold', () => {
  const group = { scores: normals(2100, 5), scale: 1 }
  const counts = countMagnitudes([group])

  it('is kept, and the other coats follow from it', () => {
    const kept = group.scores.filter((a) => Math.abs(a) >= 0.75).length
    const levels = (thresholds: 'linear' | 'uniform') =>
      levelsFromScores(group, thresholdsFrom(counts, { coats: 3, thresholds }, 0.75))
    expect(Array.from(levels('linear'))).toEqual(
      Array.from(group.scores, (a) => Math.sign(a) * Math.min(3, Math.floor(Math.abs(a) / 0.75)) || 0),
    )
    for (const coat of [1, 2, 3]) {
      const reached = levels('uniform').filter((l) => Math.abs(l) >= coat).length
      expect(reached).toBe(Math.round((kept * (4 - coat)) / 3))
    }
  })

  it('may be above or below all scores', () => {
    for (const thresholds of ['linear', 'adaptive'] as const) {
      expect(nonZeros(levelsFromScores(group, thresholdsFrom(counts, { coats: 3, thresholds }, 100)))).toBe(0)
      expect(nonZeros(levelsFromScores(group, thresholdsFrom(counts, { coats: 3, thresholds }, 1e-9)))).toBe(2100)
    }
  })
})

describe('frozen positions', () => {
  it('are the wanted shares, and the same for the same seed', () => {
    const n = 20000
    const drawn = drawFrozen(n, { pruned: 0.5, locked: 0.2, seed: 3 }, new Rng(3))
    expect(drawFrozen(n, { pruned: 0.5, locked: 0.2, seed: 3 }, new Rng(3))).toEqual(drawn)
    const count = (state: number) => drawn.frozen.filter((f) => f === state).length / n
    // Four standard deviations.
    expect(Math.abs(count(-1) - 0.5)).toBeLessThan(0.015)
    expect(Math.abs(count(1) - 0.2)).toBeLessThan(0.012)
    drawn.signs.forEach((s, i) => {
      expect(s !== 0).toBe(drawn.frozen[i] === 1)
    })
    expect(Math.abs(drawn.signs.reduce((a, b) => a + b, 0))).toBeLessThan(4 * Math.sqrt(0.2 * n))
  })

  it('count towards the density, and keep their state whatever their scores', () => {
    const n = 5000
    const drawn = drawFrozen(n, { pruned: 0.4, locked: 0.1, seed: 1 }, new Rng(1))
    const group = { scores: normals(n, 9), scale: 1, frozen: drawn.frozen }
    const mask = supermask({ coats: 3, density: 0.3, frozen: { pruned: 0.4, locked: 0.1 } })
    const levels = levelsFromScores(group, chooseThresholds([group], mask), drawn.signs)
    expect(nonZeros(levels)).toBe(0.3 * n)
    levels.forEach((level, i) => {
      if (drawn.frozen[i] < 0) expect(level).toBe(0)
      if (drawn.frozen[i] > 0) expect(Math.sign(level)).toBe(drawn.signs[i])
    })
  })
})

describe('densities of layers', () => {
  const layers = [
    { name: 'conv1', shape: [64, 3, 3, 3] },
    { name: 'conv2', shape: [64, 64, 3, 3] },
    { name: 'conv3', shape: [256, 64, 3, 3] },
    { name: 'fc1', shape: [10, 256] },
  ]
  const sizes = layers.map((l) => l.shape.reduce((a, b) => a * b, 1))
  const total = sizes.reduce((a, b) => a + b, 0)

  it('erk keeps the density of the network, in the ratios of its formula below 1', () => {
    for (const density of [0.01, 0.1, 0.5, 0.9, 1]) {
      const got = erkDensities(layers, density)
      expect(got.reduce((sum, d, i) => sum + d * sizes[i], 0)).toBeCloseTo(density * total, 6)
      const units = got.map((d, i) => d / (layers[i].shape.reduce((a, b) => a + b, 0) / sizes[i]))
      const free = units.filter((_, i) => got[i] < 1)
      for (const unit of free) expect(unit).toBeCloseTo(free[0], 10)
      got.forEach((d, i) => {
        expect(d).toBeLessThanOrEqual(1)
        if (d === 1 && free.length > 0) expect(units[i]).toBeLessThanOrEqual(free[0])
      })
    }
    const [conv1, conv2] = erkDensities(layers, 0.1)
    expect(conv1).toBe(1)
    expect(conv2).toBeLessThan(0.2)
  })

  it('own densities go from 1 to their end while the network goes from 1 to its density', () => {
    const mask = supermask({ density: 0.1, densities: { conv1: 0.5, fc1: 0.05 } })
    expect(layerDensities(layers, mask, 1)).toEqual([1, 1, 1, 1])
    expect(layerDensities(layers, mask, 0.55)).toEqual([0.75, 0.55, 0.55, 0.525].map((d) => expect.closeTo(d, 12)))
    expect(layerDensities(layers, mask, 0.1)).toEqual([0.5, 0.1, 0.1, 0.05].map((d) => expect.closeTo(d, 12)))
    expect(layerDensities(layers, supermask({ density: 1, densities: { fc1: 0.3 } }), 1)[3]).toBeCloseTo(0.3, 12)
    const erk = supermask({ density: 0.1, scope: 'layer', allocation: 'erk', densities: { conv1: 0.5 } })
    expect(layerDensities(layers, erk, 0.1).slice(1)).toEqual(erkDensities(layers.slice(1), 0.1))
  })
})
