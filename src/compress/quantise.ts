/**
 * Levels for a network of plain weights, without training: the small weights become zero, the others the nearest multiple of a scale for
 * each output channel. It is the plain baseline of compression; what training (supermask.ts) reaches at the same size is much better
 * below eight bits.
 */
import { WhiteDwarfError } from '../errors.js'
import { floatToHalf, halfToFloat, quantiseHalf } from '../format/half.js'
import { floatLayers } from '../graph/float-model.js'
import type { FloatModel, HalfArray, LayerParams, LevelTensor, Model } from '../graph/model.js'

/** Largest |level| of 2 to 8 bits. A file holds those of 5 to 7 bits as 8-bit levels, whose code learns how large they are. */
export const LARGEST_LEVELS = [1, 3, 7, 15, 31, 63, 127] as const
export type LargestLevel = (typeof LARGEST_LEVELS)[number]

export interface QuantiseOptions {
  /** Largest |level|: 1 (INT2), 3 (INT3), 7 (INT4), 15, 31, 63 or 127 (INT8). Default 127. */
  readonly maxLevel?: LargestLevel
  /** Share of the weights of each layer that may stay, those of the largest size. Above 0 to 1, default 1. */
  readonly density?: number
  /** Range codes of activations (calibrate). Without them the model runs in f32 only. */
  readonly ranges?: Readonly<Record<string, number>>
}

/** @throws WhiteDwarfError E_OPTION, E_GRAPH, E_SHAPE, E_DATA (weights that are not finite, biases that half precision cannot hold) */
export function quantiseModel(model: FloatModel, options: QuantiseOptions = {}): Model {
  const { maxLevel = 127, density = 1, ranges = {} } = options
  if (!LARGEST_LEVELS.includes(maxLevel)) {
    throw new WhiteDwarfError(
      'E_OPTION',
      `maxLevel must be one of ${LARGEST_LEVELS.join(', ')}, got ${String(maxLevel)}`,
    )
  }
  if (!(density > 0 && density <= 1)) {
    throw new WhiteDwarfError('E_OPTION', `density must be above 0 and at most 1, got ${String(density)}`)
  }
  const tensors: [string, LevelTensor][] = []
  const layers: [string, LayerParams][] = []
  for (const { node, shape, weights, bias } of floatLayers(model)) {
    const { name } = node
    if (!weights.every(Number.isFinite))
      throw new WhiteDwarfError('E_DATA', `'${name}' has weights that are not finite`)
    const { levels, scale } = quantiseRows(prune(weights, density), shape[0], maxLevel)
    tensors.push([name, { shape, maxLevel: maxLevel <= 7 ? (maxLevel as 1 | 3 | 7) : 127, levels }])
    layers.push([name, { tensor: name, scale, bias: halves(name, bias) }])
  }
  const { graph, constants } = model
  return {
    graph,
    tensors: Object.fromEntries(tensors),
    layers: Object.fromEntries(layers),
    ranges,
    ...(Object.keys(constants).length > 0 && { constants }),
  }
}

function halves(layer: string, bias: Float32Array): HalfArray {
  try {
    return quantiseHalf(bias)
  } catch (cause) {
    throw new WhiteDwarfError('E_DATA', `biases of '${layer}': ${(cause as Error).message}`, { cause })
  }
}

/** The weights with all but the largest set to zero: exactly round(density * weights) stay, but at least one. */
export function prune(weights: Float32Array, density: number): Float32Array {
  if (density === 1) return weights
  const keep = Math.max(1, Math.round(density * weights.length))
  const sizes = weights.map(Math.abs).sort()
  const least = sizes[sizes.length - keep]
  // Of several weights of the least size as many stay as are left.
  let ties = keep - sizes.reduce((n, size) => n + (size > least ? 1 : 0), 0)
  return weights.map((w) => {
    const size = Math.abs(w)
    return size > least || (size === least && ties-- > 0) ? w : 0
  })
}

/** How often scale and levels are fitted to each other. */
const ROUNDS = 8
/** First scales that are tried, as shares of the largest weight over the largest level. Few levels have several optima. */
const STARTS = [1, 0.8, 0.6, 0.45, 0.3]

interface FittedRow {
  readonly levels: Int8Array
  /** A half precision number: levels are the nearest multiples of the scale that the file holds. */
  readonly scale: number
  /** Sum of squared errors. */
  readonly error: number
}

/** Levels and a scale for each row: the pair with the smallest squared error that alternating fits find. */
export function quantiseRows(
  weights: Float32Array,
  rows: number,
  maxLevel: LargestLevel,
): { levels: Int8Array; scale: HalfArray } {
  const cols = weights.length / rows
  const levels = new Int8Array(weights.length)
  const scale = new Float32Array(rows)
  for (let r = 0; r < rows; r++) {
    const row = weights.subarray(r * cols, (r + 1) * cols)
    const largest = row.reduce((a, w) => Math.max(a, Math.abs(w)), 0)
    // A row of zeros needs no scale, but a positive one keeps requantisation in order.
    if (largest === 0) {
      scale[r] = 1
      continue
    }
    const starts = maxLevel === 127 ? [1] : STARTS
    const fits = starts.map((start) => fitRow(row, (start * largest) / maxLevel, maxLevel))
    const best = fits.reduce((a, b) => (b.error < a.error ? b : a))
    levels.set(best.levels, r * cols)
    scale[r] = best.scale
  }
  return { levels, scale: quantiseHalf(scale) }
}

/** From a scale to the levels that suit it, to the scale that suits these, and so on: the error never grows. */
function fitRow(row: Float32Array, start: number, maxLevel: number): FittedRow {
  let scale = start
  for (let round = 0; round < ROUNDS; round++) {
    let products = 0
    let squares = 0
    for (const w of row) {
      const level = levelOf(w, scale, maxLevel)
      products += w * level
      squares += level * level
    }
    if (squares === 0 || products / squares === scale) break
    scale = products / squares
  }
  const candidates = [...halvesAround(scale), ...halvesAround(start)].map((s) => rowAt(row, s, maxLevel))
  return candidates.reduce((a, b) => (b.error < a.error ? b : a))
}

const levelOf = (w: number, scale: number, maxLevel: number): number =>
  Math.sign(w) * Math.min(maxLevel, Math.round(Math.abs(w) / scale))

function rowAt(row: Float32Array, scale: number, maxLevel: number): FittedRow {
  const levels = new Int8Array(row.length)
  let error = 0
  for (let k = 0; k < row.length; k++) {
    levels[k] = levelOf(row[k], scale, maxLevel)
    error += (row[k] - scale * levels[k]) ** 2
  }
  return { levels, scale, error }
}

/** The half precision numbers next to x > 0, both finite and above zero. */
function halvesAround(x: number): number[] {
  const code = floatToHalf(x)
  const other = halfToFloat(code) < x ? code + 1 : code - 1
  return [code, other].map(halfToFloat).filter((s) => s > 0 && Number.isFinite(s))
}
