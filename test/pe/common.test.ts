/** What arrays share: DRAM, pooling, leakage, and the same work on all of them. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { decodeModel } from '../../src/format.js'
import { lenet } from '../../src/graph/builders.js'
import { type Arch, archs, graphWorkload, modelWorkload, simulate } from '../../src/pe.js'
import { sized } from './layers.js'

const ours = Object.entries(archs).filter(([, { kind }]) => ['blocks', 'serial', 'pairs'].includes(kind))
const one = (layer: ReturnType<typeof sized>) => ({ name: 'one', layers: [layer] })

describe('block engines, bit-serial arrays and arrays of pairs', () => {
  it('do the same work on a trained model, with its weights', async () => {
    const model = decodeModel(readFileSync(new URL('../../models/mnist-lenet.wd', import.meta.url)))
    const workload = modelWorkload(model, { activationDensity: 0.5 })
    const expected = workload.layers.reduce((sum, { m, levels }) => {
      const kept = levels?.levels.reduce((count, level) => count + (level === 0 ? 0 : 1), 0) ?? 0
      return sum + m * kept * 0.5
    }, 0)
    for (const [name, arch] of ours) {
      const { total, level } = await simulate(workload, arch, { masks: true })
      expect(level).toBe('masks')
      // EIE's inputs are drawn.
      const off = name === 'eie' ? 0.05 : 1e-9
      expect(Math.abs(total.effectual / expected - 1), name).toBeLessThan(off)
      expect(total.utilisation, name).toBeGreaterThan(0)
      expect(total.utilisation, name).toBeLessThanOrEqual(1)
    }
  })

  it('wait for DRAM where it takes longer than computing', async () => {
    const layer = sized({ m: 4, n: 64, channels: 256 })
    for (const [name, arch] of ours) {
      const [free, bound, wide] = await Promise.all(
        [undefined, { bandwidth: 0.01 }, { bandwidth: 1e6 }].map((dram) =>
          simulate(one(layer), { ...arch, ...(dram && { dram }) } as Arch),
        ),
      )
      const moved = free.layers[0].traffic
        .filter(({ memory }) => memory === 'dram')
        .reduce((bits, { readBits, writeBits }) => bits + readBits + writeBits, 0)
      expect(bound.total.cycles, name).toBe(Math.ceil(moved / 0.01))
      expect(bound.total.slots.bandwidth, name).toBeCloseTo((bound.total.cycles - free.total.cycles) * free.elements, 0)
      expect(wide.total.cycles, name).toBe(free.total.cycles)
    }
  })

  it('leak for as long as a layer takes, whatever it does', async () => {
    const layer = sized({ m: 4, n: 64, channels: 256 })
    for (const [name, arch] of ours) {
      const { layers } = await simulate(one(layer), arch)
      const slow = await simulate(one(layer), { ...arch, tech: { ...arch.tech, frequency: arch.tech.frequency / 2 } })
      const ratio = slow.layers[0].energy.leakage.mid / layers[0].energy.leakage.mid
      expect(ratio, name).toBeCloseTo(2, 9)
      expect(slow.layers[0].energy.compute, name).toEqual(layers[0].energy.compute)
    }
  })

  it('look at every input of pooling once', async () => {
    const workload = graphWorkload(lenet(), { pooling: true })
    const pools = workload.layers.filter(({ op }) => op === 'pool')
    expect(pools.length).toBeGreaterThan(0)
    for (const [name, arch] of ours) {
      const { layers, elements } = await simulate(workload, arch)
      for (const pool of pools) {
        const report = layers.find((layer) => layer.name === pool.name)
        expect(report?.cycles, name).toBe(Math.ceil((pool.m * pool.k * pool.groups) / elements))
        expect(report?.effectual, name).toBe(0)
      }
    }
  })
})
