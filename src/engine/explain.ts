/** Why each layer runs as it does, and what it should cost. Loaded on demand. */
import { elements } from '../graph/ir.js'
import { LANES, type Lane, laneBytes } from '../kernels/lanes.js'
import { planesOf } from '../kernels/levels.js'
import { patternName } from '../patterns/names.js'
import type { Pattern } from '../patterns/pattern.js'
import { DENSE_LIMIT, DENSE_TILE } from './byte-levels.js'
import { DENSE_ROWS, SPARSE_LIMIT } from './float-weights.js'
import { CAPACITY } from './lanes.js'
import type { LayerPlan } from './plan.js'
import type { ProfileEntry } from './profile.js'
import { PAIR_COST, RATES } from './rates.js'

/** A kernel that could compute a layer. */
export interface Alternative {
  readonly kernel: string
  /** Estimated milliseconds of its products for one image. */
  readonly ms: number
  /** Why it is not in use; undefined for the one that is. */
  readonly objection: string | undefined
}

/** What the plan decided for one weighted layer, why, and what it costs. */
export interface LayerExplanation extends LayerPlan {
  /** Why it runs on this kernel. */
  readonly why: string
  /** The largest |sum| that its lanes hold, at least `bound`; undefined where sums are f32. */
  readonly capacity: number | undefined
  /** Estimated milliseconds of its products for one image: their work at the rates of RATES. */
  readonly estimatedMs: number
  /** Other kernels for such a layer. */
  readonly alternatives: readonly Alternative[]
  /** Bytes read and written for one image: weights, inputs and results once, sums twice. */
  readonly bytesMoved: number
  /** What `profile` measured, if it ran before: for `batch` images, with everything that belongs to the layer. */
  readonly measured: ProfileEntry | undefined
}

type KernelName = keyof typeof RATES

/** Binary digits of an 8-bit level that is not zero, on average: what a row program adds for it. */
const BYTE_DIGITS = 2.7

/** @param measured entries of a profile of the same session */
export function explain(layers: readonly LayerPlan[], measured: readonly ProfileEntry[] = []): LayerExplanation[] {
  const entries = new Map(measured.map((entry) => [entry.op, entry]))
  return layers.map((layer) => {
    const { kernel, bound, lanes, name } = layer
    const alternatives = candidates(layer).filter((c) => c.kernel !== kernel)
    return {
      ...layer,
      why: reason(layer),
      capacity: bound === undefined ? undefined : CAPACITY[lanes.sums],
      estimatedMs: estimate(layer, kernel as KernelName),
      alternatives: alternatives.map((c) => ({ ...c, ms: estimate(layer, c.kernel) })),
      bytesMoved: bytesMoved(layer),
      measured: entries.get(name),
    }
  })
}

function reason(layer: LayerPlan): string {
  const { kernel, maxLevel, density, lanes, bound, pattern } = layer
  const share = `${percent(density)} of the weights are not zero`
  const fits = bound === undefined ? '' : `; sums of up to ${bound} fit ${lanes.sums}`
  if (kernel === 'gemv_f32') return `one vector on the dense kernel; ${share}`
  if (kernel === 'panels_i16') return `one vector; rows read the same inputs (${regularity(pattern)}); ${share}${fits}`
  if (kernel.startsWith('pairs')) {
    return `rows add the sums and differences of two channels, which are both there (${regularity(pattern)}); ${share}${fits}`
  }
  if (kernel.startsWith('gather_scalar')) return `one vector has no lanes to fill; ${share}${fits}`
  if (maxLevel === undefined) return `${share}; dense is faster from ${percent(SPARSE_LIMIT)} on`
  if (kernel === 'conv_f32') return "kernels 'dense' was asked for"
  if (kernel === 'dense_i16' && maxLevel !== 127) {
    return `rows read the same inputs (${regularity(pattern)}), which are multiplied by all levels; sums of up to ${bound} need i32; ${share}`
  }
  if (maxLevel === 127) return `${share}; adding digits is faster up to ${percent(DENSE_LIMIT)}${fits}`
  return `${share}; levels to 4 bits are added, whatever their density${fits}`
}

const regularity = (pattern: Pattern | undefined): string =>
  pattern === undefined ? 'all weights' : patternName(pattern)

/** Kernels that compute such a layer, with what speaks against them if they are not in use. */
function candidates(layer: LayerPlan): { readonly kernel: KernelName; readonly objection: string }[] {
  const { kernel, maxLevel, lanes, bound, density } = layer
  const share = `${percent(density)} of the weights are not zero`
  const baseline = "the dense baseline, for kernels 'dense' only"
  if (kernel === 'gemv_f32' || kernel === 'panels_i16' || kernel.startsWith('gather_scalar')) {
    if (maxLevel === undefined) return []
    const scalar = { kernel: `gather_scalar_${lanes.input}` as const, objection: 'adds one input at a time' }
    return [...(kernel === 'panels_i16' ? [scalar] : []), { kernel: 'gemv_f32', objection: baseline }]
  }
  if (maxLevel === undefined) {
    const rows = rowsPerGroup(layer)
    const few = rows < DENSE_ROWS ? `only ${rows} rows in a group` : share
    return [
      { kernel: 'gather_mul_f32', objection: share },
      { kernel: 'conv_f32', objection: few },
    ]
  }
  const wide = bound === undefined ? 'the values are no integers' : `sums of up to ${bound} do not fit`
  const gathers = LANES.slice(0, LANES.indexOf(lanes.input) + 1).map((lane: Lane) => ({
    kernel: `gather_${lane}` as const,
    objection: kernel.startsWith('pairs') ? 'adds inputs one by one' : kernel.startsWith('gather') ? wide : share,
  }))
  return [...gathers, ...(maxLevel === 127 ? [byteCandidate(layer)] : []), { kernel: 'conv_f32', objection: baseline }]
}

