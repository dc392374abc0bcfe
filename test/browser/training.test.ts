/** Training in Chromium, in a worker of the page, against the same in Node, bit for bit. */
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launchBrowser, visitPage } from './chromium.js'
import { startServer, type TestServer } from './server.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const page = join(root, 'test/browser/page')

let browser: Browser
let server: TestServer

beforeAll(async () => {
  const folders = { '/dist/': join(root, 'dist'), '/page/': page }
  server = await startServer({ folders, files: new Map(), scriptSource: "'wasm-unsafe-eval'" })
  browser = await launchBrowser()
})

afterAll(async () => {
  await browser?.close()
  await server?.close()
})

async function inNode(options: object) {
  const [compress, { trainSmall }] = await Promise.all(
    [join(root, 'dist/compress.js'), join(page, 'train-small.js')].map((path) => import(pathToFileURL(path).href)),
  )
  return trainSmall(compress, options)
}

describe('training in a worker of a page', () => {
  it.each(['', '?isolated'])('gives the bits of Node, reports, and stops (page%s)', async (query) => {
    const { result, problems, elsewhere } = await visitPage(browser, server.origin, `/page/train.html${query}`)
    expect([result.error, result.violations, problems, elsewhere, server.missing]).toEqual([undefined, [], [], [], []])
    const { isolated, done, stopped, threads, main } = result.value
    expect(isolated).toBe(query === '?isolated')

    const expected = await inNode({ epochs: 2 })
    expect(done.error).toBeUndefined()
    expect(done.bits).toEqual(expected)
    expect(done.progress.map((p: { loss: number }) => p.loss)).toEqual(expected.losses)

    expect(stopped.error.code).toBe('E_ABORTED')
    expect(stopped.progress.length).toBeGreaterThan(0)

    // Threads need an isolated page; elsewhere the error says so.
    expect(main).toEqual(await inNode({ epochs: 1 }))
    if (isolated) expect(threads.bits).toEqual(main)
    else
      expect(threads.error).toMatchObject({ code: 'E_WORKER', message: expect.stringMatching(/cross-origin isolated/) })
  })
})
