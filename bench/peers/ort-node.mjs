/** onnxruntime-node, the native library, one thread. */
import ort from 'onnxruntime-node'
import { measure, readJob } from './inference.mjs'

await measure(readJob(), async ({ bytes, pixels, dims }) => {
  const session = await ort.InferenceSession.create(bytes, {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'all',
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
  })
  const feeds = { [session.inputNames[0]]: new ort.Tensor('float32', pixels, dims) }
  return async () => (await session.run(feeds))[session.outputNames[0]].data
})
