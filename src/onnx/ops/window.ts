/** Windows that move over images: what convolutions and pools have in common. */
import type { Pads, Pair } from '../../graph/ir.js'
import type { Value } from '../importer.js'
import type { Site } from '../site.js'
import { part } from './shape.js'

/** A window along one dimension. */
export interface WindowAxis {
  readonly kernel: number
  readonly stride: number
  readonly dilation: number
  /** Of the result. */
  readonly size: number
  readonly before: number
  /** At least what the node says; more where the last window reaches further. */
  readonly after: number
}

/** How a window moves over the last two dimensions. */
export interface Window {
  readonly kernel: Pair
  readonly stride: Pair
  readonly dilation: Pair
  /** [top, left, bottom, right] */
  readonly pad: Pads
  /** [height, width] of the result */
  readonly size: readonly [number, number]
}

/**
 * The window of a node along each of its image's dimensions.
 * @throws WhiteDwarfError E_SHAPE
 */
export function windowAxes(site: Site, spatial: readonly number[], kernel: readonly number[]): WindowAxis[] {
  const rank = spatial.length
  const strides = site.numbers('strides', rank, 1)
  const dilations = site.numbers('dilations', rank, 1)
  if (kernel.length !== rank || [...kernel, ...strides, ...dilations].some((n) => !(n >= 1))) {
    throw site.fail(`kernel, strides and dilations must be 1 or more, one for each of ${rank} dimensions`, 'E_SHAPE')
  }
  const explicit = site.numbers('pads', 2 * rank, 0)
  const auto = site.text('auto_pad', 'NOTSET')
  const ceil = site.number('ceil_mode', 0) === 1
  return spatial.map((n, d) => {
    const common = { kernel: kernel[d], stride: strides[d], dilation: dilations[d] }
    const span = (kernel[d] - 1) * dilations[d] + 1
    if (auto.startsWith('SAME')) {
      const size = Math.ceil(n / strides[d])
      const all = Math.max(0, (size - 1) * strides[d] + span - n)
      const less = Math.floor(all / 2)
      const before = auto === 'SAME_UPPER' ? less : all - less
      return { ...common, size, before, after: all - before }
    }
    const [before, after] = auto === 'VALID' ? [0, 0] : [explicit[d], explicit[d + rank]]
    const steps = (n + before + after - span) / strides[d]
    let size = (ceil ? Math.ceil(steps) : Math.floor(steps)) + 1
    // A window must begin inside of the image or of its padding before.
    if (ceil && (size - 1) * strides[d] >= n + before) size--
    if (!(size >= 1)) throw site.fail(`a window of ${span} does not fit into ${before} + ${n} + ${after}`, 'E_SHAPE')
    return { ...common, size, before, after: Math.max(after, (size - 1) * strides[d] + span - n - before) }
  })
}

/**
 * The window of a node for an image of one or two dimensions; of one, as an image of height 1.
 * @throws WhiteDwarfError E_SHAPE
 */
export function windowOf(site: Site, spatial: readonly number[], kernel: readonly number[]): Window {
  const axes = windowAxes(site, spatial, kernel)
  const flat: WindowAxis = { kernel: 1, stride: 1, dilation: 1, size: 1, before: 0, after: 0 }
  const [y, x] = axes.length === 1 ? [flat, axes[0]] : axes
  return {
    kernel: [y.kernel, x.kernel],
    stride: [y.stride, x.stride],
    dilation: [y.dilation, x.dilation],
    pad: [y.before, x.before, y.after, x.after],
    size: [y.size, x.size],
  }
}

/**
 * Runs an operator of one image [1, C, H, W] on [N, C, ...] of one or two dimensions.
 * @throws WhiteDwarfError E_GRAPH for other ranks
 */
export function perImage(site: Site, x: Value, each: (image: Value) => Value): Value {
  const rank = x.dims.length - 2
  if (rank !== 1 && rank !== 2) {
    throw site.fail(`images of ${rank} dimensions are not supported, only of 1 and 2`)
  }
  const [n, c, ...spatial] = x.dims
  const wide = rank === 1 ? site.reshape(x, [n, c, 1, ...spatial]) : x
  const results: Value[] = []
  for (let i = 0; i < n; i++) results.push(each(n === 1 ? wide : part(site, wide, 0, i, 1)))
  const y = results.length === 1 ? results[0] : site.apply({ kind: 'concat', axis: 0 }, ...results)
  return rank === 1 ? site.reshape(y, [y.dims[0], y.dims[1], y.dims[3]]) : y
}
