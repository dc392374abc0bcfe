/**
 * The one way to time things here, on top of tinybench. A number that leaves this file is
 *
 * - a median over many samples, each of which lasts at least `minSampleMs` (the inner loop is scaled to that, so the
 *   timer's own cost and resolution disappear), with its spread (median absolute deviation) and its tenth percentile;
 * - measured in turns: every contestant runs a few samples, then the next one, for several rounds in rotating order,
 *   so that a machine that slows down half-way slows down all of them.
 *
 * Runs in Node and in browsers; imports nothing but tinybench.
 */
import { Bench } from 'tinybench'

export interface Contestant {
  readonly name: string
  /** One unit of work, synchronous or asynchronous. Must leave its result somewhere, or return it. */
  readonly run: () => unknown
  /** Work done per call (MACs, bytes, images ...), from which `rate` is computed. */
  readonly work?: number
}

export interface HarnessOptions {
  /** Turns each contestant gets. Default 5. */
  readonly rounds?: number
  /** Samples per turn. Default 12. */
  readonly samples?: number
  /** Least duration of one sample. Default 1 ms, in browsers 20 ms (their clocks tick 0.1 ms). */
  readonly minSampleMs?: number
  /** Time each contestant runs before anything is measured, so that optimised code is measured. Default 300 ms. */
  readonly warmupMs?: number
}

export interface Measurement {
  readonly name: string
  /** Nanoseconds per call. */
  readonly medianNs: number
  readonly p10Ns: number
  readonly minNs: number
  /** Median absolute deviation over the median: 0.01 means that half of the samples lie within 1 %. */
  readonly spread: number
  /** Calls per sample, and samples kept. */
  readonly calls: number
  readonly samples: number
  /** Work per second at the median and at the tenth percentile of time; only when the contestant states its work. */
  readonly rate?: number
  readonly rateP10?: number
}

export interface Comparison {
  readonly measurements: readonly Measurement[]
  /** Whatever makes the figures doubtful. Claims refuse to hold while there are any. */
  readonly warnings: readonly string[]
}

const inBrowser = typeof (globalThis as { document?: unknown }).document !== 'undefined'

/** Measures the contestants in turns. Figures come back in the order given. */
export async function compare(contestants: readonly Contestant[], options: HarnessOptions = {}): Promise<Comparison> {
  const { rounds = 5, samples = 12, minSampleMs = inBrowser ? 20 : 1, warmupMs = 300 } = options
  const warnings: string[] = []
  const batches: Awaited<ReturnType<typeof prepare>>[] = []
  for (const contestant of contestants) {
    batches.push(await prepare(contestant, minSampleMs, warmupMs))
  }
  const collected = contestants.map((): number[] => [])
  for (let round = 0; round < rounds; round++) {
    const bench = new Bench({ iterations: samples, time: 0, warmup: false, retainSamples: true, throws: true })
    bench.addEventListener('warning', (event) => {
      warnings.push(`${event.task.name}: timer saturated (${event.reason ?? 'no reason given'})`)
    })
    for (let i = 0; i < batches.length; i++) {
      const batch = batches[(i + round) % batches.length]
      bench.add(batch.name, batch.sample, { async: batch.async })
    }
    for (const task of await bench.run()) {
      if (task.result.state !== 'completed') throw new Error(`${task.name}: ${task.result.state}`)
      collected[contestants.findIndex((c) => c.name === task.name)].push(...(task.result.latency.samples ?? []))
    }
  }
  const measurements = contestants.map((contestant, i) => summarise(contestant, batches[i].calls, collected[i]))
  for (const m of measurements) {
    if (m.medianNs * m.calls < 0.5e6 * minSampleMs) warnings.push(`${m.name}: samples shorter than ${minSampleMs} ms`)
    if (m.spread > 0.1) warnings.push(`${m.name}: spread ${(100 * m.spread).toFixed(0)} %, is the machine busy?`)
  }
  return { measurements, warnings }
}

/** Warms a contestant up and finds how many calls fill a sample. */
async function prepare({ name, run }: Contestant, minSampleMs: number, warmupMs: number) {
  const async = isPromise(run())
  const loop = async
    ? async (calls: number) => {
        const start = performance.now()
        for (let i = 0; i < calls; i++) await run()
        return performance.now() - start
      }
    : (calls: number) => {
        const start = performance.now()
        for (let i = 0; i < calls; i++) run()
        return performance.now() - start
      }
  let calls = 1
  const warm = performance.now() + warmupMs
  for (;;) {
    const ms = await loop(calls)
    // A tenth more than needed, so that samples stay long enough when the code gets a little faster.
    if (ms < minSampleMs)
      calls = Math.max(calls + 1, Math.min(calls * 10, Math.ceil((1.1 * calls * minSampleMs) / Math.max(ms, 1e-3))))
    else if (performance.now() > warm) break
  }
  const result = (ms: number) => ({ overriddenDuration: ms / calls, overriddenIterationCost: ms })
  const sample = async
    ? async () => result(await (loop(calls) as Promise<number>))
    : () => result(loop(calls) as number)
  return { name, calls, async, sample }
}

function summarise({ name, work }: Contestant, calls: number, samplesMs: readonly number[]): Measurement {
  const ns = samplesMs.map((ms) => ms * 1e6).sort((a, b) => a - b)
  const medianNs = quantile(ns, 0.5)
  const p10Ns = quantile(ns, 0.1)
  const deviations = ns.map((v) => Math.abs(v - medianNs)).sort((a, b) => a - b)
  return {
    name,
    medianNs,
    p10Ns,
    minNs: ns[0],
    spread: quantile(deviations, 0.5) / medianNs,
    calls,
    samples: ns.length,
    ...(work === undefined ? {} : { rate: (work * 1e9) / medianNs, rateP10: (work * 1e9) / p10Ns }),
  }
}

/** Quantile of sorted values by linear interpolation. */
export function quantile(sorted: readonly number[], q: number): number {
  const at = q * (sorted.length - 1)
  const low = Math.floor(at)
  const high = Math.min(low + 1, sorted.length - 1)
  return sorted[low] + (at - low) * (sorted[high] - sorted[low])
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof (value as Promise<unknown> | undefined)?.then === 'function'
}
