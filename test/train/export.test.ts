import { expect, it } from 'vitest'
import { ChainBuilder, type DataSet, exportModel, testModel, train } from '../../src/compress.js'
import { codedValues, encodeModel } from '../../src/format.js'
import { rangeCode } from '../../src/graph/model.js'
import { InferenceSession, type Precision, Tensor } from '../../src/index.js'
import { Rng } from '../../src/rng.js'

/** 8 x 8 images of two kinds, told apart by which half is brighter. */
function halves(count: number): DataSet {
  const rng = new Rng(4)
  const labels = Uint8Array.from({ length: count }, () => rng.below(2))
  const images = Uint8Array.from(
    { length: count * 64 },
    (_, i) => rng.below(90) + ((i % 8) >> 2 === labels[i >> 6] ? 110 : 0),
  )
  return { shape: [1, 8, 8], images, labels, classes: 2 }
}

/** Convolutions with an average pool as their head. */
const network = () =>
  new ChainBuilder([1, 8, 8])
    .conv(6, 3, 1)
    .plain('batchnorm')
    .plain('relu')
    .pool('maxpool', [2, 2])
    .conv(8, 3, 0)
    .plain('batchnorm')
    .plain('relu')
    .pool('avgpool', [2, 2])
    .plain('flatten')
    .dense(2)
    .plain('batchnorm')
    .build()

async function share(bytes: Uint8Array, data: DataSet, precision: Precision): Promise<number> {
  const session = await InferenceSession.create(bytes, { precision, batch: 16 })
  const results = await session.run({ image: new Tensor('uint8', data.images, [data.labels.length, ...data.shape]) })
  const { data: scores } = results[session.outputNames[0]]
  let right = 0
  data.labels.forEach((label, n) => {
    if (scores[2 * n + label] > scores[2 * n + 1 - label]) right++
  })
  return right / data.labels.length
}

it.each(['learned', 7] as const)('a trained network classifies alike in every precision (signs: %s)', async (signs) => {
  const data = halves(400)
  const trained = await train({
    graph: network(),
    train: data,
    epochs: 4,
    batch: 20,
    supermask: { density: 0.5, coats: 3, signs },
  })
  const model = await exportModel(trained, { calibration: data, scaleBits: 6, biasBits: 6 })
  if (signs === 'learned') {
    for (const layer of Object.values(model.layers))
      expect(Math.min(...codedValues(layer.scale))).toBeGreaterThanOrEqual(0)
  }
  const bytes = encodeModel(model)
  const expected = await testModel(trained, data, { scaleBits: 6, biasBits: 6 })
  expect(expected).toBeGreaterThan(0.9)
  for (const precision of ['f32', 'int8', 'fp8'] as const) {
    expect(Math.abs((await share(bytes, data, precision)) - expected), precision).toBeLessThanOrEqual(0.02)
  }
})

it.each(['int4', 'int2', 'int1'] as const)(
  'a network trained with %s activations runs with them',
  async (activations) => {
    const data = halves(400)
    const options = { graph: network(), train: data, epochs: 6, batch: 20, supermask: { density: 0.5 } }
    const trained = await train({ ...options, activations, roundFrom: 0.2 })
    expect(trained.activations).toBe(activations)
    const bytes = encodeModel(await exportModel(trained, { calibration: data }))
    expect(await share(bytes, data, activations)).toBeGreaterThan(0.9)
    // Ranges are those that training rounded by.
    const model = await exportModel(trained, { calibration: data })
    expect(model.ranges.pool1).toBe(rangeCode(trained.ranges?.pool1 as number))
  },
)
