/**
 * What the inference peers share, whitedwarf's own job among them: they read a job, load its model, run one image again and again,
 * and print what they measured. ../contest.ts starts them, each in a process of its own.
 *
 * Times are processor time of the whole process (user and system, all threads, garbage collection included), because it says
 * the same on a busy machine as on a quiet one; one thread computes, so that on a quiet machine it equals the time on the wall.
 *
 * @typedef {object} Job
 * @property {string} model    path
 * @property {string} image    path of the image's f32 numbers, in the layout that the model takes
 * @property {number[]} dims   of the image, with the batch
 * @property {object} [options]  whitedwarf's, for the session
 * @property {boolean} [revectoriser]  whether whitedwarf turns V8's re-vectoriser on
 */
import { readFileSync } from 'node:fs'

const WARMUP_MS = 1000
const SAMPLING_MS = 2000
const SAMPLE_MS = 10
const LEAST_SAMPLES = 7

/** @returns {Job & { bytes: Uint8Array, pixels: Float32Array }} */
export function readJob() {
  const job = JSON.parse(readFileSync(process.argv[2], 'utf8'))
  const { buffer, byteOffset, length } = readFileSync(job.image)
  const pixels = new Float32Array(buffer.slice(byteOffset, byteOffset + length))
  return { ...job, bytes: readFileSync(job.model), pixels }
}

/** Milliseconds that the process has computed. */
const cpuMs = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** Runs for a while, then takes samples of several runs each, and prints { cpuMs, wallMs, createMs, rssMB, output }. */
export async function measure(job, create) {
  const before = process.memoryUsage().rss
  const [cpu, wall] = [cpuMs(), performance.now()]
  const run = await create(job)
  const created = { cpuMs: cpuMs() - cpu, wallMs: performance.now() - wall }
  const output = Array.from(await run())
  let calls = 0
  const warm = cpuMs()
  do {
    await run()
    calls++
  } while (cpuMs() - warm < WARMUP_MS)
  const each = Math.max(1, Math.ceil(SAMPLE_MS / ((cpuMs() - warm) / calls)))
  const [cpuSamples, wallSamples] = [[], []]
  const begin = cpuMs()
  while (cpuSamples.length < LEAST_SAMPLES || cpuMs() - begin < SAMPLING_MS) {
    const [cpu, wall] = [cpuMs(), performance.now()]
    for (let i = 0; i < each; i++) await run()
    cpuSamples.push((cpuMs() - cpu) / each)
    wallSamples.push((performance.now() - wall) / each)
  }
  const grownMB = (process.memoryUsage().rss - before) / 1e6
  console.log(JSON.stringify({ created, cpuMs: cpuSamples, wallMs: wallSamples, grownMB, output }))
}
