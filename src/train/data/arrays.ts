/**
 * Data sets as NumPy arrays: a .npz archive, or a folder of .npy files. Known names of the arrays, upper and lower case alike, PART
 * being train, or test or val (tried in this order):
 *
 *   x_PART, y_PART    PART_x, PART_y    PART_images, PART_labels    PART_data, PART_labels
 *
 * and without _PART when there is no split.
 */
import { WhiteDwarfError } from '../../errors.js'
import type { DataSet } from '../dataset.js'
import { toPlanes } from './image.js'
import { type NpyArray, parseNpy } from './npy.js'

/** Order of an image's axes: height, width, channels, or channels first. */
export type Layout = 'hwc' | 'chw'

/** Array names without .npy, each with a function that reads the file. */
export type ArrayFiles = ReadonlyMap<string, () => Promise<Uint8Array>>

const TEST_PARTS = ['test', 'val']
const PAIRS = [
  ['x', 'y'],
  ['images', 'labels'],
  ['data', 'labels'],
]

/** Most classes: labels are bytes. */
export const MAX_CLASSES = 256

/** Most channels that are taken for channels, and not for rows or columns, when the layout is not said. */
const MAX_CHANNELS = 4

/**
 * The training and test sets in a set of named arrays; no test set if there is none.
 * @param name what messages call the whole
 * @throws WhiteDwarfError E_FORMAT for damaged arrays, E_DATA for arrays that make no data set
 */
export async function arrayDataSets(
  files: ArrayFiles,
  name: string,
  layout?: Layout,
): Promise<{ train: DataSet; test?: DataSet }> {
  const lower = new Map([...files.keys()].map((key) => [key.toLowerCase(), key]))
  const find = (parts: readonly string[]) => {
    for (const part of parts) {
      for (const [x, y] of PAIRS) {
        const forms =
          part === ''
            ? [[x, y]]
            : [
                [`${x}_${part}`, `${y}_${part}`],
                [`${part}_${x}`, `${part}_${y}`],
              ]
        for (const [images, labels] of forms) {
          if (lower.has(images) && lower.has(labels)) return [lower.get(images), lower.get(labels)] as [string, string]
        }
      }
    }
    return undefined
  }
  const read = async (key: string) => parseNpy(await (files.get(key) as () => Promise<Uint8Array>)(), `${name}, ${key}`)
  const load = async ([images, labels]: [string, string]) =>
    examples(await read(images), await read(labels), `${name}, ${images}`, `${name}, ${labels}`, layout)

  const training = find(['train', ''])
  if (training === undefined) {
    throw new WhiteDwarfError(
      'E_DATA',
      `${name}: no images and labels among the arrays ${[...files.keys()].slice(0, 20).join(', ') || '(none)'}: call them x_train, y_train, x_test, y_test`,
    )
  }
  const testing = find(TEST_PARTS)
  const train = await load(training)
  if (testing === undefined) return { train }
  const test = await load(testing)
  if (train.shape.join() !== test.shape.join()) {
    throw new WhiteDwarfError(
      'E_DATA',
      `${name}: training images are [${train.shape.join(', ')}], test images [${test.shape.join(', ')}]`,
    )
  }
  const classes = Math.max(train.classes, test.classes)
  return { train: { ...train, classes }, test: { ...test, classes } }
}

function examples(x: NpyArray, y: NpyArray, xName: string, yName: string, layout?: Layout): DataSet {
  const refuse = (name: string, why: string) => new WhiteDwarfError('E_DATA', `${name}: ${why}`)
  const count = x.shape[0] ?? 0
  if (count === 0) throw refuse(xName, `a [${x.shape.join(', ')}] array holds no examples`)
  if (y.data.length !== count || y.shape[0] !== count) {
    throw refuse(yName, `labels are [${y.shape.join(', ')}], ${count} examples need [${count}]`)
  }
  const labels = Uint8Array.from(y.data)
  const odd = y.data.findIndex((v, i) => v !== labels[i])
  if (odd >= 0) {
    throw refuse(yName, `label ${odd} is ${y.data[odd]}, expected a whole number from 0 to ${MAX_CLASSES - 1}`)
  }
  const classes = labels.reduce((most, label) => Math.max(most, label + 1), 0)
  const [, ...dims] = x.shape
  const values = pixels(x, (why) => refuse(xName, why))
  if (dims.length === 1) return { shape: dims, images: values, labels, classes }
  if (dims.length === 2) return { shape: [1, ...dims], images: values, labels, classes }
  if (dims.length !== 3) {
    throw refuse(xName, `a [${x.shape.join(', ')}] array is neither images [n, h, w(, c)] nor vectors [n, features]`)
  }
  if ((layout ?? inferLayout(dims, (why) => refuse(xName, why))) === 'chw') {
    return { shape: dims, images: values, labels, classes }
  }
  const [height, width, channels] = dims
  const images = new Uint8Array(values.length)
  toPlanes(values, channels, height * width, images)
  return { shape: [channels, height, width], images, labels, classes }
}

function inferLayout(dims: readonly number[], refuse: (why: string) => WhiteDwarfError): Layout {
  const [first, , last] = dims
  if (last <= MAX_CHANNELS && first > MAX_CHANNELS) return 'hwc'
  if (first <= MAX_CHANNELS && last > MAX_CHANNELS) return 'chw'
  throw refuse(`which axis of [n, ${dims.join(', ')}] are the channels? Say it with the option layout: 'hwc' or 'chw'`)
}

/** Bytes 0..255, as long as that loses nothing: numbers in this range, or their 255th parts in arrays of floats up to 1. */
function pixels(x: NpyArray, refuse: (why: string) => WhiteDwarfError): Uint8Array {
  if (x.data instanceof Uint8Array) return x.data
  const { min, max } = range(x.data)
  const factor = /^[fb]/.test(x.type) && max <= 1 ? 255 : 1
  const bytes = new Uint8Array(x.data.length)
  const exact = x.data.every((v, i) => {
    bytes[i] = Math.round(v * factor)
    return Math.abs(v * factor - bytes[i]) < 1e-3
  })
  if (exact) return bytes
  throw refuse(
    `${x.type} values from ${min} to ${max} are not pixels 0 to 255: save the images as unsigned bytes, such as (x * 255).round().astype('uint8')`,
  )
}

function range(values: Float64Array): { min: number; max: number } {
  let min = Number.POSITIVE_INFINITY
  let max = Number.NEGATIVE_INFINITY
  for (const v of values) {
    if (v < min) min = v
    if (v > max) max = v
  }
  return { min, max }
}
