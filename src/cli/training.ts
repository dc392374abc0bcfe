/** What the commands that train share: a plan from the arguments, training with progress, and the score of a file. */
import {
  type DataSet,
  type ExportOptions,
  type Graph,
  type ProgressEvent,
  presetNames,
  presets,
  type TrainOptions,
  type TrainResult,
  train as trainNetwork,
} from '../compress.js'
import { WhiteDwarfError } from '../errors.js'
import { InferenceSession, Tensor } from '../index.js'
import { patternName } from '../patterns.js'
import { ARCH_SYNTAX, parseArch } from './arch.js'
import type { Arguments } from './args.js'
import { classify } from './classify.js'
import { startProgress } from './progress.js'
import { parseRecipe } from './recipe.js'
import { grouped, percent } from './text.js'

export interface Plan {
  readonly title: string
  readonly graph: (data: DataSet) => Graph
  readonly options: Partial<TrainOptions>
  readonly constants: Pick<ExportOptions, 'scaleBits' | 'biasBits'>
}

/** @throws WhiteDwarfError E_OPTION */
export function plan(args: Arguments): Plan {
  const name = args.choice('preset', presetNames)
  const arch = args.string('arch')
  if (name === undefined && arch === undefined) {
    throw new WhiteDwarfError('E_OPTION', `give --preset (${presetNames.join(', ')}) or --arch (${ARCH_SYNTAX})`)
  }
  const preset = name === undefined ? undefined : presets[name]
  const { options, supermask, constants: given } = parseRecipe(args)
  const constants = { ...preset?.export, ...given }
  // What a budget sets aside for constants.
  const bits = typeof constants.scaleBits === 'number' ? { constantBits: constants.scaleBits } : {}
  // A pattern says itself how many weights stay, unless a density was asked for.
  const { density, ...rest } = preset?.options.supermask ?? {}
  const mask = supermask.pattern === undefined && density !== undefined ? { ...rest, density } : rest
  return {
    title: [name, arch].filter((part) => part !== undefined).join(' '),
    graph: (data) => (arch === undefined ? (preset as NonNullable<typeof preset>).graph(data) : parseArch(arch, data)),
    options: {
      ...preset?.options,
      ...options,
      augment: { ...preset?.options.augment, ...options.augment },
      supermask: { ...mask, ...bits, ...supermask },
    },
    constants,
  }
}

/** Trains with progress on standard error. `onEvent` gets every progress event. */
export async function trainWithProgress(
  title: string,
  options: TrainOptions,
  quiet: boolean,
  onEvent: (event: ProgressEvent) => void = () => {},
): Promise<TrainResult> {
  const progress = startProgress(`training ${title}`, quiet)
  let tested = ''
  try {
    const result = await trainNetwork({
      ...options,
      onProgress: (e) => {
        onEvent(e)
        if (e.testAccuracy !== undefined) tested = `, test ${percent(e.testAccuracy)}`
        const state = `epoch ${e.epoch}/${e.epochs}, loss ${e.loss.toFixed(3)}${tested}, density ${percent(e.density, 1)}`
        progress.update(e.step / e.steps, `${state}, ${grouped(e.imagesPerSecond)} images/s`, e.secondsLeft)
      },
    })
    progress.done(`test ${percent(result.testAccuracy ?? 0)}, ${grouped(result.imagesPerSecond)} images/s`)
    return result
  } catch (error) {
    const again = options.signal?.aborted && options.onCheckpoint ? ', --resume continues it' : ''
    progress.failed(`${(error as Error).message}${again}`)
    throw error
  }
}

/** Share of the test set that the finished file gets right in int8. */
export async function score(bytes: Uint8Array, test: DataSet, signal: AbortSignal): Promise<number> {
  const session = await InferenceSession.create(bytes, { batch: 16 })
  try {
    const images = new Tensor('uint8', test.images, [test.labels.length, ...test.shape])
    const { best } = await classify(session, images, signal)
    return best.reduce((n, answer, i) => n + (answer === test.labels[i] ? 1 : 0), 0) / test.labels.length
  } finally {
    session.dispose()
  }
}

/** The pattern of a trained network and how many of its layers have it, or undefined. */
export function patternText({ tensors }: Pick<TrainResult, 'tensors'>): string | undefined {
  const all = Object.values(tensors)
  const patterns = all.flatMap((t) => t.pattern ?? [])
  return patterns.length === 0 ? undefined : `${patternName(patterns[0])} in ${patterns.length} of ${all.length} layers`
}
