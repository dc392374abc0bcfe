/** Timing things against each other in one process: in turns, so that what slows the machine slows all of them. */
import { WhiteDwarfError } from '../errors.js'

export interface Contestant {
  readonly name: string
  readonly run: () => Promise<unknown>
}

/** Milliseconds of a run. */
export interface Timing {
  readonly name: string
  readonly median: number
  readonly p10: number
  readonly p90: number
  /** Samples that these are quantiles of. */
  readonly samples: number
}

/** Runs before anything counts: the compiler sees what is worth optimising. */
const WARMUP_MS = 300
/** A sample lasts at least so long: short runs are repeated. */
const SAMPLE_MS = 1
const LEAST_SAMPLES = 3

/**
 * @param seconds for each contestant, warm-up not counted
 * @throws WhiteDwarfError E_ABORTED, and whatever the contestants throw
 */
export async function timeInTurns(
  contestants: readonly Contestant[],
  seconds: number,
  signal: AbortSignal,
  onProgress: (fraction: number) => void = () => {},
): Promise<Timing[]> {
  const lanes: { name: string; run: Contestant['run']; repeats: number; samples: number[] }[] = []
  for (const { name, run } of contestants) lanes.push({ name, run, repeats: await warmUp(run), samples: [] })
  const spent = lanes.map(() => 0)
  const unfinished = () => lanes.filter((lane, i) => spent[i] < 1000 * seconds || lane.samples.length < LEAST_SAMPLES)
  for (let turn = 0; unfinished().length > 0; turn++) {
    const order = lanes.map((_, i) => (i + turn) % lanes.length)
    for (const i of order) {
      const lane = lanes[i]
      if (!unfinished().includes(lane)) continue
      const begin = performance.now()
      for (let r = 0; r < lane.repeats; r++) await lane.run()
      const ms = performance.now() - begin
      spent[i] += ms
      lane.samples.push(ms / lane.repeats)
    }
    onProgress(Math.min(1, Math.min(...spent) / (1000 * seconds)))
    // Ctrl-C is heard between turns.
    await new Promise((resolve) => setImmediate(resolve))
    if (signal.aborted) throw new WhiteDwarfError('E_ABORTED', 'interrupted')
  }
  return lanes.map(({ name, samples }) => {
    const sorted = samples.sort((a, b) => a - b)
    const [p10, median, p90] = [0.1, 0.5, 0.9].map((q) => quantile(sorted, q))
    return { name, median, p10, p90, samples: sorted.length }
  })
}

/** @returns how many runs make a sample */
async function warmUp(run: Contestant['run']): Promise<number> {
  const begin = performance.now()
  let last = 0
  do {
    const start = performance.now()
    await run()
    last = performance.now() - start
  } while (performance.now() - begin < WARMUP_MS)
  return Math.max(1, Math.ceil(SAMPLE_MS / last))
}

/** Of sorted numbers, interpolated. */
function quantile(sorted: readonly number[], q: number): number {
  const at = q * (sorted.length - 1)
  const low = Math.floor(at)
  const high = Math.min(sorted.length - 1, low + 1)
  return sorted[low] + (at - low) * (sorted[high] - sorted[low])
}
