/** Long work on the event loop's thread: turns for others now and then, and an ear for an abort signal. */
import { WhiteDwarfError } from '../errors.js'

/** Longest time without giving the event loop a turn. */
const TURN_MS = 30

export class Turns {
  private last = performance.now()
  private readonly signal: AbortSignal | undefined

  constructor(signal?: AbortSignal) {
    this.signal = signal
  }

  /** Gives the event loop a turn if it is due. @throws WhiteDwarfError E_ABORTED */
  async next(): Promise<void> {
    this.check()
    if (performance.now() - this.last <= TURN_MS) return
    await new Promise((resolve) => {
      setTimeout(resolve, 0)
    })
    this.last = performance.now()
    this.check()
  }

  /** @throws WhiteDwarfError E_ABORTED */
  check(): void {
    if (!this.signal?.aborted) return
    throw new WhiteDwarfError('E_ABORTED', 'training was aborted by its signal', { cause: this.signal.reason })
  }
}
