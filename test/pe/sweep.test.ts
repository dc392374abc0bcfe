/** Sweeps, Pareto fronts, CSV. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mlp, resnetCifar } from '../../src/graph/builders.js'
import { csv } from '../../src/pe/csv.js'
import {
  archs,
  graphWorkload,
  modelledNote,
  pareto,
  reportCsv,
  type SweepAxes,
  type SweepPoint,
  simulate,
  sweep,
  sweepSize,
} from '../../src/pe.js'

const small = graphWorkload(mlp({ input: [1, 8, 8], hidden: [40], classes: 10 }), { name: 'small', weightBits: 4 })

async function points(axes: SweepAxes, on = 'systolic-os'): Promise<SweepPoint[]> {
  const found: SweepPoint[] = []
  for await (const point of sweep(small, archs[on], axes)) found.push(point)
  return found
}

describe('sweep', () => {
  it('simulates every combination, the first axis slowest', async () => {
    const axes = { rows: [4, 8], density: [1, 0.5], 'tech.voltage': [0.8] }
    const found = await points(axes)
    expect(found.length).toBe(sweepSize(axes))
    expect(found.map(({ values }) => Object.values(values))).toEqual([
      [4, 1, 0.8],
      [4, 0.5, 0.8],
      [8, 1, 0.8],
      [8, 0.5, 0.8],
    ])
    const own = { ...archs['systolic-os'], rows: 8, tech: { ...archs['systolic-os'].tech, voltage: 0.8 } }
    const layers = small.layers.map((layer) => ({ ...layer, weightDensity: 0.5 }))
    expect(found[3].report).toEqual(await simulate({ name: 'small', layers }, own))
  })

  it('has one point without axes', async () => {
    const [only, ...rest] = await points({})
    expect(rest).toEqual([])
    expect(only.report).toEqual(await simulate(small, archs['systolic-os']))
  })

  it('changes bits and inputs of all layers', async () => {
    const [bits] = await points({ weightBits: [3], activationBits: [5], activationDensity: [0.25] })
    for (const layer of bits.report.layers) {
      expect([layer.weightBits, layer.activationBits, layer.activationDensity]).toEqual([3, 5, 0.25])
    }
  })

  it('leaves levels out that no longer fit, and keeps those that do', async () => {
    const levels = { shape: [10, 40], maxLevel: 7 as const, levels: new Int8Array(400).fill(1) }
    const workload = { name: 'w', layers: [{ ...small.layers[1], levels }] }
    const walk = async (axes: SweepAxes) => {
      for await (const { report } of sweep(workload, archs['systolic-os'], axes, { masks: true })) return report.level
    }
    expect(await walk({ activationDensity: [0.5] })).toBe('masks')
    await expect(walk({ density: [0.5] })).rejects.toThrow(/the weights of 'fc2' are not known/)
  })

  it('checks all points before it simulates the first', async () => {
    const first = (axes: SweepAxes) => sweep(small, archs['systolic-os'], axes).next()
    await expect(first({ rows: [8, 0] })).rejects.toThrow(/arch\.rows must be a whole number/)
    await expect(first({ density: [1, 1.5] })).rejects.toThrow(/density must be a number from 0 to 1, got 1\.5/)
    await expect(first({ weightBits: [4, 'four'] })).rejects.toThrow(/weightBits must be a whole number from 1 to 32/)
    await expect(first({ colours: [1] })).rejects.toThrow(/arch\.colours is not a parameter/)
  })
})

describe('pareto', () => {
  const costs = fc.array(fc.tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 20 })), { maxLength: 40 })

  it('is what no other point is better than', () => {
    fc.assert(
      fc.property(costs, (all) => {
        const front = new Set(pareto(all, (p) => p))
        for (const p of all) {
          const better = all.some((q) => q[0] <= p[0] && q[1] <= p[1] && (q[0] < p[0] || q[1] < p[1]))
          expect(front.has(p)).toBe(!better)
        }
      }),
    )
  })

  it('rises in the first cost', () => {
    fc.assert(
      fc.property(costs, (all) => {
        const front = pareto(all, (p) => p)
        for (let i = 1; i < front.length; i++) expect(front[i][0]).toBeGreaterThanOrEqual(front[i - 1][0])
      }),
    )
  })
})

describe('CSV', () => {
  it('has a row of numbers for each layer, and says that it is modelled', async () => {
    const workload = graphWorkload(resnetCifar({ depth: 8, input: [3, 32, 32], classes: 10 }), { name: 'r8' })
    const report = await simulate(workload, archs['systolic-ws'])
    const [note, head, ...rows] = reportCsv(report).trimEnd().split('\n')
    expect(note).toBe(`# ${modelledNote(report)}`)
    expect(note).toMatch(/^# modelled, not measured: r8 on /)
    const columns = head.split(',')
    expect(rows.length).toBe(report.layers.length)
    const sumOf = (column: string) =>
      rows.reduce((sum, row) => sum + Number(row.split(',')[columns.indexOf(column)]), 0)
    expect(sumOf('cycles')).toBe(report.total.cycles)
    expect(sumOf('useful_element_cycles')).toBe(report.total.slots.useful)
    expect(sumOf('energy_mid_pj') / report.total.energyTotal.mid).toBeCloseTo(1, 9)
    expect(sumOf('compute_pj') / report.total.energy.compute.mid).toBeCloseTo(1, 9)
    const bits = report.layers.flatMap((l) => l.traffic).filter((t) => t.memory === 'dram')
    expect(sumOf('dram_read_bits')).toBe(bits.reduce((sum, t) => sum + t.readBits, 0))
  })

  it('quotes cells that need it', () => {
    const rows = [
      ['a,b', 'say "x"', 1],
      ['line\nbreak', '', 0.5],
    ]
    expect(csv('two\nlines', rows)).toBe('# two lines\n"a,b","say ""x""",1\n"line\nbreak",,0.5\n')
  })
})
