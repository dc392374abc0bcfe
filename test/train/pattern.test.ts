/** Training with sparsity patterns: every choice keeps to them, and the bits depend on nothing but options, data and seed. */
import { describe, expect, it } from 'vitest'
import {
  ChainBuilder,
  exportModel,
  type PatternOptions,
  type SupermaskOptions,
  supermask,
  type TrainOptions,
  train,
} from '../../src/compress.js'
import { decodeModel, encodeModel } from '../../src/format.js'
import {
  capacity,
  type GroupPattern,
  type Pattern,
  type PeriodicPattern,
  parsePattern,
  project,
  violation,
} from '../../src/patterns.js'
import { Rng } from '../../src/rng.js'
import { MaskedWeights } from '../../src/train/masked.js'
import { Network } from '../../src/train/network.js'
import { Optimiser } from '../../src/train/optimiser.js'
import { settings } from '../../src/train/settings.js'
import { base, bits, codeOf, squares } from './data.js'

/** Weights [8, 1, 3, 3], [10, 8, 3, 3], [12, 160], [4, 12]. */
const graph = () =>
  new ChainBuilder([1, 8, 8])
    .conv(8, 3, 1)
    .plain('batchnorm')
    .plain('relu')
    .pool('maxpool', [2, 2])
    .conv(10, 3, 1)
    .plain('batchnorm')
    .plain('relu')
    .plain('flatten')
    .dense(12)
    .plain('batchnorm')
    .plain('relu')
    .dense(4)
    .plain('batchnorm')
    .build()

const options = (
  pattern: PatternOptions,
  more: Partial<TrainOptions> = {},
  mask: SupermaskOptions = {},
): TrainOptions => ({
  ...base(),
  graph: graph(),
  train: squares(320),
  epochs: 4,
  refresh: 1,
  learningRate: 0.2,
  ...more,
  supermask: { coats: 3, ...mask, pattern },
})

const rule = parsePattern
/** Some of each family, and which layers they fit. */
const families: [string, PatternOptions, string[]][] = [
  ['2:4', { rule: rule('2:4') }, ['conv2', 'fc1']],
  ['complementary:4', { rule: rule('complementary:4') }, ['conv2', 'fc1']],
  ['complementary:2/5', { rule: rule('complementary:2/5'), regroup: false }, ['conv2', 'fc1']],
  ['segments:4', { rule: rule('segments:4') }, ['conv2', 'fc1']],
  ['1:4, transfer', { rule: rule('1:4'), evolve: 'transfer' }, ['conv2', 'fc1']],
  ['complementary:4, transfer', { rule: rule('complementary:4'), evolve: 'transfer' }, ['conv2', 'fc1']],
  ['cgs:2/2', { rule: rule('cgs:2/2', 5) }, ['conv2', 'fc1']],
  ['hcgs:4/2,2/2', { rule: rule('hcgs:4/2,2/2', 5) }, ['conv2', 'fc1']],
  ['PS2_P6', { rule: rule('PS2_P6') }, ['conv2']],
]

/** Patterns that are open at first, and the share of the steps after which they are not. */
const opening: [string, PatternOptions, string[], number][] = [
  ['1:4, penalty', { rule: rule('1:4'), evolve: 'penalty' }, ['conv2', 'fc1'], 0.5],
  ['complementary:4, penalty', { rule: rule('complementary:4'), evolve: 'penalty' }, ['conv2', 'fc1'], 0.5],
  ['segments:4, penalty', { rule: rule('segments:4'), evolve: 'penalty', settle: 0.3 }, ['conv2', 'fc1'], 0.3],
  ['cgs:2/2, penalty', { rule: rule('cgs:2/2', 5), evolve: 'penalty' }, ['conv2', 'fc1'], 0.5],
  ['PS2_P6, penalty', { rule: rule('PS2_P6'), evolve: 'penalty' }, ['conv2'], 0.5],
  ['PSD2_P5, mined', { rule: rule('PSD2_P5'), mine: true }, ['conv2'], 0.1],
  ['PS4_P4, mined, penalty', { rule: rule('PS4_P4'), mine: true, evolve: 'penalty' }, ['conv2'], 0.5],
]

