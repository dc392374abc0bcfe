/** Resize and Upsample: interpolation along one dimension at a time, from tables that are made now. */
import type { Value } from '../importer.js'
import type { Operator, Site } from '../site.js'

/** How a position of the result maps to one of the input. */
interface Axis {
  readonly from: number
  /** Elements of the result. */
  readonly to: number
  /** from * scale, which need not be whole. */
  readonly length: number
  readonly scale: number
  readonly start: number
  readonly end: number
}

const MAPPINGS: Readonly<Record<string, (i: number, a: Axis) => number>> = {
  half_pixel: (i, a) => (i + 0.5) / a.scale - 0.5,
  half_pixel_symmetric: (i, a) => {
    const adjustment = a.to / a.length
    const centre = a.from / 2
    return centre * (1 - adjustment) + (i + 0.5) / a.scale - 0.5
  },
  pytorch_half_pixel: (i, a) => (a.to > 1 ? (i + 0.5) / a.scale - 0.5 : 0),
  align_corners: (i, a) => (a.to > 1 ? (i * (a.from - 1)) / (a.length - 1) : 0),
  asymmetric: (i, a) => i / a.scale,
  tf_half_pixel_for_nn: (i, a) => (i + 0.5) / a.scale,
  tf_crop_and_resize: (i, a) =>
    a.to > 1
      ? a.start * (a.from - 1) + (i * (a.end - a.start) * (a.from - 1)) / (a.to - 1)
      : 0.5 * (a.start + a.end) * (a.from - 1),
}

const NEAREST: Readonly<Record<string, (x: number) => number>> = {
  round_prefer_floor: (x) => Math.ceil(x - 0.5),
  round_prefer_ceil: (x) => Math.floor(x + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
}

/** Weight of an element at distance d. */
const KERNELS: Readonly<Record<string, { readonly reach: number; readonly weight: (d: number, a: number) => number }>> =
  {
    linear: { reach: 1, weight: (d) => Math.max(0, 1 - Math.abs(d)) },
    cubic: {
      reach: 2,
      weight: (d, a) => {
        const x = Math.abs(d)
        if (x >= 2) return 0
        if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
      },
    },
  }

/** Without options but the mode: positions are multiplied by the scale, and cut to whole numbers. */
const isOld = (site: Site) => site.node.op === 'Upsample' || site.opset < 11

/** The sizes and scales of all dimensions. */
function sizesOf(site: Site, x: Value): { to: number[]; scales: number[]; axes: number[] } {
  const old = isOld(site)
  const scales = site.floats('scales', old ? 1 : 2)
  const sizes = old ? undefined : site.integers('sizes', 3)
  const axes = (site.integers('axes') ?? x.dims.map((_, i) => i)).map((a) => site.axis(a, x.dims.length))
  const [to, all] = [[...x.dims], x.dims.map(() => 1)]
  if (sizes !== undefined && sizes.length > 0) {
    const policy = site.text('keep_aspect_ratio_policy', 'stretch')
    const ratios = axes.map((a, i) => sizes[i] / x.dims[a])
    const common = policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios)
    axes.forEach((a, i) => {
      all[a] = policy === 'stretch' ? ratios[i] : common
      to[a] = policy === 'stretch' ? sizes[i] : Math.floor(common * x.dims[a] + 0.5)
    })
  } else if (scales !== undefined && scales.length === axes.length) {
    axes.forEach((a, i) => {
      all[a] = scales[i]
      to[a] = Math.floor(x.dims[a] * scales[i])
    })
  } else throw site.fail('it has neither sizes nor scales')
  if (to.some((n) => !Number.isSafeInteger(n) || n < 1))
    throw site.fail(`it leaves nothing of [${x.dims.join(', ')}]`, 'E_SHAPE')
  return { to, scales: all, axes }
}

const resize: Operator = (site) => {
  const x = site.input(0)
  const plain = site.text('mode', 'nearest') === 'nearest'
  const place = isOld(site)
    ? MAPPINGS.asymmetric
    : site.choice('coordinate_transformation_mode', 'half_pixel', MAPPINGS)
  const { to, scales, axes } = sizesOf(site, x)
  const crop = place === MAPPINGS.tf_crop_and_resize
  const roi = crop ? (site.floats('roi', 1) ?? []) : []
  let y = x
  for (const [k, axis] of axes.entries()) {
    const from = x.dims[axis]
    if (to[axis] === from && scales[axis] === 1 && !crop) continue
    const at: Axis = {
      from,
      to: to[axis],
      length: from * scales[axis],
      scale: scales[axis],
      start: roi[k] ?? 0,
      end: roi[k + axes.length] ?? 1,
    }
    const centres = site.table(at.to, (i) => place(i, at))
    y = plain ? nearest(site, y, axis, centres) : interpolate(site, y, axis, centres, at)
    if (crop) y = extrapolate(site, y, axis, centres, from)
  }
  return [y]
}

/** What lies outside of the image gets a value of its own. */
function extrapolate(site: Site, x: Value, axis: number, centres: readonly number[], from: number): Value {
  const inside = centres.map((c) => Number(c >= 0 && c <= from - 1))
  if (inside.every((v) => v === 1)) return x
  const dims = [inside.length, ...x.dims.slice(axis + 1).map(() => 1)]
  const mask = site.computed('float32', dims, (i) => inside[i])
  return site.apply({ kind: 'select' }, mask, x, site.scalar(site.number('extrapolation_value', 0)))
}

function nearest(site: Site, x: Value, axis: number, centres: readonly number[]): Value {
  const round = isOld(site) ? Math.floor : site.choice('nearest_mode', 'round_prefer_floor', NEAREST)
  const last = x.dims[axis] - 1
  return site.apply({ kind: 'take', axis, indices: centres.map((c) => Math.min(last, Math.max(0, round(c)))) }, x)
}

function interpolate(site: Site, x: Value, axis: number, centres: readonly number[], at: Axis): Value {
  const kernel = site.choice('mode', 'nearest', KERNELS)
  const a = site.number('cubic_coeff_a', -0.75)
  const excluded = site.number('exclude_outside', 0) === 1
  // Antialiasing widens the kernel when the image shrinks.
  const stretch = site.number('antialias', 0) === 1 && at.scale < 1 ? 1 / at.scale : 1
  const reach = Math.ceil(kernel.reach * stretch)
  const taps = 2 * reach
  const first = centres.map((c) => Math.floor(c) - reach + 1)
  const outside = (i: number) => i < 0 || i >= at.from
  const clamped = (i: number) => Math.min(at.from - 1, Math.max(0, i))
  const weights = site.table(centres.length * taps, (k) => {
    const [to, t] = [Math.floor(k / taps), k % taps]
    const i = first[to] + t
    return excluded && outside(i) ? 0 : kernel.weight((i - centres[to]) / stretch, a)
  })
  const indices = weights.map((_, k) => clamped(first[Math.floor(k / taps)] + (k % taps)))
  if (excluded || stretch > 1) normalise(weights, taps)
  return site.apply({ kind: 'resample', axis, taps, indices, weights }, x)
}

/** Makes the weights of each element sum to 1. */
function normalise(weights: number[], taps: number): void {
  for (let begin = 0; begin < weights.length; begin += taps) {
    let sum = 0
    for (let t = 0; t < taps; t++) sum += weights[begin + t]
    for (let t = 0; t < taps; t++) weights[begin + t] /= sum
  }
}

export const resizing: Readonly<Record<string, Operator>> = { Resize: resize, Upsample: resize }
