/**
 * Values: how activations are represented (number grid, lane) and where they lie in memory.
 *
 * A stored number n stands for the real number n * unit. Quantised values are rounded to a grid (int8 or FP8) after
 * scaling by `gridScale`; integer lanes hold them in units of the grid, which is exact, f32 lanes hold them as they are.
 */
import { elements, type Pads, type Shape } from '../graph/ir.js'
import { type Grid, gridUnit } from '../kernels/grid.js'
import { type Lane, laneBytes } from '../kernels/lanes.js'

/** What is done to a layer's results before they are rounded: max(x, 0), or min(max(x, 0), 6). */
export type Activation = 'relu' | 'relu6'

/**
 * How a value lies in memory:
 *   planes  [C, H, W], each channel a plane inside its zero border; images follow each other
 *   vector  [F], the images of a batch in the lanes of one row per feature
 *   flat    any shape, row-major f32; images follow each other. A constant lies there once, for all images.
 */
export type Layout = 'planes' | 'vector' | 'flat'

export interface Value {
  readonly name: string
  readonly shape: Shape
  readonly layout: Layout
  /** Lies where another flat value lies: a reshape. */
  readonly alias?: Value
  /** Values that come with the model. */
  readonly constant?: Float32Array
  /** Known to hold no negative number. */
  readonly nonnegative: boolean
  /** undefined: f32, not rounded */
  readonly grid: Grid | undefined
  /** grid value = real value * gridScale */
  readonly gridScale: number
  lane: Lane
  /** Zero border that convolutions reading this value need. */
  pad: Pads
  /** Memory of the first image (planes) or of all images (vector). */
  base: number
}

/** Real size of one stored step. */
export const valueUnit = (v: Value): number =>
  v.grid !== undefined && v.lane !== 'f32' ? gridUnit(v.grid) / v.gridScale : 1 / v.gridScale

/** Multiplies a stored integer into the grid's domain (1 for f32 lanes and unrounded values). */
export const storedToGrid = (v: Value): number => (v.grid !== undefined && v.lane !== 'f32' ? gridUnit(v.grid) : 1)

/** Largest |stored number|: what the overflow proof starts from. */
export const maxStored = (grid: Grid): number => grid.max / gridUnit(grid)

/** Rows of this many lanes are whole vectors in every lane type. */
const ROUND = 8

const roundUp = (n: number) => Math.ceil(n / ROUND) * ROUND

/**
 * Geometry of [C, H, W] in memory, in elements. The image sits inside its zero border; planes follow each other. What lies
 * between two rows is the right border of the upper and the left border of the lower one:
 *
 *   . . . . .         pad [1, 1, 1, 1]: pitch = width + 1
 *   . x x x
 *   . x x x
 *   . . . . .
 */
export interface Planes {
  readonly channels: number
  readonly height: number
  readonly width: number
  /** from row to row */
  readonly pitch: number
  /** from channel to channel */
  readonly plane: number
  /** from image to image */
  readonly image: number
  /** from the buffer's start to pixel (0, 0) */
  readonly origin: number
}

export function planesOf(shape: Shape, pad: Pads): Planes {
  const [channels, height, width] = shape
  const pitch = width + Math.max(pad[1], pad[3])
  const plane = roundUp((pad[0] + height + pad[2] - 1) * pitch + pad[1] + width + pad[3])
  return { channels, height, width, pitch, plane, image: channels * plane, origin: pad[0] * pitch + pad[1] }
}

/**
 * Elements from feature to feature of a vector value: 1 alone; a batch lies in the lanes of one row per feature.
 */
export const vectorStep = (batch: number): number => (batch === 1 ? 1 : roundUp(batch))

export const isPlanes = (v: Value): boolean => v.layout === 'planes'

/** The layout that layers give a value of this shape. */
export const layerLayout = (shape: Shape): Layout => (shape.length === 3 ? 'planes' : 'vector')

/** Bytes from image to image of a flat value. */
export const flatStep = (v: Value): number => (v.constant === undefined ? elements(v.shape) * 4 : 0)

/** Bytes of a value for `batch` images. */
export function valueBytes(v: Value, batch: number): number {
  if (v.layout === 'flat') return elements(v.shape) * 4 * (v.constant === undefined ? batch : 1)
  const count = isPlanes(v) ? planesOf(v.shape, v.pad).image * batch : v.shape[0] * vectorStep(batch)
  return count * laneBytes(v.lane)
}
