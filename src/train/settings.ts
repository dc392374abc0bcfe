/** Training options with defaults filled in and everything checked before any work. */
import { type Supermask, supermask } from '../compress/supermask.js'
import { WhiteDwarfError } from '../errors.js'
import { elements, inferShapes } from '../graph/ir.js'
import { ACTIVATIONS } from './activations.js'
import { type Augmentation, augmentation } from './augment.js'
import { checked, oneOf, range } from './check.js'
import { checkDataSet } from './dataset.js'
import { checkScores, type DistillOptions } from './distill.js'
import type { TrainOptions } from './options.js'
import { checkedStart, type Start } from './start.js'

/** Options that may be left out altogether. */
type Absent = 'test' | 'onProgress' | 'onCheckpoint' | 'resume' | 'signal'

export interface Settings
  extends Omit<Required<TrainOptions>, 'supermask' | 'augment' | 'distill' | 'start' | Absent>,
    Pick<TrainOptions, Absent> {
  readonly supermask: Supermask | 'none'
  readonly augment: Required<Augmentation>
  readonly distill?: Required<DistillOptions>
  readonly start?: Start
}

/**
 * @throws WhiteDwarfError E_OPTION naming the option and its range, E_DATA when data or a start do not fit the graph or each other,
 * E_GRAPH, E_SHAPE
 */
export function settings(o: TrainOptions): Settings {
  const optimiser = oneOf('optimiser', o.optimiser, ['sgd', 'adamw'])
  const numbers = checked({
    epochs: range(o.epochs, 20, 1, 10000, true),
    batch: range(o.batch, 128, 2, 4096, true),
    learningRate: range(o.learningRate, optimiser === 'sgd' ? 0.4 : 0.01, Number.MIN_VALUE, 100),
    normRate: range(o.normRate, 1, 0, 1000),
    momentum: range(o.momentum, 0.9, 0, 0.999),
    beta1: range(o.beta1, 0.9, 0, 0.9999),
    beta2: range(o.beta2, 0.999, 0, 0.99999),
    epsilon: range(o.epsilon, 1e-8, 1e-12, 1),
    weightDecay: range(o.weightDecay, 1e-4, 0, 1),
    clip: range(o.clip, 0, 0, 1e6),
    labelSmoothing: range(o.labelSmoothing, 0.05, 0, 0.9),
    warmup: range(o.warmup, 0, 0, 0.5),
    gamma: range(o.gamma, 0.1, Number.MIN_VALUE, 1),
    ramp: range(o.ramp, 0.5, 0, 1),
    freeze: range(o.freeze, 0, 0, 0.9),
    refresh: range(o.refresh, 10, 1, 1000, true),
    roundFrom: range(o.roundFrom, 0.5, 0, 1),
    ema: range(o.ema, 0, 0, 0.99999),
    statistics: range(o.statistics, 20000, 0, 2 ** 31, true),
    testEvery: range(o.testEvery, 1, 1, 10000, true),
    progressEvery: range(o.progressEvery, 20, 1, 1e6, true),
    checkpointEvery: range(o.checkpointEvery, 1, 1, 10000, true),
    checkpointMinutes: range(o.checkpointMinutes, 1e6, Number.MIN_VALUE, 1e6),
    seed: range(o.seed, 1, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, true),
  })
  const decay =
    o.decay === undefined && optimiser === 'adamw' ? 'decoupled' : oneOf('decay', o.decay, ['coupled', 'decoupled'])
  if (optimiser === 'adamw' && decay === 'coupled') {
    throw new WhiteDwarfError('E_OPTION', "decay must be 'decoupled' with optimiser 'adamw', got coupled")
  }
  if (numbers.ema > 0 && numbers.statistics === 0) {
    throw new WhiteDwarfError('E_OPTION', 'statistics must be above 0 with ema: averaged weights need their own')
  }
  if (o.resume !== undefined && !(o.resume instanceof Uint8Array)) {
    throw new WhiteDwarfError('E_OPTION', `resume must be the Uint8Array of a checkpoint, got ${typeof o.resume}`)
  }
  const s: Settings = {
    graph: o.graph,
    train: o.train,
    ...(o.test && { test: o.test }),
    ...(o.onProgress && { onProgress: o.onProgress }),
    ...(o.onCheckpoint && { onCheckpoint: o.onCheckpoint }),
    ...(o.resume && { resume: o.resume }),
    ...(o.signal && { signal: o.signal }),
    ...numbers,
    optimiser,
    decay,
    workers: o.workers === 'auto' ? 'auto' : checked({ workers: range(o.workers, 1, 1, 64, true) }).workers,
    activations: oneOf('activations', o.activations, ACTIVATIONS),
    schedule: oneOf('schedule', o.schedule, ['cosine', 'linear', 'one-cycle', 'step', 'exponential', 'constant']),
    milestones: milestones(o.milestones),
    rampShape: oneOf('rampShape', o.rampShape, ['linear', 'cubic']),
    supermask: o.supermask === 'none' ? 'none' : supermask(o.supermask),
    augment: augmentation(o.augment),
    ...(o.distill && { distill: distill(o.distill) }),
    ...(o.start && { start: checkedStart(o.start, o.graph) }),
  }
  checkData(s)
  return s
}

function milestones(given: readonly number[] = [0.5, 0.75]): readonly number[] {
  const fine = given.every((m, i) => m > (i === 0 ? 0 : given[i - 1]) && m < 1)
  if (fine) return [...given]
  throw new WhiteDwarfError(
    'E_OPTION',
    `milestones must ascend between 0 and 1, as shares of the training, got ${given.join(', ')}`,
  )
}

function distill({ teacher, alpha, temperature }: DistillOptions): Required<DistillOptions> {
  if (typeof teacher !== 'function' && !(teacher instanceof Float32Array)) {
    throw new WhiteDwarfError(
      'E_OPTION',
      `distill.teacher must be a function or a Float32Array of scores, got ${typeof teacher}`,
    )
  }
  const numbers = { alpha: range(alpha, 0.5, 0, 1), temperature: range(temperature, 4, 0.1, 100) }
  return { teacher, ...checked(numbers, 'distill.') }
}

function checkData({ graph, train: data, test, batch, distill }: Settings): void {
  const shape = graph.inputs[0]?.shape ?? []
  const scores = elements(inferShapes(graph).get(graph.outputs[0]) ?? [])
  for (const [name, set] of [
    ['train', data],
    ['test', test],
  ] as const) {
    if (set === undefined) continue
    checkDataSet(set, name)
    if (elements(set.shape) !== elements(shape)) {
      throw new WhiteDwarfError(
        'E_DATA',
        `${name}: examples are [${set.shape.join(', ')}], the graph takes [${shape.join(', ')}]`,
      )
    }
    if (set.classes > scores) {
      throw new WhiteDwarfError('E_DATA', `${name}: ${set.classes} classes, but the graph has ${scores} outputs`)
    }
  }
  if (data.labels.length < batch) {
    throw new WhiteDwarfError('E_DATA', `train: ${data.labels.length} examples are less than one batch of ${batch}`)
  }
  if (distill?.teacher instanceof Float32Array) {
    checkScores(distill.teacher, data.labels.length, scores, 'distill.teacher holds')
  }
}
