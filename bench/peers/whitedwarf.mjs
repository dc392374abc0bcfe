/** whitedwarf itself, under the same conditions. WHITEDWARF_DIST names another build to measure: the folder with index.js. */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { measure, readJob } from './inference.mjs'

const dist = resolve(process.env.WHITEDWARF_DIST ?? new URL('../../dist', import.meta.url).pathname)
const { InferenceSession, Tensor } = await import(pathToFileURL(`${dist}/index.js`).href)

await measure(readJob(), async ({ bytes, pixels, dims, options, revectoriser }) => {
  if (revectoriser) await (await import(pathToFileURL(`${dist}/node.js`).href)).enableRevectoriser()
  const session = await InferenceSession.create(bytes, options)
  const feeds = { [session.inputNames[0]]: new Tensor('float32', pixels, dims) }
  return async () => (await session.run(feeds))[session.outputNames[0]].data
})
