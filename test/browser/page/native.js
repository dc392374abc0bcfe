/** The library as native ES modules, the model once by URL and once as bytes. */
import * as whitedwarf from '/dist/index.js'
import { classify } from './classify.js'
import { report } from './report.js'

await report(async (query) => {
  const model = `/models/${query.get('model')}`
  const count = Number(query.get('count'))
  const images = new Uint8Array(await (await fetch('/images.bin')).arrayBuffer())
  const bytes = new Uint8Array(await (await fetch(model)).arrayBuffer())
  return {
    byUrl: await classify(whitedwarf, model, images, count),
    asBytes: await classify(whitedwarf, bytes, images, count),
  }
})
