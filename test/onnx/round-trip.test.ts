/** Writing ONNX files: what is imported, written and imported again computes the same. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { unpackTests } from '../../bench/onnx-tests.js'
import { elements } from '../../src/graph/ir.js'
import type { FloatModel } from '../../src/graph/model.js'
import { InferenceSession, Tensor } from '../../src/index.js'
import { importOnnx } from '../../src/onnx/import.js'
import { exportOnnx } from '../../src/onnx/write.js'
import { Rng } from '../../src/rng.js'

const tests = unpackTests(readFileSync(new URL('../fixtures/onnx-node/tests.json.gz', import.meta.url)))

/** Three examples through a model. */
async function results(model: FloatModel, batch: number) {
  const rng = new Rng(1)
  const session = await InferenceSession.create(model, { precision: 'f32', batch })
  const feeds = session.inputs.map(({ name, shape }) => {
    const dims = [3, ...shape]
    const values = Float32Array.from({ length: elements(dims) }, () => Math.round(4 * rng.normal()) / 2)
    return [name, new Tensor('float32', values, dims)]
  })
  const outputs = await session.run(Object.fromEntries(feeds))
  session.dispose()
  return Object.values(outputs)
}

/** A model of the fixture, with its inputs as its test feeds them; undefined where some of them must be constants. */
function modelOf(bytes: Uint8Array): FloatModel | undefined {
  try {
    return importOnnx(bytes)
  } catch {
    return undefined
  }
}

const KINDS =
  'add,avgpool,combine,concat,constant,lrn,map,matmul,maxpool,normalise,pad,permute,reduce,relu,reshape,select,slice,softmax,take'

describe('round trips', () => {
  const models = tests.flatMap(({ name, model }) => {
    const imported = modelOf(model)
    // A value without dimensions becomes [N], which may be anything when it is read again.
    const scalar = imported?.graph.inputs.some(({ shape }) => shape.length === 0)
    return imported === undefined || scalar ? [] : [{ name, model: imported }]
  })
  const kinds = [
    ...new Set(models.flatMap(({ model }) => model.graph.nodes.map((n) => (n.op === 'tensor' ? n.fn.kind : n.op)))),
  ]

  it('go through all kinds of nodes', () => {
    expect(models.length).toBeGreaterThan(400)
    expect([...kinds].sort().join()).toBe(KINDS)
  })

  it.each(kinds)('%s', async (kind) => {
    for (const { name, model } of models) {
      if (model.graph.nodes.every((n) => (n.op === 'tensor' ? n.fn.kind : n.op) !== kind)) continue
      const again = importOnnx(exportOnnx(model))
      const [before, after] = [await results(model, 2), await results(again, 2)]
      expect([name, after.map((t) => t.dims)]).toEqual([name, before.map((t) => t.dims)])
      before.forEach(({ data }, k) => {
        const worst = data.reduce((most, v, i) => {
          const w = after[k].data[i]
          return Object.is(v, w) || v === w ? most : Math.max(most, Math.abs(v - w) / (1e-3 + Math.abs(v)))
        }, 0)
        expect([name, worst < 1e-4 ? 'same' : `differs by ${worst}`]).toEqual([name, 'same'])
      })
    }
  })
})
