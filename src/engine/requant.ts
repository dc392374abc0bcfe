/** Requantisation steps: sums or stored numbers to a value, with the places of both described alike. */
import { type Lane, laneBytes, laneCode } from '../kernels/lanes.js'
import { isPlanes, planesOf, type Value, vectorStep } from './values.js'

/** One kernel call. */
export interface Step {
  /** The operation it belongs to, for profiles. */
  readonly op: string
  readonly kernel: string
  readonly args: readonly number[]
}

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

/** Image n of a value; of a vector, all images: features are channels, the images lie in a row. */
export function areaOf(v: Value, n: number, batch: number): Area {
  const { lane } = v
  if (!isPlanes(v)) {
    const step = vectorStep(batch)
    return { lane, at: v.base, plane: step, pitch: step, channels: v.shape[0], height: 1, width: batch }
  }
  const p = planesOf(v.shape, v.pad)
  return { ...p, lane, at: v.base + (n * p.image + p.origin) * laneBytes(lane) }
}

/** The areas to go through when all channels are treated alike: one per image, or a whole vector as a single row. */
export function alikeAreas(v: Value, batch: number): Area[] {
  if (isPlanes(v)) return Array.from({ length: batch }, (_, n) => areaOf(v, n, batch))
  const width = v.shape[0] * vectorStep(batch)
  return [{ ...areaOf(v, 0, batch), plane: width, pitch: width, channels: 1, width }]
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

/** to = grid(from * scale + bias), or with a shortcut grid((from * scale + bias) + shortcut * factor). */
export function requant(
  op: string,
  from: Area,
  to: Area,
  constants: Constants,
  grid: number,
  shortcut?: Shortcut,
): Step {
  const target = [to.at, to.plane, to.pitch, to.channels, to.height, to.width, constants.scale, constants.bias]
  const source = (a: Area) => [a.at, laneCode(a.lane), a.plane, a.pitch]
  if (shortcut === undefined) {
    return { op, kernel: `requant_planes_${to.lane}`, args: [...source(from), ...target, grid] }
  }
  const args = [...source(from), ...source(shortcut.from), ...target, shortcut.factor, grid]
  return { op, kernel: `requant_add_${to.lane}`, args }
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
