import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TENSOR_KINDS } from '../../src/format/tensor-fn.js'
import { decodeModel, encodeModel, entropyBits, type Mode, readWd, tensorBytes } from '../../src/format.js'
import type { Graph, Node } from '../../src/graph/ir.js'
import type { Model } from '../../src/graph/model.js'
import { Rng } from '../../src/rng.js'
import {
  denseModel,
  foldedModel,
  randomGraph,
  randomLevels,
  randomModel,
  resnet,
  SMALL,
  tensorGraph,
} from './models.js'

describe('round trip', () => {
  it('gives back any model, and the same bytes when encoded again', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 0, max: 12 }), (seed, size) => {
        const rng = new Rng(seed)
        const model = randomModel(rng, randomGraph(rng, size))
        const bytes = encodeModel(model)
        const back = decodeModel(bytes)
        expect(back).toStrictEqual(model)
        expect(encodeModel(back)).toStrictEqual(bytes)
      }),
      { numRuns: 300 },
    )
  })

  it('gives back every tensor function, dilated convolutions and constants', () => {
    const kinds = new Set<string>()
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 0, max: 25 }), (seed, size) => {
        const rng = new Rng(seed)
        const model = randomModel(rng, tensorGraph(rng, size))
        for (const node of model.graph.nodes) kinds.add(node.op === 'tensor' ? node.fn.kind : node.op)
        const bytes = encodeModel(model)
        const back = decodeModel(bytes)
        expect(back).toStrictEqual(model)
        expect(encodeModel(back)).toStrictEqual(bytes)
      }),
      { numRuns: 300 },
    )
    for (const kind of TENSOR_KINDS) expect(kinds).toContain(kind)
  })

  it('keeps repeated nodes apart that differ in little', () => {
    const affine = (a: number) => ({ op: 'tensor', fn: { kind: 'map', fn: 'affine', a } }) as const
    const conv = (more: object) =>
      ({
        op: 'conv2d',
        channels: 4,
        kernel: [1, 1],
        stride: [1, 1],
        pad: [0, 0, 0, 0],
        dilation: [2, 2],
        ...more,
      }) as const
    const kinds = [
      affine(0),
      affine(-0),
      affine(Infinity),
      affine(-Infinity),
      conv({}),
      conv({ groups: 2 }),
      conv({ groups: 4 }),
    ]
    // In every order, so that each follows what another did.
    const order = [...kinds, ...kinds.flatMap((one) => kinds.flatMap((other) => [one, other]))]
    const nodes = order.map(
      (kind, i) => ({ ...kind, name: `n${i}`, inputs: [i === 0 ? 'image' : `n${i - 1}`] }) as Node,
    )
    const inputs = [{ name: 'image', shape: [4, 2, 2], scale: [1], offset: [0] }]
    const model = randomModel(new Rng(1), { inputs, nodes, outputs: [nodes[nodes.length - 1].name] })
    expect(decodeModel(encodeModel(model))).toStrictEqual(model)
  })

  it('stores constants in 16 bits each where half precision holds them all', () => {
    const graph: Graph = {
      inputs: [{ name: 'input', shape: [1000], scale: [1], offset: [0] }],
      nodes: [
        { op: 'tensor', name: 'c', fn: { kind: 'constant', shape: [1000] }, inputs: [] },
        { op: 'tensor', name: 'y', fn: { kind: 'combine', fn: 'add' }, inputs: ['input', 'c'] },
      ],
      outputs: ['y'],
    }
    const sizeOf = (values: Float32Array) =>
      encodeModel({ graph, tensors: {}, layers: {}, ranges: {}, constants: { c: values } }).length
    const halves = Float32Array.from({ length: 1000 }, (_, i) => i / 8)
    expect(sizeOf(halves)).toBeLessThan(2040)
    expect(sizeOf(halves.fill(0.1, 999))).toBeGreaterThan(4000)
    expect(sizeOf(halves.fill(0.1, 999))).toBeLessThan(4040)
  })

  it('gives back any model in both modes', () => {
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom<Mode>('context', 'runs'), (seed, mode) => {
        const rng = new Rng(seed)
        const model = randomModel(rng, randomGraph(rng, 6), mode === 'context' ? SMALL : undefined)
        const bytes = encodeModel(model, { mode })
        expect(decodeModel(bytes)).toStrictEqual(model)
        for (const t of readWd(bytes).tensors) expect(t.mode).toBe(mode)
      }),
      { numRuns: 200 },
    )
  })

  it.each(['context', 'runs'] as const)('holds degenerate levels (%s)', (mode) => {
    const shapes = [
      [1, 1],
      [1, 5000],
      [5000, 1],
      [3, 4095],
      [2, 4096],
      [1, 4094],
      [17, 31],
    ]
    for (const [rows, cols] of shapes) {
      for (const maxLevel of mode === 'context' ? SMALL : ([1, 3, 7, 127] as const)) {
        const fills = [
          (_: number) => 0,
          () => maxLevel,
          () => -maxLevel,
          (i: number) => (i === rows * cols - 1 ? 1 : 0),
          (i: number) => (i === 0 ? -1 : 0),
        ]
        for (const fill of fills) {
          const model = denseModel(
            rows,
            cols,
            maxLevel,
            Int8Array.from({ length: rows * cols }, (_, i) => fill(i)),
          )
          expect(decodeModel(encodeModel(model, { mode }))).toStrictEqual(model)
        }
      }
    }
  })

  it('chooses the smaller mode', () => {
    const model = denseModel(60, 60, 3, randomLevels(new Rng(4), 3600, 3, 0.05))
    const sizes = (['context', 'runs'] as const).map((mode) => encodeModel(model, { mode }).length)
    expect(encodeModel(model).length).toBe(Math.min(...sizes))
  })
})

