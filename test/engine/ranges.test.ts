import { describe, expect, it } from 'vitest'
import { InferenceSession } from '../../src/engine/session.js'
import { encodeModel } from '../../src/format/wd.js'
import type { Graph } from '../../src/graph/ir.js'
import { fusedAdds, rangedValues } from '../../src/graph/ranges.js'
import { BRANCHES, Net } from './branches.js'
import { GRAPHS, randomModel } from './models.js'

describe('which values need a range', () => {
  it('of a residual block: what layers read and the shortcut, not the sums that are added at once', () => {
    const net = new Net([2, 6, 6])
    const first = net.plain('relu', net.conv('image', 4, 3))
    const sums = net.conv(net.plain('relu', net.conv(first, 4, 3)), 4, 3)
    const sum = net.add(sums, first)
    const graph = net.head(net.plain('relu', sum), 3)
    expect(fusedAdds(graph).get(sum)?.name).toBe(sums)
    // image, both ReLU before convolutions, the block's ReLU (average pool), the flattened average (dense).
    expect([...rangedValues(graph)]).toEqual(['image', 'n1', 'n3', 'n6', 'n8'])
  })

  it('of two fresh sums the later is fused, the earlier stored', () => {
    for (const swapped of [false, true]) {
      const net = new Net([2, 6, 6])
      const [a, b] = [net.conv('image', 4, 3), net.conv('image', 4, 1)]
      const sum = swapped ? net.add(b, a) : net.add(a, b)
      expect(fusedAdds(net.graph(sum)).get(sum)?.name).toBe(b)
      expect([...rangedValues(net.graph(sum))]).toEqual(['image', a])
    }
  })

  it('sums that something else needs too are stored', () => {
    const net = new Net([2, 6, 6])
    const a = net.conv('image', 2, 3)
    const twice = net.add(a, a)
    const b = net.conv('image', 2, 3)
    const sum = net.add(b, twice)
    expect(fusedAdds(net.graph(sum, b)).size).toBe(0)
    expect([...rangedValues(net.graph(sum, b))]).toEqual(['image', a, b, twice])
  })

  const open = (graph: Graph, names: ReadonlySet<string>) => {
    const model = randomModel(graph, { seed: 2, maxLevel: 3, density: 0.3 })
    const ranges = Object.fromEntries(Object.entries(model.ranges).filter(([name]) => names.has(name)))
    return InferenceSession.create(encodeModel({ ...model, ranges }))
  }

  it.each(Object.entries({ ...GRAPHS, ...BRANCHES }))('they suffice to run: %s', async (_, graph) => {
    // An output that was only pooled or moved is consumed by nothing: its range serves what it was made from.
    await expect(open(graph, new Set([...rangedValues(graph), ...graph.outputs]))).resolves.toBeDefined()
  })

  it('none of a residual network can be missing but that behind the average pool', async () => {
    const graph = BRANCHES['residual, projected shortcuts']
    const ranged = [...rangedValues(graph)]
    expect(ranged.length).toBeGreaterThan(8)
    for (const missing of ranged.slice(0, -1)) {
      await expect(open(graph, new Set(ranged.filter((name) => name !== missing)))).rejects.toMatchObject({
        code: 'E_GRAPH',
        message: expect.stringContaining('no activation range'),
      })
    }
  })
})
