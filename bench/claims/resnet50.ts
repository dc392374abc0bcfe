/** One large network in detail: opening it, and the speed of each of its layers. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeModel } from 'whitedwarf/format'
import { compare, quantile } from '../harness.js'
import { contest, nodePrograms, timesFaster } from '../inference/contest.js'
import { randomNetwork } from '../inference/networks.js'
import { limitContestants, limitRate, round } from '../machine.js'
import { runJob } from '../peers.js'
import { type Claim, NotMeasured } from './claim.js'

const SPARSITY = 95
const NETWORK = `ResNet-50 for 224 x 224 images, INT2 levels, ${SPARSITY} % zeros`

/** The network's file and what it would take as f32, and the job of a script that reads it. */
async function withModel<T>(use: (job: object, bytes: number, fp32Bytes: number) => Promise<T>): Promise<T> {
  const { model, floats, image, shape } = await randomNetwork('resnet50', SPARSITY)
  const folder = mkdtempSync(join(tmpdir(), 'whitedwarf-resnet50-'))
  try {
    const job = { model: join(folder, 'model.wd'), image: join(folder, 'image.f32'), dims: [1, ...shape] }
    const bytes = encodeModel(model)
    writeFileSync(job.model, bytes)
    writeFileSync(job.image, image)
    const numbers = Object.values(floats.weights).reduce((n, l) => n + l.weights.length + l.bias.length, 0)
    return await use(job, bytes.length, 4 * numbers)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Processes that open the model, on each runtime. */
const OPENINGS = 7

const session: Claim = {
  name: 'resnet50-session',
  title: `${NETWORK}: processor time from bytes to a session in a fresh process, all threads, compiling the kernels included`,
  unit: 'ms',
  bar: { op: '<=', value: 300 },
  also: [
    { figure: 'memoryMB', unit: 'MB', bar: { op: '<=', value: 64 } },
    { figure: 'fileShare', unit: '% of fp32', bar: { op: '<=', value: 2 } },
  ],
  minutes: 0.5,
  measure: (onProgress) =>
    withModel(async (job, bytes, fp32Bytes) => {
      const runtimes: Record<string, { createMs: number; createCpuMs: number; memoryMB: number; grownMB: number }> = {}
      for (const [runtime, program] of nodePrograms()) {
        const runs: { createMs: number; createCpuMs: number; memory: number; grownMB: number }[] = []
        for (let i = 0; i < OPENINGS; i++) runs.push((await runJob('session', job, program)) as (typeof runs)[number])
        const median = (key: keyof (typeof runs)[number]) =>
          quantile(
            runs.map((r) => r[key]).sort((a, b) => a - b),
            0.5,
          )
        runtimes[runtime] = {
          createMs: round(median('createMs')),
          createCpuMs: round(median('createCpuMs')),
          memoryMB: round(median('memory') / 1e6),
          grownMB: round(median('grownMB')),
        }
        onProgress(`${runtime}: ${JSON.stringify(runtimes[runtime])}`)
      }
      const all = Object.values(runtimes)
      return {
        value: Math.max(...all.map((r) => r.createCpuMs)),
        details: {
          memoryMB: Math.max(...all.map((r) => r.memoryMB)),
          fileShare: round((100 * bytes) / fp32Bytes),
          bytes,
          fp32Bytes,
          ...runtimes,
        },
      }
    }),
}

/** What peers/layers.mjs prints. */
interface LayerTimes {
  readonly calls: readonly { op: string; kernel: string; ms: number }[]
  readonly gathers: readonly {
    op: string
    shape: readonly number[]
    density: number
    macs: number
    ms: number
    /** With all data in the first-level cache, and in the second. */
    l1Ms: number
    l2Ms: number
  }[]
}

/** Processes that time the layers, on each runtime. */
const PROCESSES = 4

/** The shortest time of each call, in its place and in the caches: neighbours on the same machine slow down now this one, now that one. */
function leastDisturbed(runs: readonly LayerTimes[]): LayerTimes {
  const [{ calls, gathers }] = runs
  return {
    calls: calls.map((call, i) => ({ ...call, ms: Math.min(...runs.map((run) => run.calls[i].ms)) })),
    gathers: gathers.map((gather, i) => {
      const least = (key: 'ms' | 'l1Ms' | 'l2Ms') => Math.min(...runs.map((run) => run.gathers[i][key]))
      return { ...gather, ms: least('ms'), l1Ms: least('l1Ms'), l2Ms: least('l2Ms') }
    }),
  }
}

/** Rates are G effective MAC/s: on non-zero weights, for real pixels. */
function tableOf({ calls, gathers }: LayerTimes, limit: number) {
  const rate = (macs: number, ms: number) => round(macs / ms / 1e6)
  const share = (ms: number, cached: number) => round((100 * cached) / ms)
  const rows = gathers.map(({ op, shape, density, macs, ms, l1Ms, l2Ms }) => ({
    layer: op,
    weights: shape.join(' x '),
    percentNotZero: round(100 * density),
    microseconds: round(1000 * ms),
    rate: rate(macs, ms),
    rateInL2: rate(macs, l2Ms),
    percentOfL2: share(ms, l2Ms),
    percentOfL1: share(ms, l1Ms),
    percentOfLimit: share(limit, rate(macs, ms)),
  }))
  const kernels = new Map<string, number>()
  for (const { kernel, ms } of calls) kernels.set(kernel, (kernels.get(kernel) ?? 0) + ms)
  const sum = (key: 'macs' | 'ms' | 'l1Ms' | 'l2Ms') => gathers.reduce((total, g) => total + g[key], 0)
  const [macs, ms, l1Ms, l2Ms] = [sum('macs'), sum('ms'), sum('l1Ms'), sum('l2Ms')]
  const total = {
    percentOfL1: share(ms, l1Ms),
    percentOfL2: share(ms, l2Ms),
    rate: rate(macs, ms),
    rateL1: rate(macs, l1Ms),
    rateL2: rate(macs, l2Ms),
    limit,
    msByKernel: Object.fromEntries([...kernels].map(([kernel, ms]) => [kernel, round(ms)])),
  }
  return { total, rows }
}

const layers: Claim = {
  name: 'resnet50-layers',
  title: `${NETWORK}: speed of the planar gather over all its layers as a share of what the same kernel calls reach with all data in the second-level cache (a tile of most layers is larger than the first); G effective MAC/s for each layer`,
  unit: '%',
  bar: { op: '>=', value: 80 },
  minutes: 0.5,
  measure: (onProgress) =>
    withModel(async (job) => {
      const comparison = await compare(await limitContestants(['loadAddI16']))
      const limit = limitRate(comparison, 'loadAddI16')
      const runtimes: Record<string, ReturnType<typeof tableOf>> = {}
      for (const [runtime, program] of nodePrograms()) {
        const runs: LayerTimes[] = []
        for (let i = 0; i < PROCESSES; i++) runs.push((await runJob('layers', job, program)) as LayerTimes)
        runtimes[runtime] = tableOf(leastDisturbed(runs), limit)
        const { rate, rateL1, rateL2 } = runtimes[runtime].total
        onProgress(`${runtime}: ${rate} G effective MAC/s; with data in the caches ${rateL1} (L1), ${rateL2} (L2)`)
      }
      return {
        value: Math.min(...Object.values(runtimes).map((r) => r.total.percentOfL2)),
        // Layer by layer on the first runtime only.
        details: {
          ...Object.fromEntries(Object.entries(runtimes).map(([runtime, { total }]) => [runtime, total])),
          rows: Object.values(runtimes)[0].rows,
        },
        warnings: comparison.warnings,
      }
    }),
}

/** The first Node whose V8 has the re-vectoriser. */
const REVECTORISER = 24

const revectoriser: Claim = {
  name: 'resnet50-revectoriser',
  title: `${NETWORK}: time without V8's re-vectoriser over time with it, Node ${REVECTORISER} or newer`,
  unit: 'times faster',
  bar: { op: '>=', value: 1.4 },
  minutes: 1,
  async measure(onProgress) {
    const version = (runtime: string) => Number.parseInt(runtime.slice('Node '.length), 10)
    const programs = new Map([...nodePrograms()].filter(([runtime]) => version(runtime) >= REVECTORISER))
    if (programs.size === 0) {
      throw new NotMeasured(
        `it needs Node ${REVECTORISER} or newer: put the path of one into the environment variable NODE_NEWER`,
      )
    }
    const network = await randomNetwork('resnet50', SPARSITY)
    const result = await contest(network, ['whitedwarf', 'revectorised'], onProgress, programs)
    const { runtimes, warnings } = result
    const figures = Object.values(runtimes)
    return {
      value: timesFaster(result, 'whitedwarf', 'revectorised'),
      spread: Math.max(...figures.flatMap((f) => Object.values(f)).map((f) => f.spread)),
      details: runtimes,
      warnings,
    }
  },
}

export const resnet50Claims: readonly Claim[] = [session, layers, revectoriser]
