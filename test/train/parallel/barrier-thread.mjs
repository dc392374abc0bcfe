/** A thread that goes through a barrier many times, and looks whether everybody else is in the same round. */
import { parentPort, workerData } from 'node:worker_threads'
import { createBarrier, fail } from '../../../dist/train/parallel/barrier.js'

const { control, rounds, index, count, loops, failAt } = workerData
const barrier = createBarrier(control, count)
let wrong = 0
let error
try {
  for (let round = 1; round <= loops; round++) {
    if (round === failAt) {
      fail(control)
      break
    }
    rounds[index] = round
    barrier()
    for (const other of rounds) if (other !== round) wrong++
    barrier()
  }
} catch (caught) {
  error = caught.code
}
parentPort.postMessage({ wrong, error })
