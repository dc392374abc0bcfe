/** Arrays that pack complementary filters or inputs, from sizes and from real weights. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Graph, resnet, vgg } from '../../src/compress.js'
import { type Pattern, parsePattern, project } from '../../src/patterns.js'
import { collisionsOf } from '../../src/pe/systolic/collisions.js'
import { type Dataflow, graphWorkload, type PeLayer, type Skipping, type SystolicArch, simulate } from '../../src/pe.js'
import { Rng } from '../../src/rng.js'
import { arrayOf, DATAFLOWS, type Network, topology } from './topologies.js'

type Axis = 'k' | 'p' | 'n'
const AXES: readonly Axis[] = ['k', 'p', 'n']
const complementary = (factor: number, axis: Axis = 'k'): Skipping => ({ kind: 'complementary', factor, axis })

/** A convolution [out, in, kh, kw] of `size` pixels with given levels. */
function known(
  shape: readonly [number, number, number, number],
  levels: Int8Array,
  pattern?: Pattern,
  pixels = 49,
  groups = 1,
): PeLayer {
  const [out, channels, height, width] = shape
  const taps = height * width
  const nonZero = levels.reduce((sum, level) => sum + (level === 0 ? 0 : 1), 0)
  return {
    name: 'conv',
    op: 'conv2d',
    m: pixels,
    n: out / groups,
    k: channels * taps,
    groups,
    taps,
    inputs: pixels * channels * groups,
    weightBits: 4,
    activationBits: 8,
    weightDensity: nonZero / levels.length,
    activationDensity: 1,
    levels: { shape, levels, maxLevel: 7, ...(pattern && { pattern }) },
  }
}

function patterned(pattern: Pattern, shape: readonly [number, number, number, number], seed = 1): Int8Array {
  const rng = new Rng(seed)
  const weights = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => rng.float() - 0.5)
  return Int8Array.from(project(pattern, shape, weights))
}

const run = async (layer: PeLayer, arch: SystolicArch, masks = true) =>
  (await simulate({ name: 'test', layers: [layer] }, arch, { masks })).layers[0]

describe('closed forms', () => {
  const cycles = async (network: Network, fields: Partial<SystolicArch>) =>
    (await simulate(topology(network), arrayOf(fields))).total.cycles

  it.each([
    ['resnet50', 'ws', 32, 32, ['1.99', '3.78', '6.70', '9.77', '12.2']],
    ['resnet50', 'ws', 16, 64, ['2.00', '3.98', '7.57', '13.4', '19.5']],
    ['resnet50', 'os', 32, 32, ['1.74', '2.76', '3.91', '4.93', '5.67']],
    ['resnet18', 'ws', 32, 32, ['1.98', '3.80', '7.10', '11.6', '18.1']],
    ['resnet18', 'os', 32, 32, ['1.84', '3.19', '5.01', '7.03', '8.81']],
  ] as const)('%s %s %ix%i: speed-ups of 2 to 32 in one', async (network, dataflow, rows, columns, expected) => {
    const dense = await cycles(network, { dataflow, rows, columns })
    for (const [i, text] of expected.entries()) {
      const packed = await cycles(network, { dataflow, rows, columns, skipping: complementary(2 ** (i + 1)) })
      expect((dense / packed).toFixed(text.split('.')[1].length)).toBe(text)
    }
  })

  it('takes as many cycles as 1:D of SCALE-Sim, and packs filters instead of inputs', async () => {
    for (const factor of [2, 4, 8]) {
      const of = (skipping: Skipping) => cycles('resnet18', { dataflow: 'ws', skipping })
      expect(await of(complementary(factor))).toBe(await of({ kind: 'n:m', n: 1, m: factor }))
      expect(await of(complementary(factor, 'p'))).toBe(await of(complementary(factor)))
    }
    const layer = known([64, 8, 3, 3], new Int8Array(64 * 72))
    for (const [dataflow, expected] of [
      ['ws', 3 * (64 + 32 + 49 - 2)],
      ['os', 2 * (72 + 32 + 32 - 2)],
      ['is', 3 * 2 * (64 + 32 + 16 - 2)],
    ] as const) {
      expect((await run(layer, arrayOf({ dataflow, skipping: complementary(4, 'n') }), false)).cycles).toBe(expected)
    }
  })

  it('reads every input of the dense layer, each weight that is left, and its index', async () => {
    const layer = known([64, 8, 3, 3], new Int8Array(64 * 72))
    const bits = async (axis: Axis) => {
      const { traffic } = await run(layer, arrayOf({ dataflow: 'ws', skipping: complementary(4, axis) }), false)
      return traffic.slice(0, 3).map(({ readBits, writeBits }) => [readBits, writeBits])
    }
    const [m, n, k] = [49, 64, 72]
    const once = [0, m * n * 8]
    expect(await bits('k')).toEqual([[(k / 4) * n * (4 + 2), 0], [2 * m * k * 8, 0], once])
    // 4! = 24 permutations of four inputs: 5 bits for four weights.
    expect(await bits('p')).toEqual([[(k / 4) * n * 4 + (k / 4) * (n / 4) * 5, 0], [2 * m * k * 8, 0], once])
    // Filters are packed: inputs are read once, but there are three folds of inputs. A sum has 4 + 8 + 7 bits.
    const partial = 2 * m * n * 19
    expect(await bits('n')).toEqual([
      [k * (n / 4) * (4 + 2), 0],
      [m * k * 8, 0],
      [partial, m * n * 8 + partial],
    ])
  })
})

