/**
 * One network on several runtimes. Each contestant runs in fresh processes that take turns, one thread each; what counts is processor
 * time (peers/inference.mjs says why). Nobody's time counts unless its outputs are those of our f32 run.
 *
 * Two environment variables: NODE_NEWER, a second Node program to run everything with, beside this one; WHITEDWARF_DIST, another build of
 * whitedwarf to measure.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InferenceSession, Tensor } from 'whitedwarf'
import { encodeModel } from 'whitedwarf/format'
import { exportOnnx } from 'whitedwarf/onnx'
import { NotMeasured } from '../claims/claim.js'
import { quantile } from '../harness.js'
import { round } from '../machine.js'
import { importPeer, installPeers, peerVersion, runJob } from '../peers.js'
import type { RandomNetwork } from './networks.js'
import { onnxInt8 } from './onnx-int8.js'
import { type Quantised, quantise } from './quantised.js'
import { type TfForm, tfliteModel } from './tflite.js'

interface Contestant {
  /** Script in bench/peers. */
  readonly script: 'whitedwarf' | 'ort-web' | 'ort-node' | 'litert'
  /** File name's end. */
  readonly file: string
  readonly write: (network: RandomNetwork, quantised: Quantised) => Promise<Uint8Array>
  /** Whether it computes in 8 bits. */
  readonly int8: boolean
  /** What else its job says. */
  readonly more?: object
}

const ours = (network: RandomNetwork) => Promise.resolve(encodeModel(network.model))
const onnx = (network: RandomNetwork) => Promise.resolve(exportOnnx(network.floats))
const int8 = (network: RandomNetwork, quantised: Quantised) => Promise.resolve(onnxInt8(network, quantised))
const tflite = (form: TfForm) => async (network: RandomNetwork, quantised: Quantised) =>
  (await importPeer('tflite')).encodeTflite(tfliteModel(network, form, quantised)) as Uint8Array

const CONTESTANTS = {
  whitedwarf: { script: 'whitedwarf', file: 'wd', write: ours, int8: true },
  revectorised: { script: 'whitedwarf', file: 'wd', write: ours, int8: true, more: { revectoriser: true } },
  ortWeb: { script: 'ort-web', file: 'onnx', write: onnx, int8: false },
  ortWebInt8: { script: 'ort-web', file: 'int8.onnx', write: int8, int8: true },
  ortNodeInt8: { script: 'ort-node', file: 'int8.onnx', write: int8, int8: true },
  litert: { script: 'litert', file: 'tflite', write: tflite('f32'), int8: false },
  litertInt8: { script: 'litert', file: 'int8.tflite', write: tflite('int8'), int8: true },
  litertSparse: { script: 'litert', file: 'sparse.tflite', write: tflite('sparse'), int8: false },
} satisfies Record<string, Contestant>
export type ContestantName = keyof typeof CONTESTANTS

const contestant = (name: ContestantName): Contestant => CONTESTANTS[name]

/** Turns. */
const ROUNDS = 3
/** Most that an f32 output may differ from ours, of the largest output. */
const F32_TOLERANCE = 1e-4
/** Most that 8-bit outputs may differ from ours in f32, of how much those of two images differ: root mean squares. */
const INT8_TOLERANCE = 0.3

/** Milliseconds of one image, in the process of the smallest median. */
export type Figure = {
  readonly ms: number
  readonly p10: number
  readonly spread: number
  /** The same median by the clock on the wall: equal on a quiet machine. */
  readonly wallMs: number
  readonly createMs: number
  /** How far its outputs are from those of our f32 run: in f32 of the largest output, in 8 bits of what two images differ by. */
  readonly error: number
}

export interface Contest {
  /** By runtime ('Node 20.20.2') and contestant. */
  readonly runtimes: Readonly<Record<string, Readonly<Record<string, Figure>>>>
  readonly warnings: readonly string[]
}

/** What a job prints. */
interface JobResult {
  readonly created: { readonly cpuMs: number; readonly wallMs: number }
  readonly cpuMs: readonly number[]
  readonly wallMs: readonly number[]
  readonly output: readonly number[]
}

/** Name -> program: this Node, and the one that NODE_NEWER names. */
export function nodePrograms(): Map<string, string> {
  const programs = new Map([[`Node ${process.versions.node}`, process.execPath]])
  const newer = process.env.NODE_NEWER
  if (newer === undefined) return programs
  try {
    const version = execFileSync(newer, ['--version'], { encoding: 'utf8' }).trim()
    return programs.set(`Node ${version.slice(1)}`, newer)
  } catch (error) {
    throw new NotMeasured(`NODE_NEWER must be the path of a Node program, but '${newer}' failed: ${error}`)
  }
}

/** Versions of the libraries behind some contestants. */
export const versions = (names: readonly ContestantName[]): string[] => [
  ...new Set(
    names.flatMap((name) => {
      const { script } = contestant(name)
      return script === 'whitedwarf' ? [] : [peerVersion(script)]
    }),
  ),
]

