/** onnxruntime-web, WebAssembly backend, one thread. */
import * as ort from 'onnxruntime-web/wasm'
import { measure, readJob } from './inference.mjs'

ort.env.wasm.numThreads = 1

await measure(readJob(), async ({ bytes, pixels, dims }) => {
  const session = await ort.InferenceSession.create(bytes, {
    executionProviders: ['wasm'],
    graphOptimizationLevel: 'all',
  })
  const feeds = { [session.inputNames[0]]: new ort.Tensor('float32', pixels, dims) }
  return async () => (await session.run(feeds))[session.outputNames[0]].data
})
