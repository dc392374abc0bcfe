/** A thread of a training other than the first: the same loop, until it is stopped. */
import { WhiteDwarfError } from '../../errors.js'
import { runLoop, setUp } from '../loop.js'
import { TrainMemory } from '../memory.js'
import { Network } from '../network.js'
import { NO_TURNS } from '../turns.js'
import { createBarrier, fail } from './barrier.js'
import type { StartMessage, WorkerMessage } from './team.js'
import { listen } from './threads.js'

const send: (message: WorkerMessage) => void = listen((message) => void work(message as StartMessage))

async function work({ module, memory, control, index, count, settings: s }: StartMessage): Promise<void> {
  try {
    const part = { index, count, barrier: createBarrier(control, count) }
    const state = setUp(await Network.create(s.graph, s.batch, TrainMemory.over(module, memory, part)), s)
    send({ ready: true })
    await runLoop(state, s, NO_TURNS)
  } catch (error) {
    const code = error instanceof WhiteDwarfError ? error.code : 'E_WORKER'
    send({ error: { code, message: error instanceof Error ? error.message : String(error) } })
    fail(control)
  }
}
