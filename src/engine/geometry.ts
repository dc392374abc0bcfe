/**
 * Where a weighted layer's inputs lie: the element offset of every weight column, and the run of neighbouring outputs
 * that the planar gather computes for each row.
 *
 * The padded image is flat, so weight (c, u, v) of a convolution reads c * plane + u * pitch + v further on than the
 * output's own position (u and v times the dilation where there is one). Outputs run on through the pitch: `junk` positions at row ends are computed and ignored.
 */
import type { ConvNode, Shape } from '../graph/ir.js'
import { isPlanes, planesOf, type Value, vectorStep } from './values.js'

/** De-interleaving of the input for a strided convolution; parameters of the phases kernel, in elements. */
export interface Phases {
  readonly height: number
  readonly width: number
  readonly yPlane: number
  readonly yPitch: number
  readonly yHeight: number
  readonly yWidth: number
  readonly stride: readonly [number, number]
  /** How many phases the kernel reads, vertically and horizontally. */
  readonly count: readonly [number, number]
  /** elements of the whole phase buffer */
  readonly size: number
}

export interface Geometry {
  /** Element offset of each weight column, for the first group of outputs. */
  readonly offsets: Uint32Array
  readonly groups: number
  /** Elements from the inputs of one group to those of the next. */
  readonly groupStep: number
  /** Elements from the start of the image (or of the phase buffer) to the first output's first input. */
  readonly start: number
  /** Elements from output row to output row. */
  readonly pitch: number
  readonly outHeight: number
  readonly outWidth: number
  /** Neighbouring outputs to compute: (outHeight - 1) * pitch + outWidth. */
  readonly flat: number
  readonly phases?: Phases
}

function convGeometry(node: ConvNode, x: Value, out: Shape): Geometry {
  const from = planesOf(x.shape, x.pad)
  const [, outHeight, outWidth] = out
  const [kh, kw] = node.kernel
  const [sy, sx] = node.stride
  const groups = node.groups ?? 1
  const channels = from.channels / groups
  const [dy, dx] = node.dilation ?? [1, 1]
  const corner = from.origin - node.pad[0] * from.pitch - node.pad[1]
  const offsets = new Uint32Array(channels * kh * kw)
  const fill = (offset: (c: number, u: number, v: number) => number) => {
    let k = 0
    for (let c = 0; c < channels; c++) {
      for (let u = 0; u < kh; u++) for (let v = 0; v < kw; v++) offsets[k++] = offset(c, u * dy, v * dx)
    }
  }
  const unit = sy === 1 && sx === 1
  const yHeight = outHeight + Math.floor(((kh - 1) * dy) / sy)
  const yWidth = outWidth + Math.floor(((kw - 1) * dx) / sx)
  const pitch = unit ? from.pitch : yWidth
  const base = {
    offsets,
    groups,
    start: unit ? corner : 0,
    pitch,
    outHeight,
    outWidth,
    flat: (outHeight - 1) * pitch + outWidth,
  }
  if (unit) {
    fill((c, u, v) => c * from.plane + u * from.pitch + v)
    return { ...base, groupStep: channels * from.plane }
  }
  const yPlane = Math.ceil((yHeight * yWidth) / 8) * 8
  const [py, px] = [kh === 1 ? 1 : sy, kw === 1 ? 1 : sx]
  fill((c, u, v) => ((c * py + (u % sy)) * px + (v % sx)) * yPlane + Math.floor(u / sy) * yWidth + Math.floor(v / sx))
  const phases: Phases = {
    height: from.height + node.pad[0] + node.pad[2],
    width: from.width + node.pad[1] + node.pad[3],
    yPlane,
    yPitch: yWidth,
    yHeight,
    yWidth,
    stride: node.stride,
    count: [py, px],
    size: from.channels * py * px * yPlane,
  }
  return { ...base, groupStep: channels * py * px * yPlane, phases }
}

/** A dense layer: alone, one scalar per feature; in a batch, one row of lanes per feature. */
function denseGeometry(x: Value, batch: number): Geometry {
  const step = vectorStep(batch)
  const offsets = Uint32Array.from({ length: x.shape[0] }, (_, k) => k * step)
  return { offsets, groups: 1, groupStep: 0, start: 0, pitch: step, outHeight: 1, outWidth: batch, flat: step }
}

export const weightedGeometry = (node: ConvNode | { op: 'dense' }, x: Value, out: Shape, batch: number): Geometry =>
  node.op === 'conv2d' && isPlanes(x) ? convGeometry(node, x, out) : denseGeometry(x, batch)
