/** Operators that move elements, and those that compute shapes. */
import { MAX_DIMENSIONS } from '../../graph/tensor-fn.js'
import type { Value } from '../importer.js'
import type { Operator, Site } from '../site.js'
import { count, hostTensor, int64s, numbers } from '../tensor.js'

const reshape: Operator = (site) => {
  const x = site.input(0)
  const target = site.opset < 5 ? site.integers('shape') : site.integers('shape', 1)
  if (target === undefined) throw site.fail('it does not say which shape')
  const zeros = site.number('allowzero', 0) === 1
  const dims = target.map((d, i) => (d === 0 && !zeros ? x.dims[i] : d))
  const open = dims.indexOf(-1)
  const known = count(dims.filter((_, i) => i !== open))
  if (open >= 0) dims[open] = known === 0 ? 0 : count(x.dims) / known
  if (dims.some((d) => !Number.isInteger(d) || d < 0) || count(dims) !== count(x.dims)) {
    throw site.fail(`[${x.dims.join(', ')}] cannot become [${target.join(', ')}]`, 'E_SHAPE')
  }
  return [site.reshape(x, dims)]
}

const flatten: Operator = (site) => {
  const { dims } = site.input(0)
  const at = site.number('axis', 1)
  const axis = at === dims.length ? at : site.axis(at, dims.length)
  return [site.reshape(site.input(0), [count(dims.slice(0, axis)), count(dims.slice(axis))])]
}

const squeeze: Operator = (site) => {
  const x = site.input(0)
  const axes = site.integers('axes', site.opset < 13 ? undefined : 1)?.map((a) => site.axis(a, x.dims.length))
  return [
    site.reshape(
      x,
      x.dims.filter((d, i) => (axes === undefined ? d !== 1 : !axes.includes(i))),
    ),
  ]
}

const unsqueeze: Operator = (site) => {
  const x = site.input(0)
  const given = site.integers('axes', site.opset < 13 ? undefined : 1) ?? []
  const rank = x.dims.length + given.length
  if (rank > MAX_DIMENSIONS) throw site.fail(`${rank} dimensions`, 'E_SHAPE')
  const axes = given.map((a) => site.axis(a, rank))
  const rest = [...x.dims]
  return [
    site.reshape(
      x,
      Array.from({ length: rank }, (_, i) => (axes.includes(i) ? 1 : (rest.shift() as number))),
    ),
  ]
}

const transpose: Operator = (site) => {
  const x = site.input(0)
  const perm = site.integers('perm') ?? x.dims.map((_, i) => x.dims.length - 1 - i)
  return [site.apply({ kind: 'permute', perm }, x)]
}

const concat: Operator = (site) => {
  const axis = site.axis(site.number('axis', 1), site.input(0).dims.length)
  // What is empty adds nothing.
  const parts = site.inputs.filter((v) => count(v.dims) > 0)
  if (parts.length === 0) return [site.input(0)]
  return [parts.length === 1 ? parts[0] : site.apply({ kind: 'concat', axis }, ...parts)]
}

/** Elements [begin, begin + size) of a dimension. */
export function part(site: Site, x: Value, axis: number, begin: number, size: number): Value {
  return site.apply(
    {
      kind: 'slice',
      begin: x.dims.map((_, d) => (d === axis ? begin : 0)),
      step: x.dims.map(() => 1),
      size: x.dims.map((n, d) => (d === axis ? size : n)),
    },
    x,
  )
}

/** x with nothing left of a dimension. */
const empty = (site: Site, x: Value, axis: number): Value =>
  site.computed(
    x.type,
    x.dims.map((n, d) => (d === axis ? 0 : n)),
    () => 0,
  )

const split: Operator = (site) => {
  const x = site.input(0)
  const axis = site.axis(site.number('axis', 0), x.dims.length)
  const parts = site.node.outputs.length
  const each = Math.ceil(x.dims[axis] / parts)
  const even = Array.from({ length: parts }, (_, i) => Math.min(each, x.dims[axis] - i * each))
  const sizes = site.integers('split', site.opset < 13 ? undefined : 1) ?? even
  let begin = 0
  return sizes.map((size) => {
    const result = size === 0 ? empty(site, x, axis) : part(site, x, axis, begin, size)
    begin += size
    return result
  })
}

