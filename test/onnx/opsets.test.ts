/** Operators whose attributes became inputs, or whose defaults changed: old and new forms compute the same. */
import { describe, expect, it } from 'vitest'
import { importOnnx } from '../../src/onnx/import.js'
import { floats, ints, type ModelInit, node, onnx, type TensorInit } from './build.js'
import { runFloat } from './naive.js'

type Nodes = ModelInit['nodes']

/** Results of a model of one input x with values 0, 1, 2 ... - 3. */
function results(dims: readonly number[], opset: number, nodes: Nodes, constants: readonly TensorInit[] = []) {
  const outputs = nodes.at(-1)?.output ?? []
  const bytes = onnx({ inputs: { x: dims }, outputs, nodes, constants, opset })
  const model = importOnnx(bytes)
  const size = dims.reduce((a, b) => a * b, 1)
  const values = runFloat(model, { x: Float32Array.from({ length: size }, (_, i) => i - 3) })
  return outputs.map((name) => Array.from(values[name]))
}

interface Form {
  readonly opset: number
  readonly nodes: Nodes
  readonly constants?: readonly TensorInit[]
}

/** All forms give the same results, and those expected where they are said. */
function same(dims: readonly number[], forms: readonly Form[], expected?: readonly (readonly number[])[]): void {
  const [first, ...others] = forms.map((f) => results(dims, f.opset, f.nodes, f.constants))
  if (expected !== undefined) expect(first).toEqual(expected)
  for (const other of others) expect(other).toEqual(first)
}

const END = Number.MAX_SAFE_INTEGER
const x = ['x']
const y = ['y']

describe('attributes that became inputs', () => {
  it('Slice', () => {
    same(
      [2, 5],
      [
        { opset: 7, nodes: [node('Slice', x, y, { starts: [-2, 1], ends: [END, 4], axes: [1, 0] })] },
        { opset: 9, nodes: [node('Slice', x, y, { starts: [1, 3], ends: [4, END] })] },
        {
          opset: 10,
          nodes: [node('Slice', ['x', 's', 'e', 'a'], y)],
          constants: [ints('s', [-2, 1]), ints('e', [END, 4]), ints('a', [1, 0])],
        },
      ],
      [[5, 6]],
    )
  })

  it('Pad', () => {
    const pads = [0, 1, 1, 0]
    const constants = [ints('p', pads), floats('v', [], [9])]
    same(
      [2, 2],
      [
        { opset: 7, nodes: [node('Pad', x, y, { pads, value: 9 })] },
        { opset: 11, nodes: [node('Pad', ['x', 'p', 'v'], y)], constants },
        {
          opset: 18,
          nodes: [node('Pad', ['x', 'q', 'v', 'a'], y)],
          constants: [ints('q', [1, 0, 0, 1]), floats('v', [], [9]), ints('a', [1, 0])],
        },
      ],
      [[9, -3, -2, 9, -1, 0, 9, 9, 9]],
    )
    same(
      [2, 2],
      [
        { opset: 7, nodes: [node('Pad', x, y, { pads, mode: 'edge' })] },
        { opset: 13, nodes: [node('Pad', ['x', 'p'], y, { mode: 'edge' })], constants },
      ],
    )
  })

  it('Squeeze and Unsqueeze', () => {
    const shape = (opset: number, axes: object, inputs: string[]) => ({
      opset,
      nodes: [
        node('Unsqueeze', inputs, ['u'], { ...axes }),
        node('Squeeze', ['u', ...inputs.slice(1)], ['s'], { ...axes }),
        node('Shape', ['u'], ['n']),
        node('Cast', ['n'], ['f'], { to: 1 }),
        node('Mul', ['f', 'k'], ['m']),
        node('ReduceSum', ['m'], ['t'], { keepdims: 0 }),
        node('Add', ['s', 't'], y),
      ],
      constants: [ints('a', [0, 2]), floats('k', [4], [1, 10, 100, 1000])],
    })
    same([2, 3], [shape(7, { axes: [0, 2] }, ['x']), shape(11, { axes: [0, 2] }, ['x']), shape(13, {}, ['x', 'a'])])
  })

  it('Clip', () => {
    same(
      [7],
      [
        { opset: 7, nodes: [node('Clip', x, y)] },
        { opset: 13, nodes: [node('Clip', x, y)] },
      ],
      [[-3, -2, -1, 0, 1, 2, 3]],
    )
    const bounds = [floats('low', [], [-1]), floats('high', [], [2])]
    same(
      [7],
      [
        { opset: 7, nodes: [node('Clip', x, y, { min: -1, max: 2 })] },
        { opset: 11, nodes: [node('Clip', ['x', 'low', 'high'], y)], constants: bounds },
        {
          opset: 13,
          nodes: [node('Clip', ['x', 'low'], ['c']), node('Clip', ['c', '', 'high'], y)],
          constants: bounds,
        },
      ],
      [[-1, -1, -1, 0, 1, 2, 2]],
    )
  })

  it('Dropout', () => {
    const inactive = { ...ints('mode', [0], []), dataType: 9, int64Data: [], int32Data: [0] }
    same(
      [3],
      [
        { opset: 7, nodes: [node('Dropout', x, ['y', 'mask'], { ratio: 0.5 })] },
        { opset: 10, nodes: [node('Dropout', x, ['y', 'mask'])] },
        {
          opset: 13,
          nodes: [node('Dropout', ['x', 'r', 'mode'], ['y', 'mask'])],
          constants: [floats('r', [], [0.9]), inactive],
        },
      ],
      [
        [-3, -2, -1],
        [1, 1, 1],
      ],
    )
  })

  it('Upsample and Resize', () => {
    const scales = floats('s', [4], [1, 1, 2, 1.5])
    const attributes = { mode: 'nearest' }
    same(
      [1, 1, 2, 2],
      [
        { opset: 7, nodes: [node('Upsample', x, y, { ...attributes, scales: Float32Array.of(1, 1, 2, 1.5) })] },
        { opset: 9, nodes: [node('Upsample', ['x', 's'], y, attributes)], constants: [scales] },
        { opset: 10, nodes: [node('Resize', ['x', 's'], y, attributes)], constants: [scales] },
        {
          opset: 13,
          nodes: [
            node('Resize', ['x', '', 's'], y, {
              ...attributes,
              coordinate_transformation_mode: 'asymmetric',
              nearest_mode: 'floor',
            }),
          ],
          constants: [scales],
        },
      ],
      [[-3, -3, -2, -3, -3, -2, -1, -1, 0, -1, -1, 0]],
    )
  })

  it('Split', () => {
    const both = ['a', 'b']
    same(
      [5],
      [
        { opset: 7, nodes: [node('Split', x, both, { axis: 0, split: [3, 2] })] },
        { opset: 13, nodes: [node('Split', ['x', 's'], both)], constants: [ints('s', [3, 2])] },
        { opset: 18, nodes: [node('Split', x, both, { num_outputs: 2 })] },
      ],
      [
        [-3, -2, -1],
        [0, 1],
      ],
    )
  })

  it('reductions', () => {
    for (const [op, since] of [
      ['ReduceSum', 13],
      ['ReduceMean', 18],
      ['ReduceMax', 18],
      ['ReduceL2', 18],
    ] as const) {
      same(
        [2, 3],
        [
          { opset: 7, nodes: [node(op, x, y, { axes: [-1], keepdims: 0 })] },
          { opset: since, nodes: [node(op, ['x', 'a'], y, { keepdims: 0 })], constants: [ints('a', [1])] },
        ],
      )
      same(
        [2, 3],
        [
          { opset: 7, nodes: [node(op, x, y)] },
          { opset: since, nodes: [node(op, x, y)] },
        ],
      )
    }
  })

  it('Reshape of the first operator sets', () => {
    same(
      [2, 3],
      [
        { opset: 4, nodes: [node('Reshape', x, y, { shape: [3, -1] })] },
        { opset: 7, nodes: [node('Reshape', ['x', 's'], y)], constants: [ints('s', [3, 2])] },
      ],
    )
  })
})

