/** Other libraries, each run in a process of its own. They are installed in bench/peers on demand, as its lockfile says. */
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { NotMeasured } from './claims/claim.js'

/** From build/bench, where the compiled benchmarks lie. */
const FOLDER = fileURLToPath(new URL('../../bench/peers/', import.meta.url))

/** Script in bench/peers -> the package that it runs. */
export const PEERS = { jax: '@jax-js/jax', tfjs: '@tensorflow/tfjs' } as const
export type PeerName = keyof typeof PEERS

/**
 * Installs what package.json of a folder asks for, unless it is there.
 * @throws NotMeasured that says what to do, when the registry cannot be reached
 */
export function installPeers(onProgress: (line: string) => void, folder = FOLDER): void {
  if (Object.values(PEERS).every((name) => installed(folder, name) === wanted(folder, name))) return
  onProgress(`installing ${Object.values(PEERS).join(' and ')} in ${folder}`)
  try {
    const options = ['--no-audit', '--no-fund', '--ignore-scripts']
    execFileSync('npm', ['ci', ...options], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  } catch (error) {
    const said = String((error as { stderr?: Buffer }).stderr ?? error).trim()
    throw new NotMeasured(
      `the libraries to compare with could not be installed; run 'npm ci' in ${folder} where npm's registry can be reached. npm said:\n${said}`,
    )
  }
}

const wanted = (folder: string, name: string): string =>
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).dependencies[name]

/** Version of a package in the folder, if it is there. */
function installed(folder: string, name: string): string | undefined {
  const file = join(folder, 'node_modules', name, 'package.json')
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).version : undefined
}

/** Name and version. */
export const peerVersion = (peer: PeerName): string => `${PEERS[peer]} ${installed(FOLDER, PEERS[peer])}`

export interface PeerRun {
  /** Before each step's update. */
  readonly losses: readonly number[]
  /** Of each step. */
  readonly seconds: readonly number[]
}

/** @param job as bench/peers/job.mjs describes it */
export async function runPeer(peer: PeerName, job: object): Promise<PeerRun> {
  const folder = mkdtempSync(join(tmpdir(), 'whitedwarf-peer-'))
  try {
    const file = join(folder, 'job.json')
    writeFileSync(file, JSON.stringify(job))
    const { stdout } = await promisify(execFile)(process.execPath, [join(FOLDER, `${peer}.mjs`), file])
    return JSON.parse(stdout.slice(stdout.indexOf('{"losses"')))
  } finally {
    rmSync(folder, { recursive: true })
  }
}