const slice: Operator = (site) => {
  const x = site.input(0)
  const old = site.opset < 10
  const starts = site.integers('starts', old ? undefined : 1) ?? []
  const ends = site.integers('ends', old ? undefined : 2) ?? []
  const axes = (site.integers('axes', old ? undefined : 3) ?? starts.map((_, i) => i)).map((a) =>
    site.axis(a, x.dims.length),
  )
  const steps = (old ? undefined : site.integers('steps', 4)) ?? starts.map(() => 1)
  const begin = x.dims.map(() => 0)
  const step = x.dims.map(() => 1)
  const size = [...x.dims]
  axes.forEach((axis, i) => {
    const n = x.dims[axis]
    const s = steps[i]
    if (s === 0) throw site.fail('a step of 0', 'E_SHAPE')
    const clamp = (v: number, low: number, high: number) => Math.min(high, Math.max(low, v < 0 ? v + n : v))
    const from = s > 0 ? clamp(starts[i], 0, n) : clamp(starts[i], 0, n - 1)
    const to = s > 0 ? clamp(ends[i], 0, n) : clamp(ends[i], -1, n - 1)
    begin[axis] = from
    step[axis] = s
    size[axis] = Math.max(0, Math.ceil((to - from) / s))
  })
  if (count(size) === 0) {
    // What has no elements is a constant, whatever it is cut from.
    return [site.computed(x.type, size, () => 0)]
  }
  return [site.apply({ kind: 'slice', begin, step, size }, x)]
}

const gather: Operator = (site) => {
  const x = site.input(0)
  const axis = site.axis(site.number('axis', 0), x.dims.length)
  const index = site.constant(1, 'indices')
  if (index === undefined) throw site.fail('input 1 is missing')
  const indices = numbers(index).map((i) => (i < 0 ? i + x.dims[axis] : i))
  const taken = site.apply({ kind: 'take', axis, indices }, x)
  return [site.reshape(taken, [...x.dims.slice(0, axis), ...index.dims, ...x.dims.slice(axis + 1)])]
}

const expand: Operator = (site) => {
  const x = site.input(0)
  const target = site.integers('shape', 1) ?? []
  const rank = Math.max(target.length, x.dims.length)
  const wide = site.reshape(x, [...new Array(rank - x.dims.length).fill(1), ...x.dims])
  const asked = [...new Array(rank - target.length).fill(1), ...target]
  return [site.apply({ kind: 'expand', shape: asked.map((d, i) => (d === 1 ? wide.dims[i] : d)) }, wide)]
}

const tile: Operator = (site) => {
  const repeats = site.integers('repeats', 1) ?? []
  return [
    repeats.reduce((x, times, axis) => {
      const n = x.dims[axis]
      if (times === 1) return x
      return site.apply({ kind: 'take', axis, indices: site.table(n * times, (i) => i % n) }, x)
    }, site.input(0)),
  ]
}

/** Where element i of a padded dimension of n elements comes from. */
const PADDING: Readonly<Record<string, (i: number, n: number) => number>> = {
  edge: (i, n) => Math.min(n - 1, Math.max(0, i)),
  wrap: (i, n) => ((i % n) + n) % n,
  reflect: (i, n) => {
    const period = Math.max(1, 2 * n - 2)
    const at = ((i % period) + period) % period
    return at < n ? at : period - at
  },
}

const pad: Operator = (site) => {
  const x = site.input(0)
  const given = site.opset < 11 ? (site.integers('pads') ?? site.integers('paddings')) : site.integers('pads', 1)
  if (given === undefined) throw site.fail('it does not say how much')
  const axes = site.integers('axes', 3) ?? x.dims.map((_, i) => i)
  const at = (offset: number) => {
    const result = x.dims.map(() => 0)
    axes.forEach((a, i) => {
      result[site.axis(a, x.dims.length)] = given[i + offset]
    })
    return result
  }
  const [before, after] = [at(0), at(axes.length)]
  if (site.text('mode', 'constant') !== 'constant') {
    const from = site.choice('mode', '', PADDING)
    return [
      x.dims.reduce((v, n, axis) => {
        if (before[axis] === 0 && after[axis] === 0) return v
        const length = before[axis] + n + after[axis]
        const indices = site.table(length, (i) => from(i - before[axis], n))
        return site.apply({ kind: 'take', axis, indices }, v)
      }, x),
    ]
  }
  const value = site.opset < 11 ? site.number('value', 0) : (site.constant(2, 'the value')?.data[0] ?? 0)
  return [padded(site, x, before, after, value)]
}

