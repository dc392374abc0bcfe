/** The data sets, the models in models/, and how models score. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { InferenceSession, type SessionOptions, Tensor } from 'whitedwarf'
import {
  type DataSet,
  exportModel,
  type FloatModel,
  loadDataSet,
  type PresetName,
  type ProgressEvent,
  presets,
  type TrainResult,
  type TrainTest,
  train,
} from 'whitedwarf/compress'
import { encodeModel, readWd } from 'whitedwarf/format'
import { NotMeasured } from './claims/claim.js'
import { type Comparison, compare } from './harness.js'

/** The repository root, as seen from build/bench. */
const ROOT = new URL('../../', import.meta.url)

/** A path in the repository, absolute. */
export const inRepository = (path: string) => fileURLToPath(new URL(path, ROOT))

export const loadMnist = (): Promise<TrainTest> => loadDataSet(inRepository('data/mnist'))

/**
 * The folder that CIFAR10 in the environment names, or data/cifar10; CIFAR-10 does not come with the repository.
 * @throws NotMeasured where it is not there
 */
export function cifar10Folder(): string {
  const folder = process.env.CIFAR10 ?? inRepository('data/cifar10')
  if (existsSync(folder)) return folder
  throw new NotMeasured(
    `there is no ${folder}: put CIFAR-10 there (binary version, https://www.cs.toronto.edu/~kriz/cifar.html), or its path into the environment variable CIFAR10`,
  )
}

/** @throws NotMeasured, WhiteDwarfError */
export const loadCifar10 = async (): Promise<TrainTest> => loadDataSet(cifar10Folder())

/**
 * A file of a model that others have trained: in the folder that MODELS in the environment names, or in data/models. None of them come
 * with the repository.
 * @throws NotMeasured where it is not there
 */
export function otherModel(path: string): Uint8Array {
  const file = join(process.env.MODELS ?? inRepository('data/models'), path)
  if (existsSync(file)) return readFileSync(file)
  throw new NotMeasured(`there is no ${file}: the environment variable MODELS must name the folder of ${path}`)
}

export const shippedModel = (name: string): Uint8Array => readFileSync(new URL(`models/${name}.wd`, ROOT))

/** Trains a preset from scratch and writes it as a file in memory. */
export async function trainPreset(
  name: PresetName,
  data: TrainTest,
  onProgress: (event: ProgressEvent) => void,
): Promise<{ bytes: Uint8Array; result: TrainResult }> {
  const preset = presets[name]
  const result = await train({
    ...preset.options,
    graph: preset.graph(data.train),
    ...data,
    workers: 'auto',
    onProgress,
  })
  return { bytes: encodeModel(await exportModel(result, { ...preset.export, calibration: data.train })), result }
}

/** The first `count` images of a data set. */
export function images(data: DataSet, count = data.labels.length): Tensor {
  const size = data.images.length / data.labels.length
  return new Tensor('uint8', data.images.subarray(0, count * size), [count, ...data.shape])
}

/** All output numbers of a model for a batch of images, [count, classes]. */
export async function outputs(
  model: Uint8Array | FloatModel,
  input: Tensor,
  options: SessionOptions,
): Promise<Float32Array> {
  const session = await InferenceSession.create(model, options)
  try {
    const results = await session.run({ [session.inputNames[0]]: input })
    return results[session.outputNames[0]].data as Float32Array
  } finally {
    session.dispose()
  }
}

/** Per cent of a data set that a model gets right. */
export async function accuracy(
  model: Uint8Array | FloatModel,
  data: DataSet,
  options: SessionOptions,
): Promise<number> {
  const scores = await outputs(model, images(data), { batch: 16, ...options })
  const classes = scores.length / data.labels.length
  let right = 0
  data.labels.forEach((label, i) => {
    const row = scores.subarray(i * classes, (i + 1) * classes)
    if (row.indexOf(Math.max(...row)) === label) right++
  })
  return Number(((100 * right) / data.labels.length).toFixed(4))
}

/**
 * Times one model under several options, in turns, in this process. One call is `session.run` on all of `input`, and its
 * work is the number of images.
 */
export async function timeVariants(
  model: Uint8Array,
  input: Tensor,
  variants: Readonly<Record<string, SessionOptions>>,
): Promise<Comparison> {
  const contestants = []
  for (const [name, options] of Object.entries(variants)) {
    const session = await InferenceSession.create(model, options)
    contestants.push({ name, run: () => session.run({ [session.inputNames[0]]: input }), work: input.dims[0] })
  }
  return compare(contestants, { rounds: 8 })
}

/** What a model would take as float32: every weight and one bias per output channel, in bytes. */
export function fp32Bytes(model: Uint8Array): number {
  const { layers, tensors } = readWd(model)
  const weights = tensors.reduce((sum, t) => sum + t.rows * t.cols, 0)
  const biases = Object.values(layers).reduce((sum, layer) => sum + layer.bias.codes.length, 0)
  return 4 * (weights + biases)
}
