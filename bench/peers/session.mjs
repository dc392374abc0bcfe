/** What it takes to open a model in a fresh process: time from bytes to a session, and memory. Prints JSON. WHITEDWARF_DIST as in whitedwarf.mjs. */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { readJob } from './inference.mjs'

const dist = resolve(process.env.WHITEDWARF_DIST ?? new URL('../../dist', import.meta.url).pathname)
const { InferenceSession, Tensor } = await import(pathToFileURL(`${dist}/index.js`).href)

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc')
const residentMB = () => {
  collect()
  return process.memoryUsage().rss / 1e6
}

const { bytes, pixels, dims, options } = readJob()
const before = residentMB()
const [cpu, wall] = [process.cpuUsage(), performance.now()]
const session = await InferenceSession.create(bytes, options)
const createMs = performance.now() - wall
const { user, system } = process.cpuUsage(cpu)
await session.run({ [session.inputNames[0]]: new Tensor('float32', pixels, dims) })
const grownMB = residentMB() - before
console.log(JSON.stringify({ createMs, createCpuMs: (user + system) / 1000, memory: session.info.memory, grownMB }))