async function create(mask: SupermaskOptions) {
  const net = await Network.create(graph(), 4)
  const masked = new MaskedWeights(net, supermask(mask), new Rng(7))
  const tensor = (name: string) => {
    const t = masked.tensors.find(({ weights }) => weights.name === name)
    if (t === undefined) throw new Error(name)
    const { n } = t.weights
    const { mem } = net
    return {
      ...t,
      scores: mem.f32(t.scores, n),
      levels: mem.i8(t.levels, n),
      states: mem.i8(t.frozen, n),
      grad: mem.f32(t.weights.grad, n),
    }
  }
  return { net, masked, tensor }
}

/** Moves all scores by random steps, as an optimiser would. */
function shake({ net, masked }: Awaited<ReturnType<typeof create>>, rng: Rng): void {
  for (const t of masked.tensors) {
    const scores = net.mem.f32(t.scores, t.weights.n)
    for (let i = 0; i < scores.length; i++) scores[i] += 0.1 * rng.normal()
  }
}

describe.each(families)('%s', (_, pattern, layers) => {
  it('levels keep to the pattern after every choice, and use all that it allows', async () => {
    const made = await create({ coats: 3, pattern })
    const rng = new Rng(5)
    for (const progress of [0, 0.05, 0.1, 0.3, 0.6, 0.75, 0.9, 1]) {
      shake(made, rng)
      made.masked.refresh(1, progress)
      made.masked.apply()
      const { tensors } = made.masked.trained()
      expect(Object.keys(tensors).filter((name) => tensors[name].pattern !== undefined)).toEqual(layers)
      for (const { shape, levels, pattern: own } of Object.values(tensors)) {
        const kept = levels.filter((l) => l !== 0).length
        if (own === undefined) expect(kept).toBe(levels.length)
        else {
          expect(violation(own, shape, levels)).toBeUndefined()
          expect(kept).toBe(capacity(own, shape))
        }
      }
    }
  })
})

describe.each(opening)('%s', (_, pattern, layers, settle) => {
  it('any score may be a level, in the end those on the pattern', async () => {
    const made = await create({ coats: 3, pattern })
    const rng = new Rng(5)
    const patterned = () => Object.entries(made.masked.trained().tensors).filter(([name]) => layers.includes(name))
    const kept = (levels: Int8Array) => levels.filter((l) => l !== 0).length
    for (const progress of [0, 0.05, 0.1, 0.2, 0.4, 0.49, 0.5, 0.9, 1]) {
      shake(made, rng)
      made.masked.refresh(1, progress)
      made.masked.apply()
      for (const [name, { shape, levels, pattern: own }] of patterned()) {
        const most = capacity(pattern.rule, shape)
        const off = made.tensor(name).states.filter((s) => s < 0).length
        if (progress < settle) {
          expect(own).toBeUndefined()
          expect(off).toBe(0)
          // As many as the best quantiser of normal numbers with seven steps does not round to 0.
          expect(kept(levels) / levels.length).toBeCloseTo(0.75, 1)
        } else {
          expect(violation(own as Pattern, shape, levels)).toBeUndefined()
          expect(kept(levels)).toBe(most)
          expect(off).toBe(levels.length - most)
        }
      }
    }
  })

  it('is cut by the last choice at the latest', async () => {
    const made = await create({ coats: 3, pattern: { ...pattern, settle: 1 } })
    made.masked.refresh(1, 0)
    made.masked.refresh(1, 0.5)
    made.masked.refresh(1, 0.5, true)
    made.masked.apply()
    for (const name of layers) {
      const { shape, levels, pattern: own } = made.masked.trained().tensors[name]
      expect(violation(own as Pattern, shape, levels)).toBeUndefined()
    }
  })
})

describe.each<[string, PatternOptions, string[], number?]>([...families, ...opening])('%s', (_, pattern, layers) => {
  it('a training and its checkpoints give the same bits; the file keeps to the pattern', async () => {
    const checkpoints: Uint8Array[] = []
    const onCheckpoint = (bytes: Uint8Array) => {
      checkpoints.push(bytes)
    }
    const whole = await train({ ...options(pattern), onCheckpoint })
    for (const resume of checkpoints) expect(bits(await train({ ...options(pattern), resume }))).toBe(bits(whole))
    const model = await exportModel(whole, { calibration: squares(64) })
    const read = decodeModel(encodeModel(model))
    let patterned = 0
    for (const [name, { shape, levels, pattern: own }] of Object.entries(model.tensors)) {
      if (own === undefined) continue
      patterned++
      expect(violation(own, shape, levels)).toBeUndefined()
      expect(levels.filter((l) => l !== 0).length).toBe(capacity(own, shape))
      expect(read.tensors[name].levels).toEqual(levels)
    }
    expect(patterned).toBe(layers.length)
  })
})

