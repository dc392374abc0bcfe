/** Other libraries, each run in a process of its own. They are installed in bench/peers on demand, as its lockfile says. */
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { NotMeasured } from './claims/claim.js'

/** From build/bench, where the compiled benchmarks lie. */
const FOLDER = fileURLToPath(new URL('../../bench/peers/', import.meta.url))

/** Script in bench/peers -> the package that it runs. */
export const PEERS = {
  jax: '@jax-js/jax',
  tfjs: '@tensorflow/tfjs',
  'ort-web': 'onnxruntime-web',
  'ort-node': 'onnxruntime-node',
  litert: '@litertjs/core',
} as const
export type PeerName = keyof typeof PEERS
/** Those that train. */
export type TrainingPeer = 'jax' | 'tfjs'

/**
 * Installs what package.json of a folder asks for, unless it is there.
 * @throws NotMeasured that says what to do, when the registry cannot be reached
 */
export function installPeers(onProgress: (line: string) => void, folder = FOLDER): void {
  const wanted: [string, string][] = Object.entries(
    JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).dependencies,
  )
  if (wanted.every(([name, version]) => installed(folder, name) === version)) return
  onProgress(`installing ${wanted.map(([name]) => name).join(', ')} in ${folder}`)
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

/** Version of a package in the folder, if it is there. */
function installed(folder: string, name: string): string | undefined {
  const file = join(folder, 'node_modules', name, 'package.json')
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).version : undefined
}

/** Name and version. */
export const peerVersion = (peer: PeerName): string => `${PEERS[peer]} ${installed(FOLDER, PEERS[peer])}`

/**
 * Runs a script of bench/peers in a process of its own.
 * @param job what the script reads from the file that its argument names
 * @param node the program that runs it
 * @returns what its last line says, in JSON; other lines are the library's own
 */
export async function runJob(script: string, job: object, node = process.execPath): Promise<unknown> {
  const folder = mkdtempSync(join(tmpdir(), 'whitedwarf-peer-'))
  try {
    const file = join(folder, 'job.json')
    writeFileSync(file, JSON.stringify(job))
    const { stdout } = await promisify(execFile)(node, [join(FOLDER, `${script}.mjs`), file])
    return JSON.parse(stdout.trimEnd().split('\n').at(-1) as string)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** A script of bench/peers that exports functions, loaded here. */
export const importPeer = (script: string) => import(pathToFileURL(join(FOLDER, `${script}.mjs`)).href)

export interface TrainingRun {
  /** Before each step's update. */
  readonly losses: readonly number[]
  /** Of each step. */
  readonly seconds: readonly number[]
}

/** @param job as bench/peers/job.mjs describes it */
export const runTraining = (peer: TrainingPeer, job: object) => runJob(peer, job) as Promise<TrainingRun>
