/** Labelled 8-bit images. */
import { WhiteDwarfError } from '../errors.js'
import { elements, type Shape } from '../graph/ir.js'

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
