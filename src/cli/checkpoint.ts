/** Checkpoints on the command line: one file, replaced whole. */
import { existsSync } from 'node:fs'
import { checkpointInfo, type ProgressEvent, type TrainOptions } from '../compress.js'
import { WhiteDwarfError } from '../errors.js'
import type { Arguments, OptionSpec } from './args.js'
import { checkWritable, readInput, writeOutput } from './files.js'

export const checkpointOptions: readonly OptionSpec[] = [
  { name: 'checkpoint', value: 'FILE', help: 'keep the state of the training here: every epoch, and on Ctrl-C' },
  { name: 'checkpoint-every', value: 'N', help: 'epochs between two checkpoints' },
  { name: 'checkpoint-minutes', value: 'X', help: 'also as many minutes after the last one' },
  { name: 'resume', help: 'continue from the checkpoint if there is one' },
]

export interface Checkpointing {
  readonly options: Pick<TrainOptions, 'onCheckpoint' | 'checkpointEvery' | 'checkpointMinutes' | 'resume'>
  /** Events of the training that is continued. */
  readonly history: readonly ProgressEvent[]
}

/**
 * What the arguments say, with the checkpoint to continue if --resume is given and there is one.
 * @throws WhiteDwarfError E_OPTION, also when a checkpoint would be overwritten by a training that does not continue it;
 * E_IO, E_FORMAT
 */
export async function parseCheckpoint(args: Arguments): Promise<Checkpointing> {
  const path = args.string('checkpoint')
  const every = args.number('checkpoint-every', { min: 1, max: 10000, whole: true })
  const minutes = args.number('checkpoint-minutes', { min: 0.01, max: 1e6 })
  const resume = args.flag('resume')
  if (path === undefined) {
    if (!resume && every === undefined && minutes === undefined) return { options: {}, history: [] }
    const option = resume ? 'resume' : every === undefined ? 'checkpoint-minutes' : 'checkpoint-every'
    throw new WhiteDwarfError('E_OPTION', `--${option} needs --checkpoint: which file?`)
  }
  checkWritable(path, 'checkpoint')
  const exists = existsSync(path)
  if (exists && !resume) {
    throw new WhiteDwarfError('E_OPTION', `checkpoint '${path}' exists: continue it with --resume, or delete it`)
  }
  const bytes = exists ? await readInput(path, 'checkpoint') : undefined
  return {
    options: {
      onCheckpoint: (state) => writeOutput(path, state, 'checkpoint'),
      ...(every !== undefined && { checkpointEvery: every }),
      ...(minutes !== undefined && { checkpointMinutes: minutes }),
      ...(bytes !== undefined && { resume: bytes }),
    },
    history: bytes === undefined ? [] : checkpointInfo(bytes).history,
  }
}
