/** One function for data sets of every form: what a path holds says how to read it. */
import { WhiteDwarfError } from '../../errors.js'
import { checkDataSet, type DataSet, holdOut, type TrainTest } from '../dataset.js'
import { type ArrayFiles, arrayDataSets, type Layout } from './arrays.js'
import { loadCifar } from './cifar.js'
import { join, type Listing, listFolder, readFile } from './files.js'
import { type ImageFolderOptions, loadImageFolder } from './folder.js'
import { loadMnist } from './mnist.js'
import { loadCifarSprites, spriteName } from './sprites.js'
import { isZip, readZip } from './zip.js'

export interface DataSetOptions extends ImageFolderOptions {
  /** Of arrays of images, where their shape does not tell. */
  readonly layout?: Layout
  /**
   * Where there is no test set: the share of each class's examples that becomes one, drawn by chance, the same at every call.
   * Above 0, below 1; default 0.1.
   */
  readonly holdOut?: number
}

interface Form {
  readonly name: string
  readonly fits: (listing: Listing) => boolean
  readonly load: (
    path: string,
    options: DataSetOptions,
    listing: Listing,
  ) => Promise<{ train: DataSet; test?: DataSet }>
  /** Options that mean something for it. */
  readonly options?: readonly (keyof DataSetOptions)[]
}

/** Forms of folders, in the order in which they are tried. */
const FORMS: readonly Form[] = [
  {
    name: 'MNIST: train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-..., t10k-labels-...',
    fits: ({ files }) => files.some((file) => /^(train|t10k)-(images|labels)-idx\d-ubyte(\.gz)?$/.test(file)),
    load: (path) => loadMnist(path),
  },
  {
    name: 'CIFAR-10, binary version: data_batch_1.bin to data_batch_5.bin, test_batch.bin',
    fits: ({ files }) => files.some((file) => /^(data_batch_\d|test_batch)\.bin$/.test(file)),
    load: (path) => loadCifar(path, 10),
  },
  {
    name: 'CIFAR-100, binary version: train.bin, test.bin',
    fits: ({ files }) => files.includes('train.bin') || files.includes('test.bin'),
    load: (path) => loadCifar(path, 100),
  },
  {
    name: `CIFAR-10 as sprites: ${spriteName(0)} to ${spriteName(50)}, labels.bin`,
    fits: ({ files }) => files.some((file) => /^cifar10_batch_\d+\.png$/.test(file)),
    load: (path) => loadCifarSprites(path),
  },
  {
    name: 'NumPy arrays: x_train.npy, y_train.npy, x_test.npy, y_test.npy',
    fits: ({ files }) => files.some((file) => file.endsWith('.npy')),
    load: (path, { layout }, { files }) => {
      const arrays = files.filter((file) => file.endsWith('.npy'))
      const read = (file: string) => () => readFile(join(path, file), 'it was there a moment ago')
      return arrayDataSets(new Map(arrays.map((file) => [file.slice(0, -4), read(file)])), path, layout)
    },
    options: ['layout'],
  },
  {
    name: 'PNG or JPEG images: a folder for each class, or such folders in train/ and test/',
    fits: ({ folders }) => folders.length > 0,
    load: (path, options) => loadImageFolder(path, options),
    options: ['resize', 'jpeg'],
  },
]

const ARCHIVE = 'a .npz archive with x_train, y_train, x_test, y_test'

/**
 * Reads a data set from a folder or a .npz file, whatever its form, Node only. A part of the training set becomes the test set if
 * there is no other.
 * @throws WhiteDwarfError E_IO for files that are missing or cannot be read, E_FORMAT for damaged ones, E_DATA when the path holds
 * no data set of a known form, or one that is not consistent; E_OPTION
 */
export async function loadDataSet(path: string, options: DataSetOptions = {}): Promise<TrainTest> {
  const { train, test } = await loadParts(path, options)
  checkDataSet(train, `${path}, training set`)
  if (test === undefined) return holdOut(train, options.holdOut ?? 0.1)
  checkDataSet(test, `${path}, test set`)
  return { train, test }
}

async function loadParts(path: string, options: DataSetOptions): Promise<{ train: DataSet; test?: DataSet }> {
  const listing = await listFolder(path)
  if (listing === undefined) {
    const bytes = await readFile(path, 'it was there a moment ago')
    if (!isZip(bytes))
      throw new WhiteDwarfError('E_DATA', `${path} is a file, but not ${ARCHIVE}; expected that or a folder`)
    refuseOptions(options, ['layout'], ARCHIVE)
    const arrays: ArrayFiles = new Map(
      [...readZip(bytes, path)].map(([name, read]) => [name.replace(/\.npy$/, ''), read]),
    )
    return arrayDataSets(arrays, path, options.layout)
  }
  const form = FORMS.find((f) => f.fits(listing))
  if (form === undefined) {
    const pickled = listing.files.includes('data_batch_1')
      ? ' This is CIFAR-10 for Python: get the binary version.'
      : ''
    const known = [...FORMS.map((f) => f.name), `or ${ARCHIVE}`].join('; ')
    throw new WhiteDwarfError('E_DATA', `${path}: no data set of a known form.${pickled} Looked for ${known}`)
  }
  refuseOptions(options, form.options ?? [], form.name)
  return form.load(path, options, listing)
}

/** A decoder for JPEG harms nowhere; the other options must mean something. */
function refuseOptions(options: DataSetOptions, allowed: readonly (keyof DataSetOptions)[], form: string): void {
  for (const key of ['layout', 'resize'] as const) {
    if (options[key] !== undefined && !allowed.includes(key)) {
      throw new WhiteDwarfError('E_OPTION', `the option ${key} is not for data of this form (${form})`)
    }
  }
}