/** Speed-ups over dense, all layers packed but the first, taken from an independent calculation: ws and os. */
const CIFAR_TABLE = [
  ['VGG-16 CIFAR', 16, '2.00/1.98', '3.97/3.89', '7.58/6.89', '2.24/2.18', '4.47/4.12', '8.84/7.45'],
  ['VGG-16 CIFAR', 32, '2.00/1.98', '3.89/3.65', '7.09/5.87', '2.25/2.15', '4.48/3.99', '8.90/6.95'],
  ['VGG-16 CIFAR', 128, '1.91/1.82', '3.20/2.86', '3.20/2.86', '2.25/2.01', '4.45/3.36', '8.55/5.08'],
  ['ResNet-18 CIFAR', 32, '2.00/1.98', '3.61/3.19', '5.58/4.12', '2.21/2.07', '4.27/3.62', '8.01/5.78'],
  ['VGG-16', 32, '1.99/1.97', '3.54/3.40', '5.19/4.78', '2.23/2.10', '4.41/3.76', '8.58/6.20'],
] as const
const CIFAR_DENSE: Readonly<Record<string, string>> = {
  'VGG-16 CIFAR 16': '3868048/1589760',
  'VGG-16 CIFAR 32': '1656580/612384',
  'ResNet-18 CIFAR 32': '1567132/713152',
}
const GRAPHS: Readonly<Record<string, () => Graph>> = {
  'VGG-16 CIFAR': () => vgg({ depth: 16 }),
  'VGG-16': () => vgg({ depth: 16, input: [3, 224, 224], classes: 1000 }),
  'ResNet-18 CIFAR': () => resnet({ depth: 18, stem: 'cifar', input: [3, 32, 32], classes: 10 }),
}

