/** Energy, area and operand bits of systolic arrays, pooling, and a trained model on them. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { lenet } from '../../src/compress.js'
import { decodeModel } from '../../src/format.js'
import {
  type Activity,
  archs,
  graphWorkload,
  modelWorkload,
  type PeLayer,
  type Skipping,
  type SystolicArch,
  simulate,
} from '../../src/pe.js'
import { arrayOf } from './topologies.js'

const layer: PeLayer = {
  name: 'conv',
  op: 'conv2d',
  m: 64,
  n: 32,
  k: 32,
  groups: 1,
  taps: 1,
  inputs: 64 * 32,
  weightBits: 8,
  activationBits: 8,
  weightDensity: 1,
  activationDensity: 1,
}

const run = async (arch: SystolicArch, fields: Partial<PeLayer> = {}) =>
  (await simulate({ name: 'test', layers: [{ ...layer, ...fields }] }, arch)).layers[0]

const find = (activity: readonly Activity[], event: string) => activity.find((a) => a.event === event)

describe('elements', () => {
  it('take what was synthesised for their bits, in each multiply-accumulate', async () => {
    for (const [bits, pJ] of [
      [2, 0.058],
      [4, 0.12],
      [8, 0.298],
    ] as const) {
      const { activity } = await run(arrayOf({}), { weightBits: bits, activationBits: bits })
      const macs = find(activity, 'multiply-accumulate')
      expect(macs?.count).toBe(64 * 32 * 32)
      expect(macs?.energy.mid).toBeCloseTo(pJ, 6)
      expect(macs?.energy.low).toBeLessThan(pJ)
    }
  })

  it('are refused operands of more bits than they are built for', async () => {
    await expect(run(arrayOf({}), { activationBits: 16 })).rejects.toThrow(
      /'conv' has 8 x 16 bits, elements are built for 8 x 8: set arch.bits/,
    )
    const wide = arrayOf({ bits: { weights: 16, activations: 16 } })
    expect((await run(wide, { activationBits: 16 })).cycles).toBe((await run(arrayOf({}))).cycles)
  })

  it('work on zeros that are not skipped, and wait where there is nothing to do', async () => {
    const half = await run(arrayOf({}), { weightDensity: 0.5 })
    expect(half.slots).toMatchObject({ useful: 32768, zeros: 32768 })
    expect(find(half.activity, 'multiply-accumulate')?.count).toBe(65536)
    const idle = find(half.activity, 'cycle of an idle element')
    expect(idle?.count).toBe(half.slots.edge + half.slots.fill)
    expect(idle?.energy).toMatchObject({ low: 0, mid: expect.closeTo(0.0298, 6) })
  })
})

describe('selection', () => {
  const area = async (skipping: Skipping) => {
    const report = await simulate({ name: 'test', layers: [layer] }, arrayOf({ skipping }))
    return (report.area.selection?.mid ?? 0) / report.elements
  }

  it('takes 38 um2 of an element for four inputs and 90 um2 for eight, 6 and 13 % of it', async () => {
    expect(Math.round(await area({ kind: 'complementary', factor: 4, axis: 'k' }))).toBe(38)
    expect(Math.round(await area({ kind: 'complementary', factor: 8, axis: 'k' }))).toBe(90)
    expect(await area({ kind: 'n:m', n: 1, m: 4 })).toBe(await area({ kind: 'complementary', factor: 4, axis: 'k' }))
    // Two levels of a network in place of three multiplexers.
    expect(await area({ kind: 'complementary', factor: 4, axis: 'p' })).toBeCloseTo(2 * 8 * 1.6, 6)
    expect(await area({ kind: 'none' })).toBe(0)
  })

  it('takes 0.01 to 0.02 pJ of a multiply-accumulate', async () => {
    for (const factor of [4, 8]) {
      const { activity } = await run(arrayOf({ skipping: { kind: 'complementary', factor, axis: 'k' } }))
      const chosen = find(activity, `one of ${factor}`)
      expect(chosen?.count).toBe((64 * 32 * 32) / factor)
      expect(chosen?.energy.mid).toBeGreaterThanOrEqual(0.01)
      expect(chosen?.energy.mid).toBeLessThanOrEqual(0.02)
    }
  })

  it('of taps takes less than 1 fJ of a multiply-accumulate', async () => {
    for (const dataflow of ['os', 'ws', 'is'] as const) {
      const sizes = { n: 256, k: 64 * 9, taps: 9, inputs: 64 * 64 }
      const arch = arrayOf({ dataflow, skipping: { kind: 'periodic', taps: 4, period: 8 } })
      const { activity, slots } = await run(arch, sizes)
      const entries = find(activity, 'entry of the table of taps')
      const pJ = ((entries?.count ?? Number.NaN) * (entries?.energy.mid ?? Number.NaN)) / slots.useful
      expect(pJ).toBeGreaterThan(0)
      expect(pJ).toBeLessThan(0.001)
    }
  })
})

describe('hops between elements', () => {
  it('are one for each operand and multiply-accumulate that streams, and lead sums out', async () => {
    // 2 folds of 64 pixels (os), one of 32 x 32 weights (ws), two of 32 x 32 inputs (is).
    const hops = async (dataflow: 'os' | 'ws' | 'is') => {
      const { activity } = await run(arrayOf({ dataflow }))
      return ['inputs', 'weights', 'sums'].map((what) => find(activity, `hop of ${what}`)?.count)
    }
    const macs = 64 * 32 * 32
    expect(await hops('os')).toEqual([macs, macs, (2 * 1024 * 33) / 2])
    expect(await hops('ws')).toEqual([macs, (1024 * 33) / 2, 64 * 32 * 32])
    expect(await hops('is')).toEqual([(2 * 1024 * 33) / 2, macs, 64 * 32 * 32])
  })

  it('carry four inputs to elements that choose, and one where inputs are permuted before', async () => {
    const energy = async (axis: 'k' | 'p') => {
      const { activity } = await run(arrayOf({ skipping: { kind: 'complementary', factor: 4, axis } }))
      return find(activity, 'hop of inputs')?.energy.mid ?? Number.NaN
    }
    expect(await energy('k')).toBeCloseTo(4 * (await energy('p')), 12)
  })
})

describe('energy', () => {
  it('falls with what is skipped', async () => {
    const total = async (fields: Partial<SystolicArch>) => {
      const sizes = { n: 256, k: 64 * 9, taps: 9, inputs: 64 * 64 }
      const { energy } = await run(arrayOf({ dataflow: 'ws', ...fields }), sizes)
      return Object.values(energy).reduce((sum, band) => sum + band.mid, 0)
    }
    const dense = await total({})
    for (const skipping of [
      { kind: 'n:m', n: 2, m: 4 },
      { kind: 'complementary', factor: 4, axis: 'k' },
      { kind: 'complementary', factor: 4, axis: 'p' },
      { kind: 'complementary', factor: 4, axis: 'n' },
      { kind: 'periodic', taps: 4, period: 8 },
    ] as const) {
      expect(await total({ skipping }), skipping.kind).toBeLessThan(0.75 * dense)
    }
    expect(await total({ tech: { ...arrayOf({}).tech, voltage: 0.6 }, dram: {} })).toBeLessThan(dense / 2)
  })
})

describe('pooling', () => {
  it('compares one number in each column and cycle', async () => {
    const stages = [{ channels: 16, kernel: 3, pad: 1, pool: 2 }]
    const workload = graphWorkload(lenet({ input: [8, 10, 10], stages, hidden: [] }), { pooling: true })
    const { layers } = await simulate(workload, arrayOf({ columns: 7 }))
    const pool = layers[workload.layers.findIndex((layer) => layer.op === 'pool')]
    expect(pool.cycles).toBe(Math.ceil((25 * 4 * 16) / 7))
    expect(pool.slots.useful).toBe(25 * 4 * 16)
    expect(Object.values(pool.slots).reduce((a, b) => a + b)).toBe(pool.cycles * 32 * 7)
    expect(pool.macs).toBe(0)
    expect(pool.energy.compute.mid).toBeGreaterThan(0)
    expect(pool.traffic.find((t) => t.memory === 'dram')).toEqual({
      memory: 'dram',
      readBits: 16 * 100 * 8,
      writeBits: 16 * 25 * 8,
    })
  })
})

describe('a trained model', () => {
  const model = decodeModel(readFileSync(new URL('../../models/cifar-40k.wd', import.meta.url)))
  const workload = modelWorkload(model)
  const systolic = Object.entries(archs).filter(([, arch]) => arch.kind === 'systolic')

  it.each(systolic)('runs on %s with its own weights, every one of them computed', async (_, arch) => {
    const [walked, dense] = [
      await simulate(workload, arch, { masks: true }),
      await simulate(workload, archs['systolic-ws']),
    ]
    expect(walked.level).toBe('masks')
    walked.layers.forEach(({ slots, cycles, effectual }, i) => {
      const { m, levels } = workload.layers[i]
      const nonZero = (levels?.levels ?? new Int8Array()).filter((level) => level !== 0).length
      expect(slots.useful).toBe(nonZero * m)
      expect(effectual).toBe(slots.useful)
      expect(Object.values(slots).reduce((a, b) => a + b)).toBe(cycles * 1024)
    })
    expect(walked.total.macs).toBe(dense.total.macs)
  })
})
