/** Labelled 8-bit images. */
import { WhiteDwarfError } from '../errors.js'
import { elements, type Shape } from '../graph/ir.js'
import type { ChannelStatistics } from '../graph/normalise.js'

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
