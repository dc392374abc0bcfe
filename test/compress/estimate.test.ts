import { describe, expect, it } from 'vitest'
import { estimateBytes, mlp, type SupermaskOptions, supermask } from '../../src/compress.js'
import { parsePattern } from '../../src/patterns.js'

const graph = mlp({ input: [1, 16, 16], hidden: [64, 64], classes: 4 })
const weights = 256 * 64 + 64 * 64 + 64 * 4
const constants = 2 * (64 + 64 + 4)
const bytes = (options: SupermaskOptions) => estimateBytes(graph, supermask(options))

describe('estimateBytes', () => {
  it('counts a sign for each weight of one coat, and log2 of the levels for more', () => {
    expect(bytes({ density: 1 })).toBe(weights / 8 + constants)
    expect(bytes({ density: 1, constantBits: 4 })).toBe(weights / 8 + constants / 2)
    expect(bytes({ density: 1, coats: 3 })).toBe(Math.ceil((weights * Math.log2(6)) / 8 + constants))
    expect(bytes({ density: 1, coats: 7, signs: 5 })).toBe(Math.ceil((weights * Math.log2(7)) / 8 + constants))
  })

  it('counts where weights are: not at all on a pattern, with their entropy elsewhere', () => {
    const dense = 256 * 64 + 64 * 4
    const pattern = (name: string) => ({ rule: parsePattern(name), layers: ['fc2'] })
    expect(bytes({ pattern: pattern('cgs:8/4') })).toBe((dense + (64 * 64) / 4) / 8 + constants)
    expect(bytes({ pattern: pattern('complementary:4') })).toBe((dense + 3 * ((64 * 64) / 4)) / 8 + constants)
    const quarter = 0.25 * Math.log2(4) + 0.75 * Math.log2(4 / 3)
    expect(bytes({ density: 0.25 })).toBe(Math.ceil((weights * (quarter + 0.25)) / 8 + constants))
  })
})
