/**
 * CIFAR-10 as PNG sprites: cifar10_batch_0.png to cifar10_batch_50.png of 1000 images each, one a row of 1024 RGB pixels
 * (32 x 32, row by row), and labels.bin with a byte for each image in the same order. Sprite 50 is the test set: the first 1000 of
 * its 10,000 images.
 */
import { WhiteDwarfError } from '../../errors.js'
import type { DataSet, TrainTest } from '../dataset.js'
import { CIFAR10_CLASSES } from './cifar.js'
import { join, readAll, readFile } from './files.js'
import { toPlanes } from './image.js'
import { decodePng } from './png.js'

const SHAPE = [3, 32, 32] as const
const PIXELS = 32 * 32
const ROWS = 1000
const TRAIN_SPRITES = 50

export const spriteName = (k: number): string => `cifar10_batch_${k}.png`

/**
 * Reads the sprites of a folder, Node only.
 * @throws WhiteDwarfError E_IO naming a file that is missing or cannot be read, E_FORMAT naming one that is damaged
 */
export async function loadCifarSprites(folder: string): Promise<TrainTest> {
  const why = `CIFAR-10 as sprites is ${spriteName(0)} to ${spriteName(TRAIN_SPRITES)} and labels.bin in one folder`
  const path = join(folder, 'labels.bin')
  const labels = await readFile(path, why)
  const count = (TRAIN_SPRITES + 1) * ROWS
  if (labels.length !== count || labels.some((label) => label >= CIFAR10_CLASSES.length)) {
    throw new WhiteDwarfError('E_FORMAT', `${path}: expected ${count} labels from 0 to 9, got ${labels.length} bytes`)
  }
  const load = async (first: number, end: number): Promise<DataSet> => {
    const images = new Uint8Array((end - first) * ROWS * 3 * PIXELS)
    const sprites = Array.from({ length: end - first }, (_, i) => i)
    await readAll(sprites, async (i) => {
      const name = join(folder, spriteName(first + i))
      const { width, height, channels, data } = await decodePng(await readFile(name, why), name)
      if (width !== PIXELS || height !== ROWS || channels !== 3) {
        throw new WhiteDwarfError(
          'E_FORMAT',
          `${name}: ${width} x ${height} pixels of ${channels} channels, expected ${PIXELS} x ${ROWS} of 3`,
        )
      }
      toPlanes(data, 3, PIXELS, images.subarray(i * ROWS * 3 * PIXELS))
    })
    return {
      shape: SHAPE,
      images,
      labels: labels.subarray(first * ROWS, end * ROWS),
      classes: CIFAR10_CLASSES.length,
      classNames: CIFAR10_CLASSES,
    }
  }
  return { train: await load(0, TRAIN_SPRITES), test: await load(TRAIN_SPRITES, TRAIN_SPRITES + 1) }
}
