import { describe, expect, it } from 'vitest'
import { type DataSet, exportModel, foldGraph, presetNames, presets, train } from '../../src/compress.js'
import { encodeModel } from '../../src/format.js'
import { elements, inferShapes, isWeighted, weightShape } from '../../src/graph/ir.js'
import { Rng } from '../../src/rng.js'

describe.each(presetNames)('preset %s', (name) => {
  const preset = presets[name]

  it('trains and exports from 28 x 28 images of ten classes', async () => {
    const rng = new Rng(1)
    const data: DataSet = {
      shape: [1, 28, 28],
      images: Uint8Array.from({ length: 128 * 784 }, () => rng.below(256)),
      labels: Uint8Array.from({ length: 128 }, () => rng.below(10)),
      classes: 10,
    }
    const graph = preset.graph()
    const result = await train({ ...preset.options, graph, train: data, epochs: 2 })
    const model = await exportModel(result, { ...preset.export, calibration: data })
    expect(model.graph).toEqual(foldGraph(graph).graph)
    const nonZeros = Object.values(model.tensors).reduce((n, t) => n + t.levels.filter((l) => l !== 0).length, 0)
    const shapes = inferShapes(graph)
    const weights = graph.nodes.reduce(
      (n, node) => n + (isWeighted(node) ? elements(weightShape(node, shapes.get(node.inputs[0])!)) : 0),
      0,
    )
    expect(nonZeros).toBe(Math.round(weights * preset.options.supermask!.density!))
    expect(encodeModel(model).length).toBeLessThan(10_000)
    // Titles quote the number of weights.
    const quoted = /([\d,]+) weights/.exec(preset.title)
    if (quoted !== null) expect(Number(quoted[1].replace(',', ''))).toBe(weights)
  })
})
