/**
 * Folders of images, one sub-folder for each class:
 *
 *   FOLDER/train/CLASS/IMAGE ... and FOLDER/test/CLASS/IMAGE ... (or val),   or FOLDER/CLASS/IMAGE ... without a test set
 *
 * Classes are numbered in the order of their names. In the data set they take turns, so that its first n examples are a fair sample
 * (images within a class are in the order of their names). All images have one size, unless they are resized. If one of them is in colour,
 * all are.
 */
import { WhiteDwarfError } from '../../errors.js'
import type { DataSet } from '../dataset.js'
import { MAX_CLASSES } from './arrays.js'
import { join, listFolder, readAll, readFile } from './files.js'
import { type RawImage, resizeToSquare, toColour, toPlanes } from './image.js'
import { MAX_BYTES } from './inflate.js'
import { decodePng, isPng } from './png.js'

/** Decodes a JPEG; throws whatever it likes for a damaged one. */
export type JpegDecoder = (bytes: Uint8Array) => RawImage

export interface ImageFolderOptions {
  /** The largest centred square of each image, scaled to so many pixels a side. 1..4096. Default: images must have one size. */
  readonly resize?: number
  /** Reads JPEG images; without it only PNG images are read. */
  readonly jpeg?: JpegDecoder
}

const refuse = (path: string, why: string) => new WhiteDwarfError('E_DATA', `${path}: ${why}`)

/**
 * The training and test sets in a folder of images, Node only; no test set if there is none.
 * @throws WhiteDwarfError E_IO, E_FORMAT for damaged images, E_DATA for sizes that differ and files that are no images, E_OPTION
 */
export async function loadImageFolder(
  path: string,
  options: ImageFolderOptions = {},
): Promise<{ train: DataSet; test?: DataSet }> {
  const { resize } = options
  if (resize !== undefined && !(Number.isInteger(resize) && resize >= 1 && resize <= 4096)) {
    throw new WhiteDwarfError('E_OPTION', `resize must be a whole number from 1 to 4096, got ${String(resize)}`)
  }
  const folders = (await listFolder(path))?.folders ?? []
  if (!folders.includes('train')) return { train: dataSet(await readClasses(path, folders, options), path) }
  const testFolder = ['test', 'val'].find((part) => folders.includes(part))
  const classes = (await listFolder(join(path, 'train')))?.folders ?? []
  const train = await readClasses(join(path, 'train'), classes, options)
  if (testFolder === undefined) return { train: dataSet(train, path) }
  const testPath = join(path, testFolder)
  for (const name of (await listFolder(testPath))?.folders ?? []) {
    if (!classes.includes(name)) throw refuse(join(testPath, name), 'a class without training images')
  }
  const test = await readClasses(testPath, classes, options)
  const colour = [train, test].some(({ images }) => images.some(({ image }) => image.channels === 3))
  const sets = { train: dataSet(train, path, colour), test: dataSet(test, path, colour) }
  if (sets.train.shape.join() !== sets.test.shape.join()) {
    const sizes = `training images have [${sets.train.shape.join(', ')}], test images [${sets.test.shape.join(', ')}]`
    throw refuse(path, `${sizes}: give the option resize`)
  }
  return sets
}

interface Classified {
  readonly classes: readonly string[]
  readonly images: readonly { readonly path: string; readonly label: number; readonly image: RawImage }[]
}

async function readClasses(path: string, classes: readonly string[], options: ImageFolderOptions): Promise<Classified> {
  if (classes.length < 2) throw refuse(path, `${classes.length} sub-folders, expected one for each class, at least 2`)
  if (classes.length > MAX_CLASSES) throw refuse(path, `${classes.length} classes, more than ${MAX_CLASSES}`)
  const there = (await listFolder(path))?.folders ?? []
  const files: { path: string; label: number; turn: number }[] = []
  for (const [label, name] of classes.entries()) {
    const folder = join(path, name)
    // A class may be absent from a test set.
    const listing = there.includes(name) ? await listFolder(folder) : undefined
    if (listing !== undefined && listing.folders.length > 0) {
      throw refuse(folder, `the folder of a class may hold images only, it holds the folder '${listing.folders[0]}'`)
    }
    listing?.files.forEach((file, turn) => {
      files.push({ path: join(folder, file), label, turn })
    })
  }
  files.sort((a, b) => a.turn - b.turn || a.label - b.label)
  if (files.length === 0) throw refuse(path, 'there are no images in its sub-folders')
  let bytes = 0
  const images = await readAll(files, async (file) => {
    const image = await readImage(file.path, options)
    bytes += image.data.length
    if (bytes > MAX_BYTES) throw refuse(path, `the images take more than ${MAX_BYTES} bytes: give the option resize`)
    return { ...file, image }
  })
  return { classes, images }
}

async function readImage(path: string, { resize, jpeg }: ImageFolderOptions): Promise<RawImage> {
  const bytes = await readFile(path, 'it was there a moment ago')
  const image = isPng(bytes) ? await decodePng(bytes, path) : decodeJpeg(bytes, path, jpeg)
  return resize === undefined ? image : resizeToSquare(image, resize)
}

function decodeJpeg(bytes: Uint8Array, path: string, jpeg: JpegDecoder | undefined): RawImage {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) throw refuse(path, 'neither a PNG nor a JPEG image')
  if (jpeg === undefined) {
    throw refuse(path, 'JPEG images need a decoder: give one as the option jpeg, or convert them to PNG')
  }
  try {
    return jpeg(bytes)
  } catch (cause) {
    throw new WhiteDwarfError('E_FORMAT', `${path}: damaged JPEG image (${(cause as Error).message})`, { cause })
  }
}

function dataSet({ classes, images }: Classified, path: string, colour?: boolean): DataSet {
  const [first] = images
  const { width, height } = first.image
  const odd = images.find(({ image }) => image.width !== width || image.height !== height)
  if (odd !== undefined) {
    const sizes = `${odd.image.width} x ${odd.image.height} pixels, but ${first.path} has ${width} x ${height}`
    throw refuse(odd.path, `${sizes}: give the option resize`)
  }
  const channels = (colour ?? images.some(({ image }) => image.channels === 3)) ? 3 : 1
  const size = channels * width * height
  if (images.length * size > MAX_BYTES) throw refuse(path, `the images take more than ${MAX_BYTES} bytes`)
  const pixels = new Uint8Array(images.length * size)
  images.forEach(({ image }, i) => {
    const { data } = channels === 3 ? toColour(image) : image
    toPlanes(data, channels, width * height, pixels.subarray(i * size))
  })
  return {
    shape: [channels, height, width],
    images: pixels,
    labels: Uint8Array.from(images, ({ label }) => label),
    classes: classes.length,
    classNames: classes,
  }
}
