/** What several threads can do side by side on this machine right now: counting, each for itself, for a while. */
import { Worker } from 'node:worker_threads'

const COUNTING_MS = 400

/** Counts until its time is over; the clock is asked rarely. Waits for the others at the gate. */
const COUNTER = `
const { parentPort, workerData } = require('node:worker_threads')
const gate = new Int32Array(workerData.gate)
parentPort.postMessage('ready')
Atomics.wait(gate, 0, 0)
const end = performance.now() + workerData.ms
let count = 0
let x = 1
while (performance.now() < end) {
  for (let i = 0; i < 100000; i++) x = (Math.imul(x, 1664525) + 1013904223) | 0
  count++
}
parentPort.postMessage(x === 0 ? 0 : count)
`

/** How many times as much `threads` do together as one alone: at best, `threads`. */
export async function parallelLimit(threads: number): Promise<number> {
  const alone = await countTogether(1)
  return (await countTogether(threads)) / alone
}

async function countTogether(threads: number): Promise<number> {
  const gate = new SharedArrayBuffer(4)
  const workerData = { gate, ms: COUNTING_MS }
  const workers = Array.from({ length: threads }, () => new Worker(COUNTER, { eval: true, workerData }))
  const message = (worker: Worker) =>
    new Promise<unknown>((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
  await Promise.all(workers.map(message))
  const counts = workers.map(message)
  Atomics.store(new Int32Array(gate), 0, 1)
  Atomics.notify(new Int32Array(gate), 0)
  return (await Promise.all(counts)).reduce((sum: number, count) => sum + Number(count), 0)
}
