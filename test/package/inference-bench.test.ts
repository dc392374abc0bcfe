/** The networks that other runtimes are compared on: their files say what our model says. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'

/** As built: they load the package from dist. */
const built = (file: string) => import(new URL(`../../build/bench/inference/${file}`, import.meta.url).href)
const networks: typeof import('../../bench/inference/networks.js') = await built('networks.js')
const quantised: typeof import('../../bench/inference/quantised.js') = await built('quantised.js')
const { onnxInt8 }: typeof import('../../bench/inference/onnx-int8.js') = await built('onnx-int8.js')
const { tfliteModel }: typeof import('../../bench/inference/tflite.js') = await built('tflite.js')
const library: typeof import('../../src/index.js') = await import(new URL('../../dist/index.js', import.meta.url).href)
const onnx: typeof import('../../src/onnx.js') = await import(new URL('../../dist/onnx.js', import.meta.url).href)
const { encodeModel }: typeof import('../../src/format.js') = await import(
  new URL('../../dist/format.js', import.meta.url).href
)

const SPARSITY = 95
let network: import('../../bench/inference/networks.js').RandomNetwork
let eightBits: import('../../bench/inference/quantised.js').Quantised

beforeAll(async () => {
  network = await networks.randomNetwork('vgg-small', SPARSITY)
  eightBits = await quantised.quantise(network)
})

async function outputOf(
  model: Parameters<typeof library.InferenceSession.create>[0],
  precision: 'f32' | 'int8',
  image = network.image,
) {
  const session = await library.InferenceSession.create(model, { precision })
  const feed = new library.Tensor('float32', image, [1, ...network.shape])
  const results = await session.run({ [session.inputNames[0]]: feed })
  return results[session.outputNames[0]].data
}

/** Root mean square of the difference over that of what is expected. */
function error(actual: Float32Array, expected: Float32Array): number {
  const squares = (values: Float32Array) => values.reduce((sum, v) => sum + v * v, 0)
  return Math.sqrt(squares(actual.map((v, i) => v - expected[i])) / squares(expected))
}

describe('a network of random levels', () => {
  it('has as many zeros as were asked for, and activations that live', async () => {
    const levels = Object.values(network.model.tensors).map((t) => t.levels)
    const zeros = levels.reduce((n, l) => n + l.filter((level) => level === 0).length, 0)
    expect(zeros / levels.reduce((n, l) => n + l.length, 0)).toBeCloseTo(SPARSITY / 100, 2)
    const [first, second] = [await outputOf(network.floats, 'f32'), await outputOf(encodeModel(network.model), 'int8')]
    expect(error(await outputOf(network.floats, 'f32', network.other), first)).toBeGreaterThan(0.3)
    expect(error(second, first)).toBeLessThan(0.1)
    expect(error(second, first)).toBeGreaterThan(0)
  })

  it('is the same network as an 8-bit ONNX file', async () => {
    const imported = await onnx.importOnnx(onnxInt8(network, eightBits))
    expect(error(await outputOf(imported, 'f32'), await outputOf(network.floats, 'f32'))).toBeLessThan(0.05)
  })
})

describe('a TensorFlow Lite model', () => {
  it('has the same weights in all three forms', () => {
    const [f32, int8, sparse] = (['f32', 'int8', 'sparse'] as const).map((form) => {
      const { tensors } = tfliteModel(network, form, eightBits)
      const name = form === 'sparse' ? 'conv2_sparse' : 'conv2_weights'
      return tensors.find((t) => t.name === name) as (typeof tensors)[number]
    })
    const dense = f32.data as Float32Array
    const each = dense.length / f32.shape[0]
    expect(f32.shape).toEqual([128, 3, 3, 128])
    const scale = int8.grid?.scale as number[]
    expect((int8.data as Int8Array).every((w, i) => Math.fround(w * scale[Math.floor(i / each)]) === dense[i])).toBe(
      true,
    )
    const { segments, indices } = sparse.csr as { segments: number[]; indices: number[] }
    const filled = new Float32Array(dense.length)
    for (let row = 0; row + 1 < segments.length; row++) {
      for (let i = segments[row]; i < segments[row + 1]; i++)
        filled[row * 128 + indices[i]] = (sparse.data as Float32Array)[i]
    }
    expect(filled).toEqual(dense)
  })

  it('has image values in the order [height, width, channels] before a dense layer', () => {
    const { tensors } = tfliteModel(network, 'f32', eightBits)
    const { weights } = network.floats.weights.fc1
    const theirs = tensors.find((t) => t.name === 'fc1_weights')?.data as Float32Array
    const [channels, height, width] = [512, 4, 4]
    for (const [o, c, h, w] of [
      [0, 0, 0, 0],
      [3, 17, 2, 1],
      [9, 511, 3, 3],
    ]) {
      const ours = weights[o * 8192 + (c * height + h) * width + w]
      expect(theirs[o * 8192 + (h * width + w) * channels + c]).toBe(ours)
    }
  })

  const writer = new URL('../../bench/peers/tflite.mjs', import.meta.url)
  const installed = existsSync(fileURLToPath(new URL('node_modules/flatbuffers', writer)))

  it.skipIf(!installed)('is written with its constants on multiples of 16 bytes', async () => {
    const { encodeTflite } = await import(writer.href)
    const model = tfliteModel(network, 'f32', eightBits)
    const bytes: Uint8Array = encodeTflite(model)
    expect(new TextDecoder().decode(bytes.subarray(4, 8))).toBe('TFL3')
    const data = model.tensors.find((t) => t.name === 'conv2_weights')?.data as Float32Array
    const at = Buffer.from(bytes).indexOf(Buffer.from(data.buffer, data.byteOffset, data.byteLength))
    expect(at % 16).toBe(0)
    expect(at).toBeGreaterThan(0)
  })
})
