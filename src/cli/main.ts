#!/usr/bin/env node
/** The command line: finds the command, parses its options, prints errors as one line, sets the exit code. */
import { readFileSync } from 'node:fs'
import { WhiteDwarfError } from '../errors.js'
import { parseArguments, suggest } from './args.js'
import { type Command, commonOptions } from './command.js'
import { bench } from './commands/bench.js'
import { convert } from './commands/convert.js'
import { inspect } from './commands/inspect.js'
import { run } from './commands/run.js'
import { simulate } from './commands/simulate.js'
import { storage } from './commands/storage.js'
import { sweep } from './commands/sweep.js'
import { train } from './commands/train.js'
import { commandHelp, generalHelp } from './help.js'

const commands: readonly Command[] = [train, sweep, convert, run, bench, inspect, storage, simulate]

const INTERRUPTED = 130

async function main(argv: readonly string[]): Promise<number> {
  const json = argv.includes('--json')
  const controller = new AbortController()
  const interrupt = () => controller.abort()
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)
  try {
    await dispatch(argv, json, controller.signal)
    return 0
  } catch (error) {
    return report(error, json, controller.signal)
  } finally {
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', interrupt)
  }
}

async function dispatch(argv: readonly string[], json: boolean, signal: AbortSignal): Promise<void> {
  const [name, ...rest] = argv
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    console.log(generalHelp(commands))
    if (name === undefined) throw new WhiteDwarfError('E_OPTION', 'which command?')
    return
  }
  if (name === '--version') {
    console.log(version())
    return
  }
  const command = commands.find((c) => c.name === name)
  if (command === undefined) {
    const known = commands.map((c) => c.name)
    throw new WhiteDwarfError(
      'E_OPTION',
      `unknown command '${name}'${suggest(name, known)} Commands: ${known.join(', ')}`,
    )
  }
  const args = parseArguments(rest, [...command.options, ...commonOptions], command.positionals)
  if (args.flag('help')) {
    console.log(commandHelp(command))
    return
  }
  await command.run({ args, json, quiet: json || args.flag('quiet'), signal })
}

/** One line on standard error (a JSON object on standard output with --json); returns the exit code. */
function report(error: unknown, json: boolean, signal: AbortSignal): number {
  const aborted = signal.aborted
  const code = aborted ? 'E_ABORTED' : error instanceof WhiteDwarfError ? error.code : 'E_INTERNAL'
  const message = aborted ? 'interrupted' : oneLine(error)
  if (json) console.log(JSON.stringify({ error: { code, message } }))
  else process.stderr.write(`error ${code}: ${message}\n`)
  if (aborted) return INTERRUPTED
  return code === 'E_OPTION' ? 2 : 1
}

const oneLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replace(/\s*\n\s*/g, ' ')

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

// A reader that has seen enough (| head) closes the pipe: that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

// Set rather than exit: output to a pipe may still be under way.
process.exitCode = await main(process.argv.slice(2))
