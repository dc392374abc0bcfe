/** The training loop. */
import { WhiteDwarfError } from '../errors.js'
import { elements, inferShapes } from '../graph/ir.js'
import { Rng } from '../rng.js'
import { checkDataSet, type DataSet } from './dataset.js'
import { accuracy, recalibrate } from './evaluate.js'
import { Feeder } from './feeder.js'
import { MaskedWeights } from './masked.js'
import { Network, type NormBuffers } from './network.js'
import { type ProgressEvent, type Settings, settings, type TrainOptions } from './options.js'
import { densityAt, learningRateAt } from './schedule.js'
import type { TrainedNetwork, TrainedNorm, TrainedTensor } from './trained.js'

export interface TrainResult extends TrainedNetwork {
  /** Share of the test set that is right after the last step, 0..1; absent without a test set. */
  readonly testAccuracy?: number
  /** All progress events, for plotting. */
  readonly history: readonly ProgressEvent[]
  readonly seconds: number
  /** Training images per second, over everything but the tests. */
  readonly imagesPerSecond: number
}

/** Longest time without giving the event loop a turn. */
const YIELD_MS = 30

/**
 * Trains a graph's supermask and batch normalisation. The same options and data give the same bits on every machine with
 * the same JavaScript engine (initial scores and schedules use its Math.log and Math.cos).
 * @throws WhiteDwarfError E_OPTION, E_DATA (data that does not fit the graph; a loss that is not finite), E_GRAPH, E_SHAPE,
 * E_MEMORY, E_ABORTED
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const s = settings(options)
  checkData(s)
  abortIf(s.signal)
  const net = await Network.create(s.graph, s.batch)
  return new Training(net, s).run()
}

class Training {
  private readonly net: Network
  private readonly s: Settings
  private readonly rng: Rng
  private readonly mask: MaskedWeights
  private readonly feeder: Feeder
  private readonly normVelocities: number[]
  private readonly out: number
  private readonly order: Uint32Array
  private readonly stepsPerEpoch: number
  private readonly steps: number
  private readonly history: ProgressEvent[] = []

  constructor(net: Network, s: Settings) {
    const { mem } = net
    this.net = net
    this.s = s
    this.rng = new Rng(s.seed)
    this.mask = new MaskedWeights(net, s.supermask, this.rng)
    this.feeder = new Feeder(net)
    this.normVelocities = net.norms.map((norm) => mem.words(2 * norm.channels))
    this.normVelocities.forEach((p, i) => {
      mem.f32(p, 2 * net.norms[i].channels).fill(0)
    })
    this.out = mem.bytes(16)
    this.order = Uint32Array.from({ length: s.train.labels.length }, (_, i) => i)
    this.stepsPerEpoch = Math.floor(this.order.length / s.batch)
    this.steps = s.epochs * this.stepsPerEpoch
  }

  async run(): Promise<TrainResult> {
    const { s, steps, stepsPerEpoch } = this
    const started = performance.now()
    let testing = 0
    let turn = started
    let since = { loss: 0, correct: 0, steps: 0, time: started }
    let testAccuracy: number | undefined
    for (let step = 0; step < steps; step++) {
      if (step % stepsPerEpoch === 0) this.rng.shuffle(this.order)
      const { loss, correct } = this.step(step)
      if (!Number.isFinite(loss)) {
        throw new WhiteDwarfError(
          'E_DATA',
          `the loss became ${loss} in step ${step + 1} of ${steps}: lower the learning rate`,
        )
      }
      since.loss += loss
      since.correct += correct
      since.steps++
      if (step + 1 === steps) {
        recalibrate(this.net, this.feeder, s.train, this.order, Math.min(s.statistics, this.order.length))
      }
      const epochEnds = (step + 1) % stepsPerEpoch === 0
      const epoch = Math.floor(step / stepsPerEpoch) + 1
      const measure = epochEnds && s.test !== undefined && (epoch % s.testEvery === 0 || epoch === s.epochs)
      if (epochEnds || (step + 1) % s.progressEvery === 0) {
        const now = performance.now()
        const images = since.steps * s.batch
        const event = {
          epoch,
          epochs: s.epochs,
          step: step + 1,
          steps,
          loss: since.loss / since.steps,
          trainAccuracy: since.correct / images,
          learningRate: this.rateAt(step),
          density: s.supermask.scope === 'fixed' ? this.mask.density() : this.densityAt(step),
          imagesPerSecond: (1000 * images) / (now - since.time),
          secondsLeft: ((now - started) / (step + 1)) * ((steps - step - 1) / 1000),
        }
        if (measure) testAccuracy = accuracy(this.net, this.feeder, s.test as DataSet)
        const complete = measure ? { ...event, testAccuracy: testAccuracy as number } : event
        this.history.push(complete)
        s.onProgress?.(complete)
        testing += performance.now() - now
        since = { loss: 0, correct: 0, steps: 0, time: performance.now() }
      }
      if (performance.now() - turn > YIELD_MS) {
        await nextTurn()
        turn = performance.now()
        abortIf(s.signal)
      }
    }
    const seconds = (performance.now() - started) / 1000
    return {
      ...this.result(),
      ...(testAccuracy !== undefined && { testAccuracy }),
      history: this.history,
      seconds,
      imagesPerSecond: (steps * s.batch) / (seconds - testing / 1000),
    }
  }

  private rateAt(step: number): number {
    return learningRateAt(step / this.steps, this.s.learningRate, this.s.warmup)
  }

  private densityAt(step: number): number {
    return densityAt(step / this.steps, this.s.supermask.density, this.s.ramp)
  }

  private step(step: number): { loss: number; correct: number } {
    const { s, net, mask, feeder, rng } = this
    const { mem } = net
    // The last choice of levels falls on a step of its own, so that it meets the density exactly.
    const last = Math.min(this.steps - 1, Math.ceil(this.steps * (1 - s.freeze)))
    const frozen = step > last
    if (!frozen) {
      if (step % s.refresh === 0 || step === last) mask.refresh(this.densityAt(step))
      mask.apply()
    }
    feeder.load(s.train, this.order, (step % this.stepsPerEpoch) * s.batch, s.batch, rng, s.augment)
    net.forward(true)
    const classes = net.shape(s.graph.outputs[0])[0]
    mem.kernels.softmax_loss_f32(
      net.output.value,
      net.output.grad,
      feeder.labels,
      classes,
      s.batch,
      s.batch,
      s.labelSmoothing,
      this.out,
    )
    net.backward()
    const rate = this.rateAt(step)
    if (!frozen) mask.update(rate, s.momentum, s.weightDecay)
    net.norms.forEach((norm, i) => {
      mem.kernels.sgd_f32(norm.state, norm.grads, this.normVelocities[i], 2 * norm.channels, rate, s.momentum, 0, 1, 0)
    })
    return { loss: mem.f64(this.out, 1)[0] / s.batch, correct: mem.u32(this.out, 3)[2] }
  }

  private result(): TrainedNetwork {
    const { net, mask, s } = this
    const { mem } = net
    const copy = (p: number, n: number) => mem.f32(p, n).slice()
    const norm = ({ state, channels: n, eps }: NormBuffers): TrainedNorm => ({
      gamma: copy(state, n),
      beta: copy(state + 4 * n, n),
      mean: copy(state + 8 * n, n),
      variance: copy(state + 12 * n, n),
      eps,
    })
    const seed = s.supermask.signs
    return {
      graph: s.graph,
      tensors: Object.fromEntries(
        mask.tensors.map(({ weights: w, levels, constant }): [string, TrainedTensor] => [
          w.name,
          {
            shape: w.shape,
            maxLevel: s.supermask.coats,
            levels: mem.i8(levels, w.n).slice(),
            constant,
            ...(seed !== 'learned' && { signSeed: seed }),
          },
        ]),
      ),
      norms: Object.fromEntries(net.norms.map((n) => [n.name, norm(n)])),
    }
  }
}

function checkData({ graph, train: data, test, batch }: Settings): void {
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
}

function abortIf(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new WhiteDwarfError('E_ABORTED', 'training was aborted by its signal', { cause: signal.reason })
}

/** A turn of the event loop: messages, timers and input get through. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 0)
  })
}
