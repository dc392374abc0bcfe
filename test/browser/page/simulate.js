import { decodeModel } from '/dist/format.js'
import { archs, modelWorkload, simulate } from '/dist/pe.js'
import { report } from './report.js'

await report(async (query) => {
  const bytes = new Uint8Array(await (await fetch(`/models/${query.get('model')}`)).arrayBuffer())
  return simulate(modelWorkload(decodeModel(bytes)), archs.whitedwarf, { masks: true })
})
