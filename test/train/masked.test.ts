/** The supermask in training against the plain pieces of src/compress, on a real network. */
import { describe, expect, it } from 'vitest'
import { countMagnitudes, thresholdsFrom } from '../../src/compress/thresholds.js'
import {
  ChainBuilder,
  chooseThresholds,
  drawFrozen,
  layerDensities,
  levelsAt,
  levelsFromScores,
  type SupermaskOptions,
  seededSigns,
  supermask,
} from '../../src/compress.js'
import { Rng } from '../../src/rng.js'
import { MaskedWeights } from '../../src/train/masked.js'
import { Network } from '../../src/train/network.js'
import { Optimiser } from '../../src/train/optimiser.js'
import { settings } from '../../src/train/settings.js'

const graph = () =>
  new ChainBuilder([2, 8, 8])
    .conv(5, 3, 1)
    .plain('batchnorm')
    .plain('relu')
    .conv(9, 3, 1)
    .plain('batchnorm')
    .plain('relu')
    .pool('maxpool', [2, 2])
    .plain('flatten')
    .dense(7)
    .plain('batchnorm')
    .build()

async function create(options: SupermaskOptions) {
  const net = await Network.create(graph(), 4)
  const mask = supermask(options)
  const masked = new MaskedWeights(net, mask, new Rng(7))
  const scores = () => masked.tensors.map((t) => net.mem.f32(t.scores, t.weights.n).slice())
  const levels = () => masked.tensors.map((t) => net.mem.i8(t.levels, t.weights.n).slice())
  return { net, mask, masked, scores, levels }
}

/** What the levels must be, from the plain functions. */
async function expected(options: SupermaskOptions, density: number): Promise<Int8Array[]> {
  const { net, mask, masked, scores } = await create(options)
  const values = scores()
  const rng = new Rng(mask.frozen.seed)
  const layers = net.weighted.map((w, i) => {
    const drawn =
      mask.frozen.pruned + mask.frozen.locked > 0
        ? drawFrozen(w.n, mask.frozen, rng)
        : { frozen: new Int8Array(w.n), signs: new Int8Array(w.n) }
    const signs = mask.signs === 'learned' ? drawn.signs : seededSigns(w.shape, mask.signs)
    const scale = mask.scope === 'global' ? Math.sqrt(w.fanIn) : 1
    return { name: w.name, signs, group: { scores: values[i], scale, frozen: drawn.frozen } }
  })
  const densities = layerDensities(net.weighted, mask, density)
  const together = layers.filter((l) => mask.scope === 'global' && !Object.hasOwn(mask.densities, l.name))
  return layers.map((l, i) => {
    const groups = together.includes(l) ? together.map((t) => t.group) : [l.group]
    const thresholds =
      mask.scope === 'fixed'
        ? thresholdsFrom(
            countMagnitudes(groups),
            mask,
            Math.fround(mask.threshold * values[i].reduce((max, a) => Math.max(max, Math.abs(a)), 0)),
          )
        : chooseThresholds(groups, mask, densities[i])
    const levels = levelsFromScores(l.group, thresholds, l.signs)
    expect(masked.tensors[i].weights.name).toBe(l.name)
    return levels
  })
}