/** @throws NotMeasured when the other libraries cannot be installed */
export async function contest(
  network: RandomNetwork,
  names: readonly ContestantName[],
  onProgress: (line: string) => void,
  programs = nodePrograms(),
): Promise<Contest> {
  installPeers(onProgress)
  const folder = mkdtempSync(join(tmpdir(), 'whitedwarf-contest-'))
  try {
    const jobs = await writeJobs(network, names, folder)
    const expected = await outputsInF32(network, network.image)
    const other = await outputsInF32(network, network.other)
    const warnings: string[] = []
    const runtimes: Record<string, Record<string, Figure>> = {}
    for (const [runtime, program] of programs) {
      const results = await runInTurns(names, (name) =>
        runJob(contestant(name).script, jobs.get(name) as object, program),
      )
      const figures = names.map((name): [string, Figure] => {
        const figure = summarise(results.get(name) as JobResult[], contestant(name).int8, expected, other)
        const tolerance = contestant(name).int8 ? INT8_TOLERANCE : F32_TOLERANCE
        const who = `${network.name}, ${name} on ${runtime}`
        if (!(figure.error <= tolerance)) warnings.push(`${who}: outputs differ by ${figure.error} from ours in f32`)
        return [name, figure]
      })
      runtimes[runtime] = Object.fromEntries(figures)
      onProgress(`${network.name}, ${runtime}: ${figures.map(([name, { ms }]) => `${name} ${ms}`).join(', ')} ms`)
    }
    return { runtimes, warnings }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/**
 * How many times as long one contestant takes as another, on the runtime where that is least. On a machine with neighbours medians
 * scatter, whole processes even, but hardly the tenth percentiles: both ratios count, the smaller one.
 */
export const timesFaster = ({ runtimes }: Contest, slow: ContestantName, fast: ContestantName = 'whitedwarf'): number =>
  round(
    Math.min(
      ...Object.values(runtimes).flatMap((figures) => [
        figures[slow].ms / figures[fast].ms,
        figures[slow].p10 / figures[fast].p10,
      ]),
    ),
  )

/** Model and image files, and for each contestant the job that names its own. */
async function writeJobs(network: RandomNetwork, names: readonly ContestantName[], folder: string) {
  const { image, shape } = network
  const [c, h, w] = shape
  const images = { nchw: join(folder, 'nchw.f32'), nhwc: join(folder, 'nhwc.f32') }
  writeFileSync(images.nchw, image)
  const place = (i: number) => (i % c) * h * w + Math.floor(i / c)
  writeFileSync(
    images.nhwc,
    Float32Array.from(image, (_, i) => image[place(i)]),
  )
  const quantised = await quantise(network)
  const jobs = new Map<ContestantName, object>()
  for (const name of names) {
    const { script, file, write, more } = contestant(name)
    const model = join(folder, `${network.architecture}.${file}`)
    writeFileSync(model, await write(network, quantised))
    const layout = script === 'litert' ? 'nhwc' : 'nchw'
    jobs.set(name, { model, image: images[layout], dims: layout === 'nhwc' ? [1, h, w, c] : [1, c, h, w], ...more })
  }
  return jobs
}

/** Outputs of our own f32 kernels, here. */
async function outputsInF32({ model, shape }: RandomNetwork, image: Float32Array): Promise<Float32Array> {
  using session = await InferenceSession.create(encodeModel(model), { precision: 'f32' })
  const results = await session.run({ [session.inputNames[0]]: new Tensor('float32', image, [1, ...shape]) })
  return results[session.outputNames[0]].data
}

/** Round after round in rotating order, one at a time. */
async function runInTurns<Name extends string>(names: readonly Name[], run: (name: Name) => Promise<unknown>) {
  const results = new Map(names.map((name) => [name, [] as JobResult[]]))
  for (let turn = 0; turn < ROUNDS; turn++) {
    for (let i = 0; i < names.length; i++) {
      const name = names[(i + turn) % names.length]
      results.get(name)?.push((await run(name)) as JobResult)
    }
  }
  return results
}

/** @param expected our f32 outputs, @param other those of another image */
function summarise(results: readonly JobResult[], int8: boolean, expected: Float32Array, other: Float32Array): Figure {
  const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b)
  const median = (values: readonly number[]) => quantile(sorted(values), 0.5)
  // Neighbours on the same machine slow whole processes down: what counts is the least disturbed one of each contestant.
  const best = results.reduce((a, b) => (median(b.cpuMs) < median(a.cpuMs) ? b : a))
  const cpu = sorted(best.cpuMs)
  const ms = quantile(cpu, 0.5)
  const deviations = sorted(cpu.map((v) => Math.abs(v - ms)))
  const errors = results.map(({ output }) =>
    int8 ? distance(output, expected) / distance(other, expected) : largestError(output, expected),
  )
  return {
    ms: round(ms),
    p10: round(quantile(cpu, 0.1)),
    spread: round(quantile(deviations, 0.5) / ms),
    wallMs: round(median(best.wallMs)),
    createMs: round(median(results.map((r) => r.created.wallMs))),
    error: round(Math.max(...errors)),
  }
}

/** Largest difference, of the largest number; NaN where one is missing. */
const largestError = (actual: readonly number[], expected: Float32Array): number =>
  expected.reduce((most, v, i) => Math.max(most, Math.abs(actual[i] - v)), 0) /
  expected.reduce((most, v) => Math.max(most, Math.abs(v)), 0)

/** Root of the sum of squared differences. */
const distance = (actual: ArrayLike<number>, expected: Float32Array): number =>
  Math.sqrt(expected.reduce((sum, v, i) => sum + (actual[i] - v) ** 2, 0))
