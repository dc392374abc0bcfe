/** What every model of an array keeps to: the causes of element-cycles add up, none is negative, layers are read whole. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Arch } from '../../src/pe/arch.js'
import { blocks } from '../../src/pe/blocks/model.js'
import type { LayerCost } from '../../src/pe/cost.js'
import { gather } from '../../src/pe/gather/model.js'
import type { ArchModel } from '../../src/pe/model.js'
import { pairs } from '../../src/pe/pairs/model.js'
import { archs } from '../../src/pe/presets/index.js'
import { serial } from '../../src/pe/serial/model.js'
import { systolic } from '../../src/pe/systolic/model.js'
import { drawn, slotSum } from './layers.js'

const MODELS = { systolic, gather, blocks, serial, pairs } as unknown as Record<string, ArchModel<Arch>>
const CASES = Object.entries(archs).filter(([, arch]) => Object.hasOwn(MODELS, arch.kind))

const layer = fc
  .record({
    m: fc.integer({ min: 1, max: 100 }),
    n: fc.integer({ min: 1, max: 70 }),
    channels: fc.integer({ min: 1, max: 40 }),
    kernel: fc.constantFrom(1, 3),
    groups: fc.constantFrom(1, 1, 3),
    density: fc.constantFrom(0, 0.02, 0.3, 0.9, 1),
    activationDensity: fc.constantFrom(0, 0.4, 1),
    maxLevel: fc.constantFrom(1, 3, 7, 127),
  })
  .map(({ density, maxLevel, activationDensity, ...sizes }) =>
    drawn(sizes, density, { maxLevel: maxLevel as 1 | 3 | 7 | 127, activationDensity }),
  )

function check(cost: LayerCost, elements: number): void {
  const all = cost.cycles * elements
  expect(Math.abs(slotSum(cost.slots) - all)).toBeLessThanOrEqual(1e-9 * all + 1e-9)
  for (const [name, slots] of Object.entries(cost.slots)) {
    expect(slots, name).toBeGreaterThanOrEqual(-1e-9 * all - 1e-9)
  }
  for (const { readBits, writeBits } of cost.traffic) expect(Math.min(readBits, writeBits)).toBeGreaterThanOrEqual(0)
}

describe('element-cycles', () => {
  for (const [name, arch] of CASES) {
    it(`add up to cycles times elements: ${name}`, async () => {
      const model = MODELS[arch.kind]
      const { elements } = model.array(arch)
      await fc.assert(
        fc.asyncProperty(layer, fc.constantFrom(undefined, 8), async (given, bandwidth) => {
          const on = bandwidth === undefined ? arch : { ...arch, dram: { bandwidth } }
          check(model.estimate(given, on), elements)
          check((await model.walk?.(given, on)) as LayerCost, elements)
          check(model.estimate({ ...given, op: 'pool', n: 1, k: given.taps }, on), elements)
        }),
        { numRuns: 40 },
      )
    })
  }
})
