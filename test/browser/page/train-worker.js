/** Trains when it is sent a job; stops when it is sent anything else. */
import * as compress from '/dist/compress.js'
import { trainSmall } from './train-small.js'

const controller = new AbortController()

addEventListener('message', async ({ data: job }) => {
  if (job === 'stop') {
    controller.abort()
    return
  }
  try {
    const onProgress = ({ step, loss }) => postMessage({ progress: { step, loss } })
    postMessage({ bits: await trainSmall(compress, { ...job, onProgress, signal: controller.signal }) })
  } catch (error) {
    postMessage({ error: { code: error.code, message: String(error.message) } })
  }
})
