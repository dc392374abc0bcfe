/** Pools. */
import type { Pads, Pair } from '../../graph/ir.js'
import type { Value } from '../importer.js'
import type { Operator, Site } from '../site.js'
import { hostTensor } from '../tensor.js'
import { padded } from './shape.js'
import { perImage, type WindowAxis, windowAxes, windowOf } from './window.js'

type PoolOp = 'maxpool' | 'avgpool'

const pool =
  (op: PoolOp): Operator =>
  (site) => {
    const x = site.input(0)
    if (site.node.outputs.length > 1 && site.node.outputs[1] !== '') {
      throw site.fail('its second result, the indices of the largest, is not supported')
    }
    const rank = x.dims.length - 2
    const kernel = site.integers('kernel_shape')
    if (kernel === undefined || rank < 1) throw site.fail('it needs an image and the attribute kernel_shape', 'E_SHAPE')
    const axes = windowAxes(site, x.dims.slice(2), kernel)
    // Zeros of the node's own padding may count as pixels; those behind them, where windows reach further, never do.
    const counted = op === 'avgpool' && site.number('count_include_pad', 0) === 1
    const zeros = counted ? site.numbers('pads', 2 * rank, 0) : new Array<number>(2 * rank).fill(0)
    if (rank > 2 || axes.some((a) => a.dilation > 1)) return [poolByAxes(site, x, axes, op, zeros)]
    const wide = zeros.some((n) => n > 0)
      ? padded(site, x, [0, 0, ...zeros.slice(0, rank)], [0, 0, ...zeros.slice(rank)])
      : x
    const window = windowOf(site, x.dims.slice(2), kernel)
    const [top, left, bottom, right] = window.pad
    const own = rank === 1 ? [0, zeros[0], 0, zeros[1]] : zeros
    const pad: Pads = [top - own[0], left - own[1], bottom - own[2], right - own[3]]
    const spec = { op, kernel: window.kernel, stride: window.stride, pad }
    return [perImage(site, wide, (image) => site.importer.pool(image, spec, window.size, site.who))]
  }

/** Any number of dimensions, any dilation: one dimension after the other, a slice for each position of the window. */
function poolByAxes(site: Site, x: Value, axes: readonly WindowAxis[], op: PoolOp, zeros: readonly number[]): Value {
  const fn = op === 'maxpool' ? 'max' : 'add'
  return axes.reduce((y, axis, d) => {
    const { kernel, stride, dilation, size, before, after } = axis
    const at = (n: number) => y.dims.map((_, k) => (k === d + 2 ? n : 0))
    const wide = padded(site, y, at(before), at(after), op === 'maxpool' ? -Infinity : 0)
    const tap = (t: number): Value => {
      const step = y.dims.map((_, k) => (k === d + 2 ? stride : 1))
      const sizes = y.dims.map((n, k) => (k === d + 2 ? size : n))
      return site.apply({ kind: 'slice', begin: at(t * dilation), step, size: sizes }, wide)
    }
    let best = tap(0)
    for (let t = 1; t < kernel; t++) best = site.apply({ kind: 'combine', fn }, best, tap(t))
    if (op === 'maxpool') return best
    const [first, last] = [-zeros[d], y.dims[d + 2] + zeros[d + axes.length]]
    /** The first position of window i that lies at `at` or behind. */
    const tapAt = (i: number, at: number) =>
      Math.min(kernel, Math.max(0, Math.ceil((at - i * stride + before) / dilation)))
    const shares = site.table(size, (i) => 1 / (tapAt(i, last) - tapAt(i, first)))
    const dims = [size, ...axes.slice(d + 1).map(() => 1)]
    return site.apply(
      { kind: 'combine', fn: 'mul' },
      best,
      site.constantOf(hostTensor('float32', dims, (i) => shares[i])),
    )
  }, x)
}

const globalPool =
  (op: PoolOp): Operator =>
  (site) => {
    const x = site.input(0)
    const rank = x.dims.length - 2
    if (rank !== 1 && rank !== 2) {
      const fn = op === 'maxpool' ? 'max' : 'mean'
      return [site.apply({ kind: 'reduce', fn, begin: 2, end: x.dims.length }, x)]
    }
    const kernel: Pair = rank === 1 ? [1, x.dims[2]] : [x.dims[2], x.dims[3]]
    const spec = { op, kernel, stride: [1, 1], pad: [0, 0, 0, 0] } as const
    return [perImage(site, x, (image) => site.importer.pool(image, spec, [1, 1], site.who))]
  }

export const pools: Readonly<Record<string, Operator>> = {
  AveragePool: pool('avgpool'),
  GlobalAveragePool: globalPool('avgpool'),
  GlobalMaxPool: globalPool('maxpool'),
  MaxPool: pool('maxpool'),
}
