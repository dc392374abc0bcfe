import { describe, expect, it } from 'vitest'
import { explanationTable, profileTable } from '../../src/cli/plan-tables.js'
import { encodeModel } from '../../src/format/wd.js'
import { InferenceSession } from '../../src/index.js'
import { GRAPHS, randomModel } from '../engine/models.js'

const open = () =>
  InferenceSession.create(encodeModel(randomModel(GRAPHS.lenet, { seed: 2, maxLevel: 3, density: 0.25 })))

describe('tables of a plan', () => {
  it('have a line for each layer, and say why', async () => {
    const session = await open()
    const layers = await session.explain()
    const lines = explanationTable(layers, false).split('\n')
    expect(lines).toHaveLength(1 + layers.length)
    expect(lines[0]).toMatch(/^layer +op +input +output .* estimated$/)
    expect(lines[1]).toMatch(/^n0 +conv2d +1x12x12 +4x12x12 +4x1x5x5 +INT3 +\d+\.\d % +gather_i16 +[\d,]+ +32,767 /)
    const told = explanationTable(layers, true)
    expect(told).toContain(layers[0].why)
    expect(told).toMatch(/not conv_f32 \(.*\): the dense baseline/)
    await session.profile({ runs: 1 })
    expect(explanationTable(await session.explain(), false)).toMatch(/ measured\n/)
  })

  it('have a line for each operation and kernel, with shares of the whole', async () => {
    const session = await open()
    const text = profileTable(await session.profile({ runs: 3 }))
    expect(text).toMatch(
      /^operation +kernel +kind +calls +time +share +G MAC\/s\nimage +requant_planes_i16 +requantise +1 /,
    )
    expect(text).toMatch(/\nn0 +3 .* % {2,}\d+\.\d\n +gather_i16 +product +1 /)
    const shares = text
      .split('\n')
      .slice(1, -1)
      .filter((line) => !line.startsWith(' '))
    const sum = shares.reduce((n, line) => n + Number(/([\d.]+) %/.exec(line)?.[1]), 0)
    expect(sum).toBeGreaterThan(99)
    expect(sum).toBeLessThan(101)
    expect(text).toMatch(/\ntotal /)
  })
})
