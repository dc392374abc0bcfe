/** SCNN, EIE and the elements of Eyeriss v2: published counts, and independent simulations, step by step, of real masks. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { WhiteDwarfError } from '../../src/errors.js'
import type { PairArch } from '../../src/pe/arch.js'
import { largestOfNormals } from '../../src/pe/normal.js'
import { portions } from '../../src/pe/pairs/binomial.js'
import { pairs } from '../../src/pe/pairs/model.js'
import { archs, type PeLayer, simulate } from '../../src/pe.js'
import { Rng } from '../../src/rng.js'
import { drawn, sized } from './layers.js'

const csv = (name: string): Record<string, string>[] => {
  const text = readFileSync(new URL(`../fixtures/pe/${name}`, import.meta.url), 'utf8')
  const [head, ...rows] = text
    .trim()
    .split('\n')
    .map((line) => line.split(','))
  return rows.map((row) => Object.fromEntries(head.map((field, i) => [field, row[i]])))
}

const walk = (layer: PeLayer, arch: PairArch) =>
  pairs.walk?.(layer as Parameters<NonNullable<typeof pairs.walk>>[0], arch) as ReturnType<typeof pairs.estimate>

const oneElement: PairArch = { ...(archs['eyeriss-v2'] as PairArch), elements: 1, fetch: [1, 1] }
const scnn = archs.scnn as PairArch
const eie = archs.eie as PairArch

describe('an element of Eyeriss v2', () => {
  const channels = csv('eyerissv2pe_channels.csv')

  for (const row of csv('eyerissv2pe_layers.csv')) {
    const [M, C, EF] = [Number(row.M), Number(row.C), Number(row.E) * Number(row.F)]
    const own = channels.filter(({ layer }) => layer === row.layer)
    const levels = new Int8Array(M * C)
    own.forEach((channel, c) => {
      for (let f = 0; f < Number(channel.nnz_weights_over_M); f++) levels[f * C + c] = 1
    })
    const layer = sized(
      { m: EF, n: M, channels: C },
      {
        levels: { shape: [M, C, 1, 1], maxLevel: 1, levels },
        activeInputs: { of: EF, perChannel: Uint32Array.from(own, (channel) => Number(channel.nnz_iacts_over_EF)) },
        weightDensity: Number(row.nnz_weights) / (M * C),
        activationDensity: Number(row.nnz_iacts) / (C * EF),
      },
    )

    it(`takes the published cycles: ${row.layer}`, () => {
      expect(own).toHaveLength(C)
      const { cycles, effectual } = walk(layer, oneElement)
      const published = Number(row.published_ground_truth_cycles)
      expect(Math.round(cycles)).toBe(published)
      expect(Math.abs(cycles - published)).toBeLessThan(1e-3)
      expect(Math.round(effectual)).toBe(published)
    })

    it(`is estimated 1 to 7 % low from densities alone, as Sparseloop's uniform model does: ${row.layer}`, () => {
      const { cycles } = pairs.estimate(layer, oneElement)
      const low = 1 - cycles / Number(row.published_ground_truth_cycles)
      expect(low).toBeGreaterThan(0.01)
      expect(low).toBeLessThan(0.07)
      // Sparseloop was given densities of two decimals, and rounds up twice.
      const [weightDensity, activationDensity] = [row.weight_density, row.iact_density].map((d) => Number(d).toFixed(2))
      const rounded = { ...layer, weightDensity: Number(weightDensity), activationDensity: Number(activationDensity) }
      const uniform = Number(row.sparseloop_uniform_cycles)
      expect(Math.abs(pairs.estimate(rounded, oneElement).cycles - uniform)).toBeLessThan(2)
    })
  }
})

describe('Eyeriss v2', () => {
  it('is as fast as its slowest element', () => {
    const arch: PairArch = { ...oneElement, elements: 6, fetch: [1, 2] }
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 6, max: 30 }), fc.nat(), (m, n, seed) => {
        const layer = drawn({ m, n, channels: 7, kernel: 3 }, 0.3, { seed })
        const { levels } = layer.levels
        const times = Array.from({ length: 6 }, (_, e) => {
          let cycles = 0
          for (let c = 0; c < 7; c++) {
            let weights = 0
            for (let f = e; f < n; f += 6) for (let t = 0; t < 9; t++) if (levels[(f * 7 + c) * 9 + t] !== 0) weights++
            cycles += Math.ceil(weights / 2) * m
          }
          return cycles
        })
        expect(walk(layer, arch).cycles).toBeCloseTo(Math.max(...times), 6)
      }),
    )
  })
})

/** SCNN on masks that are known on both sides: every element's cycles counted, the slowest of each pass taken. */
function scnnCycles(layer: ReturnType<typeof drawn>, active: readonly Uint8Array[], arch: PairArch): number {
  const { m, n, k, taps, levels } = layer
  const [inputs, weights] = arch.fetch as readonly [number, number]
  const filters = arch.filters as number
  const each = Math.ceil(m / arch.elements)
  let cycles = 0
  for (let first = 0; first < n; first += filters) {
    let slowest = 0
    for (let element = 0; element < arch.elements; element++) {
      let own = 0
      active.forEach((pixels, c) => {
        const hot = pixels.slice(element * each, (element + 1) * each).reduce((sum, a) => sum + a, 0)
        let kept = 0
        for (let f = first; f < Math.min(n, first + filters); f++) {
          for (let t = 0; t < taps; t++) kept += levels.levels[f * k + c * taps + t] === 0 ? 0 : 1
        }
        own += Math.ceil(hot / inputs) * Math.ceil(kept / weights)
      })
      slowest = Math.max(slowest, own)
    }
    cycles += slowest
  }
  return cycles
}

