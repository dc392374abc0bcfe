/** Everything that a training changes, in one place. */
import { Rng } from '../rng.js'
import { gridOf } from './activations.js'
import { DenseWeights } from './dense.js'
import { TeacherFeed } from './distill.js'
import { Averages } from './ema.js'
import { installNorms } from './evaluate.js'
import { Feeder } from './feeder.js'
import { MaskedWeights } from './masked.js'
import type { Network } from './network.js'
import { trainedNorms } from './norms.js'
import { Optimiser } from './optimiser.js'
import { Clock, Meter, type ProgressEvent } from './progress.js'
import { Rounding } from './rounding.js'
import type { Settings } from './settings.js'
import type { TrainedNetwork } from './trained.js'
import type { Parameter, TrainableWeights } from './weights.js'

/** A piece of the trainer's memory that a checkpoint holds. */
export interface Region {
  readonly name: string
  readonly address: number
  readonly bytes: number
}

/** What part 0 tells the others. */
export interface Shared {
  /** Address of what the loss kernel returns. */
  readonly lossSums: number
  /** Room for the weights' numbers. */
  readonly numbers: (n: number) => Float64Array
}

export interface TrainState {
  readonly net: Network
  readonly weights: TrainableWeights
  readonly optimiser: Optimiser
  /** Averages of scores and of batch normalisation, when they are kept. */
  readonly averages?: { readonly scores: Averages; readonly norms: Averages }
  /** Of activations, where training rounds them. */
  readonly rounding?: Rounding
  readonly feeder: Feeder
  readonly teacher?: TeacherFeed
  readonly rng: Rng
  /** Indices of training examples, in this epoch's order. */
  readonly order: Uint32Array
  readonly shared: Shared
  readonly regions: readonly Region[]
  readonly meter: Meter
  readonly history: ProgressEvent[]
  clock: Clock
  /** Steps done. */
  step: number
}

export function createState(net: Network, s: Settings): TrainState {
  const { mem } = net
  const rng = new Rng(s.seed)
  // Whatever these allocate is state: a checkpoint keeps the memory between the two marks.
  const begin = mem.bytes(0)
  const start = s.start?.weights
  const weights =
    s.supermask === 'none' ? new DenseWeights(net, rng, start) : new MaskedWeights(net, s.supermask, rng, start)
  if (s.start !== undefined) installNorms(net, s.start.norms)
  const norms = net.norms.map(
    (norm): Parameter => ({ values: norm.state, gradient: norm.grads, n: 2 * norm.channels, signs: 0, scale: 1 }),
  )
  const optimiser = new Optimiser(mem, weights.parameters, norms, s)
  const averages = s.ema > 0 && {
    scores: new Averages(mem, weights.parameters, s.ema),
    norms: new Averages(mem, norms, s.ema),
  }
  const rounding = s.activations === 'f32' ? undefined : new Rounding(net, gridOf(s.activations))
  if (rounding !== undefined) net.rounding = rounding
  const end = mem.bytes(0)
  const [lossSums, numbers] = [mem.bytes(16), mem.bytes(8 * weights.numbers.length)]
  const region = (name: string, address: number, words: number): Region => ({ name, address, bytes: 4 * words })
  return {
    net,
    weights,
    optimiser,
    ...(averages && { averages }),
    ...(rounding && { rounding }),
    feeder: new Feeder(net),
    ...(s.distill && { teacher: new TeacherFeed(net, s.distill.teacher) }),
    rng,
    order: Uint32Array.from({ length: s.train.labels.length }, (_, i) => i),
    shared: { lossSums, numbers: (n) => mem.f64(numbers, n) },
    regions: [
      { name: 'parameters', address: begin, bytes: end - begin },
      ...net.weighted.map((w) => region(w.name, w.weights, w.n)),
      ...net.norms.map((norm) => region(norm.name, norm.state, 6 * norm.channels)),
    ],
    meter: new Meter(),
    history: [],
    clock: new Clock(),
    step: 0,
  }
}

/** Copies of what was learned. */
export function trainedNetwork({ net, weights, rounding }: TrainState): TrainedNetwork {
  const norms = trainedNorms(net)
  return { graph: net.graph, ...weights.trained(), norms, ...(rounding && { ranges: rounding.ranges() }) }
}
