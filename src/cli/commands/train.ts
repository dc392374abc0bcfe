/** whitedwarf train: from a data set to a model file. */
import {
  type ConstantBits,
  type DataSet,
  type ExportOptions,
  exportModel,
  type Graph,
  presetNames,
  presets,
  type SupermaskOptions,
  slice,
  type TrainOptions,
  type TrainResult,
  train as trainNetwork,
} from '../../compress.js'
import { WhiteDwarfError } from '../../errors.js'
import { encodeModel } from '../../format.js'
import { InferenceSession, Tensor } from '../../index.js'
import { ARCH_HELP, ARCH_SYNTAX, parseArch } from '../arch.js'
import type { Arguments } from '../args.js'
import { classify } from '../classify.js'
import type { Command, CommandContext } from '../command.js'
import { curveSvg, curveText } from '../curve.js'
import { dataOptions, imageOptions, normalised, parseAugmentation, parseData } from '../data.js'
import { checkWritable, writeOutput } from '../files.js'
import { startProgress } from '../progress.js'
import { duration, grouped, percent } from '../text.js'
import { inspectModel } from './inspect.js'

/** Options of the command that override the preset's. */
function overrides(args: Arguments): {
  options: Partial<TrainOptions>
  supermask: SupermaskOptions
  constants: Pick<ExportOptions, 'scaleBits' | 'biasBits'>
} {
  const epochs = args.number('epochs', { min: 1, max: 10000, whole: true })
  const learningRate = args.number('lr', { min: 1e-6, max: 100 })
  const batch = args.number('batch', { min: 2, max: 4096, whole: true })
  const seed = args.number('seed', { min: 0, whole: true })
  const density = args.number('density', { min: 1e-6, max: 1 })
  const coats = args.choice('coats', ['1', '3', '7'])
  const thresholds = args.choice('thresholds', ['linear', 'uniform'])
  const scope = args.choice('scope', ['global', 'layer'])
  const signs = args.string('signs') === 'learned' ? 'learned' : args.number('signs', { min: 0, max: 62, whole: true })
  const ramp = args.number('ramp', { min: 0, max: 1 })
  const bits = args.number('bits', { min: 1, max: 8, whole: true }) as ConstantBits | undefined
  return {
    constants: bits === undefined ? {} : { scaleBits: bits, biasBits: bits },
    options: {
      ...(epochs === undefined ? {} : { epochs }),
      ...(learningRate === undefined ? {} : { learningRate }),
      ...(batch === undefined ? {} : { batch }),
      ...(seed === undefined ? {} : { seed }),
      ...(ramp === undefined ? {} : { ramp }),
      augment: parseAugmentation(args),
    },
    supermask: {
      ...(density === undefined ? {} : { density }),
      ...(coats === undefined ? {} : { coats: Number(coats) as 1 | 3 | 7 }),
      ...(thresholds === undefined ? {} : { thresholds }),
      ...(scope === undefined ? {} : { scope }),
      ...(signs === undefined ? {} : { signs }),
    },
  }
}

interface Plan {
  readonly title: string
  readonly graph: (data: DataSet) => Graph
  readonly options: Partial<TrainOptions>
  readonly constants: Pick<ExportOptions, 'scaleBits' | 'biasBits'>
}

function plan(args: Arguments): Plan {
  const name = args.choice('preset', presetNames)
  const arch = args.string('arch')
  if (name === undefined && arch === undefined) {
    throw new WhiteDwarfError('E_OPTION', `give --preset (${presetNames.join(', ')}) or --arch (${ARCH_SYNTAX})`)
  }
  const preset = name === undefined ? undefined : presets[name]
  const { options, supermask, constants } = overrides(args)
  return {
    title: [name, arch].filter((part) => part !== undefined).join(' '),
    graph: (data) => (arch === undefined ? (preset as NonNullable<typeof preset>).graph() : parseArch(arch, data)),
    options: {
      ...preset?.options,
      ...options,
      augment: { ...preset?.options.augment, ...options.augment },
      supermask: { ...preset?.options.supermask, ...supermask },
    },
    constants: { ...preset?.export, ...constants },
  }
}

async function trainWithProgress(title: string, options: TrainOptions, quiet: boolean): Promise<TrainResult> {
  const progress = startProgress(`training ${title}`, quiet)
  let tested = ''
  try {
    const result = await trainNetwork({
      ...options,
      onProgress: (e) => {
        if (e.testAccuracy !== undefined) tested = `, test ${percent(e.testAccuracy)}`
        const state = `epoch ${e.epoch}/${e.epochs}, loss ${e.loss.toFixed(3)}${tested}, density ${percent(e.density, 1)}`
        progress.update(e.step / e.steps, `${state}, ${grouped(e.imagesPerSecond)} images/s`)
      },
    })
    progress.done(`test ${percent(result.testAccuracy ?? 0)}, ${grouped(result.imagesPerSecond)} images/s`)
    return result
  } catch (error) {
    progress.failed((error as Error).message)
    throw error
  }
}

