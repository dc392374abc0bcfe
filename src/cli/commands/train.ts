/** whitedwarf train: from a data set to a model file. */
import { exportModel, presetNames, slice } from '../../compress.js'
import { encodeModel } from '../../format.js'
import { ARCH_HELP } from '../arch.js'
import { checkpointOptions, parseCheckpoint } from '../checkpoint.js'
import type { Command, CommandContext } from '../command.js'
import { curveSvg, curveText } from '../curve.js'
import { dataOptions, imageOptions, normalised, parseData } from '../data.js'
import { checkWritable, writeOutput } from '../files.js'
import { openLog } from '../log.js'
import { recipeOptions } from '../recipe.js'
import { distill, teacherOptions } from '../teacher.js'
import { duration, grouped, percent } from '../text.js'
import { patternText, plan, score, trainWithProgress } from '../training.js'
import { inspectModel } from './inspect.js'

export const train: Command = {
  name: 'train',
  summary: 'train a sparse network and write a model file',
  usage: '--data PATH (--preset NAME | --arch NET) --out MODEL.wd [options]',
  options: [
    ...dataOptions,
    { name: 'out', value: 'FILE', help: 'the model file to write' },
    { name: 'preset', value: 'NAME', help: presetNames.join(', ') },
    { name: 'arch', value: 'NET', help: `another network, one of\n${ARCH_HELP}` },
    ...recipeOptions,
    ...imageOptions,
    ...teacherOptions,
    ...checkpointOptions,
    { name: 'limit', value: 'N', help: 'only the first N training images' },
    { name: 'svg', value: 'FILE', help: 'write the learning curve as a picture' },
    { name: 'log', value: 'FILE', help: 'write progress events as they come, one JSON object a line' },
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
    {
      command: 'whitedwarf train --data data/mnist --arch mlp:300,100 --coats 3 --budget 8kB --out mlp.wd',
      comment: 'as many weights as fit into 8,000 bytes, everything counted',
    },
    {
      command:
        'whitedwarf train --data data/mnist --arch mlp:256,256 --pattern cgs:16/8 --pattern-layers fc1,fc2 --out b.wd',
      comment: 'one in eight of the blocks of 16 x 16 weights; the last layer keeps all',
    },
    {
      command: 'whitedwarf train --data data/mnist --preset mnist-lenet --out m.wd --checkpoint m.wdcp --resume',
      comment: 'may be interrupted and started again, with the same result',
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
    const checkpoint = await parseCheckpoint(args)

    const data = await load()
    const training = limit === undefined ? data.train : slice(data.train, 0, Math.min(limit, data.train.labels.length))
    const result = await trainWithProgress(
      title,
      {
        ...options,
        graph: normalised(graph(training), args, training),
        train: training,
        test: data.test,
        ...(await distill(args, training, signal)),
        ...checkpoint.options,
        signal,
      },
      quiet,
      log === undefined ? () => {} : openLog(log, checkpoint.history),
    )
    const bytes = encodeModel(await exportModel(result, { ...constants, calibration: training, signal }))
    const accuracy = await score(bytes, data.test, signal)
    const { fp32Bytes, ratio, weights, nonZeros } = inspectModel(bytes)
    const pattern = patternText(result)

    writeOutput(out, bytes, 'model')
    if (svg !== undefined) writeOutput(svg, curveSvg(`Training ${title}`, result.history), 'picture')

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
        ...(pattern !== undefined && { pattern }),
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
    if (pattern !== undefined) console.log(`pattern ${pattern}`)
    console.log(`trained in ${duration(1000 * result.seconds)}, ${grouped(result.imagesPerSecond)} images/s`)
  },
}