describe('groups', () => {
  it('regrouped filters are kept in the result, chosen once', async () => {
    const made = await create({ pattern: { rule: rule('complementary:4') } })
    const order = () => (made.masked.trained().tensors.fc1.pattern as GroupPattern).order
    const rng = new Rng(2)
    made.masked.refresh(1, 0)
    expect(order()).toBeUndefined()
    made.masked.refresh(1, 0.1)
    const chosen = order()
    expect(chosen).toHaveLength(12)
    for (const progress of [0.11, 0.5, 0.8]) {
      shake(made, rng)
      made.masked.refresh(1, progress)
      expect(order()).toEqual(chosen)
    }
  })

  it('projected places are those of the largest scores, until they settle', async () => {
    const made = await create({ pattern: { rule: rule('1:4'), settle: 0.5 } })
    const rng = new Rng(3)
    const { shape } = made.tensor('fc1').weights
    const mask = () => Array.from(project(rule('1:4'), shape, made.tensor('fc1').scores))
    const on = () => Array.from(made.tensor('fc1').states, (s) => s + 1)
    for (const progress of [0, 0.2, 0.5]) {
      shake(made, rng)
      made.masked.refresh(1, progress)
      expect(on()).toEqual(mask())
    }
    const settled = on()
    shake(made, rng)
    made.masked.refresh(1, 0.6)
    expect(on()).toEqual(settled)
    expect(on()).not.toEqual(mask())
  })

  it('scores off the pattern are pulled, also where their signs are given', async () => {
    for (const signs of ['learned', 3] as const) {
      const { masked, tensor } = await create({ signs, pattern: { rule: rule('1:4'), pull: 0.01 } })
      masked.refresh(1, 0)
      masked.apply()
      const t = tensor('fc1')
      t.grad.fill(0)
      masked.confine(0, false)
      const scale = masked.parameters[2].scale
      let pulled = 0
      t.states.forEach((state, i) => {
        const slope = Math.abs(t.grad[i] * scale)
        expect(slope).toBeCloseTo(state < 0 ? 0.01 * Math.abs(t.scores[i]) : 0, 6)
        if (state < 0) pulled++
      })
      expect(pulled).toBe((160 * 12 * 3) / 4)
    }
  })

  it('scores off the pattern shrink where nothing else moves them', async () => {
    for (const signs of ['learned', 3] as const) {
      const { net, masked, tensor } = await create({ signs, pattern: { rule: rule('1:4'), pull: 0.1 } })
      masked.refresh(1, 0)
      masked.apply()
      const { scores, states, grad } = tensor('fc1')
      const before = scores.slice()
      const still = { ...settings(options({ rule: rule('1:4') })), momentum: 0, weightDecay: 0 }
      const optimiser = new Optimiser(net.mem, masked.parameters, [], still)
      grad.fill(0)
      masked.confine(0, false)
      optimiser.step(1, 0.5, false)
      scores.forEach((v, i) => {
        expect(v / before[i]).toBeCloseTo(states[i] < 0 ? 0.95 : 1, 5)
      })
    }
  })

  it('transfer moves places by gradients, less and less, and keeps their number', async () => {
    const made = await create({ pattern: { rule: rule('1:4'), evolve: 'transfer' } })
    const { masked, tensor } = made
    masked.refresh(1, 0)
    masked.refresh(1, 0.1)
    const moved = (progress: number) => {
      const before = tensor('fc1').states.slice()
      const rng = new Rng(9)
      const { grad } = tensor('fc1')
      for (let i = 0; i < grad.length; i++) grad[i] = rng.normal()
      masked.confine(progress, true)
      const { states, scores } = tensor('fc1')
      expect(states.filter((s) => s === 0).length).toBe(480)
      // Only scores on the pattern are trained, and the new ones go downhill.
      states.forEach((s, i) => {
        if (s < 0) expect(grad[i]).toBe(0)
        else if (before[i] < 0) expect(scores[i] * grad[i]).toBeLessThan(0)
      })
      return states.filter((s, i) => s === 0 && before[i] < 0).length
    }
    expect(moved(0.1)).toBe(Math.floor(0.15 * (1 + Math.cos((Math.PI * 0.1) / 0.75)) * 480))
    expect(moved(0.5)).toBe(Math.floor(0.15 * (1 + Math.cos((Math.PI * 0.5) / 0.75)) * 480))
    masked.refresh(1, 0.75)
    expect(moved(0.75)).toBe(0)
  })

  it('say that scores are no longer finite, wherever they are', async () => {
    const { masked, tensor } = await create({ pattern: { rule: rule('1:4') } })
    masked.refresh(1, 0)
    const { states, scores } = tensor('fc1')
    scores[states.indexOf(-1)] = Number.NaN
    expect(() => masked.refresh(1, 0.1)).toThrow(/diverged/)
  })
})

