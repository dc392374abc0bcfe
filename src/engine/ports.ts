/**
 * Where a session's inputs are put and its outputs are found. Views are made once, when the session's memory has its final size, so that
 * runs make none.
 */
import { WhiteDwarfError } from '../errors.js'
import { elements, type InputSpec, type Shape } from '../graph/ir.js'
import type { TensorLike } from '../tensor.js'
import { type Area, areaOf, featuresOf } from './requant.js'
import { type Value, valueBytes } from './values.js'

export interface InputPort {
  readonly spec: InputSpec
  /** Elements of an image. */
  readonly size: number
  /** Of the raw numbers as f32, the images of a batch one after the other. They stay there for profiles. */
  readonly address: number
  readonly staging: Float32Array
}

export interface OutputPort {
  readonly name: string
  readonly shape: Shape
  /** Elements of an image. */
  readonly size: number
  /** Where each image of a batch lies. Addresses count elements of `memory`. */
  readonly areas: readonly Area[]
  readonly memory: Float32Array
  /** Views of the images, if each lies in one piece. */
  readonly whole: readonly Float32Array[] | undefined
}

export function inputPort(spec: InputSpec, address: number, memory: ArrayBuffer, batch: number): InputPort {
  const size = elements(spec.shape)
  return { spec, size, address, staging: new Float32Array(memory, address, size * batch) }
}

/** @param value f32 */
export function outputPort(name: string, value: Value, buffer: ArrayBuffer, batch: number): OutputPort {
  const { shape, base } = value
  const size = elements(shape)
  const memory = new Float32Array(buffer, base, valueBytes(value, batch) / 4)
  const areas = Array.from({ length: batch }, (_, n) => {
    const area = (value.layout === 'vector' ? featuresOf : areaOf)(value, n, batch)
    return { ...area, at: (area.at - base) / 4 }
  })
  const { plane, pitch, height, width } = areas[0]
  const dense = plane === height * width && (height === 1 || pitch === width)
  // A loop is faster than copying a view of a few numbers.
  const whole = dense && size > 32 ? areas.map(({ at }) => memory.subarray(at, at + size)) : undefined
  return { name, shape, size, areas, memory, whole }
}

/**
 * Puts images `first` to `first + images - 1` of a tensor into place.
 * @param countNonfinite the kernel of that name
 * @throws WhiteDwarfError E_DATA
 */
export function stage(
  port: InputPort,
  { data, type }: TensorLike,
  first: number,
  images: number,
  countNonfinite: (address: number, count: number) => number,
): void {
  const { size, staging, address, spec } = port
  const count = images * size
  port.staging.set(data.length === count ? data : data.subarray(first * size, first * size + count))
  if (type !== 'float32') return
  const bad = countNonfinite(address, count)
  if (bad === 0) return
  // What is not finite must not be found again: profiles run on what is staged.
  staging.fill(0)
  throw new WhiteDwarfError(
    'E_DATA',
    `input '${spec.name}' holds ${bad} values that are NaN or infinite: expected finite numbers`,
  )
}

/** Copies image n of an output to `to`, row-major, from `offset` on. */
export function readOutput({ areas, memory, whole }: OutputPort, n: number, to: Float32Array, offset: number): void {
  if (whole !== undefined) {
    to.set(whole[n], offset)
    return
  }
  const { at, plane, pitch, channels, height, width } = areas[n]
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < height; i++) {
      const row = at + c * plane + i * pitch
      for (let j = 0; j < width; j++) to[offset++] = memory[row + j]
    }
  }
}
