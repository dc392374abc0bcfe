/**
 * Trains a small network on made-up images. The same file runs in Node and in pages, so that their results can be compared to the
 * bit.
 * @returns everything learned, as numbers
 */
export async function trainSmall({ ChainBuilder, train }, options) {
  const count = 256
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 4)
  const images = Uint8Array.from({ length: count * 64 }, (_, k) => {
    const [label, pixel] = [labels[k >> 6], k & 63]
    const inside = pixel >> 5 === label >> 1 && (pixel & 7) >> 2 === (label & 1)
    return ((k * 2654435761) >>> 25) + (inside ? 120 : 0)
  })
  const graph = new ChainBuilder([1, 8, 8])
    .conv(4, 3, 1)
    .plain('batchnorm')
    .plain('relu')
    .plain('flatten')
    .dense(4)
    .plain('batchnorm')
    .build()
  const { tensors, norms, history } = await train({
    graph,
    train: { shape: [1, 8, 8], images, labels, classes: 4 },
    batch: 32,
    supermask: { density: 0.3, coats: 3 },
    augment: { shift: 1 },
    progressEvery: 4,
    ...options,
  })
  const numbers = [...Object.values(tensors), ...Object.values(norms)].flatMap((part) =>
    Object.values(part).flatMap((value) => (ArrayBuffer.isView(value) ? Array.from(value) : [value])),
  )
  return { numbers: numbers.flat(), losses: history.map((e) => e.loss) }
}
