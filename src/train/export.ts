/** From a trained network to a model: fold batch normalisation, quantise the constants, measure activation ranges. */
import { fitBudget } from '../compress/budget.js'
import { layerConstant } from '../compress/levels.js'
import { WhiteDwarfError } from '../errors.js'
import { codedValues } from '../format/half.js'
import { Magnitudes } from '../format/magnitudes.js'
import { encodeModel } from '../format/wd.js'
import { type Folded, foldConstants, foldGraph } from '../graph/fold.js'
import { elements } from '../graph/ir.js'
import { type LayerParams, type LevelTensor, type Model, rangeCode } from '../graph/model.js'
import { rangedValues } from '../graph/ranges.js'
import { LOW_PRECISIONS } from '../kernels/grid.js'
import { checkDataSet, type DataSet, slice } from './dataset.js'
import { accuracy, forEachBatch, installConstants, installWeights } from './evaluate.js'
import { Feeder } from './feeder.js'
import { Network } from './network.js'
import { type ConstantBits, quantiseWeighted } from './quantise.js'
import type { TrainedNetwork, TrainedTensor } from './trained.js'
import { type Turns, turnsOf } from './turns.js'

export interface ExportOptions {
  /** Images on which activation ranges are measured: training images, never test ones. */
  readonly calibration: DataSet
  /** How many of them, from the first. Default 2048. */
  readonly calibrationImages?: number
  /** Default 8. */
  readonly scaleBits?: ConstantBits
  /** Default 8. */
  readonly biasBits?: ConstantBits
  readonly signal?: AbortSignal
}

/**
 * The model of a trained network, its nodes renamed canonically (fold.ts). Ranges are chosen for int8
 * (format/magnitudes.ts); for networks trained with integers of fewer bits they are those of the training. Measured with the
 * quantised constants. The file of a network trained for a budget is within it.
 * @throws WhiteDwarfError E_GRAPH when batch normalisation cannot be folded, E_OPTION, E_DATA, E_ABORTED
 */
export async function exportModel(trained: TrainedNetwork, options: ExportOptions): Promise<Model> {
  const { calibration, calibrationImages = 2048, scaleBits = 8, biasBits = 8 } = options
  checkDataSet(calibration, 'calibration')
  if (!Number.isInteger(calibrationImages) || calibrationImages < 1) {
    throw new WhiteDwarfError('E_OPTION', `calibrationImages must be a whole number from 1, got ${calibrationImages}`)
  }
  for (const [name, bits] of Object.entries({ scaleBits, biasBits })) {
    if (bits !== 'f16' && !(Number.isInteger(bits) && bits >= 1 && bits <= 8)) {
      throw new WhiteDwarfError('E_OPTION', `${name} must be a whole number from 1 to 8, or 'f16', got ${String(bits)}`)
    }
  }
  if (trained.weights !== undefined) {
    throw new WhiteDwarfError('E_OPTION', 'trained without a supermask: there are no levels to export')
  }
  const bits = { scaleBits, biasBits }
  const folded = foldGraph(trained.graph)
  const { tensors, layers } = foldModel(trained, folded, bits)
  const net = await Network.create(trained.graph, Math.min(128, calibration.labels.length))
  const feeder = new Feeder(net)
  installModel(net, trained, folded, { tensors, layers })
  const images = slice(calibration, 0, Math.min(calibrationImages, calibration.labels.length))
  const ranges = await measureRanges(net, feeder, images, folded, learnedRanges(trained), turnsOf(options.signal))
  return withinBudget({ graph: folded.graph, tensors, layers, ranges }, trained, folded, bits)
}

/** The model, or where its file is larger than the budget of its training, the one with the highest density that fits. */
function withinBudget(model: Model, trained: TrainedNetwork, folded: Folded, bits: Bits): Model {
  if (trained.budget === undefined) return model
  const { budget, mask, layers } = trained.budget
  if (encodeModel(model).length <= budget) return model
  const modelWith = (levels: ReadonlyMap<string, Int8Array>) => {
    const tensors = Object.entries(trained.tensors).map(([name, t]) => [name, withLevels(t, levels.get(name))] as const)
    return { ...model, ...foldModel({ ...trained, tensors: Object.fromEntries(tensors) }, folded, bits) }
  }
  return fitBudget(budget, layers, mask, modelWith).model
}

function withLevels(t: TrainedTensor, levels = t.levels): TrainedTensor {
  const squares = levels.reduce((sum, level) => sum + level * level, 0)
  return { ...t, levels, constant: layerConstant(levels.length / t.shape[0], squares, levels.length) }
}

interface Bits {
  readonly scaleBits: ConstantBits
  readonly biasBits: ConstantBits
}

