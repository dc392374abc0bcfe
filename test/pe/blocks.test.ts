/** Engines for blocks: counts of the model's formulas, real blocks of real patterns, energy and area. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mlp } from '../../src/graph/builders.js'
import { type BlockPattern, blockMask } from '../../src/patterns.js'
import type { BlockArch } from '../../src/pe/arch.js'
import { blocks } from '../../src/pe/blocks/model.js'
import { archs, blockStorage, graphWorkload, type PeLayer, simulate } from '../../src/pe.js'
import { drawn, type Sizes, sized } from './layers.js'

const yin: BlockArch = { ...(archs['cgs-mnist-40nm'] as BlockArch), activationBits: 8, bitsPerLane: 24 }

const walk = (layer: PeLayer, arch: BlockArch) =>
  blocks.walk?.(layer as Parameters<NonNullable<typeof blocks.walk>>[0], arch) as ReturnType<typeof blocks.estimate>

function patterned(sizes: Sizes, pattern: BlockPattern, density = 1) {
  const shape = [sizes.n, sizes.channels, sizes.kernel ?? 1, sizes.kernel ?? 1]
  return drawn(sizes, density, { maxLevel: 3, mask: blockMask(pattern, shape), pattern })
}

describe('block engines', () => {
  it('take what the dense matrix takes where nothing is left out', () => {
    const layer = sized({ m: 3, n: 64, channels: 128, kernel: 3 })
    const { cycles, slots } = blocks.estimate(layer, { ...yin, ratio: 1 })
    expect(cycles).toBe((3 * 64 * 128 * 9) / 256)
    expect(slots.useful).toBe(cycles * 256)
  })

  it('are faster by exactly the ratio where it divides the blocks of a row', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1, 2, 4, 8, 16),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 0, max: 1 }),
        (ratio, times, n, lanes, select) => {
          const layer = sized({ m: 2, n, channels: 16 * 16 * times })
          const cycles = (of: number) => blocks.estimate(layer, { ...yin, lanes, select, ratio: of }).cycles
          expect(cycles(ratio) * ratio).toBe(cycles(1))
        },
      ),
    )
  })

  it('store weights and places of blocks as the formulas say', () => {
    const layer = sized({ m: 1, n: 512, channels: 784 })
    // 49 blocks in a row, 6 of them kept, in 32 rows; 6 bits tell one of 49.
    expect(blockStorage(layer, yin)).toEqual({ weights: 32 * 6 * 256 * 3, index: 32 * 6 * 6 })
    const counted = patterned({ m: 1, n: 512, channels: 784 }, { kind: 'blocks', block: 16, ratio: 8, seed: 1 })
    expect(blockStorage(counted, yin)).toEqual(blockStorage(layer, yin))
  })

  it('work through the blocks of a pattern, as many in each row', () => {
    const block = fc.record({
      kind: fc.constant('blocks' as const),
      block: fc.constantFrom(4, 8, 16),
      ratio: fc.constantFrom(1, 2, 3, 8),
      seed: fc.nat(),
    })
    const sizes = fc.record({
      m: fc.integer({ min: 1, max: 5 }),
      n: fc.integer({ min: 1, max: 70 }),
      channels: fc.integer({ min: 32, max: 130 }),
      kernel: fc.constantFrom(1, 3),
    })
    fc.assert(
      fc.property(sizes, block, fc.constantFrom(1, 0.6), (size, pattern, density) => {
        const layer = patterned(size, pattern, density)
        const arch = { ...yin, blockInputs: pattern.block, blockOutputs: pattern.block, ratio: pattern.ratio }
        const [known, estimated] = [walk(layer, arch), blocks.estimate(layer, arch)]
        // Levels of 2 bits of magnitude and a sign, as the array's.
        expect(known.cycles).toBe(estimated.cycles)
        expect(known.slots.imbalance).toBe(0)
        const kept = layer.levels.levels.filter((level) => level !== 0).length
        expect(known.slots.useful).toBe(size.m * kept)
        expect(known.effectual).toBe(size.m * kept)
        if (density === 1) expect(known.slots.zeros).toBe(0)
      }),
    )
  })

  it('work through blocks within blocks', () => {
    const pattern: BlockPattern = { kind: 'blocks', block: 32, ratio: 4, seed: 3, inner: { block: 8, ratio: 2 } }
    const layer = patterned({ m: 1, n: 128, channels: 256 }, pattern)
    const arch = { ...yin, blockInputs: 8, blockOutputs: 8, ratio: 8 }
    const cost = walk(layer, arch)
    expect(cost.cycles).toBe(blocks.estimate(sized({ m: 1, n: 128, channels: 256 }), arch).cycles)
    expect(cost.slots.imbalance).toBe(0)
    expect(cost.slots.useful).toBe((128 * 256) / 8)
  })

  it('take every block that has a weight where there is no pattern, and wait for the fullest row', () => {
    const layer = drawn({ m: 1, n: 32, channels: 64 }, 0)
    // Rows of blocks have 2 and 1 of 4.
    for (const [filter, channel] of [
      [0, 0],
      [3, 63],
      [15, 62],
      [31, 20],
    ]) {
      layer.levels.levels[filter * 64 + channel] = 1
    }
    const { cycles, slots } = walk({ ...layer, weightBits: 3 }, yin)
    expect(cycles).toBe(4)
    expect(slots).toMatchObject({ useful: 4, zeros: 3 * 256 - 4, imbalance: 256, edge: 0 })
  })

  it('cost more energy with more bits and less with more compression', async () => {
    const workload = graphWorkload(mlp({ hidden: [512, 512], classes: 10 }))
    const energy = async (weightBits: number, ratio: number) =>
      (await simulate(workload, { ...yin, weightBits, bitsPerLane: 8 * weightBits, ratio })).total.energyTotal.mid
    const bits = await Promise.all([1, 2, 3, 4, 8].map((b) => energy(b, 8)))
    expect(bits).toEqual([...bits].sort((a, b) => a - b))
    const ratios = await Promise.all([1, 2, 4, 8, 16].map((ratio) => energy(3, ratio)))
    expect(ratios).toEqual([...ratios].sort((a, b) => b - a))
  })

  it('take several cycles where a lane does not have all bits', () => {
    const layer = sized({ m: 1, n: 64, channels: 128 })
    const cycles = (bitsPerLane: number) => blocks.estimate(layer, { ...yin, bitsPerLane }).cycles
    expect([24, 12, 8, 7, 1].map((bits) => cycles(bits) / cycles(24))).toEqual([1, 2, 3, 4, 24])
  })
})