describe('convolutions of whole networks', () => {
  it.each(CIFAR_TABLE)(
    '%s on a square of %i: two, four, eight filters in one; 4, 2, 1 of 9 taps',
    async (name, size, ...rest) => {
      const workload = graphWorkload(GRAPHS[name]())
      const convolutions = { ...workload, layers: workload.layers.filter((layer) => layer.op === 'conv2d') }
      const cycles = async (dataflow: Dataflow, skipping: Skipping) => {
        const arch = arrayOf({ rows: size, columns: size, dataflow, skipping })
        return (await simulate(convolutions, arch)).layers.map((layer) => layer.cycles)
      }
      const sum = (all: readonly number[]) => all.reduce((a, b) => a + b, 0)
      const dense = { ws: await cycles('ws', { kind: 'none' }), os: await cycles('os', { kind: 'none' }) }
      const speedUp = async (skipping: Skipping) => {
        const each = async (dataflow: 'ws' | 'os') => {
          const [first, ...others] = [dense[dataflow][0], ...(await cycles(dataflow, skipping)).slice(1)]
          return (sum(dense[dataflow]) / (first + sum(others))).toFixed(2)
        }
        return `${await each('ws')}/${await each('os')}`
      }
      const skippings: Skipping[] = [
        ...[2, 4, 8].map((factor) => complementary(factor, 'n')),
        ...[4, 2, 1].map((taps): Skipping => ({ kind: 'periodic', taps, period: 8 })),
      ]
      expect(await Promise.all(skippings.map(speedUp))).toEqual(rest)
      const known = CIFAR_DENSE[`${name} ${size}`]
      if (known !== undefined) expect(`${sum(dense.ws)}/${sum(dense.os)}`).toBe(known)
    },
  )
})