describe('a rising penalty', () => {
  const patterns = ['1:4', 'cgs:2/2'].flatMap((name) =>
    (['learned', 3] as const).map((signs) => [name, signs] as const),
  )
  it.each(patterns)('%s, signs %s: scores off the pattern fade, more in each step', async (name, signs) => {
    const { net, masked, tensor } = await create({
      signs,
      pattern: { rule: rule(name), evolve: 'penalty', pull: 0.1, settle: 0.75 },
    })
    const { scores, grad, weights } = tensor('fc1')
    const still = { ...settings(options({ rule: rule('1:4') })), momentum: 0, weightDecay: 0 }
    const optimiser = new Optimiser(net.mem, masked.parameters, [], still)
    // Groups keep the largest of their scores: while nothing else moves them, always the same.
    const own = rule(name)
    const mask = project(own.kind === 'blocks' ? { ...own, seed: own.seed + 2 } : own, weights.shape, scores)
    const energy = (on: number) => scores.reduce((sum, v, i) => sum + (mask[i] === on ? v * v : 0), 0)
    const before = energy(1)
    let factor = 1
    for (const progress of [0, 0.05, 0.1, 0.2, 0.425, 0.6, 0.74]) {
      masked.refresh(1, progress)
      masked.apply()
      const off = energy(0)
      grad.fill(0)
      masked.confine(progress, false)
      optimiser.step(1, 1, false)
      const next = 1 - (0.1 * Math.max(0, progress - 0.1)) / 0.65
      expect(energy(0) / off).toBeCloseTo(next ** 2, 4)
      expect(energy(1)).toBe(before)
      expect(next).toBeLessThanOrEqual(factor)
      factor = next
    }
    expect(factor).toBeLessThan(0.91)
    masked.refresh(1, 0.75)
    grad.fill(1)
    masked.confine(0.75, false)
    expect(Array.from(grad)).toEqual(Array.from(mask))
  })

  it('is larger by default than that of projected groups', () => {
    const pull = (evolve: 'projected' | 'penalty') =>
      supermask({ pattern: { rule: rule('1:4'), evolve } }).pattern?.pull
    expect(pull('penalty')).toBeGreaterThan(10 * (pull('projected') as number))
  })
})

