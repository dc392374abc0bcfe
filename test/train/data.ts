/** Small data and networks for tests of training. */
import { ChainBuilder, type DataSet, type TrainedNetwork, type TrainOptions } from '../../src/compress.js'
import { Rng } from '../../src/rng.js'

/** Images of `classes` kinds: a bright square whose place tells the class, and noise. */
export function squares(count: number, classes = 4, seed = 1): DataSet {
  const rng = new Rng(seed)
  const labels = Uint8Array.from({ length: count }, () => rng.below(classes))
  const images = new Uint8Array(count * 64)
  labels.forEach((label, n) => {
    for (let k = 0; k < 64; k++) {
      const inside = k >> 5 === label >> 1 && (k & 7) >> 2 === (label & 1)
      images[n * 64 + k] = rng.below(100) + (inside ? 120 : 0)
    }
  })
  return { shape: [1, 8, 8], images, labels, classes }
}

export const small = () =>
  new ChainBuilder([1, 8, 8])
    .conv(4, 3, 1)
    .plain('batchnorm')
    .plain('relu')
    .pool('maxpool', [2, 2])
    .plain('flatten')
    .dense(4)
    .plain('batchnorm')
    .build()

export const base = (): TrainOptions => ({
  graph: small(),
  train: squares(512),
  epochs: 2,
  batch: 32,
  supermask: { density: 0.4 },
})

export const codeOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work
  } catch (error) {
    return (error as { code: string }).code
  }
  return 'no error'
}

/** Everything that was learned, as text, so that two results are the same bits exactly if they are the same text. */
export const bits = ({ tensors, norms, weights }: TrainedNetwork): string =>
  JSON.stringify([tensors, norms, weights], (_, v) => (ArrayBuffer.isView(v) ? Array.from(v as Float32Array) : v))
