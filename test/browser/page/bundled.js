/** The library as a bundler packed it into an application. */
import { classify } from '/bundle/app.js'
import { report } from './report.js'

await report(async (query) => {
  const images = new Uint8Array(await (await fetch('/images.bin')).arrayBuffer())
  return classify(`/models/${query.get('model')}`, images, Number(query.get('count')))
})