describe('what a file says of itself', () => {
  const model = denseModel(50, 40, 7, randomLevels(new Rng(5), 2000, 7, 0.1))

  it('breaks its size down into parts that add up', () => {
    const bytes = encodeModel(model)
    const { total, frame, header, params, levels, checksum } = readWd(bytes).size
    expect(total).toBe(bytes.length)
    expect(frame + header + params + levels + checksum).toBeCloseTo(total, 9)
    const sum = tensorBytes(bytes).reduce((a, t) => a + t.bytes, 0)
    expect(Math.abs(sum - levels)).toBeLessThan(4.5)
  })

  it('keeps the header of a chain with usual names and attributes below 24 bytes', () => {
    const nodes = [
      {
        op: 'conv2d',
        name: 'conv1',
        inputs: ['image'],
        channels: 6,
        kernel: [5, 5],
        stride: [1, 1],
        pad: [2, 2, 2, 2],
      },
      { op: 'relu', name: 'relu1', inputs: ['conv1'] },
      { op: 'maxpool', name: 'pool1', inputs: ['relu1'], kernel: [2, 2], stride: [2, 2], pad: [0, 0, 0, 0] },
      {
        op: 'conv2d',
        name: 'conv2',
        inputs: ['pool1'],
        channels: 16,
        kernel: [5, 5],
        stride: [1, 1],
        pad: [0, 0, 0, 0],
      },
      { op: 'relu', name: 'relu2', inputs: ['conv2'] },
      { op: 'maxpool', name: 'pool2', inputs: ['relu2'], kernel: [2, 2], stride: [2, 2], pad: [0, 0, 0, 0] },
      { op: 'flatten', name: 'flatten1', inputs: ['pool2'] },
      { op: 'dense', name: 'fc1', inputs: ['flatten1'], units: 120 },
      { op: 'relu', name: 'relu3', inputs: ['fc1'] },
      { op: 'dense', name: 'fc2', inputs: ['relu3'], units: 84 },
      { op: 'relu', name: 'relu4', inputs: ['fc2'] },
      { op: 'dense', name: 'fc3', inputs: ['relu4'], units: 10 },
    ] as const
    const inputs = [{ name: 'image', shape: [1, 28, 28], scale: [1 / 255], offset: [0] }]
    const lenet: Model = randomModel(new Rng(1), { inputs, nodes, outputs: ['fc3'] })
    const plain: Model = {
      ...lenet,
      tensors: Object.fromEntries(
        Object.values(lenet.layers).map((l, i) => [
          ['conv1', 'conv2', 'fc1', 'fc2', 'fc3'][i],
          lenet.tensors[l.tensor],
        ]),
      ),
      layers: Object.fromEntries(Object.entries(lenet.layers).map(([name, l]) => [name, { ...l, tensor: name }])),
      ranges: { image: 128, pool1: 140, flatten1: 145, relu3: 150, relu4: 148 },
    }
    const { size } = readWd(encodeModel(plain))
    expect(size.header).toBeLessThan(24)
    expect(size.frame).toBeLessThanOrEqual(6)
  })

  it('learns residual blocks: 50 bytes for ResNet-20, then a quarter of a byte for each further block', () => {
    const headerOf = (blocks: number, tensorOf = new Map<string, string>()) =>
      readWd(encodeModel(foldedModel(resnet(blocks), tensorOf), { mode: 'runs' })).size.header
    const resnet20 = headerOf(3)
    expect(resnet20).toBeLessThan(50)
    expect(headerOf(18) - resnet20).toBeLessThan(45 / 4)
    // Convolutions 2 to 19 are two a block: in each stage the third block uses the weights of the second.
    const folded = new Map([4, 5, 10, 11, 16, 17].map((i) => [`conv${i + 2}`, `conv${i}`]))
    expect(headerOf(3, folded) - resnet20).toBeLessThan(4)
  })

  it('keeps optional sections and refuses required ones that it does not know', () => {
    const sections = [
      { tag: 2, bytes: Uint8Array.of(1, 2, 3) },
      { tag: 300, bytes: new Uint8Array(200) },
    ]
    const bytes = encodeModel(model, { sections })
    expect(readWd(bytes).sections).toStrictEqual(sections)
    expect(decodeModel(bytes)).toStrictEqual(model)
    expect(() => encodeModel(model, { sections: [{ tag: 1, bytes: new Uint8Array(0) }] })).toThrow(/even/)
  })
})