describe('mined taps', () => {
  /** Of all sets of so many taps the one with the most energy in the kernels of a place in the period. */
  function bestSet(scores: Float32Array, [out, ins]: readonly number[], period: number, slot: number, count: number) {
    let [best, most] = [[] as number[], -1]
    for (let set = 0; set < 512; set++) {
      const taps = [...Array(9).keys()].filter((t) => (set >> t) & 1)
      if (taps.length !== count) continue
      let energy = 0
      for (let n = 0; n < out; n++) {
        for (let c = 0; c < ins; c++) {
          if ((n + c) % period === slot) for (const t of taps) energy += scores[(n * ins + c) * 9 + t] ** 2
        }
      }
      if (energy > most) [best, most] = [taps, energy]
    }
    return best
  }

  it.each(['projected', 'penalty'] as const)('%s: those with the most energy when the warm-up ends', async (evolve) => {
    for (const name of ['PS4_P4', 'PSD2_P5', 'PS1_P9']) {
      const given = rule(name) as PeriodicPattern
      const made = await create({ pattern: { rule: given, layers: ['conv1', 'conv2'], mine: true, evolve } })
      const rng = new Rng(4)
      for (const progress of [0, 0.05]) {
        made.masked.refresh(1, progress)
        shake(made, rng)
      }
      const wanted = ['conv1', 'conv2'].map((layer) => {
        const { scores, weights } = made.tensor(layer)
        return given.taps.map(({ length }, slot) => bestSet(scores, weights.shape, given.taps.length, slot, length))
      })
      expect(wanted[0]).not.toEqual(wanted[1])
      for (const progress of [0.11, 0.3, 0.8]) {
        made.masked.refresh(1, progress)
        shake(made, rng)
      }
      const { conv1, conv2 } = made.masked.trained().tensors
      expect([conv1, conv2].map(({ pattern }) => pattern)).toEqual(wanted.map((taps) => ({ ...given, taps })))
    }
  })
})

describe('patterns that are given', () => {
  it.each(['cgs:2/2', 'PS2_P6'])('%s: scores off it never matter', async (name) => {
    const run = async (garbage: boolean) => {
      const { masked, tensor } = await create({ coats: 3, density: 0.2, scope: 'layer', pattern: { rule: rule(name) } })
      const t = tensor('conv2')
      for (let i = 0; garbage && i < t.states.length; i++) {
        if (t.states[i] < 0) t.scores[i] = [Number.NaN, 1e9, -7][i % 3]
      }
      masked.refresh(0.2, 0.5)
      masked.apply()
      t.grad.fill(1)
      masked.confine(0.5, false)
      return { levels: t.levels.slice(), grad: t.grad.slice(), constant: masked.numbers }
    }
    const clean = await run(false)
    expect(await run(true)).toEqual(clean)
    expect(clean.levels.filter((l) => l !== 0).length).toBe(Math.round(0.2 * 720))
  })

  it('blocks have a seed of their own in every layer', async () => {
    const { masked } = await create({ pattern: { rule: rule('cgs:2/2', 5) } })
    masked.refresh(1)
    masked.apply()
    const { conv2, fc1 } = masked.trained().tensors
    expect(conv2.pattern).toMatchObject({ seed: 6 })
    expect(fc1.pattern).toMatchObject({ seed: 7 })
  })
})

describe('with the other options', () => {
  it('a density below what the pattern allows thins it out', async () => {
    const made = await create({ density: 0.1, scope: 'layer', pattern: { rule: rule('complementary:4') } })
    made.masked.refresh(0.1, 1)
    made.masked.apply()
    for (const { shape, levels, pattern } of Object.values(made.masked.trained().tensors)) {
      expect(levels.filter((l) => l !== 0).length).toBe(Math.max(1, Math.round(0.1 * levels.length)))
      if (pattern) expect(violation(pattern, shape, levels)).toBeUndefined()
    }
  })

  it('a byte budget is met with the pattern kept', async () => {
    const given: PatternOptions[] = ['1:4', 'complementary:4', 'cgs:2/2'].map((name) => ({ rule: rule(name) }))
    const open: PatternOptions[] = ['1:4', 'cgs:2/2'].map((name) => ({ rule: rule(name), evolve: 'penalty' }))
    for (const pattern of [...given, ...open]) {
      const whole = await train(options({ ...pattern, layers: 'all' }, {}, { budget: 400, constantBits: 4 }))
      const model = await exportModel(whole, { calibration: squares(64), scaleBits: 4, biasBits: 4 })
      const bytes = encodeModel(model).length
      expect(bytes).toBeLessThanOrEqual(400)
      expect(bytes).toBeGreaterThan(360)
      for (const { pattern, shape, levels } of Object.values(model.tensors)) {
        if (pattern) expect(violation(pattern, shape, levels)).toBeUndefined()
      }
    }
  })

  it.each<[string, PatternOptions, SupermaskOptions, Partial<TrainOptions>]>([
    ['averages and frozen levels', { rule: rule('complementary:4') }, {}, { ema: 0.9, freeze: 0.4 }],
    ['seeded signs, adamw', { rule: rule('1:4'), evolve: 'transfer' }, { signs: 4 }, { optimiser: 'adamw' }],
    ['clipping, least per row', { rule: rule('cgs:2/2') }, { density: 0.1, leastPerRow: 3 }, { clip: 0.5 }],
    ['thresholds that stay', { rule: rule('2:4') }, { scope: 'fixed', threshold: 0.2 }, {}],
    ['penalty, averages, frozen early', { rule: rule('1:4'), evolve: 'penalty' }, {}, { ema: 0.9, freeze: 0.6 }],
    ['penalty to the end, all compete', { rule: rule('cgs:2/2'), evolve: 'penalty', settle: 1 }, { density: 0.4 }, {}],
    ['mined, thresholds that stay', { rule: rule('PS2_P6'), mine: true }, { scope: 'fixed', threshold: 0.2 }, {}],
  ])('%s', async (_, pattern, mask, more) => {
    const whole = await train(options(pattern, more, mask))
    for (const { pattern: own, shape, levels } of Object.values(whole.tensors)) {
      expect(levels.some((l) => l !== 0)).toBe(true)
      if (own) expect(violation(own, shape, levels)).toBeUndefined()
    }
    expect(bits(await train(options(pattern, more, mask)))).toBe(bits(whole))
  })
})

