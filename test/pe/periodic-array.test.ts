/** Arrays for periodic patterns (SPS) and for N:M, from sizes and from real weights. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Pattern, parsePattern, project } from '../../src/patterns.js'
import { type PeLayer, type Skipping, type SystolicArch, simulate } from '../../src/pe.js'
import { Rng } from '../../src/rng.js'
import { arrayOf, DATAFLOWS, type Network, topology } from './topologies.js'

const periodic = (taps: number, period = 8): Skipping => ({ kind: 'periodic', taps, period })

interface Shape {
  readonly out: number
  readonly channels: number
  readonly kernel: number
  readonly groups?: number
  readonly pixels?: number
}

function known(
  { out, channels, kernel, groups = 1, pixels = 49 }: Shape,
  levels: Int8Array,
  pattern?: Pattern,
): PeLayer {
  const taps = kernel ** 2
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
    weightDensity: levels.filter((level) => level !== 0).length / levels.length,
    activationDensity: 1,
    levels: { shape: [out, channels, kernel, kernel], levels, maxLevel: 7, ...(pattern && { pattern }) },
  }
}

function patterned(pattern: Pattern, { out, channels, kernel }: Shape): Int8Array {
  const rng = new Rng(1)
  const weights = Float32Array.from({ length: out * channels * kernel ** 2 }, () => rng.float() + 0.1)
  return Int8Array.from(project(pattern, [out, channels, kernel, kernel], weights))
}

const run = async (layer: PeLayer, arch: SystolicArch, masks = true) =>
  (await simulate({ name: 'test', layers: [layer] }, arch, { masks })).layers[0]

describe('periodic patterns from sizes', () => {
  const cycles = async (network: Network, dataflow: 'os' | 'ws', taps: number) =>
    (await simulate(topology(network), arrayOf({ dataflow, skipping: periodic(taps) }))).total.cycles

  it.each([
    ['os', [1718374, 1244518, 928614, 770662, 612710, 454758]],
    ['ws', [2519836, 1749388, 1235756, 978940, 722124, 465308]],
  ] as const)('takes the cycles of ResNet-18 with 9, 6, 4, 3, 2, 1 taps: %s', async (dataflow, expected) => {
    const found = await Promise.all([9, 6, 4, 3, 2, 1].map((taps) => cycles('resnet18', dataflow, taps)))
    expect(found).toEqual(expected)
  })

  it('takes those of ResNet-50 with 4 taps, whose 1 x 1 layers it cannot make faster', async () => {
    const [os, ws] = [await cycles('resnet50', 'os', 4), await cycles('resnet50', 'ws', 4)]
    expect([os, ws]).toEqual([3602222, 4412620])
    expect([(4434222 / os).toFixed(2), (5753540 / ws).toFixed(2)]).toEqual(['1.23', '1.30'])
  })

  it('is the dense array in all but its table when all taps stay', async () => {
    for (const dataflow of DATAFLOWS) {
      const [all, dense] = [
        await simulate(topology('resnet18'), arrayOf({ dataflow, skipping: periodic(9) })),
        await simulate(topology('resnet18'), arrayOf({ dataflow })),
      ]
      expect(all.total.cycles).toBe(dense.total.cycles)
      expect(all.total.slots).toEqual(dense.total.slots)
    }
  })

  it('has an index of period * taps * 4 bits for a layer, whatever its channels and filters', async () => {
    const index = async (channels: number, out: number, skipping: Skipping) => {
      const layer = known({ out, channels, kernel: 3 }, new Int8Array(out * channels * 9))
      const bits = async (arch: SystolicArch) =>
        (await run({ ...layer, weightDensity: 1 }, arch, false)).traffic.find((t) => t.memory === 'dram')?.readBits ?? 0
      const width = 64
      const large = { bytes: 2 ** 26, width }
      const buffers = { weights: large, activations: large, outputs: large }
      const weights = channels * out * (skipping.kind === 'periodic' ? skipping.taps : 9) * 4
      return (await bits(arrayOf({ skipping, buffers }))) - weights - layer.inputs * 8
    }
    for (const channels of [8, 64, 512]) {
      for (const out of [16, 256]) {
        expect(await index(channels, out, periodic(4, 8))).toBe(8 * 4 * 4)
        expect(await index(channels, out, periodic(2, 6))).toBe(6 * 2 * 4)
        expect(await index(channels, out, { kind: 'none' })).toBe(0)
      }
    }
  })

  it('reads the inputs that the taps look at, and no others', async () => {
    const layer = { ...known({ out: 32, channels: 64, kernel: 3 }, new Int8Array(32 * 576)), weightDensity: 1 }
    for (const dataflow of DATAFLOWS) {
      const read = async (skipping: Skipping) =>
        (await run(layer, arrayOf({ dataflow, skipping }), false)).traffic.slice(0, 2).map((t) => t.readBits)
      const [some, all] = [await read(periodic(3)), await read(periodic(9))]
      expect(some.map((bits) => 3 * bits)).toEqual(all)
    }
  })
})

describe('periodic patterns of real weights', () => {
  const shape: Shape = { out: 64, channels: 32, kernel: 3 }
  const corners = parsePattern('PS4_P4')
  if (corners.kind !== 'periodic') throw new Error('PS4_P4 is periodic')
  const still: Pattern = { ...corners, rotate: false }

  it('take what the closed form says when all filters have the same sets', async () => {
    for (const dataflow of DATAFLOWS) {
      const arch = arrayOf({ dataflow, skipping: periodic(4, 4) })
      const layer = known(shape, patterned(still, shape), still)
      const walk = await run(layer, arch)
      expect(walk).toEqual(await run(layer, arch, false))
      expect(walk.slots).toMatchObject({ zeros: 0, imbalance: 0, useful: 49 * 64 * 32 * 4 })
      // The same weights, of which nothing says that they have a pattern.
      expect(await run(known(shape, patterned(still, shape)), arch)).toEqual(walk)
    }
  })

  it('put filters of the same sets side by side where sets rotate: folds are of filters alike', async () => {
    const arch = arrayOf({ dataflow: 'ws', skipping: periodic(4, 4) })
    const layer = known(shape, patterned(corners, shape), corners)
    // 16 filters of each of four kinds, which do not fill 32 columns; 32 channels of 4 taps are four times 32 rows.
    const walk = await run(layer, arch)
    expect(walk.cycles).toBe(4 * 4 * (64 + 32 + 49 - 2))
    expect(walk.slots).toMatchObject({ zeros: 0, useful: 49 * 64 * 32 * 4, edge: 49 * 64 * 32 * 4 })
  })

  it('do not depend on the order of filters', async () => {
    const levels = patterned(still, shape)
    const rng = new Rng(3)
    const order = Array.from({ length: 64 }, (_, i) => ({ i, at: rng.float() })).sort((a, b) => a.at - b.at)
    const mixed = new Int8Array(levels.length)
    order.forEach(({ i }, place) => {
      mixed.set(levels.subarray(i * 288, (i + 1) * 288), place * 288)
    })
    for (const dataflow of DATAFLOWS) {
      const arch = arrayOf({ dataflow, skipping: periodic(4, 4) })
      expect(await run(known(shape, mixed), arch)).toEqual(await run(known(shape, levels), arch))
    }
  })

  it('may have one dense kernel in a period, if the table has room for it', async () => {
    const pattern = parsePattern('PSD4_P8')
    const layer = known(shape, patterned(pattern, shape), pattern)
    // 7 * 4 + 9 = 37 entries.
    await expect(run(layer, arrayOf({ skipping: periodic(4, 8) }))).rejects.toThrow(
      /'conv' does not keep to the array's 4 taps with a period of 8: its kernels have 37 taps in a period of 8/,
    )
    const { slots } = await run(layer, arrayOf({ skipping: periodic(5, 8) }))
    expect(slots).toMatchObject({ useful: (49 * 64 * 32 * 37) / 8, zeros: 0 })
  })

  it('run dense where a layer has none, or its kernels are of another size', async () => {
    const arch = arrayOf({ skipping: periodic(4, 4) })
    const dense = (layer: PeLayer) => run(layer, arrayOf({}))
    const full = known(shape, new Int8Array(64 * 288).fill(1))
    const ran = await run(full, arch)
    expect(ran.cycles).toBe((await dense(full)).cycles)
    expect(ran.notes).toEqual([expect.stringMatching(/^runs dense, not 4 taps with a period of 4/)])
    const small = known({ ...shape, kernel: 1 }, new Int8Array(64 * 32).fill(1))
    expect((await run(small, arch)).cycles).toBe((await dense(small)).cycles)
    expect((await run(small, arch)).notes).toBeUndefined()
    const other = parsePattern('2:4')
    await expect(run(known(shape, patterned(other, shape), other), arch)).rejects.toMatchObject({ code: 'E_OPTION' })
  })
})

describe('N:M of real weights', () => {
  const shape: Shape = { out: 64, channels: 32, kernel: 3 }
  const half = parsePattern('2:4')
  const arch = arrayOf({ dataflow: 'ws', skipping: { kind: 'n:m', n: 2, m: 4 } })

  it('takes what the closed form says, also of sparser weights', async () => {
    const layer = known(shape, patterned(half, shape), half)
    expect(await run(layer, arch)).toEqual(await run(layer, arch, false))
    const quarter = known(shape, patterned(parsePattern('1:4'), shape))
    const walk = await run(quarter, arch)
    expect(walk).toEqual(await run(quarter, arch, false))
    expect(walk.slots.zeros).toBe(walk.slots.useful)
  })

  it('runs layers without a pattern dense, and refuses those of another one', async () => {
    const full = known(shape, new Int8Array(64 * 288).fill(1))
    expect((await run(full, arch)).cycles).toBe((await run(full, arrayOf({ dataflow: 'ws' }))).cycles)
    expect((await run(full, arch)).notes).toEqual([
      'runs dense, not 2:4: the group of weight 0 has 4 that are not zero, at most 2 are allowed',
    ])
    const three: Shape = { out: 8, channels: 3, kernel: 3 }
    expect((await run(known(three, new Int8Array(8 * 27).fill(1)), arch)).notes?.[0]).toMatch(/need as many/)
    const other = parsePattern('complementary:2')
    await expect(run(known(shape, patterned(other, shape), other), arch)).rejects.toThrow(
      /'conv' does not keep to the array's 2:4: .*; choose an array of its pattern/,
    )
  })
})

describe('any array from densities', () => {
  const skippings: readonly Skipping[] = [
    { kind: 'none' },
    { kind: 'n:m', n: 2, m: 4 },
    { kind: 'complementary', factor: 4, axis: 'k' },
    { kind: 'complementary', factor: 3, axis: 'p' },
    { kind: 'complementary', factor: 4, axis: 'n' },
    periodic(4),
  ]

  it('accounts for every element and cycle, with more useful ones for denser weights and never less energy', async () => {
    const cases = fc.record({
      m: fc.integer({ min: 1, max: 300 }),
      n: fc.integer({ min: 1, max: 100 }),
      channels: fc.integer({ min: 1, max: 40 }),
      kernel: fc.constantFrom(1, 3, 5),
      groups: fc.constantFrom(1, 1, 4, 32),
      rows: fc.integer({ min: 1, max: 40 }),
      columns: fc.integer({ min: 2, max: 40 }),
      dataflow: fc.constantFrom(...DATAFLOWS),
      convention: fc.constantFrom('schedule', 'report', 'paper', 'v1', 'stonne'),
      skipping: fc.constantFrom(...skippings),
      bandwidth: fc.option(fc.integer({ min: 1, max: 2000 }), { nil: undefined }),
    })
    await fc.assert(
      fc.asyncProperty(cases, async ({ m, n, channels, kernel, groups, convention, bandwidth, ...array }) => {
        const taps = kernel ** 2
        const dataflow = convention === 'stonne' ? 'os' : array.dataflow
        const arch = arrayOf({ ...array, dataflow, convention, dram: bandwidth === undefined ? {} : { bandwidth } })
        const sizes = { op: 'conv2d', m, n, k: channels * taps, groups, taps, inputs: m * channels * groups } as const
        const bits = { weightBits: 3, activationBits: 8, activationDensity: 0.5 }
        const costs = []
        for (const weightDensity of [0, 0.25, 0.5, 1]) {
          const layers = [{ name: 'l', ...sizes, ...bits, weightDensity }]
          costs.push((await simulate({ name: 'test', layers }, arch)).layers[0])
        }
        for (const { cycles, slots, effectual, traffic, energy } of costs) {
          expect(Object.values(slots).reduce((a, b) => a + b)).toBe(cycles * array.rows * array.columns)
          expect(Math.min(...Object.values(slots))).toBeGreaterThanOrEqual(0)
          expect(effectual).toBe(slots.useful / 2)
          for (const t of traffic) expect(Math.min(t.readBits, t.writeBits)).toBeGreaterThanOrEqual(0)
          for (const band of Object.values(energy)) {
            expect(band.low).toBeLessThanOrEqual(band.mid)
            expect(band.mid).toBeLessThanOrEqual(band.high)
          }
        }
        for (let i = 1; i < costs.length; i++) {
          expect(costs[i].slots.useful).toBeGreaterThanOrEqual(costs[i - 1].slots.useful)
          expect(costs[i].cycles).toBe(costs[0].cycles)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('is faster, or as fast, the more it skips', async () => {
    const total = async (skipping: Skipping, dataflow: 'os' | 'ws' | 'is') =>
      (await simulate(topology('resnet18'), arrayOf({ skipping, dataflow }))).total.cycles
    for (const dataflow of DATAFLOWS) {
      for (const sparser of [
        [1, 2, 4, 8].map((m): Skipping => ({ kind: 'n:m', n: 1, m })),
        [2, 4, 8, 16].map((factor): Skipping => ({ kind: 'complementary', factor, axis: 'k' })),
        [2, 4, 8, 16].map((factor): Skipping => ({ kind: 'complementary', factor, axis: 'n' })),
        [9, 5, 3, 1].map((taps) => periodic(taps)),
      ]) {
        const cycles = await Promise.all(sparser.map((skipping) => total(skipping, dataflow)))
        expect(cycles).toEqual([...cycles].sort((a, b) => b - a))
      }
    }
  })
})
