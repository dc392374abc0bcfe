/** Training by several threads, as it ships: workers load files of the built package. */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import type * as compress from '../../../src/compress.js'
import { base, bits, codeOf, small, squares } from '../data.js'

type TrainOptions = compress.TrainOptions
type Train = typeof compress.train

const dist = fileURLToPath(new URL('../../../dist', import.meta.url))
const load = (folder: string): Promise<typeof compress> => import(pathToFileURL(join(folder, 'compress.js')).href)
const { mlpMixer, mobilenetV2, resnetCifar, train } = await load(dist)

const tiny = { input: [1, 8, 8], classes: 4 }

const options = (more: Partial<TrainOptions> = {}): TrainOptions => ({
  ...base(),
  train: squares(300),
  test: squares(100, 4, 9),
  ...more,
})

const dense = await train(options({ supermask: 'none', epochs: 1 }))
const periodic = { kind: 'periodic', kernel: 3, taps: [[0, 1], [4, 5, 8], [2]], rotate: true } as const

const patterned = (
  rule: compress.PatternOptions['rule'],
  more: Partial<compress.PatternOptions> = {},
): Partial<TrainOptions> => ({
  refresh: 1,
  epochs: 4,
  supermask: { coats: 3, pattern: { rule, layers: ['fc1'], ...more } },
})

describe('several threads', () => {
  const variants: [string, () => Partial<TrainOptions>][] = [
    ['the default recipe', () => ({})],
    [
      'adamw, averages, augmentation',
      () => ({ optimiser: 'adamw', ema: 0.9, augment: { shift: 1, cutout: 3, rotate: 5 } }),
    ],
    ['frozen levels and seeded signs', () => ({ freeze: 0.5, supermask: { coats: 3, density: 0.3, signs: 2 } })],
    ['dense weights, clipping', () => ({ supermask: 'none', learningRate: 0.1, clip: 0.5 })],
    ['a byte budget', () => ({ supermask: { coats: 3, budget: 330 } })],
    ['rounded activations', () => ({ activations: 'e4m3', roundFrom: 0.5 })],
    ['scores of a teacher', () => ({ distill: { teacher: new Float32Array(1200).map((_, i) => Math.sin(i)) } })],
    [
      'a teacher that takes its time',
      () => ({
        distill: {
          teacher: async (images, count) => {
            await new Promise((resolve) => setTimeout(resolve, 3))
            return Float32Array.from({ length: 4 * count }, (_, i) => images[16 * i])
          },
        },
      }),
    ],
    [
      'residuals and shared weights',
      () => ({ graph: resnetCifar({ ...tiny, depth: 14, widths: [4, 6, 8], fold: [2, 3] }) }),
    ],
    ['projections', () => ({ graph: resnetCifar({ ...tiny, depth: 8, widths: [5, 6, 7], shortcut: 'B' }) })],
    ['depthwise convolutions', () => ({ graph: mobilenetV2({ ...tiny, width: 0.25, strides: 'cifar' }), epochs: 1 })],
    [
      'transpositions',
      () => ({ graph: mlpMixer({ ...tiny, channels: 8, blocks: 2, patch: 4, tokenUnits: 6, channelUnits: 9 }) }),
    ],
    [
      'a pattern that is projected',
      () => ({ ...patterned({ kind: 'groups', axis: 'in', of: 4, keep: 1 }), clip: 1, ema: 0.9 }),
    ],
    [
      'a pattern with regrouped filters whose places are transferred',
      () => patterned({ kind: 'groups', axis: 'out', of: 2, keep: 1 }, { evolve: 'transfer' }),
    ],
    ['a pattern of blocks', () => patterned({ kind: 'blocks', block: 4, ratio: 4, seed: 3 })],
    [
      'a penalty on regrouped filters',
      () => patterned({ kind: 'groups', axis: 'out', of: 2, keep: 1 }, { evolve: 'penalty' }),
    ],
    [
      'mined taps and a penalty, from trained weights',
      () => ({ ...patterned(periodic, { layers: ['conv1'], mine: true, evolve: 'penalty' }), start: dense }),
    ],
    ['more threads than examples of a batch', () => ({ batch: 2, train: squares(40) })],
  ]
  it.each(variants)('give the same bits as one: %s', async (_, more) => {
    const alone = await train(options(more()))
    for (const workers of [2, 3]) {
      const together = await train(options({ ...more(), workers }))
      expect(bits(together)).toBe(bits(alone))
      expect(together.testAccuracy).toBe(alone.testAccuracy)
      expect(together.history.map((e) => [e.step, e.loss])).toEqual(alone.history.map((e) => [e.step, e.loss]))
    }
  })

  it('continue what others began', async () => {
    const checkpoints: Uint8Array[] = []
    const onCheckpoint = async (bytes: Uint8Array) => {
      await new Promise((resolve) => setTimeout(resolve, 5))
      checkpoints.push(bytes)
    }
    const whole = await train(options({ workers: 3, epochs: 3, onCheckpoint, freeze: 0.4 }))
    expect(checkpoints).toHaveLength(3)
    for (const [i, workers] of [1, 2, 'auto' as const].entries()) {
      const resumed = await train(options({ workers, epochs: 3, freeze: 0.4, resume: checkpoints[i] }))
      expect(bits(resumed)).toBe(bits(whole))
    }
  })

  it('stop when aborted, with a checkpoint, and the process can end', async () => {
    const controller = new AbortController()
    let last: Uint8Array | undefined
    const aborted = train(
      options({
        workers: 2,
        epochs: 500,
        signal: controller.signal,
        onProgress: (e) => {
          if (e.step > 10) controller.abort()
        },
        onCheckpoint: (bytes) => {
          last = bytes
        },
      }),
    )
    expect(await codeOf(aborted)).toBe('E_ABORTED')
    expect(last).toBeDefined()
  })

  it('fail as one would', async () => {
    const diverging = { graph: small(), learningRate: 100, weightDecay: 1, momentum: 0.999, epochs: 200 }
    const alone = await codeOf(train(options(diverging)))
    expect(await codeOf(train(options({ ...diverging, workers: 2 })))).toBe(alone)
    const teacher = () => new Float32Array(3)
    expect(await codeOf(train(options({ workers: 2, distill: { teacher } })))).toBe('E_DATA')
    expect(await codeOf(train(options({ workers: 0 })))).toBe('E_OPTION')
    expect(await codeOf(train(options({ workers: 'all' as 'auto' })))).toBe('E_OPTION')
  })
})

