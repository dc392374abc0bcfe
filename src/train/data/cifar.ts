/**
 * CIFAR-10 and CIFAR-100 in their binary version: records of a label (CIFAR-100: the coarse label, then the fine one) and
 * 3072 bytes, the red, green and blue planes of 32 x 32 pixels, row by row.
 */
import { WhiteDwarfError } from '../../errors.js'
import type { DataSet, TrainTest } from '../dataset.js'
import { join, readFile } from './files.js'

const SHAPE = [3, 32, 32] as const
const PIXELS = 3 * 32 * 32

/** Label bytes of a record; the last one counts. */
const LABEL_BYTES = { 10: 1, 100: 2 } as const

export const CIFAR10_CLASSES = 'airplane automobile bird cat deer dog frog horse ship truck'.split(' ')

/** A file's bytes and what messages call it. */
export interface NamedBytes {
  readonly name: string
  readonly bytes: Uint8Array
}

/**
 * The examples of one or more batch files.
 * @param classes 10 or 100: which of the two data sets
 * @throws WhiteDwarfError E_FORMAT when a file is not whole records, or a label is out of range
 */
export function parseCifar(files: readonly NamedBytes[], classes: 10 | 100): DataSet {
  const labelBytes = LABEL_BYTES[classes]
  const record = labelBytes + PIXELS
  const fail = (name: string, why: string) => new WhiteDwarfError('E_FORMAT', `${name}: ${why}`)
  for (const { name, bytes } of files) {
    if (bytes.length === 0 || bytes.length % record !== 0) {
      throw fail(name, `${bytes.length} bytes are not whole records of ${record} (CIFAR-${classes}, binary version)`)
    }
  }
  const count = files.reduce((n, { bytes }) => n + bytes.length / record, 0)
  const images = new Uint8Array(count * PIXELS)
  const labels = new Uint8Array(count)
  let i = 0
  for (const { name, bytes } of files) {
    for (let at = 0; at < bytes.length; at += record, i++) {
      const label = bytes[at + labelBytes - 1]
      if (label >= classes) throw fail(name, `record ${at / record} has label ${label}, expected 0 to ${classes - 1}`)
      labels[i] = label
      images.set(bytes.subarray(at + labelBytes, at + record), i * PIXELS)
    }
  }
  return { shape: SHAPE, images, labels, classes, ...(classes === 10 && { classNames: CIFAR10_CLASSES }) }
}

/** The files of both data sets: training parts, then the test part. */
const FILES = {
  10: { train: [1, 2, 3, 4, 5].map((k) => `data_batch_${k}.bin`), test: 'test_batch.bin' },
  100: { train: ['train.bin'], test: 'test.bin' },
} as const

/**
 * Reads CIFAR-10 (data_batch_1.bin to data_batch_5.bin, test_batch.bin) or CIFAR-100 (train.bin, test.bin) from a folder,
 * Node only.
 * @throws WhiteDwarfError E_IO naming a file that is missing or cannot be read, E_FORMAT naming one that is damaged
 */
export async function loadCifar(folder: string, classes: 10 | 100 = 10): Promise<TrainTest> {
  const { train, test } = FILES[classes]
  const why = `CIFAR-${classes}, binary version, is ${[...train, test].join(', ')} in one folder`
  const load = async (names: readonly string[]) => {
    const files: NamedBytes[] = []
    for (const file of names) {
      const name = join(folder, file)
      files.push({ name, bytes: await readFile(name, why) })
    }
    return parseCifar(files, classes)
  }
  return { train: await load(train), test: await load([test]) }
}
