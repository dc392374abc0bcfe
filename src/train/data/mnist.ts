/** MNIST from its four IDX files. */
import { WhiteDwarfError } from '../../errors.js'
import type { DataSet, TrainTest } from '../dataset.js'
import { join, readIfThere } from './files.js'
import { type IdxArray, parseIdx } from './idx.js'

const CLASSES = 10

/**
 * A data set of images [n][height][width] and labels [n].
 * @param name what messages call it
 * @throws WhiteDwarfError E_FORMAT for other dimensions or counts that differ
 */
export function idxDataSet(images: IdxArray, labels: IdxArray, name: string): DataSet {
  if (images.shape.length !== 3 || labels.shape.length !== 1) {
    throw new WhiteDwarfError(
      'E_FORMAT',
      `${name}: expected images [n, height, width] and labels [n], got [${images.shape.join(', ')}] and [${labels.shape.join(', ')}]`,
    )
  }
  if (images.shape[0] !== labels.shape[0]) {
    throw new WhiteDwarfError('E_FORMAT', `${name}: ${images.shape[0]} images but ${labels.shape[0]} labels`)
  }
  return { shape: [1, images.shape[1], images.shape[2]], images: images.data, labels: labels.data, classes: CLASSES }
}

/**
 * Reads MNIST (or a data set of the same form, such as Fashion-MNIST) from a folder, Node only.
 * @param folder with train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte,
 * each with or without .gz
 * @throws WhiteDwarfError E_IO naming a file that cannot be read, E_FORMAT naming a file that is damaged
 */
export async function loadMnist(folder: string): Promise<TrainTest> {
  const load = async (part: string) => {
    const images = await readIdx(folder, `${part}-images-idx3-ubyte`)
    return idxDataSet(images, await readIdx(folder, `${part}-labels-idx1-ubyte`), part)
  }
  return { train: await load('train'), test: await load('t10k') }
}

async function readIdx(folder: string, name: string): Promise<IdxArray> {
  const path = join(folder, name)
  for (const file of [`${path}.gz`, path]) {
    const bytes = await readIfThere(file)
    if (bytes !== undefined) return parseIdx(bytes, file)
  }
  throw new WhiteDwarfError('E_IO', `${path}.gz is missing (and so is ${name}): MNIST is four IDX files in one folder`)
}
