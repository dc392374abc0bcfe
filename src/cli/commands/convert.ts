/** whitedwarf convert: from an ONNX file to a model file by direct quantisation, and back to ONNX in dense form. */
import { calibrate, type FloatModel, type QuantiseOptions, quantiseModel, type TrainTest } from '../../compress.js'
import { WhiteDwarfError } from '../../errors.js'
import { decodeModel, encodeModel } from '../../format.js'
import { Tensor } from '../../index.js'
import { exportOnnx } from '../../onnx.js'
import { select } from '../../train/dataset.js'
import type { Arguments } from '../args.js'
import { type Command, type CommandContext, commonOptions } from '../command.js'
import { dataOptions, parseData } from '../data.js'
import { checkWritable, readInput, writeOutput } from '../files.js'
import { importFile, onnxOptions, parseSizes } from '../models.js'
import { withPixels } from '../pixels.js'
import { grouped, percent } from '../text.js'

/** Largest levels of so many bits. */
const LEVELS = { int2: 1, int3: 3, int4: 7, int5: 15, int6: 31, int7: 63, int8: 127 } as const

const CALIBRATION_IMAGES = 256

export const convert: Command = {
  name: 'convert',
  summary: 'turn an ONNX file into a model file, or a model file into an ONNX file',
  usage: 'MODEL.onnx --out MODEL.wd [options]   or   MODEL.wd --out MODEL.onnx',
  options: [
    { name: 'out', value: 'FILE', help: 'the file to write; its ending, .wd or .onnx, says which kind' },
    { name: 'levels', value: 'KIND', help: `weights: ${Object.keys(LEVELS).join(', ')} (default int8)` },
    { name: 'density', value: 'X', help: 'share of the weights of each layer that may stay, the largest (default 1)' },
    ...onnxOptions,
    ...dataOptions.map((o) =>
      o.name === 'data' ? { ...o, help: 'images to measure ranges on; without them the model runs in f32 only' } : o,
    ),
    { name: 'limit', value: 'N', help: `how many images are measured (default ${CALIBRATION_IMAGES})` },
  ],
  positionals: 1,
  examples: [
    {
      command: 'whitedwarf convert resnet.onnx --pixels imagenet --data photos --resize 224 --out resnet.wd',
      comment: '8-bit weights, activation ranges from photos',
    },
    {
      command: 'whitedwarf convert net.onnx --levels int3 --density 0.1 --out net.wd',
      comment: 'a tenth of the weights, as levels from -3 to 3: the plain baseline of compression',
    },
    { command: 'whitedwarf convert model.wd --out model.onnx', comment: 'for other runtimes' },
  ],
  async run(context: CommandContext): Promise<void> {
    const { args } = context
    const [path] = args.positionals
    if (path === undefined) throw new WhiteDwarfError('E_OPTION', 'which model? Give the path of a .onnx or .wd file')
    const out = args.required('out', 'the file to write, ending in .wd or .onnx')
    const [from, to] = [path, out].map((file) => /\.(onnx|wd)$/i.exec(file)?.[1].toLowerCase())
    if (from === undefined || to === undefined || from === to) {
      throw new WhiteDwarfError(
        'E_OPTION',
        `converts .onnx files to .wd and .wd files to .onnx, got '${path}' and '${out}'`,
      )
    }
    await (to === 'wd' ? toWd(context, path, out) : toOnnx(context, path, out))
  },
}

async function toOnnx(context: CommandContext, path: string, out: string): Promise<void> {
  const others = context.args.others(['out', ...commonOptions.map((o) => o.name)])
  if (others !== '') throw new WhiteDwarfError('E_OPTION', `${others}: only for converting to .wd`)
  checkWritable(out, 'ONNX model')
  const bytes = exportOnnx(decodeModel(await readInput(path, 'model')))
  writeOutput(out, bytes, 'ONNX model')
  report(context, { model: out, bytes: bytes.length }, [`${out}: ${grouped(bytes.length)} bytes`])
}