/** The kernel that multiplies by 8-bit levels, zeros included. */
function byteCandidate(layer: LayerPlan): { readonly kernel: KernelName; readonly objection: string } {
  const { op, lanes, density } = layer
  const share = `${percent(density)} of the weights are not zero`
  const rows = rowsPerGroup(layer)
  if (rows >= DENSE_TILE || op === 'dense') {
    const few = rows < DENSE_TILE ? `only ${rows} rows` : share
    return { kernel: 'dense_i16', objection: lanes.input === 'i16' ? few : 'reads i16 only' }
  }
  const fits = lanes.input === 'i16' && lanes.result === 'i16'
  const other = density > DENSE_LIMIT ? 'takes strides of 1 and 2, no shortcut and no pooling' : share
  return { kernel: 'depthwise_i16', objection: fits ? other : 'from int8 to int8 only' }
}

/** Milliseconds of a layer's products for one image. */
const estimate = (layer: LayerPlan, kernel: KernelName): number => work(layer, kernel) / RATES[kernel] / 1e6

/** Operations of a kernel on a layer, in the units of RATES. */
function work(layer: LayerPlan, kernel: KernelName): number {
  const { shape, output, positions, density } = layer
  const cols = elements(shape) / shape[0]
  const vectors = (lane: Lane) => Math.ceil((positions * laneBytes(lane)) / 16)
  switch (kernel) {
    case 'gather_i16':
    case 'gather_i32':
    case 'gather_f32':
      return additions(layer) * vectors(kernel.slice(7) as Lane)
    case 'gather_mul_f32':
      return density * elements(shape) * vectors('f32')
    case 'gather_scalar_i16':
    case 'gather_scalar_i32':
    case 'gather_scalar_f32':
      return additions(layer)
    case 'pairs_i16':
    case 'pairs_i32':
      // The list of pairs is a word for each channel.
      return (programAdditions(layer) - shape[1] + (PAIR_COST * shape[1]) / 2) * vectors(kernel.slice(6) as Lane)
    case 'panels_i16':
      // Eight bytes of weights for each product of vectors.
      return layer.bytes / 8
    case 'dense_i16':
      // Two products a vector, for whole tiles of rows and pairs of columns.
      return groupsOf(layer) * wholeTiles(rowsPerGroup(layer), DENSE_TILE) * Math.ceil(cols / 2) * vectors('i16') * 2
    case 'depthwise_i16': {
      const [, channels, height, width] = shape
      const [, rows = 1, pixels = positions] = output
      return shape[0] * channels * height * Math.ceil(width / 2) * rows * Math.ceil(pixels / 8) * 2
    }
    case 'conv_f32': {
      const [, height = 1, width = positions] = output
      return groupsOf(layer) * wholeTiles(rowsPerGroup(layer), DENSE_ROWS) * cols * height * Math.ceil(width / 4)
    }
    case 'gemv_f32':
      return (shape[0] * cols) / 4
  }
}

/** Additions of a layer's row program for each output: one for every binary digit of its levels that is not zero. */
function additions(layer: LayerPlan): number {
  const { kernel, maxLevel, shape, density } = layer
  if (kernel.startsWith('gather') && maxLevel !== undefined) return programAdditions(layer)
  return density * elements(shape) * (maxLevel === 127 ? BYTE_DIGITS : 1)
}

/** The words of a row program, less the two that begin the digits of one weight in each row. */
const programAdditions = ({ maxLevel = 127, shape, bytes }: LayerPlan): number =>
  bytes / 4 - 2 * shape[0] * planesOf(maxLevel)

function bytesMoved({ kernel, input, output, shape, positions, lanes, bytes }: LayerPlan): number {
  const sums = kernel === 'depthwise_i16' ? 0 : shape[0] * positions * laneBytes(lanes.sums)
  return bytes + elements(input) * laneBytes(lanes.input) + 2 * sums + elements(output) * laneBytes(lanes.result)
}

const groupsOf = ({ op, input, shape }: LayerPlan): number => (op === 'conv2d' ? input[0] / shape[1] : 1)
const rowsPerGroup = (layer: LayerPlan): number => layer.shape[0] / groupsOf(layer)
const wholeTiles = (rows: number, tile: number): number => Math.ceil(rows / tile) * tile

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`
