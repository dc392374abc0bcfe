/** Long work on the event loop's thread: turns for others now and then, and an ear for an abort signal. */
import { WhiteDwarfError } from '../errors.js'

export interface Turns {
  /** Gives the event loop a turn if it is due. @throws WhiteDwarfError E_ABORTED */
  next(): Promise<void>
  /** @throws WhiteDwarfError E_ABORTED */
  check(): void
}

/** Longest time without giving the event loop a turn. */
const TURN_MS = 30

/** Timers wait a millisecond or more; Node has something quicker. */
const later = (resolve: () => void): unknown =>
  typeof setImmediate === 'function' ? setImmediate(resolve) : setTimeout(resolve, 0)

export function turnsOf(signal?: AbortSignal): Turns {
  let last = performance.now()
  const check = () => {
    if (!signal?.aborted) return
    throw new WhiteDwarfError('E_ABORTED', 'training was aborted by its signal', { cause: signal.reason })
  }
  return {
    check,
    async next() {
      check()
      if (performance.now() - last <= TURN_MS) return
      await new Promise<void>(later)
      last = performance.now()
      check()
    },
  }
}

/** For threads whose event loop has nothing else to do. */
export const NO_TURNS: Turns = { async next() {}, check() {} }