async function toWd(context: CommandContext, path: string, out: string): Promise<void> {
  const { args } = context
  const options = {
    maxLevel: LEVELS[args.choice('levels', Object.keys(LEVELS) as (keyof typeof LEVELS)[]) ?? 'int8'],
    density: args.number('density', { min: 1e-6, max: 1 }) ?? 1,
  }
  const prepare = withPixels(args)
  const sizes = parseSizes(args)
  const measure = parseCalibration(args)
  checkWritable(out, 'model')
  const model = prepare(importFile(path, await readInput(path, 'model'), { sizes }))
  const measured = await measure?.(model)
  const quantised = quantiseModel(model, { ...options, ranges: measured?.ranges ?? {} })
  const file = encodeModel(quantised)
  writeOutput(out, file, 'model')
  const { weights, nonZeros, fp32Bytes } = countWeights(model, quantised)
  const ratio = fp32Bytes / file.length
  const images = measured?.images ?? 0
  report(context, { model: out, bytes: file.length, fp32Bytes, ratio, weights, nonZeros, calibrationImages: images }, [
    `${out}: ${grouped(file.length)} bytes, 1/${ratio.toFixed(1)} of float32 (${grouped(fp32Bytes)} bytes)`,
    `${grouped(nonZeros)} of ${grouped(weights)} weights are not zero (${percent(weights === 0 ? 0 : nonZeros / weights, 1)})`,
    images === 0
      ? 'no activation ranges: runs in precision f32 only (--data measures them)'
      : `activation ranges from ${grouped(images)} images: runs in int8, fp8 and f32`,
  ])
}

function report({ json }: CommandContext, figures: object, lines: readonly string[]): void {
  console.log(json ? JSON.stringify(figures, null, 2) : lines.join('\n'))
}

/** Of the network as it came: float32 counts constants too. */
function countWeights(model: FloatModel, { tensors }: ReturnType<typeof quantiseModel>) {
  const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0)
  const weights = sum(Object.values(tensors).map(({ levels }) => levels.length))
  const nonZeros = sum(Object.values(tensors).map(({ levels }) => levels.reduce((n, l) => n + (l === 0 ? 0 : 1), 0)))
  const biases = sum(Object.values(model.weights).map(({ bias }) => bias.length))
  const constants = sum(Object.values(model.constants).map((values) => values.length))
  return { weights, nonZeros, fp32Bytes: 4 * (weights + biases + constants) }
}

interface Measured {
  readonly ranges: NonNullable<QuantiseOptions['ranges']>
  readonly images: number
}

/**
 * Checks the options of the data set; the function that it returns measures ranges. Undefined where there are no data.
 * @throws WhiteDwarfError E_OPTION
 */
function parseCalibration(args: Arguments): ((model: FloatModel) => Promise<Measured>) | undefined {
  const limit = args.number('limit', { min: 1, whole: true })
  if (args.string('data') === undefined) {
    const names = ['limit', ...dataOptions.map((o) => o.name)].filter((name) => args.string(name) !== undefined)
    if (names.length > 0) throw new WhiteDwarfError('E_OPTION', `--${names[0]} needs --data`)
    return undefined
  }
  const load = parseData(args)
  return async (model) => measureRanges(model, await load(), limit ?? CALIBRATION_IMAGES)
}

async function measureRanges(model: FloatModel, { train }: TrainTest, limit: number): Promise<Measured> {
  const [input, ...others] = model.graph.inputs
  if (others.length > 0) throw new WhiteDwarfError('E_OPTION', 'ranges can be measured for networks of one input only')
  if (input.shape.join() !== train.shape.join()) {
    throw new WhiteDwarfError(
      'E_SHAPE',
      `the data set has images of [${train.shape.join(', ')}], the model takes [${input.shape.join(', ')}]`,
    )
  }
  // Spread over the whole set, which may be in the order of its classes.
  const count = Math.min(limit, train.labels.length)
  const indices = Array.from({ length: count }, (_, i) => Math.floor((i * train.labels.length) / count))
  const images = new Tensor('uint8', select(train, indices).images, [count, ...train.shape])
  return { ranges: await calibrate(model, { [input.name]: images }), images: count }
}
