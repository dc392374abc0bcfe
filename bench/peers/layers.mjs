/**
 * Where a network's time goes, kernel call by kernel call, and what the planar gather would do if its data lay in the cache: the same
 * programs with their offsets folded into a window of that size. Prints JSON.
 *
 * It reads what a session keeps to itself (its list of kernel calls), so it belongs to one version of the library.
 */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { readJob } from './inference.mjs'

const dist = resolve(process.env.WHITEDWARF_DIST ?? new URL('../../dist', import.meta.url).pathname)
const { InferenceSession, Tensor } = await import(pathToFileURL(`${dist}/index.js`).href)

const PASSES = 60
/** Bytes that offsets are taken modulo: a window in the first-level cache, and one in the second. */
const WINDOWS = { l1: 8192, l2: 262144 }

const { bytes, pixels, dims, options } = readJob()
const session = await InferenceSession.create(bytes, options)
await session.run({ [session.inputNames[0]]: new Tensor('float32', pixels, dims) })
const { calls, instance } = session.state

/** Median milliseconds of each call, all called in order, pass after pass. */
function timeCalls(calls) {
  const samples = calls.map(() => [])
  for (let pass = 0; pass < 2 * PASSES; pass++) {
    calls.forEach(({ fn, args }, i) => {
      const begin = performance.now()
      fn(...args)
      if (pass >= PASSES) samples[i].push(performance.now() - begin)
    })
  }
  return samples.map((s) => s.sort((a, b) => a - b)[s.length >> 1])
}

const isGather = ({ kernel }) => /^gather_(i16|i32|f32)$/.test(kernel)

/** The same calls with every offset folded into a window and all rows written to one place. */
function folded(calls, window) {
  const { memory } = instance
  const longest = Math.max(...calls.map(({ args }) => args[6] * 16))
  const programs = calls.map(({ args: [program, rows, planes] }) => {
    const words = new Uint32Array(memory.buffer)
    let p = program / 4
    for (let list = 0; list < rows * planes; list++) p += 2 + words[p] + words[p + 1]
    return words.slice(program / 4, p)
  })
  const room = programs.reduce((n, words) => n + words.byteLength, window + 2 * (longest + 4096))
  const from = memory.grow(Math.ceil(room / 65536)) * 65536
  const to = from + window + longest + 4096
  // Pages that were never written are all the same one, which the cache does not take well.
  new Uint8Array(memory.buffer, from, room).fill(1)
  let at = to + longest + 4096
  return calls.map((call, i) => {
    const [, rows, planes, x, , , vectors] = call.args
    const words = programs[i]
    for (let p = 0, list = 0; list < rows * planes; list++) {
      const end = p + 2 + words[p] + words[p + 1]
      for (p += 2; p < end; p++) words[p] %= window
    }
    new Uint32Array(memory.buffer, at, words.length).set(words)
    // A row's loads cross cache lines as often as in place.
    const args = [at, rows, planes, from + (x % 64), to, 0, vectors]
    at += words.byteLength
    return { ...call, args }
  })
}

const times = timeCalls(calls)
const gathers = calls.filter(isGather)
const [l1, l2] = [WINDOWS.l1, WINDOWS.l2].map((window) => timeCalls(folded(gathers, window)))
const layers = new Map(session.info.layers.map((layer) => [layer.name, layer]))
console.log(
  JSON.stringify({
    calls: calls.map(({ op, kernel }, i) => ({ op, kernel, ms: times[i] })),
    gathers: gathers.map((call, i) => {
      const { shape, density, macs } = layers.get(call.op)
      return { op: call.op, shape, density, macs, ms: times[calls.indexOf(call)], l1Ms: l1[i], l2Ms: l2[i] }
    }),
  }),
)
