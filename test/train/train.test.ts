import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  ChainBuilder,
  chooseThresholds,
  type DataSet,
  exportModel,
  layerConstant,
  lenet,
  levelsFromScores,
  loadMnist,
  mlp,
  seededSigns,
  slice,
  supermask,
  type TrainOptions,
  testModel,
  train,
} from '../../src/compress.js'
import { decodeModel, encodeModel } from '../../src/format.js'
import { elements, inferShapes, isWeighted, weightShape } from '../../src/graph/ir.js'
import { Rng } from '../../src/rng.js'
import { base, bits, codeOf, squares } from './data.js'
import { derivative, forward, loss, nodeForward, type Params } from './plain.js'

describe('train', () => {
  it('takes the same three steps as a plain f64 implementation', async () => {
    const batch = 6
    const epochs = 3
    const data = squares(batch)
    const options = { batch, epochs, learningRate: 0.3, momentum: 0.8, weightDecay: 0.01, labelSmoothing: 0.1, seed: 5 }
    const graph = new ChainBuilder([1, 8, 8])
      .conv(2, 3, 0)
      .plain('batchnorm')
      .plain('relu')
      .plain('flatten')
      .dense(4)
      .plain('batchnorm')
      .build()
    const got = await train({
      ...options,
      graph,
      train: data,
      ramp: 0,
      refresh: 1,
      supermask: { coats: 3, density: 0.3 },
    })

    const rng = new Rng(options.seed)
    const shapes = inferShapes(graph)
    const mask = supermask({ coats: 3, density: 0.3 })
    const layers = graph.nodes.filter(isWeighted).map((node) => {
      const shape = weightShape(node, shapes.get(node.inputs[0])!)
      const fanIn = elements(shape) / shape[0]
      const scores = Float32Array.from({ length: elements(shape) }, () => rng.normal() * Math.sqrt(2 / fanIn))
      return {
        name: node.name,
        fanIn,
        scores,
        velocity: new Float64Array(scores.length),
        levels: new Int8Array(0),
        c: 0,
      }
    })
    const params: Params = { weights: {}, norms: {} }
    const normVelocity: Record<string, { gamma: Float64Array; beta: Float64Array }> = {}
    for (const node of graph.nodes) {
      if (node.op !== 'batchnorm') continue
      const channels = shapes.get(node.name)![0]
      params.norms[node.name] = { gamma: new Float64Array(channels).fill(1), beta: new Float64Array(channels) }
      normVelocity[node.name] = { gamma: new Float64Array(channels), beta: new Float64Array(channels) }
    }
    const order = Uint32Array.from({ length: batch }, (_, i) => i)
    for (let step = 0; step < epochs; step++) {
      rng.shuffle(order)
      const rate = options.learningRate * 0.5 * (1 + Math.cos((Math.PI * step) / epochs))
      const keys = layers
        .flatMap((l) => Array.from(l.scores, (a) => Math.abs(a) * Math.sqrt(l.fanIn)))
        .sort((a, b) => b - a)
      const first = keys[Math.round(mask.density * keys.length) - 1] * (1 - 1e-6)
      for (const l of layers) {
        l.levels = Int8Array.from(
          l.scores,
          (a) => Math.sign(a) * Math.min(3, Math.floor((Math.abs(a) * Math.sqrt(l.fanIn)) / first)),
        )
        const squares = l.levels.reduce((sum, v) => sum + v * v, 0)
        l.c = Math.sqrt((2 * l.levels.length) / (l.fanIn * squares))
        params.weights[l.name] = Float64Array.from(l.levels, (v) => v * l.c)
      }
      const x = new Float64Array(batch * 64)
      order.forEach((k, n) => {
        for (let i = 0; i < 64; i++) x[n * 64 + i] = data.images[k * 64 + i] / 255
      })
      const labels = Array.from(order, (k) => data.labels[k])
      const f = () => loss(forward(graph, x, batch, params), labels, batch, options.labelSmoothing)
      const slopes = layers.map((l) => derivative(params.weights[l.name], f))
      const sgd = (p: Float64Array | Float32Array, v: Float64Array, g: Float64Array, decay: number) => {
        for (let i = 0; i < p.length; i++) {
          const slope = g[i] + decay * p[i]
          v[i] = options.momentum * v[i] + slope
          p[i] -= rate * (slope + options.momentum * v[i])
        }
      }
      const normSlopes = Object.entries(params.norms).map(
        ([name, p]) => [name, derivative(p.gamma, f), derivative(p.beta, f)] as const,
      )
      layers.forEach((l, i) => {
        sgd(
          l.scores,
          l.velocity,
          slopes[i].map((g) => g * l.c),
          options.weightDecay,
        )
      })
      for (const [name, gamma, beta] of normSlopes) {
        sgd(params.norms[name].gamma, normVelocity[name].gamma, gamma, 0)
        sgd(params.norms[name].beta, normVelocity[name].beta, beta, 0)
      }
    }
    for (const l of layers) {
      expect(got.tensors[l.name].levels, l.name).toEqual(l.levels)
      expect(got.tensors[l.name].constant).toBeCloseTo(l.c, 5)
    }
    for (const [name, { gamma, beta }] of Object.entries(params.norms)) {
      gamma.forEach((v, i) => {
        expect(got.norms[name].gamma[i]).toBeCloseTo(v, 4)
        expect(got.norms[name].beta[i]).toBeCloseTo(beta[i], 4)
      })
    }
  })

  it('learns, reports, and hits the density', async () => {
    const events: number[] = []
    const result = await train({
      ...base(),
      epochs: 6,
      test: squares(200, 4, 9),
      onProgress: (e) => events.push(e.step),
      progressEvery: 5,
    })
    expect(result.testAccuracy).toBeGreaterThan(0.95)
    expect(result.history.map((e) => e.step)).toEqual(events)
    expect(result.history.at(-1)).toMatchObject({
      epoch: 6,
      step: 96,
      steps: 96,
      testAccuracy: result.testAccuracy,
    })
    expect(result.history.at(-1)?.density).toBeCloseTo(0.4, 2)
    expect(result.history.filter((e) => e.testAccuracy !== undefined)).toHaveLength(6)
    const levels = Object.values(result.tensors).flatMap((t) => Array.from(t.levels))
    expect(levels.filter((l) => l !== 0).length).toBe(Math.round(0.4 * levels.length))
  })

  it('gives the same bytes for the same seed, and others for another', async () => {
    const run = async (seed: number) => {
      const augment = { shift: 1, rotate: 5, scale: 0.05, shear: 0.05 }
      return bits(await train({ ...base(), seed, augment }))
    }
    const first = await run(3)
    expect(await run(3)).toBe(first)
    expect(await run(4)).not.toBe(first)
  })

  it('keeps the generator’s signs with seeded signs', async () => {
    const result = await train({
      ...base(),
      supermask: { coats: 3, density: 0.5, signs: 7, thresholds: 'uniform', scope: 'layer' },
    })
    for (const t of Object.values(result.tensors)) {
      const signs = seededSigns(t.shape, 7)
      expect(t.signSeed).toBe(7)
      expect(t.levels.some((l) => l !== 0)).toBe(true)
      t.levels.forEach((l, i) => {
        if (l !== 0) expect(Math.sign(l)).toBe(signs[i])
      })
    }
  })

  it('leaves the levels alone while they are frozen', async () => {
    const options = { ...base(), epochs: 4, ramp: 0.25 }
    const frozen = await train({ ...options, freeze: 0.5 })
    expect(Object.values(frozen.tensors).some((t) => t.levels.some((l) => l !== 0))).toBe(true)
    const moving = await train(options)
    expect(JSON.stringify(frozen.tensors)).not.toBe(JSON.stringify(moving.tensors))
    const density = Object.values(frozen.tensors)
      .flatMap((t) => [...t.levels])
      .filter((l) => l !== 0).length
    const all = Object.values(frozen.tensors).reduce((n, t) => n + t.levels.length, 0)
    expect(density).toBe(Math.round(0.4 * all))
  })

  it('learns with AdamW, decoupled decay, clipping, and every schedule', async () => {
    const variants: Partial<TrainOptions>[] = [
      { optimiser: 'adamw' },
      { decay: 'decoupled', weightDecay: 0.01, clip: 1 },
      { rampShape: 'cubic', schedule: 'linear' },
      { schedule: 'one-cycle' },
      { schedule: 'step' },
      { schedule: 'exponential', gamma: 0.01 },
      { schedule: 'constant', learningRate: 0.1, normRate: 0.5 },
    ]
    const results = new Set<string>()
    for (const variant of variants) {
      const result = await train({ ...base(), test: squares(200, 4, 9), epochs: 5, ...variant })
      expect(result.testAccuracy, JSON.stringify(variant)).toBeGreaterThan(0.9)
      results.add(bits(result))
    }
    expect(results.size).toBe(variants.length)
  })

  it('leaves the averages of scores and batch normalisation', async () => {
    const options = { ...base(), train: squares(320), epochs: 4, test: squares(200, 4, 9) }
    const plain = await train(options)
    // A decay of almost nothing: each average is the last value, but for rounding.
    const same = await train({ ...options, ema: 1e-12 })
    for (const [name, { levels }] of Object.entries(plain.tensors)) expect(same.tensors[name].levels).toEqual(levels)
    plain.norms.bn2.gamma.forEach((v, i) => {
      expect(same.norms.bn2.gamma[i]).toBeCloseTo(v, 4)
    })
    const averaged = await train({ ...options, ema: 0.9, freeze: 0.2 })
    expect(averaged.testAccuracy).toBeGreaterThan(0.9)
    expect(averaged.norms.bn2.gamma).not.toEqual((await train({ ...options, freeze: 0.2 })).norms.bn2.gamma)
    const levels = Object.values(averaged.tensors).flatMap((t) => Array.from(t.levels))
    expect(levels.filter((l) => l !== 0).length).toBe(Math.round(0.4 * levels.length))
  })

  it('measures the running statistics afresh at the end', async () => {
    const data = squares(96)
    const result = await train({ ...base(), train: data, epochs: 5, augment: { shift: 2 } })
    const node = result.graph.nodes[0]
    const { levels, constant } = result.tensors[node.name]
    const weights = { [node.name]: Float64Array.from(levels, (l) => l * constant) }
    const x = Float64Array.from(data.images, (v) => v / 255)
    const y = nodeForward(node, [x], [1, 8, 8], [4, 8, 8], 96, { weights, norms: {} })
    result.norms.bn1.mean.forEach((mean, c) => {
      const row = y.subarray(c * 96 * 64, (c + 1) * 96 * 64)
      expect(mean).toBeCloseTo(row.reduce((a, b) => a + b, 0) / row.length, 4)
    })
    const kept = await train({ ...base(), train: data, epochs: 5, augment: { shift: 2 }, statistics: 0 })
    expect(kept.tensors).toEqual(result.tensors)
    expect(kept.norms.bn1.mean).not.toEqual(result.norms.bn1.mean)
  })

  it('exports a network without batch normalisation', async () => {
    const data = squares(300)
    const graph = new ChainBuilder([1, 8, 8]).plain('flatten').dense(8).plain('relu').dense(4).build()
    const result = await train({ ...base(), graph, train: data, learningRate: 0.01, epochs: 10 })
    const model = await exportModel(result, { calibration: data })
    expect(model.layers.fc2.bias.codes).toEqual(new Uint8Array(4))
    expect(await testModel(result, data)).toBeGreaterThan(0.5)
  })

  it('exports a model whose file decodes to itself', async () => {
    const data = squares(300)
    const result = await train({ ...base(), train: data })
    const model = await exportModel(result, { calibration: data, scaleBits: 6, biasBits: 'f16' })
    expect(model.graph.nodes.map((n) => n.name)).toEqual(['conv1', 'relu1', 'pool1', 'flatten1', 'fc1'])
    expect(Object.keys(model.ranges).sort()).toEqual(['flatten1', 'image'])
    const back = decodeModel(encodeModel(model))
    expect(back.graph).toEqual(model.graph)
    expect(back.layers).toEqual(model.layers)
    expect(back.ranges).toEqual(model.ranges)
    expect(back.tensors.conv1.levels).toEqual(model.tensors.conv1.levels)
    const f16 = await testModel(result, data, { scaleBits: 'f16', biasBits: 'f16' })
    expect(Math.abs((await testModel(result, data)) - f16)).toBeLessThan(0.02)
    expect(f16).toBeGreaterThan(0.5)
  })

  it('can be aborted before and during the run', async () => {
    expect(await codeOf(train({ ...base(), signal: AbortSignal.abort() }))).toBe('E_ABORTED')
    const controller = new AbortController()
    const onProgress = () => controller.abort()
    let events = 0
    const work = train({
      ...base(),
      epochs: 10000,
      signal: controller.signal,
      onProgress: () => ++events && onProgress(),
    })
    expect(await codeOf(work)).toBe('E_ABORTED')
    expect(events).toBeGreaterThan(0)
  })

  it('lets timers run', async () => {
    let ticks = 0
    const timer = setInterval(() => ticks++, 10)
    await train({ ...base(), train: squares(4096), epochs: 10 })
    clearInterval(timer)
    expect(ticks).toBeGreaterThan(2)
  })

  it('refuses options out of range, naming them', async () => {
    const wrong: [Partial<TrainOptions>, RegExp][] = [
      [{ epochs: 0 }, /epochs must be a whole number from 1/],
      [{ batch: 1.5 }, /batch/],
      [{ learningRate: 0 }, /learningRate must be a number above 0/],
      [{ momentum: 1 }, /momentum/],
      [{ weightDecay: -1 }, /weightDecay/],
      [{ labelSmoothing: 1 }, /labelSmoothing/],
      [{ warmup: 0.9 }, /warmup/],
      [{ ramp: Number.NaN }, /ramp/],
      [{ freeze: 1 }, /freeze/],
      [{ refresh: 0 }, /refresh/],
      [{ testEvery: 0 }, /testEvery/],
      [{ progressEvery: 0 }, /progressEvery/],
      [{ seed: 0.5 }, /seed/],
      [{ optimiser: 'adam' as 'adamw' }, /optimiser must be one of sgd, adamw, got adam/],
      [{ optimiser: 'adamw', decay: 'coupled' }, /decay must be 'decoupled' with optimiser 'adamw'/],
      [{ normRate: -1 }, /normRate/],
      [{ beta1: 1 }, /beta1/],
      [{ beta2: 1 }, /beta2/],
      [{ epsilon: 0 }, /epsilon/],
      [{ clip: -1 }, /clip/],
      [{ ema: 1 }, /ema/],
      [{ ema: 0.9, statistics: 0 }, /statistics must be above 0 with ema/],
      [{ schedule: 'cosin' as 'cosine' }, /schedule must be one of cosine, linear/],
      [{ milestones: [0.5, 0.4] }, /milestones must ascend/],
      [{ milestones: [1] }, /milestones must ascend/],
      [{ checkpointEvery: 0 }, /checkpointEvery/],
      [{ checkpointMinutes: 0 }, /checkpointMinutes/],
      [{ resume: 'file' as unknown as Uint8Array }, /resume must be the Uint8Array/],
      [{ gamma: 0 }, /gamma/],
      [{ rampShape: 'square' as 'cubic' }, /rampShape/],
      [{ distill: { teacher: [] as unknown as Float32Array } }, /distill.teacher must be a function or a Float32Array/],
      [{ distill: { teacher: new Float32Array(2048), alpha: 2 } }, /distill.alpha/],
      [{ distill: { teacher: new Float32Array(2048), temperature: 0 } }, /distill.temperature/],
      [{ augment: { shift: 0.5 } }, /augment.shift/],
      [{ augment: { rotate: 200 } }, /augment.rotate/],
      [{ supermask: { coats: 2 as 1 } }, /supermask.coats must be 1, 3 or 7/],
      [{ supermask: { density: 0 } }, /supermask.density/],
      [{ supermask: { thresholds: 'cubic' as 'linear' } }, /supermask.thresholds/],
      [{ supermask: { scope: 'all' as 'layer' } }, /supermask.scope/],
      [{ supermask: { signs: 63 } }, /supermask.signs/],
    ]
    for (const [options, message] of wrong) {
      await expect(train({ ...base(), ...options })).rejects.toMatchObject({
        code: 'E_OPTION',
        message: expect.stringMatching(message),
      })
    }
  })

  it('refuses data that does not fit', async () => {
    const data = squares(64)
    const bad = (part: Partial<DataSet>) => codeOf(train({ ...base(), train: { ...data, ...part } }))
    expect(await bad({ labels: data.labels.subarray(1) })).toBe('E_DATA')
    expect(await bad({ labels: data.labels.map(() => 4) })).toBe('E_DATA')
    expect(await bad({ labels: new Uint8Array(0), images: new Uint8Array(0) })).toBe('E_DATA')
    expect(await bad({ shape: [1, 4, 16], classes: 2 })).toBe('E_DATA')
    expect(await codeOf(train({ ...base(), train: slice(data, 0, 31) }))).toBe('E_DATA')
    expect(await codeOf(train({ ...base(), graph: mlp({ hidden: [], classes: 4 }) }))).toBe('E_DATA')
    // More classes in the data than the network tells apart.
    expect(await codeOf(train({ ...base(), train: { ...squares(64, 4), classes: 5 } }))).toBe('E_DATA')
  })

  it('says to lower the learning rate when the loss is no longer finite', async () => {
    const graph = new ChainBuilder([1, 8, 8])
      .plain('flatten')
      .dense(200)
      .plain('relu')
      .dense(200)
      .plain('relu')
      .dense(4)
      .build()
    const work = train({ ...base(), graph, learningRate: 100, weightDecay: 1, epochs: 50 })
    await expect(work).rejects.toMatchObject({
      code: 'E_DATA',
      message: expect.stringMatching(/lower the learning rate/),
    })
  })

  const folder = new URL('../../data/mnist', import.meta.url).pathname
  it.skipIf(!existsSync(folder))(
    'reaches 97 % on MNIST with 2 epochs and 30 % of 5,960 ternary weights',
    { timeout: 60_000 },
    async () => {
      const data = await loadMnist(folder)
      const graph = lenet({
        stages: [
          { channels: 8, kernel: 5 },
          { channels: 16, kernel: 5 },
        ],
        hidden: [],
      })
      const result = await train({
        graph,
        train: data.train,
        test: data.test,
        testEvery: 2,
        epochs: 2,
        learningRate: 0.4,
        supermask: { density: 0.3 },
      })
      expect(result.testAccuracy).toBeGreaterThan(0.97)
      expect(await testModel(result, data.test, { scaleBits: 6, biasBits: 6 })).toBeGreaterThan(0.97)
      expect(
        encodeModel(await exportModel(result, { calibration: data.train, scaleBits: 6, biasBits: 6 })).length,
      ).toBeLessThan(1100)
    },
  )
})

