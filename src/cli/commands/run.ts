/** whitedwarf run: a model on a labelled data set (accuracy, speed, confusions) or on images (class probabilities). */
import type { DataSet } from '../../compress.js'
import { WhiteDwarfError } from '../../errors.js'
import { InferenceSession, type SessionOptions, Tensor } from '../../index.js'
import type { Arguments } from '../args.js'
import { type Answers, classify, probabilities } from '../classify.js'
import type { Command, CommandContext } from '../command.js'
import { dataOptions, parseData } from '../data.js'
import { modelArgument, readInput } from '../files.js'
import { readImages } from '../images.js'
import { type Progress, startProgress } from '../progress.js'
import { duration, grouped, percent, plainTable } from '../text.js'

/** Images whose probabilities are printed unless --limit says otherwise. */
const SHOWN = 10

function sessionOptions(args: Arguments, signal: AbortSignal): SessionOptions {
  const precision = args.choice('precision', ['int8', 'fp8', 'f32'] as const)
  const fp8 = args.string('fp8')
  const kernels = args.choice('kernels', ['auto', 'dense'] as const)
  const isa = args.choice('isa', ['simd', 'relaxed', 'reference'] as const)
  return {
    ...(precision === undefined ? {} : { precision }),
    ...(fp8 === undefined ? {} : { fp8 }),
    ...(kernels === undefined ? {} : { kernels }),
    ...(isa === undefined ? {} : { isa }),
    batch: args.number('batch', { min: 1, max: 256, whole: true }) ?? 1,
    signal,
  }
}

/** The first `limit` examples of a data set as a tensor in the model's shape. */
function examples(data: DataSet, limit: number, shape: readonly number[]): Tensor {
  if (data.shape.join('x') !== shape.join('x')) {
    throw new WhiteDwarfError(
      'E_SHAPE',
      `the data set has images of [${data.shape.join(', ')}], the model takes [${shape.join(', ')}]`,
    )
  }
  const size = shape.reduce((a, b) => a * b, 1)
  return new Tensor('uint8', data.images.subarray(0, limit * size), [limit, ...shape])
}

function describe(path: string, session: InferenceSession) {
  const { bytes, precision, isa, fp8, memory, batch } = session.info
  return { model: path, bytes, precision, ...(fp8 === undefined ? {} : { fp8 }), isa, batch, memory }
}

/** confusion[label][answer]: how often images of a class were given each answer. */
function confusions(labels: Uint8Array, answers: Answers): number[][] {
  const table = Array.from({ length: answers.classes }, () => new Array<number>(answers.classes).fill(0))
  answers.best.forEach((best, i) => {
    table[labels[i]][best]++
  })
  return table
}

async function runOnData(session: InferenceSession, path: string, { args, json, quiet, signal }: CommandContext) {
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
    console.log(JSON.stringify({ ...describe(path, session), ...result }, null, 2))
    return
  }
  printModel(path, session)
  console.log(`${grouped(count)} images: ${percent(right / count)} right, ${grouped(count - right)} wrong`)
  console.log(`${duration(answers.msPerImage)} per image, ${grouped(1000 / answers.msPerImage)} images/s, one thread`)
  console.log('\nAnswers (columns) by true class (rows):')
  const classes = confusion.map((_, i) => `${i}`)
  const rows = confusion.map((row, i) => [`  ${i}`, ...row.map((n) => (n === 0 ? '.' : `${n}`))])
  console.log(plainTable([['', ...classes], ...rows], [0, ...classes.map((_, i) => i + 1)]))
}

async function runOnImages(
  session: InferenceSession,
  path: string,
  file: string,
  { args, json, signal }: CommandContext,
) {
  const limit = args.number('limit', { min: 1, whole: true }) ?? SHOWN
  const all = await readImages(file, session.inputs[0].shape)
  const count = Math.min(limit, all.dims[0])
  const images = new Tensor(all.type, all.data.subarray(0, (all.size / all.dims[0]) * count), [
    count,
    ...all.dims.slice(1),
  ])
  const { scores, best, classes } = await classify(session, images, signal)
  const results = Array.from({ length: count }, (_, i) => ({
    image: i,
    class: best[i],
    probabilities: probabilities(scores.subarray(i * classes, (i + 1) * classes)),
  }))
  if (json) {
    console.log(JSON.stringify({ ...describe(path, session), images: all.dims[0], results }, null, 2))
    return
  }
  printModel(path, session)
  const rows = results.map(({ image, class: answer, probabilities: p }) => [
    `  ${image}`,
    `${answer}`,
    ...p.map((v) => percent(v, 1)),
  ])
  const header = ['  image', 'class', ...Array.from({ length: classes }, (_, i) => `p(${i})`)]
  console.log(
    plainTable(
      [header, ...rows],
      header.map((_, i) => i),
    ),
  )
  if (count < all.dims[0]) console.log(`(the first ${count} of ${grouped(all.dims[0])} images; more with --limit)`)
}

function printModel(path: string, session: InferenceSession): void {
  const { bytes, precision, isa, memory } = session.info
  console.log(`${path}: ${grouped(bytes)} bytes, ${precision}, ${isa} kernels, ${grouped(memory / 1024)} KiB of memory`)
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
  summary: 'run a model on a labelled data set or on images',
  usage: 'MODEL.wd (--data PATH | --image FILE) [options]',
  options: [
    ...dataOptions,
    {
      name: 'image',
      value: 'FILE',
      help: 'images: PNG, IDX, raw bytes, or raw little-endian floats (.f32); prints class probabilities',
    },
    { name: 'limit', value: 'N', help: `first N images only (default: all of --data, ${SHOWN} of --image)` },
    { name: 'precision', value: 'NAME', help: 'int8 (default), fp8 or f32 activations' },
    { name: 'fp8', value: 'NAME', help: 'split of fp8: e4m3 (default), e5m2, e3m4, e2m5' },
    { name: 'kernels', value: 'NAME', help: 'auto (default), or dense: the f32 baseline (needs --precision f32)' },
    { name: 'isa', value: 'NAME', help: 'simd, relaxed or reference (default: the fastest that works here)' },
    { name: 'batch', value: 'N', help: 'images computed together, 1 to 256 (default 1)' },
  ],
  positionals: 1,
  examples: [
    {
      command: 'whitedwarf run model.wd --data data/mnist',
      comment: 'accuracy, time per image and confusions on the MNIST test images',
    },
    {
      command: 'whitedwarf run model.wd --data data/mnist --precision fp8 --limit 1000 --json',
      comment: '8-bit floating point, for programs',
    },
    { command: 'whitedwarf run model.wd --image digits.idx', comment: 'class probabilities of the images in a file' },
  ],
  async run(context: CommandContext): Promise<void> {
    const { args, signal } = context
    const path = modelArgument(args)
    const data = args.string('data')
    const image = args.string('image')
    if ((data === undefined) === (image === undefined)) {
      throw new WhiteDwarfError('E_OPTION', 'give either --data PATH or --image FILE')
    }
    const options = sessionOptions(args, signal)
    const session = await InferenceSession.create(await readInput(path, 'model'), options)
    try {
      if (data !== undefined) await runOnData(session, path, context)
      else await runOnImages(session, path, image as string, context)
    } finally {
      session.dispose()
    }
  },
}
