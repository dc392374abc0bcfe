/**
 * Progress of long work, on standard error: a bar on a terminal, else a line at every tenth of the work, with the time
 * left either way. Standard output stays free for results.
 */
import { duration } from './text.js'
import { progressBar } from './vendor.js'

export interface Progress {
  /**
   * @param fraction of the work that is done, 0..1
   * @param seconds left, where more is known than how long the work has run: not all of it need be this process's
   */
  update(fraction: number, text: string, seconds?: number): void
  /** The work is finished. */
  done(text: string): void
  /** The work was given up. */
  failed(text: string): void
}

const SILENT: Progress = { update() {}, done() {}, failed() {} }

export function startProgress(label: string, quiet: boolean): Progress {
  if (quiet) return SILENT
  return process.stderr.isTTY && process.stderr.columns >= LEAST_COLUMNS ? barProgress(label) : lineProgress(label)
}

/** What takes less time shows no progress at all. */
const LATE_MS = 2000

/** Progress of work that is mostly over at once: nothing is printed unless it is not. */
export function startLateProgress(label: string, quiet: boolean): Progress {
  const start = performance.now()
  let shown: Progress | undefined
  return {
    update(fraction, text, seconds) {
      if (shown === undefined && performance.now() - start > LATE_MS) shown = startProgress(label, quiet)
      shown?.update(fraction, text, seconds)
    },
    done: (text) => shown?.done(text),
    failed: (text) => shown?.failed(text),
  }
}

function timeLeft(fraction: number, start: number, seconds: number | undefined): string {
  if (fraction <= 0 || fraction >= 1) return ''
  const left = seconds === undefined ? ((performance.now() - start) * (1 - fraction)) / fraction : 1000 * seconds
  return `, ${duration(left)} left`
}

/** Work that is over sooner prints nothing on the way. */
const QUICK_MS = 1000

function lineProgress(label: string): Progress {
  const start = performance.now()
  let tenth = 0
  const elapsed = () => performance.now() - start
  const write = (line: string) => process.stderr.write(`${label} ${line}\n`)
  return {
    update(fraction, text, seconds) {
      const reached = Math.floor(fraction * 10 + 1e-9)
      if (reached <= tenth || reached >= 10 || elapsed() < QUICK_MS) return
      tenth = reached
      write(`${Math.round(fraction * 100)} %: ${text}${timeLeft(fraction, start, seconds)}`)
    },
    done: (text) => write(`done: ${text}, took ${duration(elapsed())}`),
    failed: (text) => write(`stopped: ${text}`),
  }
}

const STEPS = 1000
/** Narrower terminals (some report 0 columns) get lines. */
const LEAST_COLUMNS = 60
const BAR_COLUMNS = 16
/** The bar's own spinner, dots and spaces. */
const MARGIN = 10

function barProgress(label: string): Progress {
  const start = performance.now()
  const bar = progressBar(STEPS, BAR_COLUMNS, process.stderr)
  let step = 0
  bar.start(label)
  // The bar puts the terminal into raw mode, where Ctrl-C would be a key and not a signal; the commands need the signal.
  if (process.stdin.isTTY) process.stdin.setRawMode(false)
  // A line that wraps flickers: what matters comes first, the rest is cut off.
  const cut = (text: string) => text.slice(0, Math.max(20, (process.stderr.columns ?? 80) - BAR_COLUMNS - MARGIN))
  return {
    update(fraction, text, seconds) {
      const reached = Math.floor(Math.min(1, fraction) * STEPS)
      bar.advance(reached - step, cut(`${Math.floor(fraction * 100)} %${timeLeft(fraction, start, seconds)}, ${text}`))
      step = reached
    },
    done: (text) => bar.stop(`${label} done: ${text}, took ${duration(performance.now() - start)}`),
    failed: (text) => bar.error(`${label} stopped: ${text}`),
  }
}
