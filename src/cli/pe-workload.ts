/** What the command line says of a workload: a model file, a topology, or a network by name. */
import { basename } from 'node:path'
import type { FloatModel, TrainTest } from '../compress.js'
import { WhiteDwarfError } from '../errors.js'
import { decodeModel } from '../format.js'
import { type Model, rangeMax } from '../graph/model.js'
import type { InferenceSession } from '../index.js'
import {
  ActivationCounter,
  type ActiveInputs,
  graphWorkload,
  modelWorkload,
  type OnChipSize,
  onChipSize,
  topologyWorkload,
  type Workload,
  type WorkloadOptions,
} from '../pe.js'
import { imagesOption, namedNetwork } from './arch.js'
import type { Arguments, OptionSpec } from './args.js'
import { examples } from './classify.js'
import type { CommandContext } from './command.js'
import { dataOptions, parseData } from './data.js'
import { readInput } from './files.js'
import { loadModel, type ModelFile, onnxOptions, openSession } from './models.js'
import { startLateProgress } from './progress.js'
import { grouped } from './text.js'

/** Images that activations are counted on unless --limit says otherwise. */
const COUNTED = 100
/** Images between two looks at Ctrl-C. */
const CHUNK = 8

export const workloadOptions: readonly OptionSpec[] = [
  {
    name: 'density',
    value: 'SHARE',
    help: 'of weights that are not zero, in every layer (default: those of the file, else 1)',
  },
  { name: 'activation-density', value: 'SHARE', help: 'of inputs that are not zero, in every layer (default 1)' },
  { name: 'weight-bits', value: 'N', help: '1 to 32 (default: what the levels of a .wd file need, else 8)' },
  { name: 'activation-bits', value: 'N', help: '1 to 32 (default 8)' },
  { name: 'batch', value: 'N', help: 'images at a time (default 1)' },
  { name: 'padding', value: 'KIND', help: 'of a topology: none (default), or same: outputs as many as size / stride' },
  { name: 'pooling', help: 'count pooling layers too' },
  ...dataOptions.map((o) =>
    o.name === 'data' ? { ...o, help: 'run the model on the images of this data set, count inputs that are zero' } : o,
  ),
  { name: 'limit', value: 'N', help: `images of it that are counted (default ${COUNTED})` },
  ...onnxOptions,
  imagesOption,
]

/** A workload, and of the levels of a .wd file what they take in the memories of a chip. */
export type NamedWorkload = Workload & { readonly onChip?: OnChipSize }

/**
 * Checks the options; the function that it returns reads files and, where --data is given, runs the model.
 * @throws WhiteDwarfError E_OPTION; the function also E_IO, E_FORMAT, E_GRAPH, E_SHAPE, E_DATA
 */
export function parseWorkload(context: CommandContext): () => Promise<NamedWorkload> {
  const { args } = context
  const [given] = args.positionals
  if (given === undefined) {
    throw new WhiteDwarfError(
      'E_OPTION',
      'which workload? Give the path of a .wd, .onnx or topology .csv file, or a network such as resnet50',
    )
  }
  const options = parseOptions(args)
  const padding = args.choice('padding', ['none', 'same'] as const)
  const kind = /\.(wd|onnx|csv)$/i.exec(given)?.[1].toLowerCase()
  const isModel = kind === 'wd' || kind === 'onnx'
  const elsewhere = kind === undefined ? [] : ['images']
  for (const option of isModel ? elsewhere : [...elsewhere, 'data', 'limit', ...onnxOptions.map((o) => o.name)]) {
    if (args.string(option) === undefined) continue
    const what = option === 'images' ? 'networks by name' : 'model files'
    throw new WhiteDwarfError('E_OPTION', `--${option} is for ${what}, got '${given}'`)
  }
  if (kind !== 'csv' && padding !== undefined) {
    throw new WhiteDwarfError('E_OPTION', `--padding is for topologies, got '${given}': a network has its own`)
  }
  if (kind === undefined) {
    const graph = namedNetwork(given, args)
    return async () => graphWorkload(graph, { ...options, name: given })
  }
  if (isModel) return modelFile(context, { ...options, name: basename(given) })
  return async () => {
    const text = new TextDecoder().decode(await readInput(given, 'topology'))
    const { pooling: _, ...rest } = options
    return topologyWorkload(text, { ...rest, name: basename(given), ...(padding && { padding }) })
  }
}

