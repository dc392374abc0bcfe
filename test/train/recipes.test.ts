/** Short trainings on MNIST with every way of choosing levels: each learns, and keeps what it says it keeps. */
import { existsSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  type ConstantBits,
  type DataSet,
  exportModel,
  loadMnist,
  mlp,
  type SupermaskOptions,
  slice,
  type TrainOptions,
  train,
} from '../../src/compress.js'
import { encodeModel } from '../../src/format.js'

const folder = new URL('../../data/mnist', import.meta.url).pathname

describe.skipIf(!existsSync(folder))('recipes on MNIST', { timeout: 60_000 }, () => {
  let data: { train: DataSet; test: DataSet }
  beforeAll(async () => {
    const all = await loadMnist(folder)
    data = { train: slice(all.train, 0, 6000), test: slice(all.test, 0, 1000) }
  })

  const run = async (supermask: SupermaskOptions, options: Partial<TrainOptions> = {}) => {
    const graph = mlp({ hidden: [64], classes: 10 })
    const result = await train({ graph, ...data, testEvery: 100, epochs: 3, ...options, supermask })
    const tensors = Object.values(result.tensors).map((t) => t.levels)
    const kept = tensors.map((levels) => levels.filter((l) => l !== 0).length / levels.length)
    const total = tensors.reduce((sum, levels, i) => sum + kept[i] * levels.length, 0) / (784 * 64 + 640)
    return { ...result, kept, total, accuracy: result.testAccuracy as number }
  }

  it.each<SupermaskOptions>([
    { coats: 3, density: 0.1, thresholds: 'adaptive' },
    { coats: 7, density: 0.1, thresholds: 'uniform' },
    { coats: 3, density: 0.1, scope: 'layer', allocation: 'erk' },
    { coats: 3, density: 0.1, frozen: { pruned: 0.6, locked: 0.02 } },
  ])('%j', async (supermask) => {
    const { total, accuracy } = await run(supermask)
    expect(total).toBeCloseTo(0.1, 3)
    expect(accuracy).toBeGreaterThan(0.8)
  })

  it('own densities and least per row', async () => {
    const { kept, tensors, accuracy } = await run({ density: 0.01, densities: { fc2: 0.4 }, leastPerRow: 6 })
    expect(kept[1]).toBeCloseTo(0.4, 3)
    expect(kept[0]).toBeGreaterThanOrEqual(0.01)
    const { levels } = tensors.fc1
    for (let r = 0; r < 64; r++) {
      expect(levels.subarray(784 * r, 784 * (r + 1)).filter((l) => l !== 0).length).toBeGreaterThanOrEqual(6)
    }
    expect(accuracy).toBeGreaterThan(0.6)
  })

  it.each<SupermaskOptions>([
    { coats: 3, budget: 5000, constantBits: 6 },
    { coats: 1, budget: 4000, constantBits: 6, density: 0.05, signs: 7 },
  ])('a byte budget is filled by the exported file: %j', async (supermask) => {
    const budget = supermask.budget as number
    const result = await run(supermask)
    expect(result.accuracy).toBeGreaterThan(0.7)
    expect(result.budget?.mask.density).toBeCloseTo(result.total, 3)
    const file = async (scaleBits: ConstantBits) =>
      encodeModel(await exportModel(result, { calibration: data.train, scaleBits, biasBits: scaleBits })).length
    const bytes = await file(6)
    expect(bytes).toBeLessThanOrEqual(budget)
    expect(bytes).toBeGreaterThan(0.99 * budget)
    // Larger constants than were set aside: weights make room.
    const wider = await file(8)
    expect(wider).toBeLessThanOrEqual(budget)
    expect(wider).toBeGreaterThan(0.99 * budget)
  })

  it('a budget survives an interruption: the same bits from a checkpoint', async () => {
    const supermask = { coats: 3, budget: 3000 } as const
    const checkpoints: Uint8Array[] = []
    const whole = await run(supermask, { onCheckpoint: (bytes) => void checkpoints.push(bytes) })
    expect(checkpoints.length).toBeGreaterThan(1)
    const resumed = await run(supermask, { resume: checkpoints[0] })
    expect(resumed.tensors).toEqual(whole.tensors)
    expect(resumed.budget).toEqual(whole.budget)
  })

  it('fixed thresholds: the density is an outcome, the lower the stronger the decay', async () => {
    const signed = (weightDecay: number) =>
      run(
        { scope: 'fixed', threshold: 0.4, init: 'xavier-uniform' },
        { decay: 'decoupled', learningRate: 0.4, weightDecay, labelSmoothing: 0 },
      )
    const weak = await signed(0.001)
    const strong = await signed(0.03)
    expect(strong.total).toBeLessThan(0.8 * weak.total)
    expect(strong.history.at(-1)?.density).toBeCloseTo(strong.total, 12)
    expect(strong.accuracy).toBeGreaterThan(0.8)
  })
})
