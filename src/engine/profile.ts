/** Timing what a session does, kernel by kernel. Loaded on demand. */
import type { Call, SessionState } from './state.js'

/** What a kernel does: sums of weights times inputs, rounding sums to the next value's grid, pooling, copying, anything else. */
export type KernelKind = 'product' | 'requantise' | 'pool' | 'move' | 'function'

/** Time of one kernel within an operation. */
export interface ProfilePart {
  readonly kernel: string
  readonly kind: KernelKind
  /** Calls in a run of `batch` images. */
  readonly calls: number
  /** Milliseconds of all these calls together, the median over the runs. */
  readonly ms: number
}

/** Time of one operation. */
export interface ProfileEntry {
  /** Name of the graph's node, or of the input; of nodes that are computed together, the first (an add: its own). */
  readonly op: string
  /** Its kernels in the order of their first calls. */
  readonly kernels: readonly string[]
  /** Milliseconds for `batch` images: the sum of its parts. */
  readonly ms: number
  readonly parts: readonly ProfilePart[]
  /** Multiply-accumulates on non-zero weights, for `batch` images. 0 for what is no layer. */
  readonly macs: number
  /** 10^9 of them in each second of the product kernel. */
  readonly gmacs: number | undefined
}

export interface ProfileOptions {
  /** Most runs; default 50. */
  readonly runs?: number
  /** After which no further run begins, once there were three; default 2. */
  readonly seconds?: number
}

/** A call is repeated until it lasts so many ticks of the clock. */
const TICKS = 20
/** Time for the compiler to see what is worth optimising. */
const WARMUP_MS = 200

/**
 * Times every call in its place within whole runs, on the input of the last run, in a warmed-up process. A call that is too short for
 * the clock is repeated: its input is then in the cache. Copying inputs and outputs is not counted.
 */
export function profile({ plan, calls }: SessionState, batch: number, options: ProfileOptions = {}): ProfileEntry[] {
  const { runs = 50, seconds = 2 } = options
  const { parts, partOf } = partsOf(calls)
  const samples = parts.map((): number[] => [])
  const repeats = repeatsOf(calls)
  const end = performance.now() + 1000 * seconds
  for (let r = 0; r < runs && (r < 3 || performance.now() < end); r++) {
    const ms = new Float64Array(parts.length)
    for (const [i, call] of calls.entries()) ms[partOf[i]] += timeOf(call, repeats[i])
    for (const [p, sum] of ms.entries()) samples[p].push(sum)
  }
  const macs = new Map(plan.layers.map((l) => [l.name, l.macs * batch]))
  const entries = new Map<string, ProfilePart[]>()
  for (const [p, { op, kernel, calls }] of parts.entries()) {
    const part = { kernel, kind: kindOf(kernel), calls, ms: median(samples[p]) }
    entries.set(op, [...(entries.get(op) ?? []), part])
  }
  return [...entries].map(([op, own]) => {
    const ms = sum(own)
    const work = macs.get(op) ?? 0
    const product = sum(own.filter((p) => p.kind === 'product'))
    const gmacs = work > 0 && product > 0 ? work / product / 1e6 : undefined
    return { op, kernels: own.map((p) => p.kernel), ms, parts: own, macs: work, gmacs }
  })
}

/** The kernels of each operation, and which of them each call belongs to. */
function partsOf(calls: readonly Call[]) {
  const parts: { readonly op: string; readonly kernel: string; calls: number }[] = []
  const known = new Map<string, number>()
  const partOf = calls.map(({ op, kernel }) => {
    const key = `${kernel} of ${op}`
    const p = known.get(key) ?? parts.push({ op, kernel, calls: 0 }) - 1
    known.set(key, p)
    parts[p].calls++
    return p
  })
  return { parts, partOf }
}

function timeOf({ fn, args }: Call, repeats: number): number {
  const begin = performance.now()
  for (let i = 0; i < repeats; i++) fn(...args)
  return (performance.now() - begin) / repeats
}

/** How often to repeat each call so that it lasts long enough for the clock. Warms up on the way. */
function repeatsOf(calls: readonly Call[]): number[] {
  const end = performance.now() + WARMUP_MS
  for (let first = true; first || performance.now() < end; first = false) for (const { fn, args } of calls) fn(...args)
  const least = TICKS * clockTick()
  return calls.map((call) => {
    let repeats = 1
    while (repeats < 1e6 && timeOf(call, repeats) * repeats < least) repeats *= 2
    return repeats
  })
}

/** The smallest step of the clock, in milliseconds. */
function clockTick(): number {
  let tick = Infinity
  for (let i = 0; i < 10; i++) {
    const begin = performance.now()
    let now = begin
    while (now === begin) now = performance.now()
    tick = Math.min(tick, now - begin)
  }
  return tick
}

const KINDS: readonly (readonly [KernelKind, RegExp])[] = [
  ['product', /^(gather|pairs|panels|gemv|conv|dense|depthwise|matmul)/],
  ['requantise', /^requant/],
  ['pool', /pool/],
  ['move', /^(phases|flatten|transpose|copy|take|fill)/],
]

const kindOf = (kernel: string): KernelKind => KINDS.find(([, names]) => names.test(kernel))?.[0] ?? 'function'

const sum = (parts: readonly ProfilePart[]) => parts.reduce((total, { ms }) => total + ms, 0)

const median = (samples: number[]) => samples.sort((a, b) => a - b)[samples.length >> 1]