describe('SCNN', () => {
  it('takes what counting with drawn inputs gives', () => {
    const arch: PairArch = { ...scnn, elements: 16 }
    const rng = new Rng(3)
    for (const [density, activationDensity] of [
      [0.35, 0.4],
      [0.1, 0.7],
      [0.8, 0.2],
    ]) {
      const layer = drawn({ m: 784, n: 24, channels: 48, kernel: 3 }, density, { activationDensity, seed: 5 })
      let counted = 0
      for (let run = 0; run < 5; run++) {
        const active = Array.from({ length: 48 }, () =>
          Uint8Array.from({ length: 784 }, () => (rng.float() < activationDensity ? 1 : 0)),
        )
        counted += scnnCycles(layer, active, arch) / 5
      }
      expect(Math.abs(walk(layer, arch).cycles / counted - 1)).toBeLessThan(0.01)
      expect(Math.abs(pairs.estimate(layer, arch).cycles / counted - 1)).toBeLessThan(0.02)
    }
  })

  it('is exact where no input is zero', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 20 }), fc.nat(), (m, n, seed) => {
        const layer = drawn({ m, n, channels: 5, kernel: 3 }, 0.3, { seed })
        const active = Array.from({ length: 5 }, () => new Uint8Array(m).fill(1))
        expect(walk(layer, scnn).cycles).toBe(scnnCycles(layer, active, scnn))
      }),
    )
  })
})

/** EIE cycle by cycle: queues as lists, an input broadcast when all have room. */
function eieCycles(layer: ReturnType<typeof drawn>, elements: number, depth: number): number {
  const { n, k, levels } = layer
  const entries = (j: number, e: number): number => {
    let [count, zeros] = [0, 0]
    for (let f = e; f < n; f += elements) {
      if (levels.levels[f * k + j] === 0) zeros++
      else {
        for (; zeros > 15; zeros -= 16) count++
        count++
        zeros = 0
      }
    }
    return Math.max(1, count)
  }
  const queues = Array.from({ length: elements }, (): number[] => [])
  const busy = new Array(elements).fill(0)
  let [next, cycle] = [0, 0]
  for (; next < k || queues.some((q) => q.length > 0) || busy.some((b) => b > 0); cycle++) {
    const broadcast = next < k && queues.every((q, e) => q.length < depth || busy[e] === 0)
    queues.forEach((queue, e) => {
      const waiting = queue.length > 0
      if (busy[e] === 0 && waiting) busy[e] = queue.shift() as number
      if (broadcast) {
        if (busy[e] === 0 && !waiting) busy[e] = entries(next, e)
        else queue.push(entries(next, e))
      }
    })
    if (broadcast) next++
    for (let e = 0; e < elements; e++) if (busy[e] > 0) busy[e]--
  }
  return cycle
}

