/** A teacher on the command line: a model file whose scores of the training images are found once, before the training. */
import type { DataSet, TrainOptions } from '../compress.js'
import { WhiteDwarfError } from '../errors.js'
import { InferenceSession, Tensor } from '../index.js'
import type { Arguments, OptionSpec } from './args.js'
import { classify } from './classify.js'
import { readInput } from './files.js'

export const teacherOptions: readonly OptionSpec[] = [
  { name: 'teacher', value: 'FILE', help: 'a model whose scores of the training images are learned too' },
  { name: 'alpha', value: 'X', help: "the teacher's share of the loss, 0 to 1, default 0.5" },
  { name: 'temperature', value: 'X', help: 'softens scores for the teacher, default 4' },
]

/** @throws WhiteDwarfError E_OPTION, E_IO, E_FORMAT, E_SHAPE when the model does not fit the images, E_ABORTED */
export async function distill(
  args: Arguments,
  data: DataSet,
  signal: AbortSignal,
): Promise<Pick<TrainOptions, 'distill'>> {
  const path = args.string('teacher')
  const alpha = args.number('alpha', { min: 0, max: 1 })
  const temperature = args.number('temperature', { min: 0.1, max: 100 })
  if (path === undefined) {
    if (alpha === undefined && temperature === undefined) return {}
    throw new WhiteDwarfError('E_OPTION', '--alpha and --temperature need --teacher: which model?')
  }
  const teacher = await scoresOf(path, data, signal)
  return {
    distill: { teacher, ...(alpha !== undefined && { alpha }), ...(temperature !== undefined && { temperature }) },
  }
}

/** A model's scores of all images, [count, classes], in int8. */
async function scoresOf(path: string, { images, labels, shape }: DataSet, signal: AbortSignal): Promise<Float32Array> {
  const session = await InferenceSession.create(await readInput(path, 'teacher'), { batch: 16 })
  try {
    return (await classify(session, new Tensor('uint8', images, [labels.length, ...shape]), signal)).scores
  } finally {
    session.dispose()
  }
}