describe('defaults that changed', () => {
  it('Softmax saw a matrix before set 13, and one dimension since', () => {
    const [old] = results([2, 2, 2], 12, [node('Softmax', x, y)])
    const [now] = results([2, 2, 2], 13, [node('Softmax', x, y)])
    const sums = (list: readonly number[], n: number) =>
      Array.from({ length: list.length / n }, (_, i) => list.slice(i * n, (i + 1) * n).reduce((a, b) => a + b, 0))
    for (const s of sums(old, 4)) expect(s).toBeCloseTo(1, 6)
    for (const s of sums(now, 2)) expect(s).toBeCloseTo(1, 6)
  })

  it('operands below set 7 begin at an axis', () => {
    const constants = [floats('k', [2], [10, 20])]
    const old = results([1, 2, 2], 6, [node('Add', ['x', 'k'], y, { broadcast: 1, axis: 1 })], constants)
    expect(old).toEqual([[7, 8, 19, 20]])
    expect(results([1, 2, 2], 7, [node('Add', ['x', 'k'], y)], constants)).toEqual([[7, 18, 9, 20]])
  })

  it('GroupNormalization had one scale a group before set 21', () => {
    const [groups, channels] = [
      [floats('s', [2], [1, 2]), floats('b', [2], [3, 4])],
      [floats('s', [4], [1, 1, 2, 2]), floats('b', [4], [3, 3, 4, 4])],
    ]
    const nodes = [node('GroupNormalization', ['x', 's', 'b'], y, { num_groups: 2 })]
    same(
      [1, 4, 2],
      [
        { opset: 18, nodes, constants: groups },
        { opset: 21, nodes, constants: channels },
      ],
    )
  })

  it('Gemm without its third input since set 11, and with any that broadcasts', () => {
    const w = floats('w', [3, 2], [1, 2, 3, 4, 5, 6])
    const product = results([2, 3], 11, [node('Gemm', ['x', 'w'], y)], [w])
    expect(product).toEqual([[-14, -20, 13, 16]])
    for (const [dims, values] of [
      [[], [10]],
      [[2], [10, 20]],
      [
        [1, 2],
        [10, 20],
      ],
      [
        [2, 1],
        [10, 20],
      ],
      [
        [2, 2],
        [1, 2, 3, 4],
      ],
    ] as const) {
      const [sum] = results([2, 3], 7, [node('Gemm', ['x', 'w', 'c'], y, { beta: 2 })], [w, floats('c', dims, values)])
      const at = (i: number, j: number) =>
        values[
          values.length === 1
            ? 0
            : dims.length === 2 && dims[1] === 1
              ? i
              : dims.length === 2 && dims[0] === 2
                ? 2 * i + j
                : j
        ]
      expect(sum).toEqual(product[0].map((v, k) => v + 2 * at(k >> 1, k & 1)))
    }
  })
})
