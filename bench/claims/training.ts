/** Training: how fast its passes and steps are, on one thread and on two, and what memory it takes. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { exportModel } from 'whitedwarf/compress'
import { encodeModel } from 'whitedwarf/format'
import { parallelLimit } from '../cores.js'
import { ourLosses, peerJob } from '../descent.js'
import { round } from '../machine.js'
import { NETWORKS, type NetworkName, network } from '../networks.js'
import { installPeers, peerVersion, runTraining, type TrainingPeer } from '../peers.js'
import { BATCH, measureConvolutions } from '../suites/train-conv.js'
import { chanceImages, type Phase, phases, type StepTimes, timeSteps, trainSteps } from '../training.js'
import type { Claim, Detail } from './claim.js'

const MB = 1e6

const convolutions: Claim = {
  name: 'train-conv',
  title: `Slowest pass of any convolution of ResNet-20 and Conv-6 in training (forward, input's gradient, weights' gradient; more than 3 input channels; ${BATCH} images, f32, one core) as a share of the dense product's micro-kernel with data in cache`,
  unit: '%',
  bar: { op: '>=', value: 60 },
  minutes: 1,
  async measure(onProgress) {
    const figures = await measureConvolutions(onProgress)
    const counted = figures.filter((f) => f.convolution.input[0] > 3)
    const slowest = counted.flatMap((f) => f.passes).reduce((a, b) => (a.shareOfLimit < b.shareOfLimit ? a : b))
    const layers = figures.map(({ convolution, passes, gemm, limit }): [string, Detail] => {
      const figure = (p: (typeof passes)[number]): Detail => ({
        ...{ gflops: p.rate, percentOfLimit: round(100 * p.shareOfLimit), percentOfGemm: round(100 * p.shareOfGemm) },
        ...(Object.keys(p.sparse).length > 0 && { timesFasterAtDensity: p.sparse }),
      })
      const byPass = Object.fromEntries(passes.map((p) => [p.pass, figure(p)]))
      return [convolution.name, { limitGflops: limit, gemmGflops: gemm, ...byPass }]
    })
    return {
      value: round(100 * slowest.shareOfLimit),
      spread: slowest.spread,
      details: Object.fromEntries(layers),
      // What passes by levels gain is told, not claimed.
      warnings: counted.flatMap((f) => f.denseWarnings),
    }
  },
}

/** Images per step. Conv-6 works four times as long on one. */
const SPEED_BATCH: Readonly<Record<NetworkName, number>> = { resnet20: 64, conv6: 32 }

/**
 * Other libraries take seconds for an image, so they get small batches and few steps. The steps after the first check the
 * gradients: on ResNet-20 for both, on Conv-6 for the faster one.
 */
const PEER_RUNS: Readonly<Record<NetworkName, Readonly<Record<TrainingPeer, { batch: number; steps: number }>>>> = {
  resnet20: { jax: { batch: 4, steps: 3 }, tfjs: { batch: 2, steps: 2 } },
  conv6: { jax: { batch: 4, steps: 2 }, tfjs: { batch: 2, steps: 1 } },
}
const LEARNING_RATE = 0.01
/** Most that a peer's losses may differ from ours, relatively. */
const LOSS_TOLERANCE = 1e-3

/** Images per second of a peer in its fastest step, and how far its losses are from ours. */
async function measurePeer(peer: TrainingPeer, name: NetworkName) {
  const { batch, steps } = PEER_RUNS[name][peer]
  const descent = { graph: network(name), batch, steps, learningRate: LEARNING_RATE }
  const { losses, seconds } = await runTraining(peer, await peerJob(descent))
  const ours = await ourLosses(descent)
  const differences = ours.map((loss, i) => Math.abs(losses[i] - loss) / loss)
  return { batch, imagesPerSecond: batch / Math.min(...seconds), lossDifference: Math.max(...differences) }
}

async function measureSpeed(name: NetworkName, onProgress: (line: string) => void) {
  const graph = network(name)
  const batch = SPEED_BATCH[name]
  const peerBatch = PEER_RUNS[name].jax.batch
  const small = `f32, batch ${peerBatch}`
  const { times, warnings } = await timeSteps([
    ...(Object.keys(phases) as Phase[]).map((phase) => ({ name: phase, graph, batch, options: phases[phase] })),
    { name: small, graph, batch: peerBatch, options: phases.f32 },
  ])
  const ours = Object.fromEntries(times.map((t) => [t.name, round(t.imagesPerSecond)]))
  onProgress(`${name}: ${JSON.stringify(ours)} images/s`)
  const peers: Record<string, Detail> = {}
  const doubts = warnings.map((w) => `${name}, ${w}`)
  let fastest = 0
  for (const peer of ['jax', 'tfjs'] as const) {
    const { batch, imagesPerSecond, lossDifference } = await measurePeer(peer, name)
    onProgress(`${name}: ${peer} ${imagesPerSecond.toPrecision(3)} images/s`)
    peers[peer] = { batch, imagesPerSecond: round(imagesPerSecond), lossDifference: round(lossDifference) }
    fastest = Math.max(fastest, imagesPerSecond)
    if (!(lossDifference <= LOSS_TOLERANCE))
      doubts.push(`${name}: losses of ${peer} differ from ours by ${lossDifference}`)
  }
  const [f32] = times
  return {
    times: f32.imagesPerSecond / fastest,
    spread: f32.spread,
    details: { batch, imagesPerSecond: ours, ...peers, timesFaster: round(f32.imagesPerSecond / fastest) },
    warnings: doubts,
  }
}

