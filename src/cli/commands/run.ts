/** whitedwarf run: a model on a labelled data set (accuracy, speed, confusions), or on files (likeliest classes, or raw results). */
import { WhiteDwarfError } from '../../errors.js'
import { type InferenceSession, Tensor } from '../../index.js'
import { answersOf, answerTable, isClassifier, readLabels } from '../answers.js'
import type { Arguments } from '../args.js'
import { type Answers, classify, examples } from '../classify.js'
import type { Command, CommandContext } from '../command.js'
import { dataOptions, parseData } from '../data.js'
import { readFeeds } from '../inputs.js'
import {
  loadModel,
  type ModelFile,
  modelArgument,
  onnxOptions,
  openSession,
  parseSession,
  sessionOptions,
} from '../models.js'
import { type Progress, startProgress } from '../progress.js'
import { duration, grouped, percent, plainTable } from '../text.js'

/** Examples from files that are run unless --limit says otherwise. */
const SHOWN = 10
/** Classes that are shown unless --top says otherwise. */
const TOP = 5

function describe({ path, bytes }: ModelFile, session: InferenceSession) {
  const { precision, isa, fp8, memory, batch } = session.info
  return { model: path, bytes: bytes.length, precision, ...(fp8 === undefined ? {} : { fp8 }), isa, batch, memory }
}

/** confusion[label][answer]: how often images of a class were given each answer. */
function confusions(labels: Uint8Array, answers: Answers): number[][] {
  const table = Array.from({ length: answers.classes }, () => new Array<number>(answers.classes).fill(0))
  answers.best.forEach((best, i) => {
    table[labels[i]][best]++
  })
  return table
}

async function runOnData(session: InferenceSession, file: ModelFile, context: CommandContext) {
  const { args, json, quiet, signal } = context
  const limit = args.number('limit', { min: 1, whole: true })
  const { test } = await parseData(args)()
  if (test.classes > (session.outputs[0]?.shape[0] ?? 0)) {
    throw new WhiteDwarfError(
      'E_SHAPE',
      `the data set has ${test.classes} classes, the model answers with ${session.outputs[0]?.shape[0]}`,
    )
  }
  const images = examples(test, Math.min(limit ?? test.labels.length, test.labels.length), session.inputs[0].shape)
  const count = images.dims[0]
  const answers = await withProgress(`${session.info.precision}: ${grouped(count)} images`, quiet, (progress) =>
    classify(session, images, signal, (fraction) => progress.update(fraction, 'classifying')),
  )
  const labels = test.labels.subarray(0, count)
  const right = answers.best.reduce((n, best, i) => n + (best === labels[i] ? 1 : 0), 0)
  const confusion = confusions(labels, answers)
  if (json) {
    const result = { images: count, right, accuracy: right / count, msPerImage: answers.msPerImage, confusion }
    console.log(JSON.stringify({ ...describe(file, session), ...result }, null, 2))
    return
  }
  printModel(file, session)
  console.log(`${grouped(count)} images: ${percent(right / count)} right, ${grouped(count - right)} wrong`)
  console.log(`${duration(answers.msPerImage)} per image, ${grouped(1000 / answers.msPerImage)} images/s, one thread`)
  console.log('\nAnswers (columns) by true class (rows):')
  const classes = confusion.map((_, i) => `${i}`)
  const rows = confusion.map((row, i) => [`  ${i}`, ...row.map((n) => (n === 0 ? '.' : `${n}`))])
  console.log(plainTable([['', ...classes], ...rows], [0, ...classes.map((_, i) => i + 1)]))
}

/** What the options say of files and answers. @throws WhiteDwarfError E_OPTION, E_IO */
function parseFiles(args: Arguments) {
  const labels = args.string('labels')
  return {
    files: args.positionals.slice(1),
    limit: args.number('limit', { min: 1, whole: true }) ?? SHOWN,
    top: args.number('top', { min: 1, max: 1000, whole: true }) ?? TOP,
    fit: args.choice('fit', ['crop', 'stretch', 'none'] as const) ?? 'crop',
    raw: args.flag('raw'),
    labels: labels === undefined ? undefined : readLabels(labels),
  }
}

