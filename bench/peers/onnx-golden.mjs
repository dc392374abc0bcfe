// Writes bench/golden/onnx-models.json.golden: what onnxruntime makes of noise in the models that the claim onnx-real-models checks, every
// so many of the results. It also runs what whitedwarf writes of these models, and says how far apart the two are.
//
//   MODELS=FOLDER node bench/peers/onnx-golden.mjs      after `npm run build`, and `npm ci --ignore-scripts` in bench/peers
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ort from 'onnxruntime-node'
import { Rng } from '../../dist/kernels.js'
import { exportOnnx, importOnnx } from '../../dist/onnx.js'

const MODELS = [
  {
    file: 'qonnx-data/src/qonnx/data/onnx/mnist-conv/model.onnx',
    seeds: [1, 2, 3, 4, 5, 6, 7, 8],
    noise: 'bytes',
    every: 1,
  },
  { file: 'ultraface/models/onnx/version-slim-320_simplified.onnx', seeds: [1, 2], noise: 'normal', every: 23 },
]

const options = { logSeverityLevel: 3, intraOpNumThreads: 1 }

async function run(session, seed, noise) {
  const [{ name, shape }] = session.inputMetadata
  const dims = shape.map((d) => (typeof d === 'number' ? d : 1))
  const rng = new Rng(seed)
  const length = dims.reduce((a, b) => a * b, 1)
  const data = Float32Array.from({ length }, () => (noise === 'bytes' ? rng.below(256) : rng.normal()))
  return session.run({ [name]: new ort.Tensor('float32', data, dims) })
}

const models = []
for (const { file, seeds, noise, every } of MODELS) {
  const bytes = readFileSync(join(process.env.MODELS, file))
  const session = await ort.InferenceSession.create(bytes, options)
  const written = await ort.InferenceSession.create(exportOnnx(importOnnx(bytes)), options)
  const results = []
  let worst = 0
  for (const seed of seeds) {
    const outputs = await run(session, seed, noise)
    const others = await run(written, seed, noise)
    const entries = Object.entries(outputs).map(([name, { data, dims }]) => {
      const largest = data.reduce((most, v) => Math.max(most, Math.abs(v)), 0)
      data.forEach((v, i) => {
        worst = Math.max(worst, Math.abs(v - others[name].data[i]) / largest)
      })
      return [name, { dims, values: Array.from(data.filter((_, i) => i % every === 0)) }]
    })
    results.push(Object.fromEntries(entries))
  }
  models.push({ file, seeds, noise, every, results })
  console.log(`${file}: what whitedwarf writes differs by ${worst.toExponential(1)} in onnxruntime`)
}
const golden = { onnxruntime: ort.env.versions.node, models }
writeFileSync(new URL('../golden/onnx-models.json.golden', import.meta.url), `${JSON.stringify(golden)}\n`)
