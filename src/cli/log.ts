/** The log of a training: all progress events, one JSON object a line, written as they come. */
import { appendFileSync } from 'node:fs'
import type { ProgressEvent } from '../compress.js'
import { WhiteDwarfError } from '../errors.js'
import { reason, writeOutput } from './files.js'

const line = (event: ProgressEvent): string => `${JSON.stringify(event)}\n`

/**
 * A log that begins with the events so far: those of a checkpoint, so that a resumed training has each event once. An older file
 * is replaced at the first event, when the training is certain to run.
 * @returns appends an event; throws WhiteDwarfError E_IO
 */
export function openLog(path: string, history: readonly ProgressEvent[]): (event: ProgressEvent) => void {
  let started = false
  return (event) => {
    if (!started) writeOutput(path, history.map(line).join(''), 'log')
    started = true
    try {
      appendFileSync(path, line(event))
    } catch (cause) {
      throw new WhiteDwarfError('E_IO', `cannot write log '${path}': ${reason(cause)}`, { cause })
    }
  }
}
