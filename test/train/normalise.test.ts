import { expect, it } from 'vitest'
import {
  channelStatistics,
  type DataSet,
  exportModel,
  lenet,
  testModel,
  train,
  withNormalisation,
} from '../../src/compress.js'
import { encodeModel } from '../../src/format.js'
import { InferenceSession, Tensor } from '../../src/index.js'
import { Rng } from '../../src/rng.js'

/** Colour images whose class is the channel that is a little brighter; none of them is dark. */
function tinted(count: number, seed: number): DataSet {
  const rng = new Rng(seed)
  const labels = Uint8Array.from({ length: count }, () => rng.below(3))
  const images = Uint8Array.from({ length: count * 3 * 64 }, (_, k) => {
    const channel = Math.floor(k / 64) % 3
    return 120 + 20 * channel + rng.below(60) + (channel === labels[Math.floor(k / 192)] ? 15 : 0)
  })
  return { shape: [3, 8, 8], images, labels, classes: 3 }
}

it('a network with normalised inputs and padded convolutions answers alike in training and in sessions', async () => {
  const [data, test] = [tinted(600, 1), tinted(200, 2)]
  const stages = [{ channels: 6, kernel: 3, pad: 1 }]
  const plain = lenet({ input: [3, 8, 8], stages, hidden: [], classes: 3 })
  const graph = withNormalisation(plain, channelStatistics(data))
  const augment = { shift: 1, flip: true, cutout: 2 }
  const trained = await train({ graph, train: data, epochs: 10, batch: 32, supermask: { density: 0.5 }, augment })
  const accuracy = await testModel(trained, test)
  expect(accuracy).toBeGreaterThan(0.9)

  const bytes = encodeModel(await exportModel(trained, { calibration: data }))
  const answers = async (options: object) => {
    const session = await InferenceSession.create(bytes, options)
    const { [session.outputs[0].name]: scores } = await session.run({
      image: new Tensor('uint8', test.images, [200, 3, 8, 8]),
    })
    session.dispose()
    const best = (z: ArrayLike<number>) => [0, 1, 2].reduce((a, b) => (z[b] > z[a] ? b : a))
    return Array.from({ length: 200 }, (_, i) => best((scores.data as Float32Array).subarray(3 * i, 3 * i + 3)))
  }
  const right = (got: readonly number[]) => got.filter((a, i) => a === test.labels[i]).length / 200
  const f32 = await answers({ precision: 'f32' })
  expect(right(f32)).toBe(accuracy)
  expect(await answers({ precision: 'f32', kernels: 'dense' })).toEqual(f32)
  expect(right(await answers({ precision: 'int8' }))).toBeGreaterThan(accuracy - 0.03)
})
