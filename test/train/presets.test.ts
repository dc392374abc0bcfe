import { describe, expect, it } from 'vitest'
import { type DataSet, exportModel, foldGraph, presetNames, presets, train } from '../../src/compress.js'
import { encodeModel } from '../../src/format.js'
import { elements, inferShapes, isWeighted, weightShape } from '../../src/graph/ir.js'
import { Rng } from '../../src/rng.js'

describe.each(presetNames)('preset %s', (name) => {
  const preset = presets[name]

  it('trains and exports from images of ten classes', async () => {
    const rng = new Rng(1)
    const shape = name.startsWith('cifar') ? [3, 32, 32] : [1, 28, 28]
    const data: DataSet = {
      shape,
      images: Uint8Array.from({ length: 128 * elements(shape) }, () => rng.below(256)),
      labels: Uint8Array.from({ length: 128 }, () => rng.below(10)),
      classes: 10,
    }
    const graph = preset.graph(data)
    const result = await train({ ...preset.options, graph, train: data, epochs: 2 })
    const model = await exportModel(result, { ...preset.export, calibration: data })
    expect(model.graph).toEqual(foldGraph(graph).graph)

    const { density, budget = 10_000 } = preset.options.supermask
    expect(encodeModel(model).length).toBeLessThanOrEqual(budget)
    const shapes = inferShapes(graph)
    const weights = graph.nodes.reduce(
      (n, node) => n + (isWeighted(node) ? elements(weightShape(node, shapes.get(node.inputs[0])!)) : 0),
      0,
    )
    if (density !== undefined) {
      const nonZeros = Object.values(model.tensors).reduce((n, t) => n + t.levels.filter((l) => l !== 0).length, 0)
      expect(nonZeros).toBe(Math.round(weights * density))
    }
    // Titles quote the number of weights.
    const quoted = /([\d,]+) weights/.exec(preset.title)
    if (quoted !== null) expect(Number(quoted[1].replace(',', ''))).toBe(weights)
  })
})