/** Share of the test set that the finished file gets right in int8. */
async function score(bytes: Uint8Array, test: DataSet, signal: AbortSignal): Promise<number> {
  const session = await InferenceSession.create(bytes, { batch: 16 })
  try {
    const images = new Tensor('uint8', test.images, [test.labels.length, ...test.shape])
    const { best } = await classify(session, images, signal)
    return best.reduce((n, answer, i) => n + (answer === test.labels[i] ? 1 : 0), 0) / test.labels.length
  } finally {
    session.dispose()
  }
}

export const train: Command = {
  name: 'train',
  summary: 'train a sparse network and write a model file',
  usage: '--data PATH (--preset NAME | --arch NET) --out MODEL.wd [options]',
  options: [
    ...dataOptions,
    { name: 'out', value: 'FILE', help: 'the model file to write' },
    { name: 'preset', value: 'NAME', help: presetNames.join(', ') },
    { name: 'arch', value: 'NET', help: `another network, one of\n${ARCH_HELP}` },
    { name: 'density', value: 'X', help: 'share of weights that stay, above 0 and at most 1' },
    { name: 'coats', value: 'N', help: 'levels from -N to N: 1, 3 or 7' },
    { name: 'thresholds', value: 'KIND', help: 'of the coats: linear (default) or uniform' },
    { name: 'scope', value: 'KIND', help: 'density holds global (default) or in each layer' },
    {
      name: 'signs',
      value: 'KIND',
      help: 'learned (default), or the seed 0 to 62 of generated signs, which cost no bytes',
    },
    { name: 'ramp', value: 'X', help: 'share of training over which the density falls to its end value' },
    ...imageOptions,
    { name: 'bits', value: 'N', help: 'bits of a scale or bias in the file, 1 to 8' },
    { name: 'epochs', value: 'N', help: 'passes over the training images' },
    { name: 'lr', value: 'X', help: 'peak learning rate' },
    { name: 'batch', value: 'N', help: 'images per step' },
    { name: 'seed', value: 'N', help: 'determines every bit of the result' },
    { name: 'limit', value: 'N', help: 'only the first N training images' },
    { name: 'svg', value: 'FILE', help: 'write the learning curve as a picture' },
    { name: 'log', value: 'FILE', help: 'write all progress events, one JSON object a line' },
  ],
  positionals: 0,
  examples: [
    {
      command: 'whitedwarf train --data data/mnist --preset mnist-lenet --out model.wd',
      comment: 'a small convolutional network for MNIST',
    },
    {
      command:
        'whitedwarf train --data data/mnist --preset mnist-demo --out demo.wd --svg curve.svg --log metrics.jsonl',
      comment: 'half a minute, with the learning curve and all figures',
    },
    {
      command: 'whitedwarf train --data data/mnist --arch mlp:300,100 --density 0.05 --epochs 10 --out mlp.wd',
      comment: 'another network, 5 % of its weights',
    },
  ],
  async run({ args, json, quiet, signal }: CommandContext): Promise<void> {
    const load = parseData(args)
    const out = args.required('out', 'the model file to write')
    const svg = args.string('svg')
    const log = args.string('log')
    const limit = args.number('limit', { min: 1, whole: true })
    const { title, graph, options, constants } = plan(args)
    checkWritable(out, 'model')
    if (svg !== undefined) checkWritable(svg, 'picture')
    if (log !== undefined) checkWritable(log, 'log')

    const data = await load()
    const training = limit === undefined ? data.train : slice(data.train, 0, Math.min(limit, data.train.labels.length))
    const result = await trainWithProgress(
      title,
      { ...options, graph: normalised(graph(training), args, training), train: training, test: data.test, signal },
      quiet,
    )
    const bytes = encodeModel(await exportModel(result, { ...constants, calibration: training }))
    const accuracy = await score(bytes, data.test, signal)
    const { fp32Bytes, ratio, weights, nonZeros } = inspectModel(bytes)

    writeOutput(out, bytes, 'model')
    if (svg !== undefined) writeOutput(svg, curveSvg(`Training ${title}`, result.history), 'picture')
    if (log !== undefined) writeOutput(log, result.history.map((e) => `${JSON.stringify(e)}\n`).join(''), 'log')

    if (json) {
      const { seconds, imagesPerSecond } = result
      const figures = {
        bytes: bytes.length,
        fp32Bytes,
        ratio,
        accuracy,
        weights,
        nonZeros,
        density: nonZeros / weights,
      }
      console.log(JSON.stringify({ model: out, ...figures, seconds, imagesPerSecond }, null, 2))
      return
    }
    console.log(curveText(result.history))
    console.log(
      `\n${out}: ${grouped(bytes.length)} bytes, 1/${ratio.toFixed(1)} of float32 (${grouped(fp32Bytes)} bytes)`,
    )
    console.log(`${percent(accuracy)} of ${grouped(data.test.labels.length)} test images right in int8`)
    console.log(`${grouped(nonZeros)} of ${grouped(weights)} weights are not zero (${percent(nonZeros / weights, 1)})`)
    console.log(`trained in ${duration(1000 * result.seconds)}, ${grouped(result.imagesPerSecond)} images/s`)
  },
}