describe('real weights', () => {
  it.each([
    ['k', '1:4'],
    ['k', 'segments:4'],
    ['n', 'complementary:4'],
  ] as const)('need one pass where they keep to the pattern: axis %s, %s', async (axis, name) => {
    const pattern = parsePattern(name)
    const shape = [64, 32, 3, 3] as const
    const layer = known(shape, patterned(pattern, shape), pattern)
    for (const dataflow of DATAFLOWS) {
      const arch = arrayOf({ dataflow, skipping: complementary(4, axis) })
      const [walk, closed] = [await run(layer, arch), await run(layer, arch, false)]
      expect(walk).toEqual(closed)
      expect(walk.notes).toBeUndefined()
      expect(walk.slots.useful).toBe(49 * 64 * 32 * 9 * 0.25)
    }
  })

  it('follow the order of filters that the pattern has', async () => {
    const order = Array.from({ length: 16 }, (_, i) => (i * 5) % 16)
    const pattern: Pattern = { kind: 'groups', axis: 'out', of: 4, keep: 1, order }
    const shape = [16, 8, 1, 1] as const
    const levels = patterned(pattern, shape)
    const arch = arrayOf({ dataflow: 'ws', skipping: complementary(4, 'n') })
    expect((await run(known(shape, levels, pattern), arch)).notes).toBeUndefined()
    expect((await run(known(shape, levels), arch)).notes?.[0]).toMatch(/up to [234] weights want the same slot/)
  })

  it('need permutations of inputs and filters on axis p: as many as the fullest row or column of a block', async () => {
    const permutation = Int8Array.from([0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0])
    const shape = [4, 4, 1, 1] as const
    const [k, p] = [arrayOf({ skipping: complementary(4, 'k') }), arrayOf({ skipping: complementary(4, 'p') })]
    expect((await run(known(shape, permutation), p)).notes).toBeUndefined()
    // Every filter has its weight at the same input: one in each filter, but four filters want it.
    const column = Int8Array.from({ length: 16 }, (_, i) => (i % 4 === 2 ? 1 : 0))
    expect((await run(known(shape, column), k)).notes).toBeUndefined()
    expect((await run(known(shape, column), p)).notes).toEqual([
      'up to 4 weights want the same slot: 4 weights take 16 slots in all passes',
    ])
  })

  it('take as many passes as their fullest slot: for a fold (ws), a step of inputs (os) or of filters (is)', async () => {
    // Two filters, eight inputs in two slots of four; [filter][slot] weights: 3 1 / 1 2.
    const levels = Int8Array.from([1, 1, 1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 1, 1, 0])
    const layer = known([2, 8, 1, 1], levels, undefined, 5)
    expect(Array.from(collisionsOf({ ...layer, levels: layer.levels as never }, complementary(4) as never, 0).wanted))
      .toEqual([3, 1, 1, 2]) // biome-ignore format: [slot][filter]
    const cycles = async (rows: number, dataflow: 'os' | 'ws' | 'is') =>
      run(layer, arrayOf({ rows, columns: 2, dataflow, skipping: complementary(4) }))
    const whole = await cycles(2, 'ws')
    expect(whole.cycles).toBe(3 * (4 + 2 + 5 - 2))
    expect(whole.slots).toMatchObject({ useful: 7 * 5, zeros: 3 * 4 * 5 - 35, edge: 0 })
    expect(whole.notes).toEqual(['up to 3 weights want the same slot: 7 weights take 12 slots in all passes'])
    expect((await cycles(1, 'ws')).cycles).toBe((3 + 2) * (2 + 2 + 5 - 2))
    expect((await cycles(5, 'os')).cycles).toBe(3 + 2 + 5 + 2 - 2)
    expect((await cycles(2, 'is')).cycles).toBe(3 * (3 + 2 + 4 + 2 - 2))
    expect((await cycles(1, 'is')).cycles).toBe(3 * (3 + 1 + 2 + 2 - 2) + 3 * (1 + 2 + 2 + 2 - 2))
  })

  it('of dense layers stream for as long as on a dense array, with as many fillings or fewer', async () => {
    const layer = known([128, 128, 3, 3], new Int8Array(128 * 1152).fill(1))
    for (const dataflow of DATAFLOWS) {
      for (const axis of AXES) {
        const [packed, dense] = [
          await run(layer, arrayOf({ dataflow, skipping: complementary(4, axis) })),
          await run(layer, arrayOf({ dataflow })),
        ]
        expect(packed.slots).toEqual({ ...dense.slots, fill: packed.slots.fill })
        expect(packed.cycles).toBeLessThanOrEqual(dense.cycles)
      }
    }
  })

  it('add up, whatever they are, and never take fewer cycles for more of them', async () => {
    const shapes = fc.record({
      out: fc.integer({ min: 1, max: 12 }),
      channels: fc.integer({ min: 1, max: 9 }),
      kernel: fc.constantFrom(1, 2, 3),
      groups: fc.constantFrom(1, 2, 3),
      pixels: fc.integer({ min: 1, max: 20 }),
      seed: fc.nat(1000),
      factor: fc.integer({ min: 2, max: 5 }),
      axis: fc.constantFrom(...AXES),
      dataflow: fc.constantFrom(...DATAFLOWS),
      rows: fc.integer({ min: 1, max: 7 }),
      columns: fc.integer({ min: 1, max: 7 }),
    })
    await fc.assert(
      fc.asyncProperty(shapes, async ({ out, channels, kernel, groups, pixels, seed, factor, axis, ...array }) => {
        const shape = [out * groups, channels, kernel, kernel] as const
        const rng = new Rng(seed)
        const order = Array.from({ length: shape.reduce((a, b) => a * b) }, () => rng.float())
        const arch = arrayOf({ ...array, skipping: complementary(factor, axis) })
        let before = 0
        for (const density of [0, 0.1, 0.3, 0.7, 1]) {
          const levels = Int8Array.from(order, (at) => (at < density ? 1 : 0))
          const layer = known(shape, levels, undefined, pixels, groups)
          const { cycles, slots } = await run(layer, arch)
          const nonZero = levels.reduce((a, b) => a + b, 0)
          expect(slots.useful).toBe(nonZero * pixels)
          expect(Math.min(...Object.values(slots))).toBeGreaterThanOrEqual(0)
          expect(Object.values(slots).reduce((a, b) => a + b)).toBe(cycles * array.rows * array.columns)
          expect(cycles).toBeGreaterThanOrEqual(before)
          before = cycles
        }
      }),
      { numRuns: 150 },
    )
  })
})
