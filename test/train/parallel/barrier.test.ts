import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { createBarrier, createControl, fail } from '../../../src/train/parallel/barrier.js'

const script = new URL('barrier-thread.mjs', import.meta.url)

/** Threads that count rounds together; the one of `failing` gives up in the middle. */
async function race(count: number, loops: number, failing?: number): Promise<{ wrong: number; error?: string }[]> {
  const control = createControl()
  const rounds = new Int32Array(new SharedArrayBuffer(4 * count))
  const threads = Array.from({ length: count }, (_, index) => {
    const failAt = index === failing ? loops / 2 : 0
    const worker = new Worker(script, { workerData: { control, rounds, index, count, loops, failAt } })
    return new Promise<{ wrong: number; error?: string }>((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
  })
  return Promise.all(threads)
}

describe('barrier', () => {
  it.each([1, 2, 3, 7])('nobody of %i threads passes before all have come', async (count) => {
    const results = await race(count, 300)
    expect(results).toEqual(Array.from({ length: count }, () => ({ wrong: 0, error: undefined })))
  })

  it('throws in all others when one fails', async () => {
    const results = await race(3, 100, 1)
    expect(results.map((r) => r.error)).toEqual(['E_WORKER', undefined, 'E_WORKER'])
    expect(results.every((r) => r.wrong === 0)).toBe(true)
  })

  it('gives up on threads that do not answer, and on those that failed before it came', () => {
    expect(createBarrier(createControl(), 2, 50)).toThrow(/does not answer/)
    const control = createControl()
    fail(control)
    expect(createBarrier(control, 2)).toThrow(/failed/)
  })
})
