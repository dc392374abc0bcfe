// Everything that `npm test` checks after the build: lint, types of the tests, the tests themselves (the browser tests
// among them). The last line printed is the tally; the exit code is non-zero unless everything passed.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findChromium } from './chromium.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
process.chdir(root)

const REPORT = 'build/test-results.json'
const tally = { passed: 0, failed: 0, skipped: 0 }

function node(...args) {
  const { status, error } = spawnSync(process.execPath, args, { stdio: 'inherit' })
  if (error !== undefined) console.error(error.message)
  return status === 0
}

/** One check without tests of its own counts as one. */
function check(name, run) {
  const start = performance.now()
  let passed = false
  try {
    passed = run() !== false
  } catch (error) {
    console.error(error.message)
  }
  tally[passed ? 'passed' : 'failed']++
  console.log(`${passed ? 'ok' : 'FAILED'}: ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`)
}

const tsc = 'node_modules/typescript/bin/tsc'
check('lint and format', () => node('node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.'))
check('types of the probes', () => node(tsc, '-p', 'bench/probes', '--noEmit'))
check('types of the tests', () => node(tsc, '-p', 'test', '--noEmit'))
check('Chromium', () => {
  process.env.CHROMIUM_PATH = findChromium()
})

rmSync(REPORT, { force: true })
mkdirSync(dirname(REPORT), { recursive: true })
const clean = node(
  'node_modules/vitest/vitest.mjs',
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${REPORT}`,
)
try {
  const report = JSON.parse(readFileSync(REPORT, 'utf8'))
  tally.passed += report.numPassedTests
  tally.failed += report.numFailedTests
  tally.skipped += report.numPendingTests + report.numTodoTests
  // A file that does not load fails without failing a test; an error outside of any test fails the run alone.
  const broken = report.testResults.filter(
    (f) => f.status === 'failed' && f.assertionResults.every((t) => t.status !== 'failed'),
  )
  tally.failed += broken.length
  if (!clean && report.numFailedTests + broken.length === 0) tally.failed++
} catch (error) {
  console.error(`vitest left no report: ${error.message}`)
  tally.failed++
}

process.exitCode = tally.failed === 0 ? 0 : 1
console.log(`${tally.passed} passed, ${tally.failed} failed${tally.skipped === 0 ? '' : `, ${tally.skipped} skipped`}`)
