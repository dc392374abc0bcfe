import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  checkpointInfo,
  exportModel,
  type ProgressEvent,
  type TrainOptions,
  type TrainResult,
  train,
} from '../../src/compress.js'
import { crc32 } from '../../src/format/crc32.js'
import { encodeModel } from '../../src/format.js'
import { base, bits, codeOf, small, squares } from './data.js'

const data = squares(300)
const test = squares(100, 4, 9)
const options = (more: Partial<TrainOptions> = {}): TrainOptions => ({
  ...base(),
  train: data,
  test,
  epochs: 3,
  progressEvery: 4,
  ...more,
})

/** Events without the times, which differ from run to run. */
const events = (history: readonly ProgressEvent[]) =>
  history.map(({ imagesPerSecond: _, secondsLeft: __, ...rest }) => rest)

const fileOf = async (result: TrainResult) => encodeModel(await exportModel(result, { calibration: data }))

/** Runs to the end, and keeps the checkpoints by their step. */
async function recorded(more: Partial<TrainOptions> = {}) {
  const checkpoints = new Map<number, Uint8Array>()
  const result = await train({
    ...options(more),
    onCheckpoint: (bytes, { step }) => {
      checkpoints.set(step, bytes)
    },
  })
  return { result, checkpoints }
}

/** Stops at the first event at or after a step, and returns the checkpoint of the abort. */
async function stoppedAt(step: number, more: Partial<TrainOptions>): Promise<Uint8Array> {
  const controller = new AbortController()
  let last: Uint8Array | undefined
  const work = train({
    ...options(more),
    signal: controller.signal,
    progressEvery: 1,
    onProgress: (e) => {
      if (e.step >= step) controller.abort()
    },
    onCheckpoint: (bytes) => {
      last = bytes
    },
  })
  expect(await codeOf(work)).toBe('E_ABORTED')
  return last as Uint8Array
}

describe('checkpoints', () => {
  it('one epoch and two more give every byte of three', async () => {
    const { result, checkpoints } = await recorded()
    expect([...checkpoints.keys()]).toEqual([9, 18, 27])
    for (const [step, bytes] of checkpoints) {
      expect(checkpointInfo(bytes).step).toBe(step)
      const resumed = await train({ ...options(), resume: bytes })
      expect(bits(resumed)).toBe(bits(result))
      expect(events(resumed.history)).toEqual(events(result.history))
      expect(await fileOf(resumed)).toEqual(await fileOf(result))
    }
  })

  const variants: [string, () => Promise<Partial<TrainOptions>>][] = [
    ['adamw, averages, augmentation', async () => ({ optimiser: 'adamw', ema: 0.9, augment: { shift: 1, rotate: 5 } })],
    ['frozen levels', async () => ({ freeze: 0.6, ema: 0.5 })],
    ['seeded signs in each layer', async () => ({ supermask: { coats: 3, density: 0.5, scope: 'layer', signs: 3 } })],
    ['dense weights with clipping', async () => ({ supermask: 'none', learningRate: 0.1, clip: 0.5 })],
    ['a byte budget', async () => ({ supermask: { coats: 3, budget: 330 } })],
    ['rounded activations', async () => ({ activations: 'int8', roundFrom: 0.3 })],
    ['a teacher', async () => ({ distill: { teacher: new Float32Array(1200).map((_, i) => Math.sin(i)) } })],
  ]
  it.each(variants)('of an abort in the middle of an epoch too: %s', async (_, more) => {
    const variant = await more()
    const { result, checkpoints } = await recorded(variant)
    const last = checkpoints.get(27) as Uint8Array
    for (const resume of [
      await stoppedAt(2, variant),
      await stoppedAt(13, variant),
      await stoppedAt(20, variant),
      last,
    ]) {
      expect(bits(await train({ ...options(variant), resume }))).toBe(bits(result))
    }
  })

  it('come by the clock too, and are waited for', async () => {
    let pending = 0
    let count = 0
    await train({
      ...options({ checkpointEvery: 100, checkpointMinutes: 1e-9 }),
      onProgress: () => expect(pending).toBe(0),
      onCheckpoint: async () => {
        pending++
        count++
        await new Promise((resolve) => setTimeout(resolve, 1))
        pending--
      },
    })
    expect(count).toBe(27)
  })

  it('may be continued with other tests, progress and checkpoints', async () => {
    const { result, checkpoints } = await recorded()
    const { test: _, ...untested } = options()
    const resumed = await train({
      ...untested,
      progressEvery: 2,
      testEvery: 2,
      checkpointEvery: 2,
      resume: checkpoints.get(9) as Uint8Array,
    })
    expect(bits(resumed)).toBe(bits(result))
  })
})

