/** Other libraries in processes of their own. They are installed in bench/peers on demand, as its lockfile says. */
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import {
  type Graph,
  inferShapes,
  isWeighted,
  type Shape,
  type TrainResult,
  train,
  weightShape,
} from 'whitedwarf/compress'
import { chanceImages } from './training.js'

const FOLDER = fileURLToPath(new URL('../../bench/peers/', import.meta.url))

export const PEERS = { jax: '@jax-js/jax', tfjs: '@tensorflow/tfjs' } as const
export type PeerName = keyof typeof PEERS

/**
 * Installs the peers unless they are there.
 * @throws Error that says what to do, when the registry cannot be reached
 */
export function installPeers(onProgress: (line: string) => void): void {
  if (Object.values(PEERS).every((name) => installed(name) === wanted(name))) return
  onProgress('installing the peers in bench/peers')
  try {
    const options = ['--no-audit', '--no-fund', '--ignore-scripts']
    execFileSync('npm', ['ci', ...options], { cwd: FOLDER, stdio: ['ignore', 'ignore', 'pipe'] })
  } catch (error) {
    const said = String((error as { stderr?: Buffer }).stderr ?? error).trim()
    throw new Error(
      `the peers could not be installed; run 'npm ci' in bench/peers where the registry can be reached:\n${said}`,
    )
  }
}

const wanted = (name: string): string =>
  JSON.parse(readFileSync(join(FOLDER, 'package.json'), 'utf8')).dependencies[name]

/** Version of a package in bench/peers, if it is there. */
function installed(name: string): string | undefined {
  const file = join(FOLDER, 'node_modules', name, 'package.json')
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).version : undefined
}

export const peerVersion = (peer: PeerName): string => `${PEERS[peer]} ${installed(PEERS[peer])}`

/** Plain gradient descent, over and over on one batch, from the weights that our trainer starts with. */
export interface Descent {
  readonly graph: Graph
  readonly batch: number
  readonly learningRate: number
  readonly steps: number
}

export interface PeerRun {
  /** Before each step's update. */
  readonly losses: readonly number[]
  /** Of each step. */
  readonly seconds: readonly number[]
}

export async function runPeer(peer: PeerName, descent: Descent): Promise<PeerRun> {
  const folder = mkdtempSync(join(tmpdir(), 'whitedwarf-peer-'))
  try {
    const file = join(folder, 'job.json')
    writeFileSync(file, JSON.stringify(await job(descent)))
    const { stdout } = await promisify(execFile)(process.execPath, [join(FOLDER, `${peer}.mjs`), file])
    return JSON.parse(stdout.slice(stdout.indexOf('{"losses"')))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** What our trainer finds in the same descent. */
export async function ourLosses(descent: Descent): Promise<number[]> {
  return (await descend(descent)).history.map((event) => event.loss)
}

const descend = ({ graph, batch, learningRate, steps }: Descent): Promise<TrainResult> =>
  train({
    ...{ graph, batch, learningRate, train: chanceImages(batch), epochs: steps, supermask: 'none' },
    ...{ schedule: 'constant', momentum: 0, weightDecay: 0, labelSmoothing: 0, statistics: 0, progressEvery: 1 },
  })

/** A learning rate that leaves every weight as it was. */
const NOTHING = 1e-30

/** The job as bench/peers/job.mjs describes it. */
async function job(descent: Descent) {
  const { graph, batch, learningRate, steps } = descent
  const [{ scale, offset, name }] = graph.inputs
  if (scale.length !== 1) throw new Error('the network must scale all channels of its input alike')
  const { weights = {} } = await descend({ ...descent, learningRate: NOTHING, steps: 1 })
  const shapes = inferShapes(graph)
  const shapeOf = (value: string) => shapes.get(value) as Shape
  const tensors = graph.nodes.filter(isWeighted).map((node) => {
    const shape = weightShape(node, shapeOf(node.inputs[0]))
    return [node.name, { shape, values: Array.from(weights[node.name]) }]
  })
  const { images, labels } = chanceImages(batch)
  return {
    ...{ graph, learningRate, steps, labels: Array.from(labels) },
    weights: Object.fromEntries(tensors),
    images: { shape: [batch, ...shapeOf(name)], values: Array.from(images, (v) => v * scale[0] + offset[0]) },
  }
}
