/** What the command line says of data: where it is, how to read it, how training images change. */
import {
  type Augmentation,
  channelStatistics,
  type DataSet,
  type Graph,
  loadDataSet,
  type TrainTest,
  withNormalisation,
} from '../compress.js'
import type { Arguments, OptionSpec } from './args.js'
import { decodeJpeg } from './vendor.js'

/** Options of every command that reads a data set. */
export const dataOptions: readonly OptionSpec[] = [
  {
    name: 'data',
    value: 'PATH',
    help: 'the data set: a folder of MNIST (IDX), CIFAR, .npy files or images by class; or a .npz file',
  },
  { name: 'resize', value: 'N', help: 'images of a folder by class: their centre, scaled to N x N pixels' },
  { name: 'layout', value: 'AXES', help: 'of .npy images whose shape does not tell: hwc or chw' },
  { name: 'hold-out', value: 'X', help: 'share that becomes the test set if there is none (default 0.1)' },
]

/**
 * Checks the options; the function that it returns reads the data set.
 * @throws WhiteDwarfError E_OPTION; the function E_IO, E_FORMAT, E_DATA and E_OPTION
 */
export function parseData(args: Arguments): () => Promise<TrainTest> {
  const path = args.required('data', 'the data set, for example data/mnist')
  const resize = args.number('resize', { min: 1, max: 4096, whole: true })
  const layout = args.choice('layout', ['hwc', 'chw'])
  const holdOut = args.number('hold-out', { min: 0, max: 1 })
  const options = {
    jpeg: decodeJpeg,
    ...(resize !== undefined && { resize }),
    ...(layout !== undefined && { layout }),
    ...(holdOut !== undefined && { holdOut }),
  }
  return () => loadDataSet(path, options)
}

/** Options of training that concern images. */
export const imageOptions: readonly OptionSpec[] = [
  { name: 'shift', value: 'N', help: 'training images move by up to N pixels' },
  { name: 'flip', help: 'half of the training images, drawn by chance, are mirrored' },
  { name: 'cutout', value: 'N', help: 'a random square of N x N pixels is cut out of each training image' },
  { name: 'normalise', help: 'pixels enter as (v - mean) / deviation of the training images, for each channel' },
]

/**
 * Changes of training images, none where the options say nothing.
 * @throws WhiteDwarfError E_OPTION
 */
export function parseAugmentation(args: Arguments): Augmentation {
  const shift = args.number('shift', { min: 0, max: 32, whole: true })
  const cutout = args.number('cutout', { min: 0, max: 512, whole: true })
  return {
    ...(shift !== undefined && { shift }),
    ...(cutout !== undefined && { cutout }),
    ...(args.flag('flip') && { flip: true }),
  }
}

/** The graph, with its input normalised by the training images where the options say so. */
export const normalised = (graph: Graph, args: Arguments, training: DataSet): Graph =>
  args.flag('normalise') ? withNormalisation(graph, channelStatistics(training)) : graph