describe('EIE', () => {
  it('takes what its queues make of it, cycle by cycle', () => {
    fc.assert(
      fc.property(
        fc.record({ n: fc.integer({ min: 1, max: 60 }), channels: fc.integer({ min: 1, max: 60 }) }),
        fc.constantFrom(0.05, 0.3, 0.8),
        fc.integer({ min: 1, max: 9 }),
        fc.constantFrom(1, 2, 5),
        fc.nat(),
        ({ n, channels }, density, queue, elements, seed) => {
          const layer = drawn({ m: 1, n, channels }, density, { seed })
          const arch = { ...eie, elements, queue }
          expect(walk(layer, arch).cycles).toBe(eieCycles(layer, Math.min(elements, n), queue))
        },
      ),
    )
  })

  it('is estimated within 5 % from densities, within 10 % where queues are short', () => {
    for (const [n, density, queue, elements, activationDensity] of [
      [1024, 0.1, 1, 64, 1],
      [1024, 0.1, 8, 64, 0.3],
      [1024, 0.3, 8, 16, 1],
      [512, 0.05, 4, 64, 1],
      [1000, 0.3, 32, 64, 1],
      [128, 0.1, 8, 4, 1],
    ]) {
      const layer = drawn({ m: 8, n, channels: 1024 }, density, { activationDensity })
      const arch = { ...eie, elements, queue }
      const [estimated, walked] = [pairs.estimate(layer, arch), walk(layer, arch)]
      expect(Math.abs(estimated.cycles / walked.cycles - 1), `${[n, density, queue, elements]}`).toBeLessThan(
        queue < 4 ? 0.1 : 0.05,
      )
      expect(Math.abs(estimated.slots.zeros - walked.slots.zeros)).toBeLessThan(0.005 * walked.slots.useful + 1)
    }
  })

  it('has about the rate and the power that its authors state for the dense layers of AlexNet', async () => {
    // 18,800 images a second and 600 mW are published; the densities are recalled from the paper's table of layers.
    const layers = [
      { n: 4096, channels: 9216, weightDensity: 0.09, activationDensity: 0.351 },
      { n: 4096, channels: 4096, weightDensity: 0.09, activationDensity: 0.353 },
      { n: 1000, channels: 4096, weightDensity: 0.25, activationDensity: 0.375 },
    ].map(({ n, channels, ...densities }) =>
      sized({ m: 1, n, channels }, { ...densities, weightBits: 4, activationBits: 16 }),
    )
    const { total } = await simulate({ name: 'AlexNet, dense layers', layers }, eie)
    expect(Math.abs(1 / total.seconds / 18800 - 1)).toBeLessThan(0.15)
    expect(total.power.mid).toBeGreaterThan(600 / 2)
    expect(total.power.mid).toBeLessThan(600 * 2)
  })

  it('waits less with deeper queues, and never less than the slowest element works', () => {
    const layer = drawn({ m: 1, n: 512, channels: 512 }, 0.1)
    const cycles = [1, 2, 4, 8, 16, 64, 512].map((queue) => walk(layer, { ...eie, queue }).cycles)
    expect(cycles).toEqual([...cycles].sort((a, b) => b - a))
    expect(cycles[0]).toBeGreaterThan(1.3 * cycles[6])
  })
})

describe('arrays of pairs', () => {
  it('refuse fields of other designs', async () => {
    const workload = { name: 'one', layers: [sized({ m: 1, n: 4, channels: 4 })] }
    for (const [arch, message] of [
      [{ ...scnn, queue: 4 }, "'scnn' has no 'queue'"],
      [{ ...eie, filters: 4 }, "'eie' has no 'fetch' and 'filters'"],
      [{ ...oneElement, filters: 4 }, "'eyeriss-v2' has no 'filters'"],
    ] as const) {
      const error = await simulate(workload, arch).catch((e: WhiteDwarfError) => e)
      expect(error).toMatchObject({ code: 'E_OPTION', message: expect.stringContaining(message) })
    }
  })
})

describe('numbers that come by chance', () => {
  it('portions have the moments that summing over all numbers gives', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 40 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: 1, max: 8 }),
        (n, p, portion) => {
          let [mean, square] = [0, 0]
          let choices = 1
          for (let x = 0; x <= n; x++) {
            const share = choices * p ** x * (1 - p) ** (n - x)
            mean += share * Math.ceil(x / portion)
            square += share * Math.ceil(x / portion) ** 2
            choices *= (n - x) / (x + 1)
          }
          const got = portions(n, p, portion)
          expect(got.mean).toBeCloseTo(mean, 9)
          expect(got.square).toBeCloseTo(square, 7)
          expect(got.variance).toBeCloseTo(square - mean * mean, 7)
        },
      ),
    )
    expect(portions(100000, 0.5, 4).mean).toBeCloseTo(12500 + 3 / 8, 3)
  })

  it('the largest of normals is what tables give', () => {
    const table = { 1: 0, 2: 0.56419, 4: 1.02938, 8: 1.4236, 16: 1.76599, 32: 2.06967, 64: 2.34373 }
    for (const [n, mean] of Object.entries(table)) expect(largestOfNormals(Number(n)).mean).toBeCloseTo(mean, 3)
  })
})