describe('levels of a network', () => {
  it.each<SupermaskOptions>([
    { coats: 1, density: 0.2 },
    { coats: 3, density: 0.3, thresholds: 'uniform' },
    { coats: 7, density: 0.3, thresholds: 'adaptive' },
    { coats: 3, density: 0.2, scope: 'layer' },
    { coats: 3, density: 0.2, scope: 'layer', allocation: 'erk', thresholds: 'adaptive' },
    { coats: 3, density: 0.1, densities: { conv1: 0.6, fc1: 0.05 } },
    { coats: 3, scope: 'fixed', threshold: 0.3, init: 'xavier-uniform' },
    { coats: 7, scope: 'fixed', threshold: 0.2, thresholds: 'uniform', init: 'kaiming-uniform' },
    { coats: 3, density: 0.3, frozen: { pruned: 0.5, locked: 0.1, seed: 4 } },
    { coats: 3, density: 0.3, frozen: { pruned: 0.2, locked: 0.2 }, signs: 9, scope: 'layer', thresholds: 'uniform' },
  ])('equal the plain functions: %j', async (options) => {
    for (const density of [1, 0.6, options.density ?? 0.1]) {
      const wanted = await expected(options, density)
      const { masked, levels, net, mask, scores } = await create(options)
      masked.refresh(density)
      masked.apply()
      expect(levels()).toEqual(wanted)
      if (mask.scope !== 'fixed' && density === mask.density) {
        const states = (p: number, n: number) => (p === 0 ? new Int8Array(n) : net.mem.i8(p, n).slice())
        const layers = masked.tensors.map(({ weights: w, signs, frozen }, i) => ({
          ...w,
          scores: scores()[i],
          signs: states(signs, w.n),
          frozen: states(frozen, w.n),
        }))
        expect(levelsAt(layers, mask)).toEqual(wanted)
      }
      const all = wanted.flatMap((l) => [...l])
      const kept = all.filter((l) => l !== 0).length / all.length
      expect(masked.density()).toBe(kept)
      masked.tensors.forEach((t, i) => {
        const weights = net.mem.f32(t.weights.weights, t.weights.n)
        expect(weights).toEqual(Float32Array.from(wanted[i], (l) => l * t.constant))
      })
    }
  })

  it('has at least so many in each row as wanted, the largest scores, and no others', async () => {
    const options = { density: 0.01, coats: 3 } as const
    const before = await create(options)
    const after = await create({ ...options, leastPerRow: 2 })
    for (const { masked } of [before, after]) {
      masked.refresh(0.01)
      masked.apply()
    }
    const layers = after.masked.tensors.map(({ weights }, i) => ({ ...weights, scores: after.scores()[i] }))
    expect(levelsAt(layers, after.mask)).toEqual(after.levels())
    let filled = 0
    after.levels().forEach((levels, i) => {
      const { shape } = after.net.weighted[i]
      const cols = levels.length / shape[0]
      const scores = after.scores()[i]
      for (let r = 0; r < shape[0]; r++) {
        const at = Array.from({ length: cols }, (_, c) => r * cols + c)
        const kept = at.filter((k) => before.levels()[i][k] !== 0)
        const largest = at.sort((a, b) => Math.abs(scores[b]) - Math.abs(scores[a])).slice(0, Math.max(2, kept.length))
        for (const k of at) {
          const old = before.levels()[i][k]
          expect(levels[k]).toBe(old !== 0 ? old : largest.includes(k) ? Math.sign(scores[k]) : 0)
          if (levels[k] !== old) filled++
        }
      }
    })
    expect(filled).toBeGreaterThan(5)
  })

  it('refuses densities of layers that are not there', async () => {
    await expect(create({ densities: { conv9: 0.5 } })).rejects.toMatchObject({
      code: 'E_OPTION',
      message: expect.stringMatching(/names 'conv9'.*those that have: conv1, conv2, fc1/),
    })
  })

  it('with a budget hands its state over as numbers', async () => {
    const options = { coats: 3, budget: 400, constantBits: 4 } as const
    const { masked } = await create(options)
    masked.refresh(0.5)
    const copy = (await create(options)).masked
    expect(copy.numbers).not.toEqual(masked.numbers)
    copy.numbers = masked.numbers
    expect(copy.numbers).toEqual(masked.numbers)
    await expect(create({ budget: 30 }).then(({ masked }) => masked.refresh(0.5))).rejects.toMatchObject({
      code: 'E_OPTION',
      message: expect.stringMatching(/graph and the constants alone take \d+/),
    })
  })

  it('says that scores are no longer finite', async () => {
    const { masked, net } = await create({})
    net.mem.f32(masked.tensors[1].scores, 1)[0] = Number.NaN
    expect(() => masked.refresh(0.5)).toThrow(/diverged/)
  })
})

