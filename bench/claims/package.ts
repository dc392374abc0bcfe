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

/** Gzip bytes of the inference entry, minified in one bundle, the embedded WebAssembly left out. */
async function inferenceScriptBytes(): Promise<number> {
  const bundle = await rolldown({
    input: join(ROOT, 'dist/index.js'),
    platform: 'browser',
    external: (id) => /[\\/]embed[\\/]/.test(id),
  })
  const { output } = await bundle.generate({ format: 'esm', minify: true, codeSplitting: false })
  await bundle.close()
  return gzipSync(output[0].code, { level: 9 }).length
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
    title: 'JavaScript of the inference entry, bundled and minified, gzip, without the embedded WebAssembly',
    unit: 'bytes',
    bar: { op: '<=', value: 15000 },
    also: [
      { figure: 'wasmSimd', unit: 'bytes', bar: { op: '<=', value: 24000 } },
      { figure: 'wasmRelaxed', unit: 'bytes', bar: { op: '<=', value: 24000 } },
      { figure: 'wasmTrain', unit: 'bytes', bar: { op: '<=', value: 24000 } },
      { figure: 'tarball', unit: 'bytes', bar: { op: '<=', value: 400000 } },
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
