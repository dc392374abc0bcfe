/**
 * Hostile models: whatever a file holds, importing it, writing it again, opening a session and running it ends in a result or in a
 * coded error, within a second of processor time, and within the session's memory.
 *
 *   FUZZ=100000 npx vitest run test/onnx/fuzz.test.ts      so many cases of each kind; FUZZ_SEED=7: others
 */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type OnnxTest, unpackTests } from '../../bench/onnx-tests.js'
import { WhiteDwarfError } from '../../src/errors.js'
import { elements } from '../../src/graph/ir.js'
import { InferenceSession, Tensor } from '../../src/index.js'
import { importOnnx } from '../../src/onnx/import.js'
import { exportOnnx } from '../../src/onnx/write.js'
import { Rng } from '../../src/rng.js'
import { mutateBytes, mutateModel } from './mutate.js'

const tests = unpackTests(readFileSync(new URL('../fixtures/onnx-node/tests.json.gz', import.meta.url)))
const CASES = Number(process.env.FUZZ ?? 1500)
const SEED = Number(process.env.FUZZ_SEED ?? 1)

/** Milliseconds of processor time that one step may take. */
const LONGEST = 1000
const MEMORY = 2 ** 24
/** Larger networks are opened, not run: what they compute is legitimate, however long it takes. */
const RUN_ELEMENTS = 1e5

/** What went wrong, if anything did. */
async function problem(bytes: Uint8Array): Promise<string | undefined> {
  let step = ''
  let slow: string | undefined
  const timed = async <T>(name: string, work: () => T | Promise<T>): Promise<T> => {
    step = name
    const start = process.cpuUsage()
    try {
      return await work()
    } finally {
      const { user, system } = process.cpuUsage(start)
      const ms = (user + system) / 1000
      if (ms > LONGEST) slow = `${name} took ${Math.round(ms)} ms`
    }
  }
  try {
    const model = await timed('import', () => importOnnx(bytes, { external: () => new Uint8Array(64) }))
    const { inputs } = model.graph
    const session = await timed('create', () => InferenceSession.create(model, { precision: 'f32', maxMemory: MEMORY }))
    if (session.info.memory / 4 < RUN_ELEMENTS + 2 ** 16) {
      const feeds = inputs.map(({ name, shape }) => [
        name,
        new Tensor('float32', new Float32Array(elements(shape)), shape),
      ])
      await timed('run', () => session.run(Object.fromEntries(feeds)))
    }
    session.dispose()
    await timed('import again', async () => importOnnx(await timed('export', () => exportOnnx(model))))
  } catch (error) {
    if (error instanceof WhiteDwarfError && /^E_[A-Z]+$/.test(error.code)) return slow
    return `${step}: ${(error as Error).stack?.split('\n').slice(0, 4).join(' | ')}`
  }
  return slow
}

async function fuzz(mutate: (test: OnnxTest, rng: Rng) => Uint8Array): Promise<string[]> {
  const found = new Map<string, string>()
  for (let i = 0; i < CASES; i++) {
    const rng = new Rng(SEED * 1e6 + i)
    const test = tests[rng.below(tests.length)]
    const what = await problem(mutate(test, rng))
    if (what !== undefined && !found.has(what)) found.set(what, `${test.name}, seed ${SEED * 1e6 + i}: ${what}`)
    // Sessions are freed between turns of the event loop.
    if (i % 64 === 0) await new Promise((resolve) => setTimeout(resolve))
  }
  return [...found.values()]
}

describe('hostile models', () => {
  it(
    'changed bytes',
    async () => {
      expect(await fuzz(({ model }, rng) => mutateBytes(model, rng))).toEqual([])
    },
    Infinity,
  )

  it(
    'changed structure',
    async () => {
      expect(await fuzz(mutateModel)).toEqual([])
    },
    Infinity,
  )
})
