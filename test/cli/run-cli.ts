/** Runs the built command line as users do, in a process of its own. */
import { type SpawnSyncOptions, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'

export const root = fileURLToPath(new URL('../..', import.meta.url))
export const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

export interface CliResult {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

export function cli(args: readonly string[], options: SpawnSyncOptions = {}): CliResult {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    cwd: root,
    timeout: 60_000,
    ...options,
    encoding: 'utf8',
  })
  return { status, stdout: stdout as string, stderr: stderr as string }
}

/** One line on standard error, no stack trace, nothing on standard output. */
export function expectError(result: CliResult, status: number, code: string, message: RegExp | string): void {
  expect(result.stderr.trimEnd().split('\n').pop()).toMatch(new RegExp(`^error ${code}: `))
  expect(result.stderr).toMatch(message)
  expect(result.stderr).not.toMatch(/^\s+at /m)
  expect(result.stdout).toBe('')
  expect(result.status).toBe(status)
}
