/** whitedwarf sweep: many trainings, one for each combination of the values given, as a table and a plot. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type DataSet, estimateBytes, exportModel, slice, supermask, type TrainTest } from '../../compress.js'
import { encodeModel } from '../../format.js'
import { ARCH_HELP } from '../arch.js'
import type { Arguments } from '../args.js'
import type { Command, CommandContext } from '../command.js'
import { dataOptions, imageOptions, normalised, parseData } from '../data.js'
import { checkWritable, writeOutput } from '../files.js'
import { recipeOptions } from '../recipe.js'
import {
  argumentsOf,
  axes,
  type Point,
  readResults,
  resultOf,
  type SweepResult,
  saveResult,
  sweepPoints,
  sweepSvg,
  sweepTable,
} from '../sweep.js'
import { grouped, percent } from '../text.js'
import { plan, score, trainWithProgress } from '../training.js'
import { inspectModel } from './inspect.js'

/** Options that do not change what a point's training finds. */
const OUTPUTS = [...axes, 'out', 'svg', 'keep', 'least-accuracy', 'workers', 'json', 'quiet']

const pointName = (point: Point) =>
  axes
    .map((axis) => point[axis])
    .filter((value) => value !== '')
    .join(' ')

async function trainPoint(
  args: Arguments,
  point: Point,
  label: string,
  { train, test }: TrainTest,
  { quiet, signal }: CommandContext,
): Promise<{ result: Omit<SweepResult, 'options'>; bytes: Uint8Array }> {
  const own = argumentsOf(args, point)
  const { graph, options, constants } = plan(own)
  const network = normalised(graph(train), own, train)
  const trained = await trainWithProgress(label, { ...options, graph: network, train, test, signal }, quiet)
  const bytes = encodeModel(await exportModel(trained, { ...constants, calibration: train, signal }))
  const { weights, nonZeros } = inspectModel(bytes)
  const accuracy = await score(bytes, test, signal)
  return { result: { point, weights, nonZeros, bytes: bytes.length, accuracy, seconds: trained.seconds }, bytes }
}

/** What a search ends with. */
function found(results: readonly SweepResult[], least: number): string {
  const last = results[results.length - 1]
  if (last.accuracy >= least)
    return `\nSmallest that reaches ${percent(least)}: ${pointName(last.point)}, ${grouped(last.bytes)} bytes`
  return `\nNone of ${results.length} reaches ${percent(least)}`
}

/** The points of the smallest files first, as far as that can be told before they are trained. */
function smallestFirst(args: Arguments, points: readonly Point[], train: DataSet): Point[] {
  const sized = points.map((point) => {
    const { graph, options } = plan(argumentsOf(args, point))
    const { supermask: mask } = options
    return { point, bytes: mask === 'none' ? Infinity : estimateBytes(graph(train), supermask(mask)) }
  })
  return sized.sort((a, b) => a.bytes - b.bytes).map(({ point }) => point)
}

export const sweep: Command = {
  name: 'sweep',
  summary: 'train every combination of networks, patterns, coats, signs, densities or budgets',
  usage: '--data PATH --arch "NET NET ..." --out RESULTS.jsonl [--coats 1,3,7] [--budget 12kB] [options]',
  options: [
    ...dataOptions,
    { name: 'out', value: 'FILE', help: 'results, one JSON object a line; what it holds already is not trained again' },
    { name: 'arch', value: 'NETS', help: `networks, separated by spaces, each one of\n${ARCH_HELP}` },
    ...recipeOptions.map((o) => {
      const axis = (axes as readonly string[]).includes(o.name)
      return axis ? { ...o, value: `${o.value},...`, help: `${o.help}; or several` } : o
    }),
    ...imageOptions,
    { name: 'limit', value: 'N', help: 'only the first N training images' },
    { name: 'svg', value: 'FILE', help: 'write the plot as a picture' },
    {
      name: 'least-accuracy',
      value: 'X',
      help: 'search: the smallest first, until one reaches this share of the test set',
    },
    { name: 'keep', value: 'FOLDER', help: 'write the model of each point into this folder' },
  ],
  positionals: 0,
  examples: [
    {
      command:
        'whitedwarf sweep --data data/mnist --arch "lenet:8,16 lenet:16,32" --coats 1,3,7 --budget 1kB --out s.jsonl',
      comment: 'at the same number of bytes: wide and sparse, or narrow and dense? how many coats?',
    },
    {
      command: 'whitedwarf sweep --data data/mnist --arch mlp:64 --density 0.02,0.05,0.1 --out mlp.jsonl --svg mlp.svg',
      comment: 'accuracy over bytes, with a plot',
    },
    {
      command:
        'whitedwarf sweep --data data/mnist --arch mlp:99 --pattern "cgs:8/8 cgs:8/4" --least-accuracy 0.98 --out c.jsonl',
      comment: 'the smallest network of blocks and bits that is right so often',
    },
  ],
  async run(context: CommandContext): Promise<void> {
    const { args, json, quiet, signal } = context
    const load = parseData(args)
    const out = args.required('out', 'the file of results to write, for example sweep.jsonl')
    args.required('arch', 'which networks?')
    const svg = args.string('svg')
    const keep = args.string('keep')
    const limit = args.number('limit', { min: 1, whole: true })
    const least = args.number('least-accuracy', { min: 0, max: 1 })
    const points = sweepPoints(args)
    // All points are checked before the first is trained.
    for (const point of points) plan(argumentsOf(args, point))
    checkWritable(out, 'results')
    if (svg !== undefined) checkWritable(svg, 'picture')
    if (keep !== undefined) mkdirSync(keep, { recursive: true })
    const options = args.others(OUTPUTS)
    const known = readResults(out, options)

    const data = await load()
    const train = limit === undefined ? data.train : slice(data.train, 0, Math.min(limit, data.train.labels.length))
    const results: SweepResult[] = []
    const order = least === undefined ? points : smallestFirst(args, points, train)
    for (const [i, point] of order.entries()) {
      let result = resultOf(known, point)
      if (result === undefined) {
        const label = `${i + 1}/${points.length} ${pointName(point)}`
        const made = await trainPoint(args, point, label, { train, test: data.test }, context)
        result = { ...made.result, options }
        if (keep !== undefined)
          writeOutput(join(keep, `${pointName(point).replace(/[^\w.-]+/g, '_')}.wd`), made.bytes, 'model')
        saveResult(out, known, result)
        signal.throwIfAborted()
      } else if (!quiet) {
        process.stderr.write(`${i + 1}/${points.length} ${pointName(point)}: ${percent(result.accuracy)}, known\n`)
      }
      results.push(result)
      if (least !== undefined && result.accuracy >= least) break
    }
    if (svg !== undefined) writeOutput(svg, sweepSvg(`Sweep of ${results.length} networks`, results), 'picture')
    console.log(json ? JSON.stringify(results, null, 2) : sweepTable(results))
    if (least !== undefined && !json) console.log(found(results, least))
  },
}
