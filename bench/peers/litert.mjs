/**
 * LiteRT.js (TensorFlow Lite with XNNPACK), WebAssembly, one thread, its build for relaxed SIMD. The package is made for pages: it loads
 * its script through a script element, so this stands in for one.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInThisContext } from 'node:vm'
import { measure, readJob } from './inference.mjs'

// Node 20 has relaxed SIMD behind a flag; later ones have it on.
if (Number.parseInt(process.versions.node, 10) < 21) setFlagsFromString('--experimental-wasm-relaxed-simd')

const require = createRequire(import.meta.url)
const folder = dirname(require.resolve('@litertjs/core/package.json'))

globalThis.self = globalThis
globalThis.require = require
globalThis.__dirname = `${folder}/wasm`
globalThis.document = {
  createElement: () => ({ addEventListener: (type, listener) => type === 'load' && setImmediate(listener) }),
  body: {
    appendChild: ({ src }) => {
      // The script's `var ModuleFactory` becomes a property of the global object.
      runInThisContext(readFileSync(src, 'utf8'), { filename: src })
    },
  },
}

const { loadAndCompile, loadLiteRt, Tensor } = await import('@litertjs/core')

await measure(readJob(), async ({ bytes, pixels, dims }) => {
  await loadLiteRt(`${folder}/wasm/`)
  const model = await loadAndCompile(bytes, { accelerator: 'wasm', cpuOptions: { numThreads: 1 } })
  const input = new Tensor(pixels, dims)
  return async () => {
    const [output] = await model.run(input)
    const values = output.toTypedArray().slice()
    output.delete()
    return values
  }
})