async function runOnFiles(
  session: InferenceSession,
  file: ModelFile,
  { files, limit, top, fit, raw, labels }: ReturnType<typeof parseFiles>,
  json: boolean,
) {
  const { tensors, names } = await readFeeds(files, session.inputs, fit)
  const count = Math.min(limit, names.length)
  const feeds = Object.entries(tensors).map(([name, t]) => {
    const [all, ...shape] = t.dims
    const own = Math.min(limit, all)
    return [name, new Tensor(t.type, t.data.subarray(0, (t.size / all) * own), [own, ...shape])]
  })
  const classes = isClassifier(session) && !raw
  const results = await session.run(Object.fromEntries(feeds))
  const answers = answersOf(results, names.slice(0, count), classes ? top : 0, labels)
  if (json) {
    console.log(JSON.stringify({ ...describe(file, session), examples: names.length, results: answers }, null, 2))
    return
  }
  printModel(file, session)
  console.log(answerTable(answers))
  if (count < names.length) console.log(`(the first ${count} of ${grouped(names.length)}; more with --limit)`)
}

function printModel(file: ModelFile, session: InferenceSession): void {
  const { precision, isa, memory } = session.info
  const size = grouped(file.bytes.length)
  console.log(`${file.path}: ${size} bytes, ${precision}, ${isa} kernels, ${grouped(memory / 1024)} KiB of memory`)
}

async function withProgress<T>(label: string, quiet: boolean, work: (progress: Progress) => Promise<T>): Promise<T> {
  const progress = startProgress(label, quiet)
  try {
    const result = await work(progress)
    progress.done('all classified')
    return result
  } catch (error) {
    progress.failed((error as Error).message)
    throw error
  }
}

export const run: Command = {
  name: 'run',
  summary: 'run a model on images, arrays, or a labelled data set',
  usage: 'MODEL(.wd|.onnx) (FILE... | --data PATH) [options]',
  options: [
    ...dataOptions,
    { name: 'limit', value: 'N', help: `first N examples only (default: all of --data, ${SHOWN} of files)` },
    { name: 'top', value: 'N', help: `classes that are shown for each example (default ${TOP})` },
    { name: 'labels', value: 'FILE', help: 'names of the classes, one a line' },
    { name: 'raw', help: 'the results as they are, also of a classifier' },
    { name: 'fit', value: 'HOW', help: 'images of another size: crop (default) and scale, stretch, or none: an error' },
    ...onnxOptions,
    ...sessionOptions,
  ],
  positionals: Infinity,
  examples: [
    {
      command: 'whitedwarf run resnet.onnx cat.jpg dog.png --pixels imagenet --labels imagenet.txt',
      comment: 'the five likeliest classes of each picture',
    },
    {
      command: 'whitedwarf run detector.onnx image=photo.png threshold=threshold.npy --json',
      comment: 'several inputs, each by its name; all results as JSON',
    },
    { command: 'whitedwarf run model.wd digits.idx --limit 3', comment: 'the first three images of a file of images' },
    {
      command: 'whitedwarf run model.wd --data data/mnist',
      comment: 'accuracy, time per image and confusions on the MNIST test images',
    },
    {
      command: 'whitedwarf run model.wd --data data/mnist --precision fp8 --limit 1000 --json',
      comment: '8-bit floating point, for programs',
    },
  ],
  async run(context: CommandContext): Promise<void> {
    const { args, signal } = context
    modelArgument(args)
    const data = args.string('data')
    const files = parseFiles(args)
    if ((data === undefined) === (files.files.length === 0)) {
      throw new WhiteDwarfError('E_OPTION', 'give either files to run the model on, or --data PATH')
    }
    const file = await loadModel(args)
    const session = await openSession(file, parseSession(file, args, signal))
    try {
      if (data !== undefined) await runOnData(session, file, context)
      else await runOnFiles(session, file, files, context.json)
    } finally {
      session.dispose()
    }
  },
}
