/** Training a network from options to result. */
import { checkRecipe } from './checkpoint.js'
import { runLoop, setUp } from './loop.js'
import { Network } from './network.js'
import type { TrainOptions } from './options.js'
import { threadCount } from './parallel/threads.js'
import type { ProgressEvent } from './progress.js'
import { type Settings, settings } from './settings.js'
import { type TrainState, trainedNetwork } from './state.js'
import type { TrainedNetwork } from './trained.js'
import { type Turns, turnsOf } from './turns.js'

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
 * the same JavaScript engine (initial scores and schedules use its Math.log and Math.cos), with any number of workers.
 * @throws WhiteDwarfError E_OPTION, E_DATA (data that does not fit the graph; a loss that is not finite), E_GRAPH, E_SHAPE,
 * E_MEMORY, E_FORMAT (a damaged checkpoint), E_ABORTED, E_WORKER (threads that cannot be started or are lost)
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const s = settings(options)
  const turns = turnsOf(s.signal)
  turns.check()
  if (s.resume !== undefined) checkRecipe(s.resume, s)
  const count = threadCount(s.workers)
  const state = await (count === 1 ? trainAlone(s, turns) : trainTogether(s, count, turns))
  const { history, clock } = state
  const { seconds, testing } = clock
  const tested = history.at(-1)?.testAccuracy
  return {
    ...trainedNetwork(state),
    activations: s.activations,
    ...(tested !== undefined && { testAccuracy: tested }),
    history,
    seconds,
    imagesPerSecond: (state.step * s.batch) / (seconds - testing),
  }
}

async function trainAlone(s: Settings, turns: Turns): Promise<TrainState> {
  const state = setUp(await Network.create(s.graph, s.batch), s)
  await runLoop(state, s, turns)
  return state
}

/** Fetches the code for threads only where it is used. */
async function trainTogether(s: Settings, count: number, turns: Turns): Promise<TrainState> {
  return (await import('./parallel/team.js')).trainTogether(s, count, turns)
}
