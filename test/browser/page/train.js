/** Training in a worker of the page's own, which reports progress and can be told to stop; and on the page's main thread. */
import * as compress from '/dist/compress.js'
import { report } from './report.js'
import { trainSmall } from './train-small.js'

/** @returns the worker's last message, and its progress messages */
function trainInWorker(job, onProgress = () => {}) {
  return new Promise((resolve, reject) => {
    const worker = new Worker('/page/train-worker.js', { type: 'module' })
    const progress = []
    worker.onerror = (event) => reject(new Error(event.message))
    worker.onmessage = ({ data }) => {
      if (data.progress === undefined) {
        worker.terminate()
        resolve({ ...data, progress })
        return
      }
      progress.push(data.progress)
      onProgress(worker)
    }
    worker.postMessage(job)
  })
}

await report(async (query) => ({
  isolated: crossOriginIsolated,
  done: await trainInWorker({ workers: query.has('isolated') ? 3 : 'auto', epochs: 2 }),
  stopped: await trainInWorker({ workers: 1, epochs: 1000 }, (worker) => worker.postMessage('stop')),
  threads: await trainInWorker({ workers: 2, epochs: 1 }),
  // The main thread must not sleep in a barrier.
  main: await trainSmall(compress, { workers: crossOriginIsolated ? 2 : 1, epochs: 1 }),
}))