/** @throws WhiteDwarfError E_OPTION */
function parseOptions(args: Arguments): WorkloadOptions {
  const share = { min: 0, max: 1 }
  const bits = { min: 1, max: 32, whole: true }
  const options = {
    weightDensity: args.number('density', share),
    activationDensity: args.number('activation-density', share),
    weightBits: args.number('weight-bits', bits),
    activationBits: args.number('activation-bits', bits),
    batch: args.number('batch', { min: 1, max: 65536, whole: true }),
    pooling: args.flag('pooling'),
  }
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

function modelFile(context: CommandContext, options: WorkloadOptions): () => Promise<NamedWorkload> {
  const { args } = context
  const limit = args.number('limit', { min: 1, whole: true }) ?? COUNTED
  const data = args.string('data') === undefined ? undefined : parseData(args)
  if (data === undefined && args.string('limit') !== undefined) {
    throw new WhiteDwarfError('E_OPTION', '--limit is the number of images of --data, which is missing')
  }
  if (data !== undefined && options.activationDensity !== undefined) {
    throw new WhiteDwarfError('E_OPTION', 'give either --data or --activation-density: the data tell the density')
  }
  const bits = options.activationBits ?? 8
  return async () => {
    const file = await loadModel(args)
    const model = file.kind === 'wd' ? decodeModel(file.bytes) : file.model
    const activations = data && (await countActivations(file, model, await data(), { limit, bits }, context))
    const all = { ...options, ...(activations && { activations }) }
    // A density that is asked for takes the place of the file's own.
    if (options.weightDensity !== undefined) return graphWorkload(model.graph, all)
    if (!('weights' in model)) return { ...modelWorkload(model, all), onChip: onChipSize(model) }
    const densities = Object.entries(model.weights).map(([name, { weights }]) => [name, densityOf(weights)])
    return graphWorkload(model.graph, { ...all, weightDensity: Object.fromEntries(densities) })
  }
}

const densityOf = (weights: Float32Array): number => weights.reduce((n, w) => n + (w === 0 ? 0 : 1), 0) / weights.length

/** Of more bits no magnitudes are counted. */
const MOST_BITS = 16

async function countActivations(
  file: ModelFile,
  model: Model | FloatModel,
  { test }: TrainTest,
  { limit, bits }: { limit: number; bits: number },
  { quiet, signal }: CommandContext,
): Promise<Record<string, ActiveInputs>> {
  // What a .wd file's activations are rounded by.
  const ranges = 'ranges' in model && bits <= MOST_BITS ? Object.entries(model.ranges) : []
  const counter = new ActivationCounter(model.graph, {
    ranges: Object.fromEntries(ranges.map(([name, code]) => [name, rangeMax(code)])),
    bits: Math.min(MOST_BITS, bits),
  })
  const session: InferenceSession = await openSession(file, { precision: 'f32', batch: 1, signal })
  try {
    const [input] = session.inputs
    if (session.inputs.length !== 1)
      throw new WhiteDwarfError(
        'E_SHAPE',
        `--data needs a model of one input, ${file.path} has ${session.inputs.length}`,
      )
    const images = examples(test, Math.min(limit, test.labels.length), input.shape)
    const count = images.dims[0]
    const progress = startLateProgress(`counting inputs of ${grouped(count)} images`, quiet)
    const size = images.size / count
    for (let first = 0; first < count; first += CHUNK) {
      const n = Math.min(CHUNK, count - first)
      const part = {
        type: images.type,
        data: images.data.subarray(first * size, (first + n) * size),
        dims: [n, ...input.shape],
      }
      await session.observe({ [input.name]: part }, counter.names, counter.visit)
      progress.update((first + n) / count, 'counting')
      await new Promise((resolve) => setImmediate(resolve))
      signal.throwIfAborted()
    }
    progress.done('all counted')
  } finally {
    session.dispose()
  }
  return counter.layers()
}
