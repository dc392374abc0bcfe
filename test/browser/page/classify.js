/**
 * Runs images through a model in every precision. The same file runs in Node and in pages, so that their results can be
 * compared to the bit.
 * @returns precision -> the bits of all outputs as unsigned 32-bit numbers
 */
export async function classify({ InferenceSession, Tensor }, model, images, count) {
  const results = {}
  for (const precision of ['int8', 'fp8', 'f32']) {
    const session = await InferenceSession.create(model, { precision })
    const [{ name, shape }] = session.inputs
    // Of larger images there are fewer: the bytes are the same for all models.
    const size = shape.reduce((a, b) => a * b, 1)
    const n = Math.min(count, Math.floor(images.length / size))
    const outputs = await session.run({ [name]: new Tensor('uint8', images.subarray(0, n * size), [n, ...shape]) })
    results[precision] = Object.values(outputs).flatMap((t) =>
      Array.from(new Uint32Array(t.data.buffer, t.data.byteOffset, t.size)),
    )
    session.dispose()
  }
  return results
}