/** Levels, and constants with batch normalisation in them: all of a model but its graph and the ranges of its values. */
export function foldModel(
  trained: TrainedNetwork,
  folded: Folded,
  { scaleBits, biasBits }: Bits,
): Pick<Model, 'tensors' | 'layers'> {
  const tensors: Record<string, LevelTensor> = {}
  const layers: Record<string, LayerParams> = {}
  // Owner of weights -> the rows of levels that changed sign, and the tensor's name.
  const owners = new Map<string, { turned: readonly boolean[]; tensor: string }>()
  for (const { name, norm, owner } of folded.weighted) {
    const t = trained.tensors[owner]
    const bn = norm === undefined ? undefined : trained.norms[norm]
    const { scale, bias } = foldConstants(t.constant, t.shape[0], bn)
    // An error of a scale moves the output by its share of the deviation of levels . x, one of a bias by itself.
    const weights = scale.map((_, c) => (bn === undefined ? 1 : bn.variance[c] / t.constant ** 2))
    let own = owners.get(owner)
    if (own === undefined) {
      own = { turned: Array.from(scale, (s) => s < 0 && t.signSeed === undefined), tensor: name }
      owners.set(owner, own)
      tensors[name] = {
        shape: t.shape,
        maxLevel: t.maxLevel,
        levels: turnRows(t.levels, own.turned),
        ...(t.signSeed !== undefined && { signSeed: t.signSeed }),
        ...(t.pattern && { pattern: t.pattern }),
      }
    }
    layers[name] = {
      tensor: own.tensor,
      scale: quantiseWeighted(
        scale.map((s, row) => (own.turned[row] ? -s : s)),
        weights,
        scaleBits,
      ),
      bias: quantiseWeighted(bias, new Float64Array(bias.length).fill(1), biasBits),
    }
  }
  return { tensors, layers }
}

/**
 * Negates rows of levels. Where signs are free, a row of levels and its scale change sign together so that scales are
 * positive: they then span half the range, the same bits resolve them twice as finely, and requantisation never reverses an order. Of
 * several layers that share a tensor the first one's scales decide.
 */
function turnRows(levels: Int8Array, turned: readonly boolean[]): Int8Array {
  const cols = levels.length / turned.length
  const result = levels.slice()
  turned.forEach((turn, row) => {
    if (turn) for (let i = row * cols; i < (row + 1) * cols; i++) result[i] = -result[i]
  })
  return result
}

/** The model's levels and constants in a network of the trained graph: weights are levels, batchnorm is scale and bias. */
function installModel(
  net: Network,
  trained: TrainedNetwork,
  folded: Folded,
  model: Pick<Model, 'tensors' | 'layers'>,
): void {
  const tensors: Record<string, TrainedTensor> = {}
  for (const { name, norm, owner } of folded.weighted) {
    const { tensor, scale, bias } = model.layers[name]
    // Without batch normalisation all channels have the same scale, and no bias.
    const constant = norm === undefined ? codedValues(scale)[0] : 1
    tensors[owner] = { ...trained.tensors[owner], levels: model.tensors[tensor].levels, constant }
    if (norm !== undefined) installConstants(net, norm, scale, bias)
  }
  installWeights(net, { tensors })
}

/** Range codes of every value that needs one. */
async function measureRanges(
  net: Network,
  feeder: Feeder,
  data: DataSet,
  { graph, values }: Folded,
  learned: Readonly<Record<string, number>>,
  turns: Turns,
): Promise<Record<string, number>> {
  const ranged = rangedValues(graph)
  const seen = new Map<
    string,
    { largest: number; readonly magnitudes: Magnitudes; readonly learned: number | undefined }
  >()
  const measure = (original: string) => {
    const name = values.get(original)
    if (name === undefined || !ranged.has(name)) return
    const n = elements(net.shape(original)) * net.batch
    const { value } = net.value(original)
    const entry = seen.get(name) ?? { largest: 0, magnitudes: new Magnitudes(), learned: learned[original] }
    seen.set(name, entry)
    entry.largest = Math.max(entry.largest, net.mem.kernels.max_abs_f32(value, n))
    entry.magnitudes.add(net.mem.f32(value, n))
  }
  await forEachBatch(net, feeder, data, () => measure(net.graph.inputs[0].name), turns, measure)
  return Object.fromEntries(
    [...seen].map(([name, { largest, magnitudes, learned }]) => [
      name,
      learned === undefined ? magnitudes.rangeCode(largest) : rangeCode(learned),
    ]),
  )
}

/** With few levels a network has learned to live with the very range that it was rounded by. */
const learnedRanges = ({ activations, ranges }: TrainedNetwork): Readonly<Record<string, number>> =>
  (LOW_PRECISIONS as readonly string[]).includes(activations ?? '') ? (ranges ?? {}) : {}

/**
 * Share of a data set that a trained network gets right, with the constants as a model of these bits would have them.
 * @returns 0..1
 */
export async function testModel(
  trained: TrainedNetwork,
  data: DataSet,
  options: Pick<ExportOptions, 'scaleBits' | 'biasBits' | 'signal'> = {},
): Promise<number> {
  const model = await exportModel(trained, { ...options, calibration: slice(data, 0, 1) })
  const net = await Network.create(trained.graph, Math.min(128, data.labels.length))
  installModel(net, trained, foldGraph(trained.graph), model)
  return accuracy(net, new Feeder(net), data, turnsOf(options.signal))
}