describe('supermask', () => {
  const scores = (n: number, seed: number) => {
    const rng = new Rng(seed)
    return Float32Array.from({ length: n }, () => rng.normal())
  }
  const nonZeros = (levels: Int8Array) => levels.filter((l) => l !== 0).length

  it('with one coat is the top-k mask of edge-popup, with learned signs', () => {
    const a = scores(1000, 1)
    const k = 137
    const thresholds = chooseThresholds([{ scores: a, scale: 1 }], supermask({ density: k / 1000 }))
    const top = new Set(
      Array.from(a.keys())
        .sort((i, j) => Math.abs(a[j]) - Math.abs(a[i]))
        .slice(0, k),
    )
    expect(Array.from(levelsFromScores({ scores: a, scale: 1 }, thresholds))).toEqual(
      Array.from(a, (v, i) => (top.has(i) ? Math.sign(v) : 0)),
    )
  })

  it('hits every density exactly, over all layers or in each', () => {
    const groups = [
      { scores: scores(300, 1), scale: 2 },
      { scores: scores(700, 2), scale: 0.7 },
    ]
    for (const density of [0.001, 0.01, 0.333, 0.5, 1]) {
      for (const coats of [1, 3, 7] as const) {
        const t = chooseThresholds(groups, supermask({ density, coats }))
        const counts = groups.map((g) => nonZeros(levelsFromScores(g, t)))
        expect(counts[0] + counts[1]).toBe(Math.max(1, Math.round(density * 1000)))
        const own = chooseThresholds([groups[1]], supermask({ density, coats, scope: 'layer' }))
        expect(nonZeros(levelsFromScores(groups[1], own))).toBe(Math.max(1, Math.round(density * 700)))
      }
    }
  })

  it('spaces linear thresholds evenly, and uniform coats by density', () => {
    const group = { scores: scores(1400, 3), scale: 1 }
    const linear = chooseThresholds([group], supermask({ density: 0.5, coats: 7 }))
    linear.forEach((t, i) => {
      expect(t).toBeCloseTo(linear[0] * (i + 1), 5)
    })
    const uniform = chooseThresholds([group], supermask({ density: 0.5, coats: 7, thresholds: 'uniform' }))
    const levels = levelsFromScores(group, uniform)
    for (let coat = 1; coat <= 7; coat++) {
      expect(levels.filter((l) => Math.abs(l) >= coat).length).toBe((1400 * 0.5 * (8 - coat)) / 7)
    }
  })

  it('takes seeded signs', () => {
    const group = { scores: scores(64, 4), scale: 1 }
    const signs = seededSigns([8, 8], 3)
    const levels = levelsFromScores(group, Float32Array.of(0), signs)
    expect(Array.from(levels)).toEqual(Array.from(signs))
  })

  it('scales levels to the variance of He initialisation', () => {
    const levels = [1, 0, -3, 2, 0, 0, 1, -1]
    const squares = levels.reduce((s, l) => s + l * l, 0)
    const c = layerConstant(4, squares, levels.length)
    expect((squares * c * c) / levels.length).toBeCloseTo(2 / 4, 12)
  })
})