describe('initial scores', () => {
  const bounds = async (init: SupermaskOptions['init']) => {
    const { scores } = await create({ ...(init && { init }) })
    return scores().map((s) => ({
      largest: s.reduce((max, a) => Math.max(max, Math.abs(a)), 0),
      variance: s.reduce((sum, a) => sum + a * a, 0) / s.length,
    }))
  }
  // Weights [5, 2, 3, 3], [9, 5, 3, 3], [7, 144]: fan-in 18, 45, 144; fan-out 45, 81, 7.
  it.each([
    ['xavier-uniform' as const, [18 + 45, 45 + 81, 144 + 7].map((fans) => Math.sqrt(6 / fans))],
    ['kaiming-uniform' as const, [18, 45, 144].map((fanIn) => Math.sqrt(1 / fanIn))],
  ])('%s fills its bounds evenly', async (init, wanted) => {
    const got = await bounds(init)
    got.forEach(({ largest, variance }, i) => {
      expect(largest).toBeLessThanOrEqual(wanted[i])
      expect(largest).toBeGreaterThan(0.95 * wanted[i])
      expect(variance / (wanted[i] ** 2 / 3)).toBeGreaterThan(0.75)
      expect(variance / (wanted[i] ** 2 / 3)).toBeLessThan(1.25)
    })
  })

  it('he-normal has the variance 2 / fan-in', async () => {
    const [, , dense] = await bounds(undefined)
    expect(dense.variance).toBeGreaterThan((0.85 * 2) / 144)
    expect(dense.variance).toBeLessThan((1.15 * 2) / 144)
  })
})

describe('a step on the scores', () => {
  /** Scores of the first tensor after one step with gradients of 1. */
  const stepped = async (options: SupermaskOptions) => {
    const { masked, net, scores } = await create({ coats: 3, density: 0.5, ...options })
    const { optimiser, momentum, ...rest } = settings({ graph: graph(), train: noise(), momentum: 0.8, weightDecay: 0 })
    const sgd = new Optimiser(net.mem, masked.parameters, [], { optimiser, momentum, ...rest })
    masked.refresh(0.5)
    masked.apply()
    const before = scores()[0]
    const t = masked.tensors[0]
    for (const { weights } of masked.tensors) net.mem.f32(weights.grad, weights.n).fill(1)
    sgd.step(1, 0.5, false)
    const signs = t.signs === 0 ? undefined : net.mem.i8(t.signs, t.weights.n).slice()
    return { before, after: scores()[0], c: t.constant, signs }
  }
  const noise = () => ({ shape: [2, 8, 8], images: new Uint8Array(128 * 128), labels: new Uint8Array(128), classes: 7 })
  const close = (got: Float32Array, wanted: (i: number) => number) => {
    got.forEach((v, i) => {
      expect(v).toBeCloseTo(wanted(i), 5)
    })
  }

  it('divides the gradient by the coats on request', async () => {
    const plain = await stepped({})
    close(plain.after, (i) => plain.before[i] - 0.5 * 1.8 * plain.c)
    const { before, after, c } = await stepped({ normalise: true })
    close(after, (i) => before[i] - (0.5 * 1.8 * c) / 3)
  })

  it('moves the size of a score whose sign is given', async () => {
    const { before, after, c, signs } = await stepped({ frozen: { locked: 0.3, pruned: 0.2 } })
    const given = signs as Int8Array
    expect(given.filter((s) => s !== 0).length).toBeGreaterThan(10)
    close(after, (i) => before[i] - 0.5 * 1.8 * c * (given[i] === 0 ? 1 : given[i] * Math.sign(before[i])))
  })
})
