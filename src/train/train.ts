/** The training loop. */
import { WhiteDwarfError } from '../errors.js'
import { restore } from './checkpoint.js'
import { accuracy, recalibrate } from './evaluate.js'
import { Network } from './network.js'
import type { TrainOptions } from './options.js'
import type { ProgressEvent } from './progress.js'
import { Saver } from './saver.js'
import { type Settings, settings } from './settings.js'
import { createState, type TrainState, trainedNetwork } from './state.js'
import { trainStep } from './step.js'
import { type Timeline, timeline } from './timeline.js'
import type { TrainedNetwork } from './trained.js'
import { Turns } from './turns.js'

export interface TrainResult extends TrainedNetwork {
  /** Share of the test set that is right after the last step, 0..1; absent without a test set. */
  readonly testAccuracy?: number
  /** All progress events, for plotting. */
  readonly history: readonly ProgressEvent[]
  readonly seconds: number
  /** Training images per second, over everything but the tests. */
  readonly imagesPerSecond: number
}

/**
 * Trains a graph's supermask and batch normalisation. The same options and data give the same bits on every machine with
 * the same JavaScript engine (initial scores and schedules use its Math.log and Math.cos).
 * @throws WhiteDwarfError E_OPTION, E_DATA (data that does not fit the graph; a loss that is not finite), E_GRAPH, E_SHAPE,
 * E_MEMORY, E_FORMAT (a damaged checkpoint), E_ABORTED
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const s = settings(options)
  const turns = new Turns(s.signal)
  turns.check()
  const state = createState(await Network.create(s.graph, s.batch), s)
  const time = timeline(s)
  if (s.resume !== undefined) restore(state, s, s.resume, time.steps)
  const saver = new Saver(state, s, time)
  let betweenSteps = true
  try {
    for (;;) {
      await saver.saveIfDue()
      if (state.step === time.steps) await finish(state, s, turns)
      if (eventIsDue(state, s, time)) await report(state, s, time, turns)
      if (state.step === time.steps) break
      await turns.next()
      betweenSteps = false
      const { loss, correct } = await trainStep(state, s, time)
      betweenSteps = true
      if (!Number.isFinite(loss)) {
        throw new WhiteDwarfError(
          'E_DATA',
          `the loss became ${loss} in step ${state.step} of ${time.steps}: lower the learning rate`,
        )
      }
      state.meter.add(loss, correct)
    }
  } catch (error) {
    if (s.signal?.aborted && betweenSteps) await saver.save()
    throw error
  }
  return result(state, s, time)
}

/** What follows the last step: averages become the result, and batch normalisation is measured with it. */
async function finish(state: TrainState, s: Settings, turns: Turns): Promise<void> {
  state.net.mem.part.barrier()
  state.averages?.norms.install()
  const count = Math.min(s.statistics, state.order.length)
  await recalibrate(state.net, state.feeder, s.train, state.order, count, turns)
}

function eventIsDue({ step, history }: TrainState, s: Settings, time: Timeline): boolean {
  const due = step % time.stepsPerEpoch === 0 || step % s.progressEvery === 0
  return due && step > 0 && history.at(-1)?.step !== step
}

/** Makes a progress event of the steps since the last one; at the end of an epoch tests the network if it is time to. */
async function report(state: TrainState, s: Settings, time: Timeline, turns: Turns): Promise<void> {
  const { step, meter, clock } = state
  const epoch = Math.ceil(step / time.stepsPerEpoch)
  const event: ProgressEvent = {
    epoch,
    epochs: s.epochs,
    step,
    steps: time.steps,
    ...meter.read(s.batch),
    learningRate: time.rateAt(step - 1),
    density: state.weights.density?.() ?? time.densityAt(step - 1),
    secondsLeft: (clock.seconds / step) * (time.steps - step),
  }
  const measure = step % time.stepsPerEpoch === 0 && (epoch % s.testEvery === 0 || epoch === s.epochs)
  const before = clock.seconds
  const tested = measure && s.test && { testAccuracy: await accuracy(state.net, state.feeder, s.test, turns) }
  const complete = { ...event, ...tested }
  state.history.push(complete)
  s.onProgress?.(complete)
  clock.testing += clock.seconds - before
  meter.reset()
}

function result(state: TrainState, s: Settings, time: Timeline): TrainResult {
  const { history, clock } = state
  const { seconds, testing } = clock
  const tested = history.at(-1)?.testAccuracy
  return {
    ...trainedNetwork(state),
    ...(tested !== undefined && { testAccuracy: tested }),
    history,
    seconds,
    imagesPerSecond: (time.steps * s.batch) / (seconds - testing),
  }
}