const speed: Claim = {
  name: 'train-speed',
  title:
    'Training steps of ResNet-20 and Conv-6 on 32 x 32 images, plain f32 weights, one thread: images per second over those of the faster of @jax-js/jax (wasm) and @tensorflow/tfjs (cpu), which get smaller batches; the smaller of the two ratios',
  unit: 'times faster',
  bar: { op: '>=', value: 50 },
  minutes: 4,
  async measure(onProgress) {
    installPeers(onProgress)
    const results = []
    for (const name of NETWORKS) results.push({ name, ...(await measureSpeed(name, onProgress)) })
    const least = results.reduce((a, b) => (a.times < b.times ? a : b))
    return {
      value: round(least.times),
      spread: least.spread,
      details: {
        peers: (['jax', 'tfjs'] as const).map(peerVersion),
        ...Object.fromEntries(results.map((r) => [r.name, r.details])),
      },
      warnings: results.flatMap((r) => r.warnings),
    }
  },
}

const WORKERS = 2
const WORKERS_BATCH = 128
/** Where plain counting gains less from a second thread, the machine has no two processors to spare. */
const LEAST_LIMIT = 1.9
/** Steps of the trainings whose models are compared: the density falls over the first half. */
const COMPARED_STEPS = 6

/** The exported file of a training by so many workers. */
async function trainedBytes(workers: number): Promise<Uint8Array> {
  const variant = { name: '', graph: network('resnet20'), batch: WORKERS_BATCH, options: { workers } }
  const trained = await trainSteps(variant, COMPARED_STEPS, { statistics: WORKERS_BATCH })
  return encodeModel(await exportModel(trained, { calibration: chanceImages(WORKERS_BATCH, 2) }))
}

const differences = (a: Uint8Array, b: Uint8Array): number =>
  Math.abs(a.length - b.length) + a.reduce((n, v, i) => n + (i < b.length && v !== b[i] ? 1 : 0), 0)

const workers: Claim = {
  name: 'train-workers',
  title: `Training steps of ResNet-20, ${WORKERS_BATCH} images each: images per second of ${WORKERS} workers over those of one; the smaller of the ratios with all weights and with a tenth of them`,
  unit: 'times faster',
  bar: { op: '>=', value: 1.7 },
  also: [{ figure: 'differingBytes', unit: 'bytes', bar: { op: '<=', value: 0 } }],
  minutes: 2,
  async measure(onProgress) {
    const [one, many] = [await trainedBytes(1), await trainedBytes(WORKERS)]
    onProgress(`exported models of 1 and ${WORKERS} workers: ${differences(one, many)} of ${one.length} bytes differ`)
    const results = []
    const limits = [await parallelLimit(WORKERS)]
    for (const phase of ['levels', 'sparse'] as const) {
      const times = await timeWorkers(phase)
      const [alone, together] = times.times.map((t) => t.imagesPerSecond)
      onProgress(`${phase}: ${round(alone)} images/s with 1 worker, ${round(together)} with ${WORKERS}`)
      results.push({ phase, ratio: together / alone, alone, together, ...times })
      limits.push(await parallelLimit(WORKERS))
    }
    const limit = round(Math.min(...limits))
    const busy = `${WORKERS} threads that only count do ${limit} times the work of one, is the machine busy?`
    const least = results.reduce((a, b) => (a.ratio < b.ratio ? a : b))
    const perPhase = results.map(({ phase, ratio, alone, together }): [string, Detail] => [
      phase,
      { imagesPerSecond: [round(alone), round(together)], timesFaster: round(ratio) },
    ])
    return {
      value: round(least.ratio),
      spread: Math.max(...least.times.map((t) => t.spread)),
      details: {
        ...Object.fromEntries(perPhase),
        ...{ machineLimit: limit, differingBytes: differences(one, many), comparedBytes: one.length },
      },
      warnings: [
        ...(limit < LEAST_LIMIT ? [busy] : []),
        ...results.flatMap((r) => r.warnings.map((w) => `${r.phase}, ${w}`)),
      ],
    }
  },
}

const timeWorkers = (phase: Phase): Promise<StepTimes> =>
  timeSteps(
    [1, WORKERS].map((workers) => ({
      ...{ name: `${workers} workers`, graph: network('resnet20'), batch: WORKERS_BATCH },
      options: { ...phases[phase], workers },
    })),
  )

const MEMORY_BATCH = 128
const MEMORY_STEPS = 3

const memory: Claim = {
  name: 'train-memory',
  title: `Largest resident memory of a process that trains ResNet-20 in batches of ${MEMORY_BATCH} for ${MEMORY_STEPS} steps, one thread, Node's own included`,
  unit: 'MB',
  bar: { op: '<=', value: 1500 },
  minutes: 0.2,
  async measure() {
    const script = fileURLToPath(new URL('../memory.js', import.meta.url))
    const args = ['resnet20', String(MEMORY_BATCH), String(MEMORY_STEPS)]
    const { stdout } = await promisify(execFile)(process.execPath, [script, ...args])
    const { wasmBytes, rssBytes } = JSON.parse(stdout)
    return { value: Math.round(rssBytes / MB), details: { wasmMB: Math.round(wasmBytes / MB) } }
  },
}

export const trainingClaims: readonly Claim[] = [convolutions, speed, workers, memory]
