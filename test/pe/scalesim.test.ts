/** Dense and N:M systolic arrays against what SCALE-Sim, STONNE and their papers give. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { cyclesOf, foldsOf, type Product } from '../../src/pe/systolic/folds.js'
import { scaleSimWords } from '../../src/pe/systolic/traffic.js'
import { macsOf } from '../../src/pe/workload.js'
import { type Convention, type Dataflow, type PeLayer, type SystolicArch, simulate } from '../../src/pe.js'
import { arrayOf, DATAFLOWS, type Network, topology } from './topologies.js'

/** Measured by running SCALE-Sim v3, as is all of this file unless told. */
const TOTALS = readFileSync(new URL('../fixtures/pe/scalesim_totals.csv', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .slice(1)
  .map((line) => {
    const [network, rows, columns, ...cycles] = line.split(',')
    return { network: network as Network, size: `${rows}x${columns}`, cycles: cycles.map(Number) }
  })

/** Millions of multiply-accumulates. */
const MACS: Readonly<Record<Network, number>> = {
  resnet50: 3479.5,
  resnet18: 1471.2,
  alexnet: 805.1,
  'vit-s': 275.2,
  mobilenet: 565.5,
  alphagozero: 352.9,
  'transformer-partial': 807.4,
}

const sized = (size: string, fields: Partial<SystolicArch> = {}) => {
  const [rows, columns] = size.split('x').map(Number)
  return arrayOf({ rows, columns, ...fields })
}

const layerOf = ({ m, n, k }: Product, fields: Partial<PeLayer> = {}): PeLayer => ({
  name: 'layer',
  op: 'matmul',
  m,
  n,
  k,
  groups: 1,
  taps: 1,
  inputs: m * k,
  weightBits: 8,
  activationBits: 8,
  weightDensity: 1,
  activationDensity: 1,
  ...fields,
})

const report = async (product: Product, arch: SystolicArch, fields: Partial<PeLayer> = {}) =>
  (await simulate({ name: 'test', layers: [layerOf(product, fields)] }, arch)).layers[0]

const cyclesFor = async (product: Product, arch: SystolicArch) => (await report(product, arch)).cycles

describe('cycles of whole networks', () => {
  const cases = TOTALS.flatMap(({ network, size, cycles }) =>
    DATAFLOWS.map((dataflow, i) => [network, size, dataflow, cycles[i]] as const),
  )
  it.each(cases)('%s on %s, %s: %i', async (network, size, dataflow, expected) => {
    const { total } = await simulate(topology(network), sized(size, { dataflow }))
    expect(total.cycles).toBe(expected)
    expect(Math.round(total.macs / 1e5) / 10).toBe(MACS[network])
  })

  it('are all those of the table', () => {
    expect(cases.length).toBe(42)
  })
})

describe('single products', () => {
  const product = (m: number, n: number, k: number): Product => ({ m, n, k })

  it('takes the cycles of the convention, for squares of 4, 32 and 90', async () => {
    const expected: readonly (readonly [Convention, number, number, number])[] = [
      ['schedule', 10, 94, 268],
      ['report', 9, 93, 267],
      ['v1', 11, 95, 269],
      ['paper', 14, 126, 358],
    ]
    for (const [convention, ...cycles] of expected) {
      const found = [4, 32, 90].map((n) => cyclesFor(product(n, n, n), sized(`${n}x${n}`, { convention })))
      expect(await Promise.all(found), convention).toEqual(cycles)
    }
  })

  it('differs between conventions as their definitions say, also for held weights and inputs', async () => {
    for (const dataflow of ['ws', 'is'] as const) {
      const of = (convention: Convention) => cyclesFor(product(50, 40, 30), sized('8x4', { dataflow, convention }))
      const schedule = await of('schedule')
      expect(await of('report')).toBe(schedule - 1)
      expect(await of('paper')).toBe(schedule)
    }
  })

  it('takes the folds and cycles of small products', async () => {
    const cases: readonly (readonly [string, Product, Dataflow, number | undefined, number])[] = [
      ['8x8', product(16, 8, 20), 'ws', 3, 114],
      ['8x8', product(16, 8, 20), 'os', 2, 68],
      ['8x8', product(16, 8, 20), 'is', 6, 180],
      ['8x4', product(32, 12, 20), 'ws', undefined, 450],
      ['8x4', product(32, 12, 20), 'os', undefined, 360],
      ['8x4', product(32, 12, 20), 'is', undefined, 720],
    ]
    for (const [size, sizes, dataflow, folds, cycles] of cases) {
      const arch = sized(size, { dataflow })
      expect(await cyclesFor(sizes, arch), `${size} ${dataflow}`).toBe(cycles)
      if (folds !== undefined) expect(foldsOf(sizes, arch).reduce((sum, fold) => sum + fold.times, 0)).toBe(folds)
    }
  })

  it("gives what SCALE-Sim's golden reports print, less their waiting for DRAM", async () => {
    const golden: readonly (readonly [Product, Dataflow, number])[] = [
      [product(3025, 96, 363), 'ws', 112283],
      [product(256, 128, 256), 'os', 52447 - 42272],
      [product(256, 128, 256), 'ws', 52447 - 41248],
      [product(256, 128, 256), 'is', 19984 - 5777],
    ]
    for (const [sizes, dataflow, cycles] of golden) {
      expect(await cyclesFor(sizes, sized('32x32', { dataflow, convention: 'report' })), dataflow).toBe(cycles)
    }
  })

  it("follows STONNE's formula, in which folds at the edges are cheaper", () => {
    // K + m + n + 3 for each fold of m x n, one less where m or n is 1; the sums are written out by hand.
    const stonne = (m: number, n: number, k: number) => {
      const array = sized('4x4', { convention: 'stonne' })
      return cyclesOf(foldsOf(product(m, n, k), array), array, 'stonne')
    }
    expect(stonne(4, 4, 4)).toBe(4 + 4 + 4 + 3)
    expect(stonne(1, 4, 7)).toBe(7 + 1 + 4 + 3 - 1)
    expect(stonne(1, 1, 7)).toBe(7 + 1 + 1 + 3 - 1)
    expect(stonne(8, 4, 10)).toBe(2 * (10 + 4 + 4 + 3))
    expect(stonne(6, 5, 10)).toBe(10 + 4 + 4 + 3 + (10 + 4 + 1 + 2) + (10 + 2 + 4 + 3) + (10 + 2 + 1 + 2))
  })

  it('refuses conventions where they mean nothing', async () => {
    const run = (fields: Partial<SystolicArch>) => report(product(4, 4, 4), sized('4x4', fields))
    await expect(run({ convention: 'stonne', dataflow: 'ws' })).rejects.toThrow(
      /arch.convention must be another than 'stonne'/,
    )
    await expect(run({ rows: 1, columns: 1, convention: 'report' })).rejects.toThrow(/arch.convention/)
    await expect(run({ convention: 'v2' as Convention })).rejects.toThrow(/one of 'schedule'/)
    await expect(run({ rows: 0 })).rejects.toThrow(/arch.rows must be a whole number from 1 to 65536, got 0/)
    expect((await run({ rows: 2, convention: 'v1' })).notes).toEqual([expect.stringMatching(/single folds of 'os'/)])
    expect((await run({ convention: 'v1' })).notes).toBeUndefined()
  })
})

describe('traffic', () => {
  it("is what SCALE-Sim's golden reports of detailed accesses have, also of 1:4 sparsity", () => {
    const gemm = { m: 256, n: 128, k: 256 }
    const convolution = { m: 3025, n: 96, k: 363 }
    const words = (product: Product, dataflow: Dataflow, size = '32x32', kept?: readonly [number, number]) =>
      Object.values(scaleSimWords(product, sized(size, { dataflow }), kept))
    expect(words(convolution, 'ws')).toEqual([3294225, 34848, 3484800])
    expect(words(gemm, 'os')).toEqual([262144, 262144, 34816])
    expect(words(gemm, 'ws')).toEqual([262144, 32768, 262144])
    expect(words(gemm, 'is')).toEqual([65536, 262144, 262144])
    expect(words(convolution, 'ws', '128x128', [1, 4])).toEqual([1101100, 8736, 290400])
  })

  it('reads and writes what SCALE-Sim counts, by its closed forms', () => {
    // 3 x 2, 5 x 2 and 5 x 3 folds.
    const [m, n, k] = [20, 12, 40]
    const words = (dataflow: Dataflow) => scaleSimWords({ m, n, k }, sized('8x8', { dataflow }))
    expect(words('os')).toEqual({ ifmapReads: 2 * m * k, filterReads: 3 * n * k, ofmapWrites: m * n + 6 * 16 })
    expect(words('ws')).toEqual({ ifmapReads: 2 * m * k, filterReads: n * k, ofmapWrites: 5 * m * n })
    expect(words('is')).toEqual({ ifmapReads: m * k, filterReads: 3 * n * k, ofmapWrites: 5 * m * n })
  })

  it('has no words of its own but the reading of partial sums, in bits', async () => {
    const [m, n, k] = [20, 12, 40]
    const layer = { weightBits: 4, activationBits: 6 }
    // 4 + 6 bits and 6 more for sums of 40.
    const sum = 16
    const bits = async (dataflow: Dataflow) => {
      const { traffic } = await report({ m, n, k }, sized('8x8', { dataflow }), layer)
      return Object.fromEntries(traffic.map((t) => [t.memory, [t.readBits, t.writeBits]]))
    }
    expect(await bits('os')).toMatchObject({
      weights: [3 * n * k * 4, 0],
      activations: [2 * m * k * 6, 0],
      outputs: [0, m * n * 6],
    })
    const outputs = [4 * m * n * sum, m * n * 6 + 4 * m * n * sum]
    expect(await bits('ws')).toMatchObject({ weights: [n * k * 4, 0], activations: [2 * m * k * 6, 0], outputs })
    expect(await bits('is')).toMatchObject({ weights: [3 * n * k * 4, 0], activations: [m * k * 6, 0], outputs })
  })

  it('brings every operand from DRAM once while it fits, else again for each fold that needs it', async () => {
    const sizes = { m: 1000, n: 64, k: 512 }
    const run = async (dataflow: Dataflow, weights: number, activations: number, outputs: number) => {
      const width = 64
      const buffers = {
        weights: { bytes: weights, width },
        activations: { bytes: activations, width },
        outputs: { bytes: outputs, width },
      }
      const dram = (await report(sizes, arrayOf({ dataflow, buffers }))).traffic.find((t) => t.memory === 'dram')
      return [(dram?.readBits ?? 0) / 8, (dram?.writeBits ?? 0) / 8]
    }
    const [weights, inputs, results] = [64 * 512, 1000 * 512, 64 * 1000]
    const big = 2 ** 20
    for (const dataflow of DATAFLOWS) {
      expect(await run(dataflow, big, big, big)).toEqual([weights + inputs, results])
    }
    // Either of them is enough for 'os': the loop over the other is the outer one.
    expect(await run('os', big, 1024, big)).toEqual([weights + inputs, results])
    expect(await run('os', 1024, big, big)).toEqual([weights + inputs, results])
    expect(await run('os', 1024, 1024, big)).toEqual([weights + 2 * inputs, results])
    // All sums fit: rows of weights one after another, inputs once. They do not: inputs come twice, or sums go and come.
    expect(await run('ws', 1024, 1024, big)).toEqual([weights + inputs, results])
    const half = 32 * 1000 * 4
    expect(await run('ws', 1024, 1024, half)).toEqual([weights + 2 * inputs, results])
    const sums = (15 * results * 25) / 8
    expect(await run('ws', 1024, 1024, 1024)).toEqual([weights + inputs + sums, results + sums])
    expect(await run('is', 1024, big, 1024)).toEqual([inputs + weights + sums, results + sums])
    expect(await run('is', 1024, big, 32 * 64 * 4)).toEqual([inputs + 32 * weights, results])
  })

  it('waits for DRAM where its bandwidth is less than the layer needs', async () => {
    const sizes = { m: 32, n: 32, k: 64 }
    const free = await report(sizes, arrayOf({}))
    const bits = (2 * 32 * 64 + 32 * 32) * 8
    const slow = await report(sizes, arrayOf({ dram: { bandwidth: 100 } }))
    expect(slow.cycles).toBe(Math.ceil(bits / 100))
    expect(slow.slots).toEqual({ ...free.slots, bandwidth: (slow.cycles - free.cycles) * 1024 })
    expect((await report(sizes, arrayOf({ dram: { bandwidth: 1000 } }))).cycles).toBe(free.cycles)
  })
})

describe('N:M', () => {
  it("follows SCALE-Sim's law of layer-wise sparsity", async () => {
    for (const [n, m] of [
      [1, 2],
      [1, 4],
      [2, 4],
      [3, 4],
      [1, 8],
      [4, 8],
      [5, 8],
    ] as const) {
      for (const size of ['8x8', '16x64', '32x32']) {
        for (const sizes of [
          { m: 49, n: 130, k: 576 },
          { m: 100, n: 10, k: 147 },
          { m: 1, n: 64, k: 33 },
          { m: 196, n: 256, k: 64 },
        ]) {
          const arch = sized(size, { dataflow: 'ws', skipping: { kind: 'n:m', n, m } })
          const left = Math.ceil(sizes.k / m) * n
          const folds = Math.ceil(left / arch.rows) * Math.ceil(sizes.n / arch.columns)
          expect(await cyclesFor(sizes, arch)).toBe(folds * (2 * arch.rows + arch.columns + sizes.m - 2))
          const { ifmapReads } = scaleSimWords(sizes, arch, [n, m])
          expect(ifmapReads).toBeCloseTo((Math.ceil(sizes.n / arch.columns) * sizes.m * left * m) / n, 6)
          // The index: bits of 32-bit words that SCALE-Sim lists as metadata.
          const { traffic } = await report(sizes, arch)
          const index = (traffic.find((t) => t.memory === 'weights')?.readBits ?? 0) - left * sizes.n * 8
          expect(index).toBe(left * sizes.n * Math.ceil(Math.log2(m)))
        }
      }
    }
  })

  it('takes the ratio of a layer before that of the array', async () => {
    const arch = arrayOf({ dataflow: 'ws', skipping: { kind: 'n:m', n: 2, m: 4 } })
    const sizes = { m: 10, n: 32, k: 512 }
    const [own, usual] = [await report(sizes, arch, { kept: [1, 4] }), await report(sizes, arch)]
    expect(usual.cycles).toBe(2 * own.cycles)
    expect(macsOf(layerOf(sizes))).toBe(4 * own.slots.useful)
  })
})
