/**
 * Where a figure was measured: the runtime, the processor, and the processor's own limits, timed by the probes in the
 * same process right before or after. A kernel's figure means little without them.
 */
import { availableParallelism, cpus, loadavg } from 'node:os'
import { type Comparison, compare } from './harness.js'
import { instantiate } from './wasm.js'

export interface Machine {
  readonly runtime: string
  readonly v8: string
  readonly platform: string
  readonly cpu: string
  readonly cores: number
  /** Load average of the last minute when asked: above the number of cores, figures suffer. */
  readonly load: number
}

export function describeMachine(): Machine {
  return {
    runtime: `Node ${process.versions.node}`,
    v8: process.versions.v8,
    platform: `${process.platform} ${process.arch}`,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    load: Math.round(100 * loadavg()[0]) / 100,
  }
}

/** What one core can do at best, at the tenth percentile of time (a limit is what a quiet moment gives). */
export interface Limits {
  /** Clock by a chain of dependent additions, GHz. */
  readonly clock: number
  /** i16 additions with their loads, data in L1: the most effective MACs that the i16 gather kernel could do, G/s. */
  readonly loadAddI16: number
  /** The same for f32 lanes, G/s. */
  readonly loadAddF32: number
  /** f32 multiply-adds in registers, without fused instructions, G MAC/s. */
  readonly mulAddF32: number
  /** Reading speed of one core by where the data lies, GB/s. */
  readonly read: { readonly L1: number; readonly L2: number; readonly L3: number; readonly memory: number }
}

const KIB = 1024
const MIB = 1024 * KIB
const L1 = 12 * KIB
const START = 65536
const TIMES = 64
const ROUNDS = 16384

export type LimitName =
  | 'clock'
  | 'loadAddI16'
  | 'loadAddF32'
  | 'mulAddF32'
  | 'readL1'
  | 'readL2'
  | 'readL3'
  | 'readMemory'

/** Contestants for the harness, one for each limit, so that a suite can time a limit in turns with its kernels. */
export async function limitContestants(names: readonly LimitName[]) {
  const largest = names.includes('readMemory') ? 256 * MIB : names.includes('readL3') ? 8 * MIB : MIB
  const { exports, memory } = await instantiate('probes', START + largest)
  // Small numbers, neither zero nor denormal in any reading, so that no unit takes a shortcut.
  new Float32Array(memory.buffer).fill(0.5)
  const read = (bytes: number) => ({ run: () => exports.read_bytes(START, bytes), work: bytes })
  const all: Record<LimitName, { run: () => unknown; work: number }> = {
    clock: {
      run: () => (exports.add_chain as unknown as (n: number, s: bigint) => bigint)(ROUNDS, 3n),
      work: 8 * ROUNDS,
    },
    loadAddI16: { run: () => exports.load_add_i16(START, L1, TIMES), work: (L1 / 2) * TIMES },
    loadAddF32: { run: () => exports.load_add_f32(START, L1, TIMES), work: (L1 / 4) * TIMES },
    mulAddF32: { run: () => exports.mul_add_f32(ROUNDS, 0.999, 0.001), work: 48 * ROUNDS },
    readL1: read(L1),
    readL2: read(512 * KIB),
    readL3: read(8 * MIB),
    readMemory: read(256 * MIB),
  }
  return names.map((name) => ({ name, ...all[name] }))
}

/** G units per second of a limit measured in a comparison. */
export function limitRate(comparison: Comparison, name: LimitName): number {
  const m = comparison.measurements.find((m) => m.name === name)
  if (m?.rateP10 === undefined) throw new Error(`the comparison did not measure '${name}'`)
  return round(m.rateP10 / 1e9)
}

export async function measureLimits(): Promise<Limits> {
  const names: LimitName[] = [
    'clock',
    'loadAddI16',
    'loadAddF32',
    'mulAddF32',
    'readL1',
    'readL2',
    'readL3',
    'readMemory',
  ]
  const comparison = await compare(await limitContestants(names), { rounds: 3, samples: 6, warmupMs: 100 })
  const rate = (name: LimitName) => limitRate(comparison, name)
  return {
    clock: rate('clock'),
    loadAddI16: rate('loadAddI16'),
    loadAddF32: rate('loadAddF32'),
    mulAddF32: rate('mulAddF32'),
    read: { L1: rate('readL1'), L2: rate('readL2'), L3: rate('readL3'), memory: rate('readMemory') },
  }
}

/** Three significant digits. */
export const round = (value: number): number => Number(value.toPrecision(3))
