/** The walk of the gather array over real masks: equal to the definition, and what must hold of any array of this kind. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { GatherArch } from '../../src/pe/arch.js'
import type { LayerCost } from '../../src/pe/cost.js'
import { digitMask, popcount } from '../../src/pe/gather/digits.js'
import { gather } from '../../src/pe/gather/model.js'
import { referenceWalk } from '../../src/pe/gather/reference-walk.js'
import { Rng } from '../../src/rng.js'
import { anyArch, anyLayer, ideal, type LevelLayer, layerOf, randomLayer } from './gather-arrays.js'

const walk = (layer: LevelLayer, arch: GatherArch) => (gather.walk as NonNullable<typeof gather.walk>)(layer, arch)
const total = ({ slots }: LayerCost) => Object.values(slots).reduce((a, b) => a + b, 0)
const count = (cost: LayerCost, event: string) => cost.activity.find((a) => a.event === event)?.count

describe('the walk', () => {
  it('equals the definition for any array and layer: cycles, element-cycles by cause, digits', async () => {
    await fc.assert(
      fc.asyncProperty(anyArch, anyLayer, async (arch, layer) => {
        const cost = await walk(layer, arch)
        const expected = referenceWalk(layer, arch)
        expect(cost.cycles).toBe(expected.cycles)
        expect(count(cost, 'digit shifted and added')).toBe(expected.digits)
        for (const [cause, value] of Object.entries(expected.slots)) {
          // Digits are whole, but a third of them is not.
          expect(cost.slots[cause as keyof typeof cost.slots], cause).toBeCloseTo(value, 5)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('accounts for every element in every cycle', async () => {
    await fc.assert(
      fc.asyncProperty(anyArch, anyLayer, async (arch, layer) => {
        const cost = await walk(layer, arch)
        const elements = arch.groups * arch.rows * arch.lanes
        if ([1, 2, 4].includes(arch.planes)) expect(total(cost)).toBe(cost.cycles * elements)
        else expect(total(cost)).toBeCloseTo(cost.cycles * elements, 5)
        for (const value of Object.values(cost.slots)) expect(value).toBeGreaterThanOrEqual(0)
      }),
      { numRuns: 200 },
    )
  })

  it('goes through a layer of more weights than fit at a time', async () => {
    const layer = randomLayer({ m: 3, n: 700, k: 1152, taps: 9, density: 0.05, seed: 5 })
    const arch = { ...ideal, queue: 2, order: 'balanced' as const }
    expect((await walk(layer, arch)).cycles).toBe(referenceWalk(layer, arch).cycles)
  })

  it('takes as many cycles as weights when all are there and have one digit (T1)', async () => {
    const layer = randomLayer({ m: 16, n: 64, k: 1024, maxLevel: 1, density: 1, seed: 1 })
    expect((await walk(layer, ideal)).cycles).toBe(1024)
    expect((await walk(layer, { ...ideal, syncRows: 1, syncGroups: 2 })).cycles).toBe(1024 + 4 + 2)
    const { slots } = await walk(layer, ideal)
    expect(slots.useful).toBe(1024 * 1024)
  })

  it('looks at one window a cycle where there is nothing (T2)', async () => {
    const layer = layerOf({ m: 16, n: 64, k: 1024, levels: new Int8Array(64 * 1024) })
    expect((await walk(layer, ideal)).cycles).toBe(1024 / 16)
    const uneven = layerOf({ m: 16, n: 64, k: 1000, levels: new Int8Array(64 * 1000) })
    expect((await walk(uneven, { ...ideal, tile: 100 })).cycles).toBe(10 * 7)
  })

  it('never takes longer with fewer weights, wider windows or longer queues (T3)', async () => {
    await fc.assert(
      fc.asyncProperty(anyArch, anyLayer, fc.integer(), async (arch, layer, seed) => {
        const { cycles } = await walk(layer, arch)
        const rng = new Rng(seed)
        const fewer = layer.levels.levels.map((level) => (rng.below(3) === 0 ? 0 : level))
        // A greedy order may be luckier for one set of weights than for another.
        const given = { ...arch, order: 'given' as const }
        const thinned = await walk({ ...layerOf({ ...layer, maxLevel: layer.levels.maxLevel, levels: fewer }) }, given)
        expect(thinned.cycles).toBeLessThanOrEqual((await walk(layer, given)).cycles)
        // Windows of twice the width hold whole windows of the narrower ones.
        if (arch.window <= 32) {
          expect((await walk(layer, { ...arch, window: 2 * arch.window })).cycles).toBeLessThanOrEqual(cycles)
        }
        expect((await walk(layer, { ...arch, queue: arch.queue + 1 })).cycles).toBeLessThanOrEqual(cycles)
        expect((await walk(layer, { ...arch, planes: arch.planes + 1 })).cycles).toBeLessThanOrEqual(cycles)
      }),
      { numRuns: 100 },
    )
  })

  it('does not care which row of a block has which filter (T6)', async () => {
    await fc.assert(
      fc.asyncProperty(anyLayer, fc.integer(), async (layer, seed) => {
        const { n, k, groups } = layer
        const rows = Math.max(1, Math.ceil(n / 3))
        const arch: GatherArch = { ...ideal, rows, groups: 2, tile: 50 }
        const rng = new Rng(seed)
        const shuffled = new Int8Array(layer.levels.levels.length)
        for (let g = 0; g < groups; g++) {
          for (let first = 0; first < n; first += rows) {
            const order = Array.from({ length: Math.min(rows, n - first) }, (_, i) => i)
            rng.shuffle(order)
            order.forEach((from, to) => {
              const row = (i: number) => (g * n + first + i) * k
              shuffled.set(layer.levels.levels.subarray(row(from), row(from) + k), row(to))
            })
          }
        }
        const other = { ...layer, levels: { ...layer.levels, levels: shuffled } }
        expect((await walk(other, arch)).cycles).toBe((await walk(layer, arch)).cycles)
      }),
      { numRuns: 60 },
    )
  })

  it('never loses by sorting filters, where one window makes the cycles of a row its digits (T6)', async () => {
    const spec = fc.record({
      n: fc.integer({ min: 1, max: 60 }),
      k: fc.integer({ min: 1, max: 64 }),
      density: fc.constantFrom(0.05, 0.3, 0.8),
      seed: fc.integer(),
    })
    await fc.assert(
      fc.asyncProperty(spec, async (given) => {
        const layer = randomLayer({ m: 1, ...given })
        // One group: a pass is as long as its slowest row, and the passes follow each other.
        const arch: GatherArch = { ...ideal, groups: 1, rows: 4, window: 64, issue: 64, tile: 64 }
        const balanced = await walk(layer, { ...arch, order: 'balanced' })
        expect(balanced.cycles).toBeLessThanOrEqual((await walk(layer, arch)).cycles)
        // Filters from most to fewest digits: every fourth one, the first of its block, is what the block takes.
        const digits = Array.from({ length: given.n }, (_, i) =>
          layer.levels.levels
            .subarray(i * given.k, (i + 1) * given.k)
            .reduce((sum, level) => sum + popcount(digitMask(level, 'binary')), 0),
        ).sort((a, b) => b - a)
        const firsts = digits.filter((_, i) => i % 4 === 0)
        expect(balanced.cycles).toBe(firsts.reduce((sum, most) => sum + Math.max(1, most), 0))
      }),
      { numRuns: 60 },
    )
  })

  it('computes every digit of every weight for every pixel, and no more (T7)', async () => {
    await fc.assert(
      fc.asyncProperty(anyArch, anyLayer, async (arch, layer) => {
        const cost = await walk(layer, arch)
        const digits = layer.levels.levels.reduce((sum, level) => sum + popcount(digitMask(level, arch.digits)), 0)
        expect(count(cost, 'digit shifted and added')).toBe(digits * layer.m)
        expect(cost.slots.useful * arch.planes).toBeCloseTo(digits * layer.m, 5)
        expect(count(cost, 'activation read from a tile')).toBe(cost.effectual)
      }),
      { numRuns: 100 },
    )
  })
})
