/**
 * Teachers: networks whose scores a training learns to give, besides the labels (Hinton, Vinyals and Dean, "Distilling the
 * knowledge in a neural network", 2015).
 */
import { WhiteDwarfError } from '../errors.js'
import { elements } from '../graph/ir.js'
import { checkDataSet, type DataSet } from './dataset.js'
import { forEachBatch, installNorms, installWeights, logits } from './evaluate.js'
import { Feeder } from './feeder.js'
import { Network } from './network.js'
import type { TrainedNetwork } from './trained.js'
import { turnsOf } from './turns.js'

/**
 * Scores of images.
 * @param images [count, ...shape] raw values (pixels 0..255), augmented: what InferenceSession.run takes
 * @returns [count, classes]
 */
export type Teacher = (images: Float32Array, count: number) => Float32Array | Promise<Float32Array>

export interface DistillOptions {
  /**
   * Scores of every training image, [count, classes]: found once, they cost a training nothing, but know nothing of what
   * augmentation does to an image. A function sees each batch as it is, after augmentation, and costs a forward pass of the
   * teacher per step; with strong augmentation the better teacher (Beyer et al., "Knowledge distillation: a good teacher is
   * patient and consistent", CVPR 2022).
   */
  readonly teacher: Float32Array | Teacher
  /** Share of the teacher in the loss, the rest is the labels'. 0..1, default 0.5. */
  readonly alpha?: number
  /** Softens both sides' scores. 0.1..100, default 4. */
  readonly temperature?: number
}

/** Puts a teacher's scores for each batch into the trainer's memory, for part 0 alone: it computes the loss. */
export class TeacherFeed {
  /** Address of [classes][batch] f32. */
  readonly scores: number
  private readonly net: Network
  private readonly teacher: Float32Array | Teacher
  private readonly classes: number

  constructor(net: Network, teacher: Float32Array | Teacher) {
    this.net = net
    this.teacher = teacher
    this.classes = elements(net.shape(net.graph.outputs[0]))
    this.scores = net.mem.words(this.classes * net.batch)
  }

  /**
   * @param indices of the examples that the network's input holds, `batch` of them from `begin`
   * @throws WhiteDwarfError E_DATA when a teacher function returns other than finite [batch, classes] scores
   */
  async load(indices: ArrayLike<number>, begin: number): Promise<void> {
    const { net, teacher, classes } = this
    if (net.mem.part.index !== 0) return
    const { batch } = net
    const given = teacher instanceof Float32Array ? teacher : await teacher(batchImages(net), batch)
    if (given !== teacher) checkScores(given, batch, classes, 'the teacher returned')
    const to = net.mem.f32(this.scores, classes * batch)
    for (let i = 0; i < batch; i++) {
      const row = given === teacher ? indices[begin + i] : i
      for (let c = 0; c < classes; c++) to[c * batch + i] = given[row * classes + c]
    }
  }
}

/** @throws WhiteDwarfError E_DATA */
export function checkScores(scores: unknown, count: number, classes: number, what: string): void {
  const wanted = `expected a Float32Array of [${count}, ${classes}] finite scores`
  if (!(scores instanceof Float32Array)) throw new WhiteDwarfError('E_DATA', `${what} ${typeof scores}: ${wanted}`)
  if (scores.length !== count * classes) {
    throw new WhiteDwarfError('E_DATA', `${what} ${scores.length} scores: ${wanted}`)
  }
  if (!scores.every(Number.isFinite)) throw new WhiteDwarfError('E_DATA', `${what} NaN or infinity: ${wanted}`)
}

/** The network's input x [C][N][H * W] as raw values (x - offset) / scale, [N][C][H * W]. */
function batchImages(net: Network): Float32Array {
  const { shape, scale, offset } = net.graph.inputs[0]
  const channels = shape[0]
  const plane = elements(shape) / channels
  const from = net.mem.f32(net.input.value, elements(shape) * net.batch)
  const images = new Float32Array(from.length)
  for (let c = 0; c < channels; c++) {
    const [factor, shift] = [scale[scale.length === 1 ? 0 : c], offset[offset.length === 1 ? 0 : c]]
    for (let i = 0; i < net.batch; i++) {
      const [at, to] = [(c * net.batch + i) * plane, (i * channels + c) * plane]
      for (let k = 0; k < plane; k++) images[to + k] = (from[at + k] - shift) / factor
    }
  }
  return images
}

/**
 * A trained network's scores of every example of a data set, as they are: what `distill.teacher` takes.
 * @returns [count, classes]
 * @throws WhiteDwarfError E_DATA, E_ABORTED
 */
export async function predict(
  trained: TrainedNetwork,
  data: DataSet,
  options: { readonly signal?: AbortSignal } = {},
): Promise<Float32Array> {
  checkDataSet(data, 'data')
  const net = await Network.create(trained.graph, Math.min(128, data.labels.length))
  installWeights(net, trained)
  installNorms(net, trained.norms)
  const classes = elements(net.shape(trained.graph.outputs[0]))
  const scores = new Float32Array(data.labels.length * classes)
  const visit = (count: number, begin: number) => scores.set(logits(net, count), begin * classes)
  await forEachBatch(net, new Feeder(net), data, visit, turnsOf(options.signal))
  return scores
}
