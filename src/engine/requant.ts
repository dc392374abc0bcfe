/** Requantisation steps: sums or stored numbers to a value, with the places of both described alike. */

import { elements } from '../graph/ir.js'
import { type Lane, laneBytes, laneCode } from '../kernels/lanes.js'
import { flatStep, isPlanes, planesOf, type Value, vectorStep } from './values.js'

/** One kernel call. */
export interface Step {
  /** The operation it belongs to, for profiles. */
  readonly op: string
  readonly kernel: string
  readonly args: readonly number[]
  /** The image of the batch that it is about; undefined: all of them. */
  readonly image?: number
}

/** The steps for each image of a batch, which a run of fewer images leaves out. */
export const perImage = (batch: number, steps: (n: number) => readonly Step[]): Step[] =>
  Array.from({ length: batch }, (_, image) => steps(image).map((step) => ({ ...step, image }))).flat()

/** Where [channels][height][width] numbers lie. Strides count elements. */
export interface Area {
  readonly lane: Lane
  /** Address of the first number. */
  readonly at: number
  /** From channel to channel. */
  readonly plane: number
  /** From row to row. */
  readonly pitch: number
  readonly channels: number
  readonly height: number
  readonly width: number
}

/**
 * Image n of a value; of a vector, all images: features are channels, the images lie in a row. Flat values of three dimensions are
 * planes without a border, others one row.
 */
export function areaOf(v: Value, n: number, batch: number): Area {
  const { lane } = v
  if (v.layout === 'flat') {
    const [channels, height, width] = v.shape.length === 3 ? v.shape : [1, 1, elements(v.shape)]
    return { lane, at: v.base + n * flatStep(v), plane: height * width, pitch: width, channels, height, width }
  }
  if (!isPlanes(v)) {
    const step = vectorStep(batch)
    return { lane, at: v.base, plane: step, pitch: step, channels: v.shape[0], height: 1, width: batch }
  }
  const p = planesOf(v.shape, v.pad)
  return { ...p, lane, at: v.base + (n * p.image + p.origin) * laneBytes(lane) }
}

/** The area to go through when all channels are treated alike: of image n, or a whole vector as a single row. */
export function alikeArea(v: Value, n: number, batch: number): Area {
  if (v.layout !== 'vector') return areaOf(v, n, batch)
  const width = v.shape[0] * vectorStep(batch)
  return { ...areaOf(v, 0, batch), plane: width, pitch: width, channels: 1, width }
}

/** Image n of a vector, flat or in the lanes of a batch: a channel of one number for each feature. */
export function featuresOf(v: Value, n: number, batch: number): Area {
  const step = v.layout === 'vector' ? vectorStep(batch) : 1
  const at = v.base + (v.layout === 'vector' ? n * laneBytes(v.lane) : n * flatStep(v))
  return { lane: v.lane, at, plane: step, pitch: step, channels: elements(v.shape), height: 1, width: 1 }
}

/** Addresses of one f32 per channel each. */
export interface Constants {
  readonly scale: number
  readonly bias: number
}

/** Another value to add, times `factor`, before rounding. */
export interface Shortcut {
  readonly from: Area
  readonly factor: number
}

/** Without borders the rows of a channel are one long row, which the kernels go through in fewer steps. */
const isContiguous = (a: Area): boolean => a.pitch === a.width

/** to = grid(from * scale + bias), or with a shortcut grid((from * scale + bias) + shortcut * factor). */
export function requant(
  op: string,
  from: Area,
  to: Area,
  constants: Constants,
  grid: number,
  shortcut?: Shortcut,
): Step {
  const sources = shortcut === undefined ? [from] : [from, shortcut.from]
  const { height, width } = to
  const size = [...sources, to].every(isContiguous) ? [1, height * width] : [height, width]
  const source = sources.flatMap((a) => [a.at, laneCode(a.lane), a.plane, a.pitch])
  const args = [...source, to.at, to.plane, to.pitch, to.channels, ...size, constants.scale, constants.bias]
  if (shortcut === undefined) return { op, kernel: `requant_planes_${to.lane}`, args: [...args, grid] }
  return { op, kernel: `requant_add_${to.lane}`, args: [...args, shortcut.factor, grid] }
}

/** The same for a vector alone, with constants for each element. */
export function requantVector(
  op: string,
  from: number,
  lane: Lane,
  to: Value,
  constants: Constants,
  grid: number,
): Step {
  const args = [from, laneCode(lane), to.base, to.shape[0], constants.scale, constants.bias, grid]
  return { op, kernel: `requant_vector_${to.lane}`, args }
}
