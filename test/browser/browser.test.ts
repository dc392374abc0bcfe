/** The built library in Chromium, under a strict content security policy, against the same in Node, bit for bit. */
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import type { Browser } from 'playwright-core'
import { rolldown } from 'rolldown'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { decodeModel } from 'whitedwarf/format'
import { archs, modelWorkload, simulate } from 'whitedwarf/pe'
import { launchBrowser, visitPage } from './chromium.js'
import { seededModel } from './model.js'
import { startServer, type TestServer } from './server.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const page = join(root, 'test/browser/page')
const IMAGES = 300
const images = new Uint8Array(
  gunzipSync(readFileSync(join(root, 'data/mnist/t10k-images-idx3-ubyte.gz'))).subarray(16, 16 + IMAGES * 784),
)

/** File name -> bytes: a seeded random network, and everything that the repository ships. */
const models = new Map<string, Uint8Array>([['seeded.wd', seededModel()]])
if (existsSync(join(root, 'models'))) {
  for (const file of readdirSync(join(root, 'models')).filter((f) => f.endsWith('.wd'))) {
    models.set(file, readFileSync(join(root, 'models', file)))
  }
}

type Bits = Record<'int8' | 'fp8' | 'f32', number[]>

/** What the built library computes in Node, in a process of its own. */
function inNode(app: string, call: string, model: string): Bits {
  const script = `import { readFileSync } from 'node:fs'
    import * as app from ${JSON.stringify(app)}
    import { classify } from ${JSON.stringify(join(page, 'classify.js'))}
    const images = new Uint8Array(readFileSync(${JSON.stringify(join(work, 'images.bin'))}))
    console.log(JSON.stringify(await ${call}))`
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', script, join(work, model)], {
    encoding: 'utf8',
  })
  return JSON.parse(output)
}

const nodeBits = (model: string) =>
  inNode(join(root, 'dist/index.js'), `classify(app, process.argv[1], images, ${IMAGES})`, model)

let browser: Browser
let server: TestServer
let work: string

beforeAll(async () => {
  work = mkdtempSync(join(tmpdir(), 'whitedwarf-browser-'))
  writeFileSync(join(work, 'images.bin'), images)
  for (const [name, bytes] of models) writeFileSync(join(work, name), bytes)
  await bundleApplication()
  await bundleInto('harness', join(root, 'bench/harness.ts'))
  server = await startServer({
    folders: {
      '/dist/': join(root, 'dist'),
      '/page/': page,
      '/bundle/': join(work, 'bundle'),
      '/harness/': join(work, 'harness'),
    },
    files: new Map([
      ['/images.bin', images],
      ...[...models].map(([name, bytes]) => [`/models/${name}`, bytes] as const),
    ]),
    scriptSource: "'wasm-unsafe-eval'",
  })
  browser = await launchBrowser()
})

afterAll(async () => {
  await browser?.close()
  await server?.close()
  rmSync(work, { recursive: true, force: true })
})

/** An application that depends on the package, bundled into one folder. */
async function bundleApplication(): Promise<void> {
  const app = join(work, 'app')
  mkdirSync(join(app, 'node_modules'), { recursive: true })
  symlinkSync(root, join(app, 'node_modules/whitedwarf'), 'dir')
  writeFileSync(join(app, 'classify.js'), readFileSync(join(page, 'classify.js')))
  writeFileSync(
    join(app, 'app.js'),
    `import { InferenceSession, Tensor } from 'whitedwarf'
     import { classify as run } from './classify.js'
     export const classify = (model, images, count) => run({ InferenceSession, Tensor }, model, images, count)\n`,
  )
  await bundleInto('bundle', join(app, 'app.js'))
}

async function bundleInto(folder: string, input: string): Promise<void> {
  const bundle = await rolldown({ input, platform: 'browser' })
  await bundle.write({ dir: join(work, folder), format: 'esm' })
  await bundle.close()
}

const visit = (path: string) => visitPage(browser, server.origin, path)

describe('in Chromium', () => {
  it.each([...models.keys()])('runs %s as in Node, to the bit', async (model) => {
    const { result, problems, elsewhere } = await visit(`/page/index.html?model=${model}&count=${IMAGES}`)
    expect(result.error).toBeUndefined()
    const expected = nodeBits(model)
    expect(expected.int8.length).toBeGreaterThanOrEqual(IMAGES)
    expect(result.value.byUrl).toEqual(expected)
    expect(result.value.asBytes).toEqual(expected)
    expect(result.violations).toEqual([])
    expect(problems).toEqual([])
    expect(elsewhere).toEqual([])
    expect(server.missing).toEqual([])
  })

  it('says what to add when the policy forbids WebAssembly', async () => {
    const { result } = await visit(`/page/index.html?strict&model=seeded.wd&count=${IMAGES}`)
    expect(result.value).toBeUndefined()
    expect(result.error.code).toBe('E_WASM')
    expect(result.error.message).toContain("'wasm-unsafe-eval'")
  })

  it('reports a model that is not there', async () => {
    const { result } = await visit(`/page/index.html?model=none.wd&count=${IMAGES}`)
    expect(result.error.code).toBe('E_IO')
    expect(result.error.message).toContain('404')
    expect(server.missing.splice(0)).toContain('/models/none.wd')
  })
})

describe('models of accelerators in a page', () => {
  it('walk the weights of a model as in Node', async () => {
    const { result, problems } = await visit('/page/simulate.html?model=seeded.wd')
    expect([result.error, result.violations, problems]).toEqual([undefined, [], []])
    const model = decodeModel(models.get('seeded.wd') as Uint8Array)
    const report = await simulate(modelWorkload(model), archs.whitedwarf, { masks: true })
    expect(result.value).toEqual(JSON.parse(JSON.stringify(report)))
  })
})

describe('the benchmark harness in a page', () => {
  it('takes samples long enough for the clock of a page', async () => {
    const { result, problems } = await visit('/page/bench.html?model=seeded.wd')
    expect([result.error, result.violations, problems]).toEqual([undefined, [], []])
    expect(result.value.measurements.map((m: { name: string }) => m.name)).toEqual(['int8', 'f32'])
    for (const { medianNs, calls, samples, rate } of result.value.measurements) {
      expect(samples).toBe(6)
      expect(medianNs * calls).toBeGreaterThan(8e6)
      expect(rate).toBeCloseTo(1e9 / medianNs, 3)
    }
  })
})

describe('bundled by rolldown', () => {
  it('runs in a page', async () => {
    const { result, problems, elsewhere } = await visit(`/page/bundled.html?model=seeded.wd&count=${IMAGES}`)
    expect(result.error).toBeUndefined()
    expect(result.value).toEqual(nodeBits('seeded.wd'))
    expect([result.violations, problems, elsewhere]).toEqual([[], [], []])
  })

  it('runs in Node', () => {
    const bits = inNode(join(work, 'bundle/app.js'), `app.classify(process.argv[1], images, ${IMAGES})`, 'seeded.wd')
    expect(bits).toEqual(nodeBits('seeded.wd'))
  })
})
