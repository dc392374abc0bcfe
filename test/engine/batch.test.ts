/** Runs of fewer images than a session computes together, and of more. */
import { describe, expect, it, vi } from 'vitest'
import type { Call } from '../../src/engine/state.js'
import { encodeModel } from '../../src/format/wd.js'
import { elements } from '../../src/graph/ir.js'
import { InferenceSession, Tensor } from '../../src/index.js'
import { BRANCHES } from './branches.js'
import { GRAPHS, randomModel } from './models.js'

const NETS = [
  'dense only',
  'mlp',
  'lenet',
  'strided',
  'residual, padded shortcuts',
  'mixer',
  'dense residuals',
] as const
const ALL = { ...GRAPHS, ...BRANCHES }

const callsOf = (session: InferenceSession) => (session as unknown as { state: { calls: Call[] } }).state.calls

describe.each(NETS)('%s', (name) => {
  const graph = ALL[name]
  const { shape } = graph.inputs[0]
  const size = elements(shape)
  const bytes = encodeModel(randomModel(graph, { seed: 4, maxLevel: 3, density: 0.4 }))
  const data = Float32Array.from({ length: 9 * size }, (_, i) => (i * 37) % 256)
  const first = (n: number, numbers = data) => ({
    image: new Tensor('float32', numbers.slice(0, n * size), [n, ...shape]),
  })

  it.each(['int8', 'f32'] as const)('images see nothing of runs before them, in %s', async (precision) => {
    const session = await InferenceSession.create(bytes, { precision, batch: 4 })
    const expected = await session.run(first(9))
    // Numbers beyond every range: whatever is left of them would show.
    await session.run(
      first(
        4,
        data.map(() => 1e30),
      ),
    )
    for (const n of [1, 3, 6]) {
      const results = await session.run(first(n))
      for (const [output, { data }] of Object.entries(results)) {
        expect(data).toEqual(expected[output].data.slice(0, data.length))
      }
    }
  })

  it('numbers that were refused are not found again', async () => {
    const session = await InferenceSession.create(bytes, { batch: 4 })
    const bad = data.map((v, i) => (i === 4 * size - 1 || i === 2 * size ? Number.NaN : v))
    await expect(session.run(first(4, bad))).rejects.toThrow(/holds 2 values/)
    const results = await session.run(first(1))
    expect(results).toEqual(await (await InferenceSession.create(bytes)).run(first(1)))
    const profile = await session.profile({ runs: 1 })
    expect(profile.length).toBeGreaterThan(0)
  })

  it('a run into given tensors makes no arrays of numbers', async () => {
    const session = await InferenceSession.create(bytes, { batch: 4 })
    const feeds = first(4)
    const results = await session.run(feeds)
    let made = 0
    const construct = (target: typeof Float32Array, args: [number]) => {
      made++
      return new target(...args)
    }
    vi.stubGlobal('Float32Array', new Proxy(Float32Array, { construct }))
    const views = vi.spyOn(Object.getPrototypeOf(Float32Array.prototype), 'subarray')
    try {
      await session.run(feeds, results)
      expect([made, views.mock.calls.length]).toEqual([0, 0])
      await session.run(feeds)
      expect(made).toBe(session.outputs.length)
    } finally {
      vi.unstubAllGlobals()
      views.mockRestore()
    }
  })

  it('only the images given are computed', async () => {
    const session = await InferenceSession.create(bytes, { batch: 4 })
    const made: number[] = []
    for (const call of callsOf(session)) {
      const { fn } = call
      Object.assign(call, {
        fn: (...args: number[]) => {
          made.push(call.image)
          return fn(...args)
        },
      })
    }
    await session.run(first(2))
    expect([...new Set(made)].sort()).toEqual([0, 1])
  })
})
