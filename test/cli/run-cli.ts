/** Runs the built command line as users do, in a process of its own. */
import { type SpawnSyncOptions, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

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
