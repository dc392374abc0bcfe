/** How much an application downloads. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { rolldown } from 'rolldown'
import type { Claim } from './claim.js'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

/** An application that runs networks. */
const APPLICATION = `
  import { InferenceSession, Tensor } from ${JSON.stringify(join(ROOT, 'dist/index.js'))}
  globalThis.classify = async (model, image) =>
    (await InferenceSession.create(model)).run({ image: new Tensor('uint8', image, [1, 1, 28, 28]) })`

/**
 * Gzip bytes of what an application loads at start-up for the inference entry: bundled and minified. What is imported on
 * demand (a build of the kernels, the scalar references, what few models need) is in chunks of its own and not counted.
 */
async function inferenceScriptBytes(): Promise<number> {
  const bundle = await rolldown({
    input: 'application',
    platform: 'browser',
    plugins: [
      {
        name: 'application',
        resolveId: (id) => (id === 'application' ? id : null),
        load: (id) => (id === 'application' ? APPLICATION : null),
      },
    ],
  })
  const { output } = await bundle.generate({ format: 'esm', minify: true })
  await bundle.close()
  const chunks = output.filter((o) => o.type === 'chunk')
  const loaded = new Set<string>()
  const load = (name: string) => {
    if (loaded.has(name)) return
    loaded.add(name)
    for (const next of chunks.find((c) => c.fileName === name)?.imports ?? []) load(next)
  }
  for (const chunk of chunks) if (chunk.isEntry) load(chunk.fileName)
  const sizes = chunks.filter((c) => loaded.has(c.fileName)).map((c) => gzipSync(c.code, { level: 9 }).length)
  return sizes.reduce((a, b) => a + b, 0)
}

function tarballBytes(): number {
  const folder = mkdtempSync(join(tmpdir(), 'whitedwarf-pack-'))
  try {
    execFileSync('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder], {
      cwd: ROOT,
      stdio: ['ignore', 'ignore', 'ignore'],
    })
    return statSync(join(folder, readdirSync(folder)[0])).size
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const wasmBytes = (name: string) => readFileSync(join(ROOT, `build/wasm/${name}.wasm`)).length

export const packageClaims: readonly Claim[] = [
  {
    name: 'package-size',
    title: 'JavaScript that the inference entry loads at start-up, bundled and minified, gzip; the kernels come on top',
    unit: 'bytes',
    bar: { op: '<=', value: 29000 },
    also: [
      { figure: 'wasmSimd', unit: 'bytes', bar: { op: '<=', value: 36000 } },
      { figure: 'wasmRelaxed', unit: 'bytes', bar: { op: '<=', value: 36000 } },
      { figure: 'wasmTrain', unit: 'bytes', bar: { op: '<=', value: 32000 } },
      { figure: 'tarball', unit: 'bytes', bar: { op: '<=', value: 850_000 } },
    ],
    minutes: 0.2,
    async measure() {
      const [wasmSimd, wasmRelaxed, wasmTrain] = ['simd', 'relaxed', 'train'].map(wasmBytes)
      return {
        value: await inferenceScriptBytes(),
        details: { wasmSimd, wasmRelaxed, wasmTrain, tarball: tarballBytes() },
      }
    },
  },
]
