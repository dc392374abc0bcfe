/** Trained files on the gather array: walked with their real masks, and their size there. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { seededSigns } from '../../src/format/signs.js'
import { decodeModel } from '../../src/format/wd.js'
import type { Model } from '../../src/graph/model.js'
import type { GatherArch } from '../../src/pe/arch.js'
import { onChipSize } from '../../src/pe/gather/on-chip.js'
import { referenceWalk } from '../../src/pe/gather/reference-walk.js'
import { archs } from '../../src/pe/presets/index.js'
import { simulate } from '../../src/pe/simulate.js'
import { modelWorkload, type PeLayer } from '../../src/pe/workload.js'

const load = (name: string): Model => decodeModel(readFileSync(new URL(`../../models/${name}.wd`, import.meta.url)))
const whitedwarf = archs.whitedwarf as GatherArch

describe.each(['mnist-mlp', 'mnist-lenet', 'cifar-12k', 'cifar-40k'])('%s', (name) => {
  const workload = modelWorkload(load(name), { name })

  it('takes the cycles that its masks say, in any order of filters', async () => {
    for (const order of ['given', 'balanced'] as const) {
      const arch = { ...whitedwarf, order }
      const report = await simulate(workload, arch, { masks: true })
      expect(report.level).toBe('masks')
      report.layers.forEach(({ cycles, slots }, i) => {
        const { levels } = workload.layers[i]
        if (levels === undefined) throw new Error('a model has levels')
        const expected = referenceWalk({ ...workload.layers[i], levels }, arch)
        expect(cycles).toBe(expected.cycles)
        expect(slots).toEqual(expected.slots)
      })
      const all = Object.values(report.total.slots).reduce((a, b) => a + b, 0)
      expect(all).toBe(report.total.cycles * 1024)
    }
  })

  it('has as many multiply-accumulates that count as weights that are not zero say', async () => {
    const { total } = await simulate(workload, whitedwarf, { masks: true })
    const count = ({ levels, m, activationDensity }: PeLayer) =>
      (levels?.levels.filter((level) => level !== 0).length ?? 0) * m * activationDensity
    expect(total.effectual).toBe(workload.layers.reduce((sum, layer) => sum + count(layer), 0))
    // Efficiency is that of real layers: edges included, below the point of a full array.
    expect(total.denseTopsPerWatt.mid).toBeGreaterThan(0)
    expect(total.energyTotal.low).toBeLessThan(total.energyTotal.mid)
  })
})

describe('size on the chip', () => {
  it('counts a bit for each weight, the values of the others, and constants', () => {
    const model = load('mnist-lenet')
    const size = onChipSize(model)
    const tensors = Object.values(model.tensors)
    const weights = tensors.reduce((sum, { levels }) => sum + levels.length, 0)
    const kept = tensors.reduce((sum, { levels }) => sum + levels.filter((level) => level !== 0).length, 0)
    const filters = tensors.reduce((sum, { shape }) => sum + shape[0], 0)
    expect(size.mask).toBe(weights)
    expect(size.float32).toBe(32 * (weights + filters))
    expect(size.constants).toBe(32 * filters)
    expect(size.masked).toBe(size.mask + size.values + size.constants)
    expect(size.values % kept).toBe(0)
    expect(size.maskedShare).toBeGreaterThan(1 / 33)
    expect(size.runLength).toBeLessThan(size.masked)
  })

  it('counts a tensor that two layers share once', () => {
    const model = load('mnist-mlp')
    const tensor = { shape: [2, 3], maxLevel: 7 as const, levels: Int8Array.of(1, 0, -7, 0, 0, 2) }
    const code = { kind: 'f16' as const, codes: new Uint16Array(2) }
    const node = (name: string, input: string) => ({ name, op: 'dense' as const, inputs: [input], units: 2 })
    const shared: Model = {
      ...model,
      graph: { ...model.graph, nodes: [node('a', 'image'), node('b', 'a')] },
      tensors: { t: tensor },
      layers: { a: { tensor: 't', scale: code, bias: code }, b: { tensor: 't', scale: code, bias: code } },
    }
    const size = onChipSize(shared)
    expect([size.mask, size.values, size.constants]).toEqual([6, 3 * 4, 2 * 2 * 32])
    expect(size.float32).toBe(2 * 32 * (6 + 2))
  })

  it('does not count signs that a seed gives', () => {
    const shape = [16, 12]
    const signs = seededSigns(shape, 5)
    const levels = signs.map((sign, i) => (i % 3 === 0 ? 2 * sign : 0))
    const sized = (given: object) => {
      const { graph, ...model } = load('mnist-mlp')
      const code = { kind: 'f16' as const, codes: new Uint16Array(16) }
      const nodes = [{ name: 'a', op: 'dense' as const, inputs: ['image'], units: 16 }]
      const tensors = { t: { shape, maxLevel: 3 as const, levels, ...given } }
      return onChipSize({
        ...model,
        graph: { ...graph, nodes },
        tensors,
        layers: { a: { tensor: 't', scale: code, bias: code } },
      })
    }
    expect(sized({}).values).toBe(64 * 3)
    expect(sized({ signSeed: 5 }).values).toBe(64 * 2)
    expect(sized({}).runLength - sized({ signSeed: 5 }).runLength).toBe(64)
  })
})
