import { describe, expect, it } from 'vitest'
import { explanationTable } from '../../src/cli/plan-tables.js'
import { encodeModel } from '../../src/format/wd.js'
import { InferenceSession } from '../../src/index.js'
import { GRAPHS, randomModel } from '../engine/models.js'

const open = () =>
  InferenceSession.create(encodeModel(randomModel(GRAPHS.lenet, { seed: 2, maxLevel: 3, density: 0.25 })))

describe('the table of a plan', () => {
  it('has a line for each layer, and says why', async () => {
    const session = await open()
    const layers = await session.explain()
    const told = explanationTable(layers)
    const lines = told.split('\n').filter((line) => !line.startsWith(' '))
    expect(lines).toHaveLength(1 + layers.length)
    expect(lines[0]).toMatch(/^layer +op +input +output .* estimated$/)
    expect(lines[1]).toMatch(/^n0 +conv2d +1x12x12 +4x12x12 +4x1x5x5 +INT3 +\d+\.\d % +gather_i16 +[\d,]+ +32,767 /)
    expect(told).toContain(layers[0].why)
    expect(told).toMatch(/not conv_f32 \(.*\): the dense baseline/)
    await session.profile({ runs: 1 })
    expect(explanationTable(await session.explain())).toMatch(/ measured\n/)
  })
})
