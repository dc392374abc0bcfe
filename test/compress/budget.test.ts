/** Byte budgets: the search, and files of networks that are fitted to them. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { densityRange, largestWithin } from '../../src/compress/budget.js'
import { levelsAt } from '../../src/compress/levels.js'
import { fitBudget, foldGraph, type MaskedLayer, type Model, mlp, parseBytes, supermask } from '../../src/compress.js'
import { encodeModel, quantiseUniform } from '../../src/format.js'
import { Rng } from '../../src/rng.js'

describe('parseBytes', () => {
  it.each([
    ['900', 900],
    ['900B', 900],
    ['64kB', 64_000],
    ['64KiB', 65_536],
    ['1.5MB', 1_500_000],
    [' 2 MiB ', 2 * 1024 * 1024],
    ['0.0015MB', 1500],
  ])('%s is %i', (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes)
  })

  it.each(['', '64k', '64KB', '-1', '1e3', 'kB', '0', '0.1', '1..5', '64 kB x', '9'.repeat(30)])(
    'refuses %j',
    (text) => {
      expect(() => parseBytes(text)).toThrow(/a size must be like 900, 64kB/)
    },
  )
})

describe('largestWithin', () => {
  it('finds the largest number that fits any growing size, in few tries', () => {
    const cases = fc.record({
      most: fc.integer({ min: 1, max: 100_000 }),
      guess: fc.double({ min: 0, max: 1, noNaN: true }),
      cut: fc.double({ min: 0, max: 1, noNaN: true }),
      overhead: fc.integer({ min: 0, max: 3000 }),
      power: fc.constantFrom(0.5, 1, 2),
    })
    fc.assert(
      fc.property(cases, ({ most, guess, cut, overhead, power }) => {
        const size = (k: number) => overhead + Math.floor((k ** power * 1000) / most ** power)
        const budget = size(1) + Math.floor(cut * (size(most) - size(1)))
        const tried: number[] = []
        const found = largestWithin(budget, { least: 1, most, guess: guess * most, slack: 0 }, (k) => {
          tried.push(k)
          return size(k)
        })
        expect(found.bytes).toBe(size(found.k))
        expect(found.bytes).toBeLessThanOrEqual(budget)
        // Nothing is left to gain: the budget is met to the byte, or one more does not fit.
        expect(found.bytes === budget || found.k === most || size(found.k + 1) > budget).toBe(true)
        expect(tried.length).toBe(found.tries)
        expect(found.tries).toBeLessThan(80)
      }),
    )
  })

  it('says when nothing fits', () => {
    expect(() => largestWithin(10, { least: 5, most: 50, guess: 30, slack: 0 }, (k) => k + 10)).toThrow(
      /a budget of 10 bytes is too small: the file takes 15/,
    )
  })
})

/** An MLP with 50,816 weights and random scores. */
function network(): { layers: MaskedLayer[]; modelWith: (levels: ReadonlyMap<string, Int8Array>) => Model } {
  const { graph } = foldGraph(mlp({ hidden: [64], classes: 10 }))
  const rng = new Rng(3)
  const layer = (name: string, shape: readonly number[]): MaskedLayer => ({
    name,
    shape,
    scores: Float32Array.from({ length: shape[0] * shape[1] }, () => rng.normal() ** 3),
  })
  const layers = [layer('fc1', [64, 784]), layer('fc2', [10, 64])]
  const constants = layers.map(({ shape }) =>
    quantiseUniform(
      Float64Array.from({ length: shape[0] }, () => rng.normal()),
      6,
    ),
  )
  const modelWith = (levels: ReadonlyMap<string, Int8Array>): Model => ({
    graph,
    tensors: Object.fromEntries(
      layers.map(({ name, shape }) => [name, { shape, maxLevel: 3, levels: levels.get(name) as Int8Array }]),
    ),
    layers: Object.fromEntries(
      layers.map(({ name }, i) => [name, { tensor: name, scale: constants[i], bias: constants[i] }]),
    ),
    ranges: { flatten1: 128, relu1: 120 },
  })
  return { layers, modelWith }
}

describe('fitBudget', () => {
  it.each([500, 3000, 9000])('fills %i bytes with the real file, and never more', (budget) => {
    const { layers, modelWith } = network()
    const mask = supermask({ coats: 3, density: 0.05 })
    const fit = fitBudget(budget, layers, mask, modelWith)
    expect(encodeModel(fit.model).length).toBe(fit.bytes)
    expect(fit.bytes).toBeLessThanOrEqual(budget)
    expect(fit.bytes).toBeGreaterThan(0.99 * budget)
    const levels = Object.values(fit.model.tensors).flatMap((t) => [...t.levels])
    expect(levels.filter((l) => l !== 0).length).toBe(Math.round(fit.density * levels.length))
    expect(fit.tries).toBeLessThan(25)
  })

  it.each([
    [1, 'learned', 2 / 3],
    [1, 7, 1 / 2],
    [3, 'learned', 6 / 7],
    [3, 7, 3 / 4],
  ] as const)('ends at the richest mask when there is room for more: %i coats, signs %s', (coats, signs, density) => {
    const { layers, modelWith } = network()
    const fit = fitBudget(1e6, layers, supermask({ coats, signs, density: 0.05 }), modelWith)
    expect(fit.density).toBeCloseTo(density, 4)
  })

  it('refuses a budget that is too small', () => {
    const { layers, modelWith } = network()
    const mask = supermask({ coats: 1, density: 0.05, densities: { fc2: 0.5 } })
    expect(() => fitBudget(60, layers, mask, modelWith)).toThrow(/a budget of 60 bytes is too small/)
  })

  it('speaks of the layers that share a density, and respects what is frozen', () => {
    const { layers } = network()
    const frozen = Int8Array.from({ length: 64 * 784 }, (_, i) => (i % 4 === 0 ? -1 : i % 10 === 1 ? 1 : 0))
    const some = [{ ...layers[0], frozen }, layers[1]]
    const mask = supermask({ coats: 3, densities: { fc2: 0.5 } })
    const locked = frozen.filter((f) => f > 0).length
    expect(densityRange(some, mask)).toEqual({ n: 50_176, least: locked + 1, most: 50_176 - 12_544 })
    const [first, second] = levelsAt(some, { ...mask, density: 0.3 })
    expect(first.filter((l) => l !== 0).length).toBe(Math.round(0.3 * 50_176))
    expect(second.filter((l) => l !== 0).length).toBe(320)
  })
})