describe('size against the order-0 entropy', () => {
  // Bits per weight of uniform coats: table 1.6 of the literature digest, recomputed from its formula.
  const TABLE: [number, [number, number, number]][] = [
    [0.5, [1.5, 2.292, 2.904]],
    [0.3, [1.181, 1.657, 2.023]],
    [0.2, [0.922, 1.239, 1.483]],
    [0.1, [0.569, 0.727, 0.85]],
    [0.05, [0.336, 0.416, 0.477]],
    [0.01, [0.091, 0.107, 0.119]],
  ]
  it.each(TABLE)('runs mode is within 2 percent for independent levels of density %f', (density, expected) => {
    ;([1, 3, 7] as const).forEach((maxLevel, i) => {
      const levels = randomLevels(new Rng(100 * density + maxLevel), 400 * 500, maxLevel, density)
      const { size } = readWd(encodeModel(denseModel(400, 500, maxLevel, levels), { mode: 'runs' }))
      const bits = 8 * size.levels
      expect(bits / entropyBits(levels)).toBeLessThan(1.02)
      // The sample's own entropy strays from the table's by a few per cent at the lowest densities.
      expect(Math.abs(entropyBits(levels) / levels.length / expected[i] - 1)).toBeLessThan(density < 0.05 ? 0.06 : 0.03)
    })
  })

  it('context mode finds what order-0 statistics miss', () => {
    // Blobs: non-zero levels of one sign in a few neighbourhoods of a 16 x 16 plane, the same in most rows.
    const rng = new Rng(9)
    const [rows, side] = [40, 16]
    const levels = new Int8Array(rows * side * side)
    for (let r = 0; r < rows; r++) {
      for (let b = 0; b < 3; b++) {
        const [y, x, sign] = [4 + rng.below(8), 4 + rng.below(8), rng.below(2) ? 1 : -1]
        for (let k = 0; k < 9; k++)
          levels[(r * side + y - 1 + Math.floor(k / 3)) * side + x - 1 + (k % 3)] = rng.below(8) ? sign : 0
      }
    }
    const dense = denseModel(rows, side * side, 1, levels)
    const model: Model = {
      ...dense,
      graph: {
        inputs: [{ name: 'image', shape: [1, side, side], scale: [1 / 255], offset: [0] }],
        nodes: [
          { op: 'flatten', name: 'flatten1', inputs: ['image'] },
          { op: 'dense', name: 'fc1', inputs: ['flatten1'], units: rows },
        ],
        outputs: ['fc1'],
      },
      ranges: { flatten1: 128 },
    }
    const { size } = readWd(encodeModel(model))
    expect(8 * size.levels).toBeLessThan(0.75 * entropyBits(levels))
  })

  it('keeps the slow mode to 2^21 weights a file', () => {
    const model = denseModel(2 ** 12, 2 ** 9 + 1, 1, new Int8Array(2 ** 12 * (2 ** 9 + 1)))
    expect(readWd(encodeModel(model)).tensors[0].mode).toBe('runs')
    expect(() => encodeModel(model, { mode: 'context' })).toThrow(expect.objectContaining({ code: 'E_FORMAT' }))
  })

  it('codes 8-bit levels as runs only', () => {
    const model = denseModel(20, 30, 127, randomLevels(new Rng(3), 600, 127, 0.5))
    expect(readWd(encodeModel(model)).tensors[0]).toMatchObject({ mode: 'runs', maxLevel: 127 })
    expect(() => encodeModel(model, { mode: 'context' })).toThrow(/no 8-bit levels/)
  })

  it.each([1, 0.1])(
    '8-bit levels of a bell curve take 2 percent more than their entropy at most (density %f)',
    (density) => {
      const rng = new Rng(8)
      const levels = Int8Array.from({ length: 200_000 }, () =>
        rng.float() < density ? Math.max(-127, Math.min(127, Math.round(40 * rng.normal()))) : 0,
      )
      const { size } = readWd(encodeModel(denseModel(400, 500, 127, levels)))
      expect((8 * size.levels) / entropyBits(levels)).toBeLessThan(1.02)
    },
  )
})
