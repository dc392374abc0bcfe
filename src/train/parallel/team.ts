/**
 * Training by several threads. All run the same loop over one shared memory (memory.ts), each doing its part of every pass, with
 * barriers in between; the first one is the caller's, which alone talks to the outside.
 */
import { WhiteDwarfError } from '../../errors.js'
import { compileBuild } from '../../wasm/load.js'
import type { DataSet } from '../dataset.js'
import { runLoop, setUp } from '../loop.js'
import { TrainMemory } from '../memory.js'
import { Network } from '../network.js'
import type { Settings } from '../settings.js'
import type { TrainState } from '../state.js'
import type { Turns } from '../turns.js'
import { type Control, createBarrier, createControl, fail } from './barrier.js'
import { startThread, type Thread } from './threads.js'

/** What a worker starts with. */
export interface StartMessage {
  readonly module: WebAssembly.Module
  readonly memory: WebAssembly.Memory
  readonly control: Control
  readonly index: number
  readonly count: number
  readonly settings: Settings
}

/** What a worker says: that it is ready for the loop, or why it stopped. */
export type WorkerMessage =
  | { readonly ready: true }
  | { readonly error: { readonly code: string; readonly message: string } }

/** No barrier is further away than one pass of one layer. */
const PATIENCE_MS = 120_000
/** Longest wait for a failed thread's reason. */
const REASON_MS = 1000

/** Pages that a shared memory may grow to, from all of 32-bit addresses downwards: its room is reserved at once. */
const MAXIMA = [65536, 32768, 16384]

/**
 * Trains with `count` threads. Same bits as one.
 * @returns the state after the last step
 * @throws WhiteDwarfError E_WORKER when a thread cannot be started or is lost, and whatever training throws
 */
export async function trainTogether(s: Settings, count: number, turns: Turns): Promise<TrainState> {
  const memory = sharedMemory()
  const control = createControl()
  const module = await compileBuild('train-threads')
  const settings = shareData(s)
  const part = { index: 0, count, barrier: createBarrier(control, count, PATIENCE_MS) }
  // This makes the memory as large as it gets, before the others look at it.
  const net = await Network.create(s.graph, s.batch, TrainMemory.over(module, memory, part))
  const state = setUp(net, settings)
  const team = new Team(control)
  try {
    const message = { module, memory, control, count, settings: withoutFunctions(settings) }
    const starts = Array.from({ length: count - 1 }, (_, i) => team.add({ ...message, index: i + 1 }))
    await Promise.all(starts)
    await runLoop(state, settings, turns)
    return state
  } catch (error) {
    if (error instanceof WhiteDwarfError && error.code === 'E_WORKER') throw await team.reason(error)
    throw error
  } finally {
    await team.stop()
  }
}

/** The other threads. */
class Team {
  private readonly threads: Thread[] = []
  private readonly failed: Promise<WhiteDwarfError>
  private report: (error: WhiteDwarfError) => void = () => {}
  private readonly control: Control

  constructor(control: Control) {
    this.control = control
    this.failed = new Promise((resolve) => {
      this.report = resolve
    })
  }

  /** Starts a thread. @returns when it is ready; rejects when it fails before */
  add(start: StartMessage): Promise<void> {
    return new Promise((resolve, reject) => {
      const lost = (error: WhiteDwarfError) => {
        fail(this.control)
        this.report(error)
        reject(error)
      }
      const thread = startThread({
        onMessage: (data) => {
          const message = data as WorkerMessage
          if ('ready' in message) resolve()
          else lost(new WhiteDwarfError(message.error.code as 'E_WORKER', message.error.message))
        },
        onLost: (why) => lost(new WhiteDwarfError('E_WORKER', `a thread of the training was lost: ${why}`)),
      })
      this.threads.push(thread)
      thread.send(start)
    })
  }

  /** Why a thread failed, if it said so, else what this one saw of it. */
  reason(seen: WhiteDwarfError): Promise<WhiteDwarfError> {
    const late = new Promise<WhiteDwarfError>((resolve) => {
      setTimeout(() => resolve(seen), REASON_MS)
    })
    return Promise.race([this.failed, late])
  }

  async stop(): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.stop()))
  }
}

function sharedMemory(): WebAssembly.Memory {
  for (const maximum of MAXIMA) {
    try {
      return new WebAssembly.Memory({ initial: 1, maximum, shared: true })
    } catch {
      // Less, then.
    }
  }
  throw new WhiteDwarfError('E_MEMORY', 'the runtime has no room for a shared memory: use workers: 1')
}

/** Data sets and checkpoint in memory that all threads see, instead of a copy for each. */
function shareData(s: Settings): Settings {
  const set = (data: DataSet): DataSet => ({ ...data, images: share(data.images), labels: share(data.labels) })
  return {
    ...s,
    train: set(s.train),
    ...(s.test && { test: set(s.test) }),
    ...(s.resume && { resume: share(s.resume) }),
  }
}

function share(bytes: Uint8Array): Uint8Array {
  if (bytes.buffer instanceof SharedArrayBuffer) return bytes
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length))
  shared.set(bytes)
  return shared
}

/** What another thread can be sent. Only the first one talks to the outside, and to a teacher. */
function withoutFunctions(s: Settings): Settings {
  const { onProgress: _, onCheckpoint: __, signal: ___, ...rest } = s
  return { ...rest, ...(s.distill && { distill: { ...s.distill, teacher: new Float32Array(0) } }) }
}
