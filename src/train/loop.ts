/** The training loop, as every thread of a training runs it. */
import { WhiteDwarfError } from '../errors.js'
import { restore } from './checkpoint.js'
import { accuracy, recalibrate } from './evaluate.js'
import type { Network } from './network.js'
import type { ProgressEvent } from './progress.js'
import { Saver } from './saver.js'
import type { Settings } from './settings.js'
import { createState, type TrainState } from './state.js'
import { roundFrom, trainStep } from './step.js'
import { type Timeline, timeline } from './timeline.js'
import type { Turns } from './turns.js'

/** The state that a loop starts from. @throws WhiteDwarfError E_FORMAT when the checkpoint is damaged */
export function setUp(net: Network, s: Settings): TrainState {
  const state = createState(net, s)
  if (s.resume !== undefined) restore(state, s.resume, timeline(s).steps)
  return state
}

/**
 * Trains to the end.
 * @throws WhiteDwarfError E_DATA (a loss that is not finite), E_ABORTED, E_WORKER
 */
export async function runLoop(state: TrainState, s: Settings, turns: Turns): Promise<void> {
  const time = timeline(s)
  const saver = new Saver(state, s, time)
  if (s.resume !== undefined) {
    state.weights.install()
    roundFrom(state, time, state.step - 1)
  }
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
}

/** What follows the last step: averages become the result, and batch normalisation is measured with it. */
async function finish(state: TrainState, s: Settings, turns: Turns): Promise<void> {
  state.net.mem.part.barrier()
  state.averages?.norms.install()
  state.weights.install()
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
    density: state.weights.density(),
    secondsLeft: (clock.seconds / step) * (time.steps - step),
  }
  const measure = step % time.stepsPerEpoch === 0 && (epoch % s.testEvery === 0 || epoch === s.epochs)
  const before = clock.seconds
  if (measure) state.weights.install()
  const tested = measure && s.test && { testAccuracy: await accuracy(state.net, state.feeder, s.test, turns) }
  const complete = { ...event, ...tested }
  state.history.push(complete)
  s.onProgress?.(complete)
  clock.testing += clock.seconds - before
  meter.reset()
}
