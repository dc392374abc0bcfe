/** Labelled 8-bit images. */
import { WhiteDwarfError } from '../errors.js'
import { elements, type Shape } from '../graph/ir.js'
import type { ChannelStatistics } from '../graph/normalise.js'
import { Rng } from '../rng.js'

export interface DataSet {
  /** Shape of one example: [channels, height, width], or [features]. */
  readonly shape: Shape
  /** count * elements(shape) bytes, one example after the other. */
  readonly images: Uint8Array
  /** Class of each example, 0..classes - 1. */
  readonly labels: Uint8Array
  readonly classes: number
  /** What the classes are called, where the data says so. */
  readonly classNames?: readonly string[]
}

export interface TrainTest {
  readonly train: DataSet
  readonly test: DataSet
}

/** @throws WhiteDwarfError E_DATA when counts differ, a label is out of range, or there is nothing in it */
export function checkDataSet(data: DataSet, name: string): void {
  const size = elements(data.shape)
  if (data.labels.length === 0) throw new WhiteDwarfError('E_DATA', `${name}: there are no examples`)
  if (data.images.length !== data.labels.length * size) {
    throw new WhiteDwarfError(
      'E_DATA',
      `${name}: ${data.labels.length} labels need ${data.labels.length * size} bytes of [${data.shape.join(', ')}] images, got ${data.images.length}`,
    )
  }
  for (let i = 0; i < data.labels.length; i++) {
    if (data.labels[i] >= data.classes) {
      throw new WhiteDwarfError('E_DATA', `${name}: label ${i} is ${data.labels[i]}, expected 0 to ${data.classes - 1}`)
    }
  }
}

/** Examples [begin, end) as a data set that shares their bytes. */
export function slice(data: DataSet, begin: number, end: number): DataSet {
  const size = elements(data.shape)
  return { ...data, images: data.images.subarray(begin * size, end * size), labels: data.labels.subarray(begin, end) }
}

/** The examples with these indices, copied. */
export function select(data: DataSet, indices: readonly number[]): DataSet {
  const size = elements(data.shape)
  const images = new Uint8Array(indices.length * size)
  indices.forEach((k, i) => {
    images.set(data.images.subarray(k * size, (k + 1) * size), i * size)
  })
  return { ...data, images, labels: Uint8Array.from(indices, (k) => data.labels[k]) }
}

/**
 * Divides a data set: a share of each class's examples, drawn by chance, is the test set. Both parts keep the order.
 * @param share above 0, below 1
 * @throws WhiteDwarfError E_OPTION, E_DATA when one of the parts would be empty
 */
export function holdOut(data: DataSet, share: number, seed = 1): TrainTest {
  if (!(share > 0 && share < 1)) {
    throw new WhiteDwarfError('E_OPTION', `holdOut must be a number above 0 and below 1, got ${String(share)}`)
  }
  const rng = new Rng(seed)
  const held = new Uint8Array(data.labels.length)
  for (let label = 0; label < data.classes; label++) {
    const members = [...data.labels.keys()].filter((i) => data.labels[i] === label)
    rng.shuffle(members)
    for (const i of members.slice(0, Math.round(share * members.length))) held[i] = 1
  }
  const part = (mark: number) =>
    select(
      data,
      [...held.keys()].filter((i) => held[i] === mark),
    )
  const [train, test] = [part(0), part(1)]
  if (train.labels.length === 0 || test.labels.length === 0) {
    throw new WhiteDwarfError('E_DATA', `${data.labels.length} examples are too few to hold out ${share} of each class`)
  }
  return { train, test }
}

/** Mean and standard deviation of each channel over all examples, pixels counted from 0 to 1. */
export function channelStatistics({ shape, images, labels }: DataSet): ChannelStatistics {
  const [channels, plane] = shape.length === 3 ? [shape[0], shape[1] * shape[2]] : [1, elements(shape)]
  const mean: number[] = []
  const std: number[] = []
  for (let c = 0; c < channels; c++) {
    const counts = new Float64Array(256)
    for (let i = 0; i < labels.length; i++) {
      const begin = (i * channels + c) * plane
      for (let k = begin; k < begin + plane; k++) counts[images[k]]++
    }
    const n = labels.length * plane
    const average = counts.reduce((sum, count, v) => sum + count * v, 0) / n
    const variance = counts.reduce((sum, count, v) => sum + count * (v - average) ** 2, 0) / n
    mean.push(average / 255)
    // A channel of one colour cannot be divided by its deviation.
    std.push(variance > 0 ? Math.sqrt(variance) / 255 : 1)
  }
  return { mean, std }
}