describe('a checkpoint that does not fit', () => {
  let bytes: Uint8Array
  beforeAll(async () => {
    bytes = (await recorded()).checkpoints.get(18) as Uint8Array
  })

  const refused = (more: Partial<TrainOptions>, code: string, message: RegExp) =>
    expect(train({ ...options(), resume: bytes, ...more })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    })

  it('is of other options, another graph, or other data', async () => {
    await refused({ epochs: 4 }, 'E_OPTION', /with epochs 3, not 4/)
    await refused({ seed: 2 }, 'E_OPTION', /with seed 1, not 2/)
    await refused({ supermask: { density: 0.3 } }, 'E_OPTION', /with supermask .*0.4.* not .*0.3/)
    await refused({ train: squares(300, 4, 2) }, 'E_OPTION', /other training data/)
    await refused({ distill: { teacher: new Float32Array(1200) } }, 'E_OPTION', /with distill nothing, not/)
    const graph = small()
    const nodes = graph.nodes.map((n) => (n.op === 'conv2d' ? { ...n, channels: 5 } : n))
    await refused({ graph: { ...graph, nodes } }, 'E_OPTION', /another graph/)
  })

  it('is no checkpoint, of another version, cut off or damaged', async () => {
    await refused({ resume: new Uint8Array(0) }, 'E_FORMAT', /not a checkpoint/)
    await refused({ resume: new Uint8Array(100) }, 'E_FORMAT', /not a checkpoint/)
    const newer = bytes.slice()
    newer[4] = 2
    await refused({ resume: newer }, 'E_FORMAT', /version 2, expected 1/)
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const broken = bytes.slice()
        broken[at] ^= flip
        expect(await codeOf(train({ ...options(), resume: broken }))).toBe('E_FORMAT')
        expect(await codeOf(train({ ...options(), resume: bytes.subarray(0, at) }))).toBe('E_FORMAT')
      }),
      { numRuns: 25 },
    )
  })

  it('has a header that lies, with a checksum that matches', async () => {
    const end = 12 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(8, true)
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(12, end)))
    const forged = (part: object) => {
      const json = new TextEncoder().encode(JSON.stringify({ ...header, ...part }))
      const out = new Uint8Array(12 + json.length + bytes.length - end)
      out.set(bytes.subarray(0, 12))
      out.set(json, 12)
      out.set(bytes.subarray(end), 12 + json.length)
      const view = new DataView(out.buffer)
      view.setUint32(8, json.length, true)
      view.setUint32(out.length - 4, crc32(out.subarray(0, out.length - 4)), true)
      return out
    }
    await expect(train({ ...options(), resume: forged({}) })).resolves.toBeDefined()
    for (const part of [
      { step: -1 },
      { step: 1e9 },
      { step: 1.5 },
      { step: '18' },
      { rng: [1, 2, 3] },
      { meter: null },
      { numbers: [1] },
      { regions: [] },
      { regions: [['parameters', 1e12]] },
      { history: [null] },
      { recipe: 7 },
    ]) {
      await refused({ resume: forged(part) }, 'E_FORMAT', /damaged/)
    }
  })
})
