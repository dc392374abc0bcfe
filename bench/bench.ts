/**
 * Runs benchmark suites and prints their figures, after the machine's own limits.
 *
 *   npm run bench                      lists the suites
 *   npm run -s bench -- NAME|all [--json]
 */
import { parseArgs } from 'node:util'
import { describeMachine, measureLimits } from './machine.js'
import type { Figure } from './suite.js'
import { entropySuite } from './suites/entropy.js'
import { gatherSuite } from './suites/gather.js'
import { gemmSuite } from './suites/gemm.js'
import { layersSuite } from './suites/layers.js'
import { loadingSuite } from './suites/loading.js'
import { patternsSuite } from './suites/patterns.js'
import { trainConvSuite } from './suites/train-conv.js'
import { trainStepSuite } from './suites/train-step.js'
import { trainStreamSuite } from './suites/train-stream.js'

const suites = [
  gatherSuite,
  layersSuite,
  patternsSuite,
  loadingSuite,
  gemmSuite,
  entropySuite,
  trainConvSuite,
  trainStreamSuite,
  trainStepSuite,
]

const { values, positionals } = parseArgs({ options: { json: { type: 'boolean' } }, allowPositionals: true })
const selected = positionals.includes('all') ? suites : suites.filter((s) => positionals.includes(s.name))
const unknown = positionals.filter((name) => name !== 'all' && !suites.some((s) => s.name === name))

if (unknown.length > 0) {
  console.error(`there is no suite '${unknown[0]}'; known: all, ${suites.map((s) => s.name).join(', ')}`)
  process.exitCode = 2
} else if (selected.length === 0) {
  for (const suite of suites) console.log(`${suite.name.padEnd(12)} ${suite.title}`)
  console.log('\nRun: npm run -s bench -- NAME|all [--json]')
} else {
  const machine = describeMachine()
  const limits = await measureLimits()
  if (values.json !== true) printMachine()
  const results = []
  for (const suite of selected) {
    const result = await suite.run()
    results.push({ suite: suite.name, title: suite.title, ...result })
    if (values.json === true) continue
    console.log(`\n${suite.title}`)
    for (const figure of result.figures) console.log(`  ${showFigure(figure)}`)
    for (const warning of result.warnings) console.log(`  warning: ${warning}`)
  }
  if (values.json === true) console.log(JSON.stringify({ machine, limits, results }, null, 2))

  function printMachine(): void {
    console.log(`${machine.cpu}, ${machine.cores} cores, load ${machine.load}; ${machine.runtime} (V8 ${machine.v8})`)
    console.log(
      `one core at best: ${limits.clock} GHz; i16 load+add ${limits.loadAddI16} G/s; f32 load+add ${limits.loadAddF32} G/s;`,
    )
    console.log(
      `  f32 multiply+add ${limits.mulAddF32} G/s; reads L1 ${limits.read.L1}, L2 ${limits.read.L2}, L3 ${limits.read.L3}, memory ${limits.read.memory} GB/s`,
    )
  }
}

function showFigure({ name, value, unit, spread }: Figure): string {
  return `${name.padEnd(36)} ${String(value).padStart(8)} ${unit}${spread === undefined ? '' : ` +- ${(100 * spread).toFixed(1)} %`}`
}