describe('what is refused', () => {
  const blocks = rule('cgs:2/2')
  const wrong: [SupermaskOptions, RegExp][] = [
    [{ pattern: { rule: rule('1:4') }, frozen: { pruned: 0.5 } }, /supermask\.frozen must be absent with a pattern/],
    [
      { pattern: { rule: blocks, evolve: 'transfer' } },
      /evolve must be 'projected' or 'penalty': the pattern's places/,
    ],
    [{ pattern: { rule: rule('1:4'), mine: true } }, /mine must be false but for periodic patterns/],
    [{ pattern: { rule: rule('PS4_P4'), mine: 1 as never } }, /mine must be true or false, got 1/],
    [{ pattern: { rule: blocks, evolve: 'penalty', pull: -1 } }, /pattern\.pull must be a number from 0 to 1, got -1/],
    [{ pattern: { rule: blocks, regroup: true } }, /regroup must be false but for groups along the outputs/],
    [{ pattern: { rule: rule('1:4'), regroup: true } }, /regroup must be false/],
    [{ pattern: { rule: rule('1:4'), pull: 2 } }, /pattern\.pull must be a number from 0 to 1, got 2/],
    [{ pattern: { rule: rule('1:4'), settle: 0 } }, /pattern\.settle must be a number from 0\.1 to 1, got 0/],
    [{ pattern: { rule: rule('1:4'), layers: 'some' as never } }, /pattern\.layers must be 'inner', 'all' or a list/],
    [
      { pattern: { rule: rule('1:4'), evolve: 'x' as never } },
      /evolve must be 'projected', 'transfer' or 'penalty', got x/,
    ],
    [{ pattern: { rule: { kind: 'groups', axis: 'in', of: 4, keep: 4 } as Pattern } }, /pattern\.keep must be/],
  ]
  it.each(wrong)('%j', (mask, message) => {
    expect(() => supermask(mask)).toThrow(message)
  })

  it('layers that are not there or that the pattern does not fit, and patterns that fit none', async () => {
    const message = (pattern: PatternOptions) =>
      create({ pattern }).then(
        String,
        (error: Error) => `${(error as never as { code: string }).code} ${error.message}`,
      )
    expect(await message({ rule: rule('1:4'), layers: ['fc9'] })).toMatch(/E_OPTION.*conv1, conv2, fc1, fc2.*'fc9'/)
    expect(await message({ rule: rule('PS2_P6'), layers: ['conv2', 'fc1'] })).toMatch(
      /E_OPTION.*does not fit layers: 'fc1' \[12, 160\]: it is for 3 x 3 kernels/,
    )
    expect(await message({ rule: rule('1:200') })).toMatch(/E_OPTION.*does not fit any layer: 'conv2'.*'fc1'/)
    expect(await codeOf(create({ pattern: { rule: rule('1:4'), layers: [] } }))).toBe('E_OPTION')
  })
})
