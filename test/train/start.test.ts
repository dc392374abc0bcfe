/** Trainings that start from trained weights. */
import { beforeAll, describe, expect, it } from 'vitest'
import { type TrainOptions, type TrainResult, type TrainStart, train } from '../../src/compress.js'
import { parsePattern, violation } from '../../src/patterns.js'
import { Network } from '../../src/train/network.js'
import { trainedNorms } from '../../src/train/norms.js'
import { settings } from '../../src/train/settings.js'
import { createState } from '../../src/train/state.js'
import { base, bits, small, squares } from './data.js'

const test = squares(100, 4, 9)
const options = (more: Partial<TrainOptions> = {}): TrainOptions => ({ ...base(), test, ...more })

let dense: TrainResult
let levels: TrainResult
beforeAll(async () => {
  dense = await train(options({ supermask: 'none', learningRate: 0.1, epochs: 3 }))
  levels = await train(options({ supermask: { coats: 3, density: 0.4 } }))
})

/** The first parameters of a training, by the names of their layers, and its batch normalisation. */
async function begun(more: Partial<TrainOptions>) {
  const s = settings(options(more))
  const { net, weights } = createState(await Network.create(s.graph, s.batch), s)
  const values = weights.parameters.map(({ values, n }) => net.mem.f32(values, n).slice())
  return { values: Object.fromEntries(net.weighted.map(({ name }, i) => [name, values[i]])), norms: trainedNorms(net) }
}

const floats = ({ tensors }: TrainResult) =>
  Object.fromEntries(
    Object.entries(tensors).map(([name, t]) => [name, Float32Array.from(t.levels, (l) => Math.fround(t.constant) * l)]),
  )

describe('a start', () => {
  it('is what weights, scores and batch normalisation begin with', async () => {
    for (const supermask of ['none', {}, { coats: 3, signs: 3, scope: 'layer' }] as const) {
      const fromWeights = await begun({ supermask, start: dense })
      expect(fromWeights.values).toEqual(dense.weights)
      expect(fromWeights.norms).toEqual(dense.norms)
      const fromLevels = await begun({ supermask, start: levels })
      expect(fromLevels.values).toEqual(floats(levels))
      expect(fromLevels.norms).toEqual(levels.norms)
    }
  })

  it('that hardly moves is as good as the network it comes from', async () => {
    const more = { epochs: 1, learningRate: 1e-9, weightDecay: 0, statistics: 512 } as const
    const same = await train(options({ ...more, supermask: 'none', start: dense }))
    expect(same.testAccuracy).toBe(dense.testAccuracy)
    expect(dense.testAccuracy).toBeGreaterThan(0.9)
    const random = await train(options({ ...more, supermask: 'none' }))
    expect(random.testAccuracy).toBeLessThan(0.7)
  })

  it('of a dense network is pruned to a pattern', async () => {
    const pattern = { rule: parsePattern('PS2_P6'), layers: ['conv1'], evolve: 'penalty', mine: true } as const
    const more: Partial<TrainOptions> = { epochs: 4, refresh: 2, learningRate: 0.05, supermask: { coats: 3, pattern } }
    const pruned = await train(options({ ...more, start: dense }))
    const { pattern: own, shape, levels } = pruned.tensors.conv1
    expect(own && violation(own, shape, levels)).toBeUndefined()
    expect(own).toBeDefined()
    expect(pruned.testAccuracy).toBeGreaterThan(0.9)
    expect(bits(pruned)).not.toBe(bits(await train(options(more))))
  })

  it('gives the same bits after an interruption, and belongs to the checkpoint', async () => {
    const more: Partial<TrainOptions> = { supermask: { density: 0.3 }, start: dense, epochs: 3 }
    const checkpoints: Uint8Array[] = []
    const whole = await train({ ...options(more), onCheckpoint: (bytes) => void checkpoints.push(bytes) })
    expect(checkpoints).toHaveLength(3)
    for (const resume of checkpoints) expect(bits(await train({ ...options(more), resume }))).toBe(bits(whole))
    const { start: _, ...without } = options(more)
    for (const other of [without, options({ ...more, start: levels })]) {
      await expect(train({ ...other, resume: checkpoints[0] })).rejects.toMatchObject({
        code: 'E_OPTION',
        message: expect.stringMatching(/from another start/),
      })
    }
  })
})

describe('a start that does not fit', () => {
  type Parts = { weights: Record<string, Float32Array>; norms: Record<string, Record<string, unknown>> }
  const [conv, fc, norm] = ['conv1', 'fc1', 'bn1']
  const changes: [string, (parts: Parts) => unknown, RegExp][] = [
    [
      'a layer is missing',
      (p) => delete p.weights[fc],
      /start\.weights\.fc1 must be .* 256 finite numbers, got nothing/,
    ],
    [
      'a layer too many',
      (p) => Object.assign(p.weights, { fc9: p.weights[fc] }),
      /weights must be those of .*'fc9' too/,
    ],
    ['another length', (p) => Object.assign(p.weights, { [conv]: new Float32Array(35) }), /conv1 must .* 36 .* got 35/],
    ['not finite', (p) => Object.assign(p.weights, { [conv]: new Float32Array(36).fill(NaN) }), /conv1.*NaN or inf/],
    ['no array', (p) => Object.assign(p.weights, { [conv]: [1] }), /conv1.*got object/],
    ['a norm is missing', (p) => delete p.norms[norm], /start\.norms\.bn1\.gamma must be .* got nothing/],
    ['no norms', (p) => Object.assign(p, { norms: undefined }), /norms\.bn1/],
    ['a norm too many', (p) => Object.assign(p.norms, { n: p.norms[norm] }), /start\.norms must be those of .*'n' too/],
    ['no epsilon', (p) => Object.assign(p.norms[norm], { eps: 0 }), /eps must be a number above 0, got 0/],
    ['a negative variance', (p) => (p.norms[norm].variance as Float32Array).fill(-1), /variance must be at least 0/],
  ]

  it.each(changes)('%s', async (_, change, message) => {
    const parts = structuredClone({ weights: dense.weights, norms: dense.norms }) as unknown as Parts
    change(parts)
    const onProgress = () => expect.unreachable()
    await expect(train(options({ start: parts as unknown as TrainStart, onProgress }))).rejects.toMatchObject({
      code: 'E_DATA',
      message: expect.stringMatching(message),
    })
  })

  it('another graph, no weights at all, and weights beside levels', async () => {
    const graph = small()
    const nodes = graph.nodes.map((n) => (n.op === 'conv2d' ? { ...n, channels: 5 } : n))
    const refused = (more: Partial<TrainOptions>) =>
      expect(train(options(more))).rejects.toMatchObject({ code: 'E_DATA', message: expect.stringMatching(/start\./) })
    await refused({ graph: { ...graph, nodes }, start: dense })
    await refused({ start: { norms: dense.norms } })
    await refused({ start: { norms: dense.norms, tensors: { conv1: {} as never } } })
  })
})