/** Zeros, or another value, around a tensor; less than none cuts off. */
export function padded(
  site: Site,
  x: Value,
  before: readonly number[],
  after: readonly number[],
  value = 0,
  between: readonly number[] = x.dims.map(() => 0),
): Value {
  const positive = (list: readonly number[]) => list.map((n) => Math.max(0, n))
  const nothing = [...before, ...after, ...between].every((n) => n <= 0)
  const wide = nothing
    ? x
    : site.apply({ kind: 'pad', before: positive(before), after: positive(after), between, value }, x)
  const cut = (list: readonly number[], d: number) => Math.max(0, -list[d])
  if (before.every((n) => n >= 0) && after.every((n) => n >= 0)) return wide
  return site.apply(
    {
      kind: 'slice',
      begin: wide.dims.map((_, d) => cut(before, d)),
      step: wide.dims.map(() => 1),
      size: wide.dims.map((n, d) => n - cut(before, d) - cut(after, d)),
    },
    wide,
  )
}

const shape: Operator = (site) => {
  const { dims } = site.input(0)
  const bound = (value: number) => Math.min(dims.length, Math.max(0, value < 0 ? value + dims.length : value))
  return [site.constantOf(int64s(dims.slice(bound(site.number('start', 0)), bound(site.number('end', dims.length)))))]
}

const constant: Operator = (site) => {
  const { attributes } = site.node
  const value = attributes.get('value')
  if (typeof value === 'object' && 'data' in value) return [site.constantOf(value)]
  for (const name of ['value_float', 'value_floats', 'value_int', 'value_ints']) {
    const given = attributes.get(name)
    if (given === undefined) continue
    const list = (Array.isArray(given) ? given : [given]) as number[]
    const type = name.startsWith('value_float') ? 'float32' : 'int64'
    return [site.constantOf(hostTensor(type, Array.isArray(given) ? [list.length] : [], (i) => list[i]))]
  }
  throw site.fail('it has no value that is supported')
}

const constantOfShape: Operator = (site) => {
  const dims = site.integers('shape', 0) ?? []
  const value = site.node.attributes.get('value')
  const filled = typeof value === 'object' && 'data' in value ? value : undefined
  return [site.computed(filled?.type ?? 'float32', dims, () => filled?.data[0] ?? 0)]
}

const range: Operator = (site) => {
  const [start, limit, delta] = [0, 1, 2].map((i) => site.constant(i, 'bounds')?.data[0] ?? 0)
  if (delta === 0) throw site.fail('a step of 0', 'E_SHAPE')
  const length = Math.max(0, Math.ceil((limit - start) / delta))
  return [site.computed(site.input(0).type, [length], (i) => start + i * delta)]
}

/** [N, C, H, W] as [N, b, b, C / b², H, W] and the like, permuted, and back to four dimensions. */
const depthToSpace: Operator = (site) => {
  const x = site.input(0)
  const [n, c, h, w] = x.dims
  const b = site.number('blocksize', 1)
  const rows = site.text('mode', 'DCR') === 'DCR'
  const wide = site.reshape(x, rows ? [n, b, b, c / (b * b), h, w] : [n, c / (b * b), b, b, h, w])
  const moved = site.apply({ kind: 'permute', perm: rows ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3] }, wide)
  return [site.reshape(moved, [n, c / (b * b), h * b, w * b])]
}

const spaceToDepth: Operator = (site) => {
  const x = site.input(0)
  const [n, c, h, w] = x.dims
  const b = site.number('blocksize', 1)
  const wide = site.reshape(x, [n, c, h / b, b, w / b, b])
  const moved = site.apply({ kind: 'permute', perm: [0, 3, 5, 1, 2, 4] }, wide)
  return [site.reshape(moved, [n, c * b * b, h / b, w / b])]
}

export const shapes: Readonly<Record<string, Operator>> = {
  Concat: concat,
  Constant: constant,
  ConstantOfShape: constantOfShape,
  DepthToSpace: depthToSpace,
  Expand: expand,
  Flatten: flatten,
  Gather: gather,
  Pad: pad,
  Range: range,
  Reshape: reshape,
  Shape: shape,
  Size: (site) => [site.constantOf(hostTensor('int64', [], () => count(site.input(0).dims)))],
  Slice: slice,
  SpaceToDepth: spaceToDepth,
  Split: split,
  Squeeze: squeeze,
  Tile: tile,
  Transpose: transpose,
  Unsqueeze: unsqueeze,
}
