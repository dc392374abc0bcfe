/**
 * A barrier for threads that share memory: nobody passes before all have come. Who waits looks for a moment, then sleeps.
 *
 *     control: | i32 arrived | i32 generation | i32 failed |
 *
 * The last to come empties `arrived`, starts the next generation and wakes the others.
 */
import { WhiteDwarfError } from '../../errors.js'

export type Control = Int32Array<SharedArrayBuffer>

const [ARRIVED, GENERATION, FAILED] = [0, 1, 2]

export const createControl = (): Control => new Int32Array(new SharedArrayBuffer(3 * 4))

/** Looks before falling asleep: about 20 microseconds, less than waking takes. */
const LOOKS = 4000
/** A sleeper looks up as often, in case the news of a failure came just before it slept. */
const NAP_MS = 1000

/**
 * @param count threads, this one included
 * @param patience longest wait in milliseconds, after which the others count as lost
 * @returns the barrier; it throws WhiteDwarfError E_WORKER when a thread has failed or is lost
 */
export function createBarrier(control: Control, count: number, patience = Number.POSITIVE_INFINITY): () => void {
  const sleep = maySleep(control)
  return () => {
    const generation = Atomics.load(control, GENERATION)
    if (Atomics.add(control, ARRIVED, 1) + 1 === count) {
      Atomics.store(control, ARRIVED, 0)
      Atomics.add(control, GENERATION, 1)
      Atomics.notify(control, GENERATION)
      return
    }
    for (let look = 0; look < LOOKS; look++) if (Atomics.load(control, GENERATION) !== generation) return
    const begin = performance.now()
    while (Atomics.load(control, GENERATION) === generation) {
      if (Atomics.load(control, FAILED) !== 0) throw new WhiteDwarfError('E_WORKER', 'a thread of the training failed')
      if (performance.now() - begin > patience) {
        throw new WhiteDwarfError('E_WORKER', 'a thread of the training does not answer any more')
      }
      if (sleep) Atomics.wait(control, GENERATION, generation, Math.min(NAP_MS, patience))
    }
  }
}

/** Tells all others that this thread will not come any more. */
export function fail(control: Control): void {
  Atomics.store(control, FAILED, 1)
  Atomics.notify(control, GENERATION)
}

/** The main thread of a page must not sleep: it keeps looking. */
function maySleep(control: Control): boolean {
  try {
    // The value is another one: returns at once where it is allowed.
    Atomics.wait(control, GENERATION, Atomics.load(control, GENERATION) - 1, 0)
    return true
  } catch {
    return false
  }
}
