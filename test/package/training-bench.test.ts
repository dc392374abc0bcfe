/** The measurements of training: what they time is checked, and what they compare with gets the same work. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it, vi } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** As built: they load the package from dist. */
const built = (file: string) => import(new URL(`../../build/bench/${file}`, import.meta.url).href)
const networks: typeof import('../../bench/networks.js') = await built('networks.js')
const training: typeof import('../../bench/training.js') = await built('training.js')
const descents: typeof import('../../bench/descent.js') = await built('descent.js')
const peers: typeof import('../../bench/peers.js') = await built('peers.js')
const suite: typeof import('../../bench/suites/train-conv.js') = await built('suites/train-conv.js')
const library: typeof import('../../src/compress.js') = await import(
  new URL('../../dist/compress.js', import.meta.url).href
)

describe('the convolutions that are measured', () => {
  it('are all those of ResNet-20, each shape once', () => {
    const found = networks.convolutions('resnet20')
    expect(found.map((c) => c.name.slice('resnet20 '.length))).toEqual([
      '3x32x32 > 16',
      '16x32x32 > 16',
      '16x32x32 > 32 / 2',
      '32x16x16 > 32',
      '32x16x16 > 64 / 2',
      '64x8x8 > 64',
    ])
    expect(found.map((c) => c.macs)).toEqual([442368, 2359296, 1179648, 2359296, 1179648, 2359296])
  })

  it('must compute what plain sums say', () => {
    const [first] = networks.convolutions('resnet20')
    const convolution = { ...first, input: [1, 3, 3], output: [1, 3, 3], node: { ...first.node, channels: 1 } }
    const pixels = () => new Float32Array(suite.BATCH * 9)
    const zeros = {
      x: pixels(),
      y: pixels(),
      dx: pixels(),
      dy: pixels(),
      w: new Float32Array(9),
      dw: new Float32Array(9),
    }
    expect(() => suite.checkPasses(convolution, zeros)).not.toThrow()
    // A kernel of ones sees four pixels from each corner: sums over ones are 4, 6, 4, 6, 9 ...
    const ones = { ...zeros, x: pixels().fill(1), w: new Float32Array(9).fill(1) }
    const sums = pixels().map((_, i) => [4, 6, 4, 6, 9, 6, 4, 6, 4][i % 9])
    expect(() => suite.checkPasses(convolution, { ...ones, y: sums })).not.toThrow()
    for (const [wrong, pass] of [
      ['y', 'forward'],
      ['dx', 'inputGradient'],
      ['dw', 'weightGradient'],
    ] as const) {
      expect(() => suite.checkPasses(convolution, { ...zeros, [wrong]: zeros[wrong].map(() => 1) })).toThrow(pass)
    }
  })
})

const small = library.lenet({ input: [3, 32, 32] })

describe('the time of steps', () => {
  it('is taken of every variant, and gives images per second', async () => {
    const variant = (batch: number) => ({ name: `batch ${batch}`, graph: small, batch, options: training.phases.f32 })
    const { times } = await training.timeSteps([variant(2), variant(64)], 2)
    expect(times.map((t) => t.name)).toEqual(['batch 2', 'batch 64'])
    expect(times[1].stepMs).toBeGreaterThan(2 * times[0].stepMs)
    for (const [i, batch] of [2, 64].entries()) {
      expect(times[i].imagesPerSecond).toBeCloseTo((1000 * batch) / times[i].stepMs, 5)
    }
  })

  it('is taken at the density that a phase stands for', async () => {
    for (const [phase, density] of [
      ['levels', 1],
      ['sparse', 0.1],
    ] as const) {
      const variant = { name: phase, graph: small, batch: 4, options: training.phases[phase] }
      const { history } = await training.trainSteps(variant, 2)
      expect(history.map((event) => event.density)).toEqual([expect.closeTo(density, 3), expect.closeTo(density, 3)])
    }
  })
})

describe('a job for other libraries', () => {
  const descent = { graph: small, batch: 4, learningRate: 0.01, steps: 3 }

  it('begins with the weights that our descent begins with, and has the same images', async () => {
    const job = await descents.peerJob(descent)
    expect(Object.keys(job.weights)).toEqual(['conv1', 'conv2', 'fc1', 'fc2', 'fc3'])
    expect(job.weights.conv1.shape).toEqual([6, 3, 5, 5])
    expect(job.weights.conv1.values).toHaveLength(450)
    expect(job.images.shape).toEqual([4, 3, 32, 32])
    const pixels = Uint8Array.from(job.images.values, (v) => Math.round(255 * v))
    expect(pixels).toEqual(training.chanceImages(4).images)
    expect((await descents.peerJob({ ...descent, learningRate: 0.5 })).weights).toEqual(job.weights)
  })

  it('is a descent', async () => {
    const [first, , last] = await descents.ourLosses(descent)
    expect(last).toBeLessThan(first)
  })

  it('finds the channels that its peers normalise', async () => {
    const script = new URL('../../bench/peers/job.mjs', import.meta.url).href
    const { normNodes } = await import(script)
    const graph = networks.network('resnet20')
    const shapes = library.inferShapes(graph)
    const { weights } = await descents.peerJob({ ...descent, graph, batch: 2 })
    const nodes: { name: string; channels: number }[] = normNodes({ graph, weights })
    expect(nodes).toHaveLength(20)
    for (const { name, channels } of nodes) expect([name, channels]).toEqual([name, shapes.get(name)?.[0]])
  })
})

describe('libraries to compare with', () => {
  afterEach(() => vi.unstubAllEnvs())

  it('are skipped with advice when they cannot be installed', () => {
    const folder = mkdtempSync(join(tmpdir(), 'whitedwarf-peers-'))
    try {
      for (const file of ['package.json', 'package-lock.json'])
        cpSync(join(root, 'bench/peers', file), join(folder, file))
      vi.stubEnv('npm_config_registry', 'http://127.0.0.1:9/')
      vi.stubEnv('npm_config_cache', join(folder, 'cache'))
      vi.stubEnv('npm_config_fetch_retries', '0')
      const lines: string[] = []
      expect(() => peers.installPeers((line) => lines.push(line), folder)).toThrow(
        /run 'npm ci' in .*whitedwarf-peers-/,
      )
      expect(lines.join()).toMatch(/installing @jax-js\/jax, .*onnxruntime-web in /)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('what threads can do side by side', () => {
  it('is at most as many times the work of one as there are threads', async () => {
    const { parallelLimit }: typeof import('../../bench/cores.js') = await built('cores.js')
    const limit = await parallelLimit(2)
    expect(limit).toBeGreaterThan(0.2)
    // A busy machine slows the two measurements down by chance.
    expect(limit).toBeLessThan(6)
  })
})

describe('the memory of a training', () => {
  it('is that of a process of its own', () => {
    const run = (batch: number) =>
      JSON.parse(
        execFileSync(process.execPath, ['build/bench/memory.js', 'resnet20', String(batch), '2'], {
          cwd: root,
          encoding: 'utf8',
        }),
      )
    const [few, many] = [run(2), run(8)]
    expect(few.wasmBytes).toBeGreaterThan(1e6)
    expect(many.wasmBytes).toBeGreaterThan(2 * few.wasmBytes)
    expect(many.rssBytes).toBeGreaterThan(many.wasmBytes)
  })
})
