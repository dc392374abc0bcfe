/**
 * Lists the claims, or measures some of them afresh.
 *
 *   npm run claim
 *   npm run -s claim -- NAME [NAME...] [--json] [--record]
 *
 * Exit code 0 when every claim was measured and holds, 1 when not, 2 for wrong usage.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type Bar, type Claim, type ClaimResult, clears, holds, NotMeasured } from './claims/claim.js'
import { claims } from './claims/registry.js'
import { describeMachine } from './machine.js'

const RESULTS = new URL('../../bench/results/', import.meta.url)

async function main(): Promise<number> {
  let values: { json?: boolean; record?: boolean }
  let names: string[]
  try {
    const options = { json: { type: 'boolean' }, record: { type: 'boolean' } } as const
    ;({ values, positionals: names } = parseArgs({ options, allowPositionals: true }))
  } catch (error) {
    return usage((error as Error).message)
  }
  if (names.length === 0) {
    list(values.json === true)
    return 0
  }
  const selected = []
  for (const name of names) {
    const claim = claims.find((c) => c.name === name)
    if (claim === undefined) return usage(`there is no claim '${name}'; known: ${claims.map((c) => c.name).join(', ')}`)
    selected.push(claim)
  }
  const results = []
  for (const claim of selected) {
    const result = await measureClaim(claim).catch((error: unknown) => {
      if (error instanceof NotMeasured) console.error(`${claim.name}: skipped: ${error.message}`)
      else throw error
    })
    if (result === undefined) continue
    results.push(result)
    if (values.json !== true) print(result)
    if (values.record === true) record(result)
  }
  if (values.json === true) console.log(JSON.stringify(results.length === 1 ? results[0] : results, null, 2))
  return results.length === selected.length && results.every((r) => r.holds) ? 0 : 1
}

function usage(message: string): number {
  console.error(`${message}\nUsage: npm run -s claim -- NAME [NAME...] [--json] [--record]`)
  return 2
}

function list(json: boolean): void {
  if (json) {
    console.log(JSON.stringify(claims, null, 2))
    return
  }
  for (const claim of claims) {
    console.log(`${claim.name}\n    ${claim.title}\n    ${bars(claim)}, about ${claim.minutes} min`)
  }
  console.log('\nMeasure: npm run -s claim -- NAME [NAME...] [--json] [--record]')
}

const showBar = (bar: Bar, unit: string) => `${bar.op} ${bar.value} ${unit}`

function bars(claim: Pick<Claim, 'bar' | 'unit' | 'also' | 'chase'>): string {
  const all = [
    showBar(claim.bar, claim.unit),
    ...(claim.also ?? []).map((c) => `${c.figure} ${showBar(c.bar, c.unit)}`),
  ]
  return `bar: ${all.join(', ')}${claim.chase === undefined ? '' : `; chase: ${claim.chase}`}`
}

async function measureClaim(claim: Claim): Promise<ClaimResult> {
  const start = performance.now()
  const measured = await claim.measure((line) => console.error(`${claim.name}: ${line}`))
  const { name, title, unit, bar, also = [], chase } = claim
  return {
    name,
    title,
    unit,
    bar,
    also,
    ...(chase === undefined ? {} : { chase }),
    ...measured,
    holds: holds(claim, measured),
    seconds: Math.round((performance.now() - start) / 100) / 10,
    machine: describeMachine(),
    date: new Date().toISOString().slice(0, 10),
  }
}

function print(r: ClaimResult): void {
  const { machine } = r
  console.log(`${r.holds ? 'HOLDS' : 'DOES NOT HOLD'}  ${r.name}: ${r.value} ${r.unit}`)
  console.log(`  ${r.title}`)
  console.log(`  ${bars(r)}`)
  for (const c of r.also) {
    const value = r.details[c.figure]
    const ok = typeof value === 'number' && clears(value, c.bar)
    console.log(`  ${c.figure}: ${String(value)} ${c.unit}${ok ? '' : '  <- misses its bar'}`)
  }
  if (r.spread !== undefined) console.log(`  spread: ${(100 * r.spread).toFixed(1)} % (median absolute deviation)`)
  console.log(`  details: ${JSON.stringify(r.details)}`)
  for (const warning of r.warnings ?? []) console.log(`  warning: ${warning}`)
  console.log(
    `  machine: ${machine.cpu}, ${machine.cores} cores, load ${machine.load}; ${machine.runtime} (V8 ${machine.v8}), ${machine.platform}`,
  )
  console.log(`  took ${r.seconds} s\n`)
}

function record(result: ClaimResult): void {
  mkdirSync(RESULTS, { recursive: true })
  writeFileSync(new URL(`${result.name}.json`, RESULTS), `${JSON.stringify(result, null, 2)}\n`)
  console.error(
    `${result.name}: recorded in bench/results; run 'node scripts/readme.mjs' to bring README.md up to date`,
  )
}

process.exitCode = await main()