describe('a thread that is lost', () => {
  const work = mkdtempSync(join(tmpdir(), 'whitedwarf-threads-'))
  afterAll(() => rmSync(work, { recursive: true, force: true }))

  /** The package with another worker.js. */
  async function withWorker(name: string, script: string | undefined): Promise<Train> {
    // In a folder of that name the test runner leaves files as they are.
    const folder = join(work, 'node_modules', name)
    cpSync(dist, folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
    const worker = join(folder, 'train/parallel/worker.js')
    if (script === undefined) rmSync(worker)
    else writeFileSync(worker, script)
    return (await load(folder)).train
  }

  it('at the start is an error with its reason', async () => {
    const missing = await withWorker('missing', undefined)
    await expect(missing(options({ workers: 2 }))).rejects.toMatchObject({
      code: 'E_WORKER',
      message: expect.stringMatching(/lost: Cannot find module/),
    })
    const silent = await withWorker('silent', 'process.exit(3)')
    await expect(silent(options({ workers: 2 }))).rejects.toMatchObject({
      code: 'E_WORKER',
      message: expect.stringMatching(/ended with code 3/),
    })
  })

  it('in the middle is an error with its reason', async () => {
    const script = `import { listen } from './threads.js'
      import { fail } from './barrier.js'
      const send = listen(({ control }) => {
        send({ ready: true })
        setTimeout(() => {
          send({ error: { code: 'E_MEMORY', message: 'no room' } })
          fail(control)
        }, 100)
      })`
    const failing = await withWorker('failing', script)
    await expect(failing(options({ workers: 2 }))).rejects.toMatchObject({ code: 'E_MEMORY', message: 'no room' })
  })
})
