/** Optimisers and averages against plain f64 loops, on numbers of which the gradients are given. */
import { beforeEach, describe, expect, it } from 'vitest'
import { Rng } from '../../src/rng.js'
import { Averages } from '../../src/train/ema.js'
import { TrainMemory } from '../../src/train/memory.js'
import { Optimiser, type OptimiserSettings } from '../../src/train/optimiser.js'
import type { Parameter } from '../../src/train/weights.js'

const defaults: OptimiserSettings = {
  optimiser: 'sgd',
  momentum: 0.8,
  beta1: 0.7,
  beta2: 0.9,
  epsilon: 1e-3,
  weightDecay: 0.1,
  decay: 'coupled',
  normRate: 0.5,
  clip: 0,
}
const RATES = [0.3, 0.2, 0.1, 0.25]
const N = 7

let mem: TrainMemory
let scores: Parameter
let norms: Parameter
beforeEach(async () => {
  mem = await TrainMemory.create()
  const parameter = (scale: number): Parameter => ({
    values: mem.words(N),
    gradient: mem.words(N),
    n: N,
    signs: 0,
    scale,
  })
  scores = parameter(0.5)
  norms = parameter(1)
})

/** Runs the optimiser with drawn gradients; beside it, `move` runs on f64 copies: one call per parameter and step. */
function compare(
  settings: OptimiserSettings,
  move: (p: Float64Array, gradient: Float64Array, rate: number, decay: number, count: number, which: number) => void,
): void {
  const rng = new Rng(3)
  const both = [scores, norms]
  const optimiser = new Optimiser(mem, [scores], [norms], settings)
  const plain = both.map(({ values }) => {
    const view = mem.f32(values, N).map(() => rng.normal())
    mem.f32(values, N).set(view)
    return Float64Array.from(view)
  })
  RATES.forEach((rate, i) => {
    const gradients = both.map(({ gradient, scale }) => {
      mem.f32(gradient, N).set(Float32Array.from({ length: N }, () => rng.normal()))
      return Float64Array.from(mem.f32(gradient, N), (g) => g * scale)
    })
    const norm = Math.hypot(...gradients.flatMap((g) => [...g]))
    const factor = settings.clip === 0 ? 1 : Math.min(1, settings.clip / norm)
    optimiser.step(i + 1, rate, false)
    plain.forEach((p, which) => {
      const [factorOfRate, decay] = which === 0 ? [1, settings.weightDecay] : [settings.normRate, 0]
      const slope = gradients[which].map((g) => g * factor)
      move(p, slope, rate * factorOfRate, decay, i + 1, which)
    })
  })
  both.forEach(({ values }, which) => {
    mem.f32(values, N).forEach((v, k) => {
      expect(v).toBeCloseTo(plain[which][k], 5)
    })
  })
}

function sgd(settings: OptimiserSettings) {
  const velocities = [new Float64Array(N), new Float64Array(N)]
  const decoupled = settings.decay === 'decoupled'
  compare(settings, (p, gradient, rate, decay, _, which) => {
    const v = velocities[which]
    p.forEach((old, i) => {
      const g = gradient[i] + (decoupled ? 0 : decay * old)
      v[i] = settings.momentum * v[i] + g
      p[i] = old - rate * (g + settings.momentum * v[i]) - (decoupled ? rate * decay * old : 0)
    })
  })
}

describe('optimiser', () => {
  it('sgd with coupled and decoupled decay', () => {
    sgd(defaults)
    sgd({ ...defaults, decay: 'decoupled' })
  })

  it('scales down gradients whose norm, over all parameters, is above the limit', () => {
    sgd({ ...defaults, clip: 0.7 })
    sgd({ ...defaults, clip: 1000 })
  })

  it('adamw', () => {
    const settings: OptimiserSettings = { ...defaults, optimiser: 'adamw', decay: 'decoupled' }
    const { beta1, beta2, epsilon } = settings
    const moments = [0, 1].map(() => ({ m: new Float64Array(N), v: new Float64Array(N) }))
    compare(settings, (p, gradient, rate, decay, count, which) => {
      const { m, v } = moments[which]
      gradient.forEach((g, i) => {
        m[i] = beta1 * m[i] + (1 - beta1) * g
        v[i] = beta2 * v[i] + (1 - beta2) * g * g
        const [mean, square] = [m[i] / (1 - beta1 ** count), v[i] / (1 - beta2 ** count)]
        p[i] -= (rate * mean) / (Math.sqrt(square) + epsilon) + rate * decay * p[i]
      })
    })
  })

  it('leaves frozen scores alone', () => {
    mem.f32(scores.values, N).fill(2)
    mem.f32(norms.values, N).fill(2)
    for (const { gradient } of [scores, norms]) mem.f32(gradient, N).fill(1)
    new Optimiser(mem, [scores], [norms], defaults).step(1, 0.1, true)
    expect([...mem.f32(scores.values, N)]).toEqual(new Array(N).fill(2))
    expect(mem.f32(norms.values, N)[0]).toBeLessThan(2)
  })

  it('passes a gradient through seeded signs', () => {
    const signs = mem.bytes(N)
    mem.i8(signs, N).set([1, -1, 1, -1, 1, -1, 1])
    mem.f32(scores.values, N).set([1, 1, -1, -1, 1, 1, -1])
    mem.f32(scores.gradient, N).fill(1)
    const settings: OptimiserSettings = { ...defaults, momentum: 0, weightDecay: 0 }
    new Optimiser(mem, [{ ...scores, signs, scale: 1 }], [], settings).step(1, 0.5, false)
    expect([...mem.f32(scores.values, N)]).toEqual([0.5, 1.5, -0.5, -1.5, 0.5, 1.5, -0.5])
  })
})

describe('averages', () => {
  it('follow the values, quickly at first, and replace them', () => {
    const values = mem.f32(scores.values, N).fill(4)
    const averages = new Averages(mem, [scores], 0.5)
    let expected = 4
    for (let count = 0; count < 12; count++) {
      values.fill(count)
      averages.update(count)
      const decay = Math.min(0.5, (1 + count) / (10 + count))
      expected = decay * expected + (1 - decay) * count
    }
    averages.install()
    for (const v of mem.f32(scores.values, N)) expect(v).toBeCloseTo(expected, 5)
  })
})
