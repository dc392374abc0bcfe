/**
 * Progress of long work, on standard error: a bar on a terminal, else a line at every tenth of the work, with the time
 * left either way. Standard output stays free for results.
 */
import { duration } from './text.js'
import { progressBar } from './vendor.js'

export interface Progress {
  /** @param fraction of the work that is done, 0..1 */
  update(fraction: number, text: string): void
  /** The work is finished. */
  done(text: string): void
  /** The work was given up. */
  failed(text: string): void
}

const SILENT: Progress = { update() {}, done() {}, failed() {} }

export function startProgress(label: string, quiet: boolean): Progress {
  if (quiet) return SILENT
  return process.stderr.isTTY ? barProgress(label) : lineProgress(label)
}

function timeLeft(fraction: number, start: number): string {
  if (fraction <= 0 || fraction >= 1) return ''
  return `, ${duration(((performance.now() - start) * (1 - fraction)) / fraction)} left`
}

function lineProgress(label: string): Progress {
  const start = performance.now()
  let tenth = 0
  process.stderr.write(`${label} ...\n`)
  return {
    update(fraction, text) {
      const reached = Math.floor(fraction * 10 + 1e-9)
      if (reached <= tenth || reached >= 10) return
      tenth = reached
      process.stderr.write(`${label} ${Math.round(fraction * 100)} %: ${text}${timeLeft(fraction, start)}\n`)
    },
    done: (text) => process.stderr.write(`${label} done: ${text}, took ${duration(performance.now() - start)}\n`),
    failed: (text) => process.stderr.write(`${label} stopped: ${text}\n`),
  }
}

const STEPS = 1000

function barProgress(label: string): Progress {
  const start = performance.now()
  const bar = progressBar(STEPS, process.stderr)
  let step = 0
  bar.start(label)
  // The bar puts the terminal into raw mode, where Ctrl-C would be a key and not a signal; the commands need the signal.
  if (process.stdin.isTTY) process.stdin.setRawMode(false)
  return {
    update(fraction, text) {
      const reached = Math.floor(Math.min(1, fraction) * STEPS)
      bar.advance(reached - step, `${label} ${Math.floor(fraction * 100)} %: ${text}${timeLeft(fraction, start)}`)
      step = reached
    },
    done: (text) => bar.stop(`${label} done: ${text}, took ${duration(performance.now() - start)}`),
    failed: (text) => bar.error(`${label} stopped: ${text}`),
  }
}
