/** A network of realistic size. Its weights are random, which changes nothing about its speed. */
import { InferenceSession, Tensor } from 'whitedwarf'
import { ChainBuilder, type Graph, type Model } from 'whitedwarf/compress'
import { encodeModel, quantiseUniform } from 'whitedwarf/format'
import { Rng } from 'whitedwarf/kernels'
import { round } from '../machine.js'
import { fp32Bytes, timeVariants } from '../models.js'
import type { Claim } from './claim.js'

const DENSITY = 0.05
/** 2^(136 / 8 - 16): activations up to 2. */
const RANGE = 136

/** Three 3 x 3 convolutions of 256 to 512 channels on 28 x 28 and 14 x 14 pixels, average pool, 1000 classes. */
const network = () =>
  new ChainBuilder([64, 28, 28])
    .conv(256, 3, 1)
    .plain('relu')
    .conv(512, 3, 1, 2)
    .plain('relu')
    .conv(512, 3, 1)
    .plain('relu')
    .pool('avgpool', [14, 14])
    .plain('flatten')
    .dense(1000)
    .build()

/** Ternary levels, 95 % zeros, for every weighted node of a chain. */
function randomTernary(graph: Graph, rng: Rng): Model {
  const tensors: Record<string, Model['tensors'][string]> = {}
  const layers: Record<string, Model['layers'][string]> = {}
  let channels = graph.inputs[0].shape[0]
  for (const node of graph.nodes) {
    if (node.op !== 'conv2d' && node.op !== 'dense') continue
    const shape = node.op === 'conv2d' ? [node.channels, channels, ...node.kernel] : [node.units, channels]
    channels = shape[0]
    const size = shape.reduce((a, b) => a * b, 1)
    const levels = Int8Array.from({ length: size }, () => (rng.float() < DENSITY ? 1 - 2 * rng.below(2) : 0))
    const constants = () =>
      quantiseUniform(
        Float64Array.from({ length: channels }, () => 0.05 + 0.05 * rng.float()),
        6,
      )
    tensors[node.name] = { shape, maxLevel: 1, levels }
    layers[node.name] = { tensor: node.name, scale: constants(), bias: constants() }
  }
  const values = [graph.inputs[0].name, ...graph.nodes.map((node) => node.name)]
  return { graph, tensors, layers, ranges: Object.fromEntries(values.map((name) => [name, RANGE])) }
}

export const largeClaims: readonly Claim[] = [
  {
    name: 'large-sparse-vs-dense',
    title:
      'Convolutional network of 4.2 million random ternary weights, 95 % zeros, one image, one thread: time of the dense f32 run over time of the sparse int8 run',
    unit: 'times faster',
    bar: { op: '>=', value: 12 },
    minutes: 0.3,
    async measure() {
      const rng = new Rng(1)
      const bytes = encodeModel(randomTernary(network(), rng))
      const pixels = Uint8Array.from({ length: 64 * 28 * 28 }, () => rng.below(256))
      const { measurements, warnings } = await timeVariants(bytes, new Tensor('uint8', pixels, [1, 64, 28, 28]), {
        dense: { precision: 'f32', kernels: 'dense' },
        f32: { precision: 'f32' },
        fp8: { precision: 'fp8' },
        int8: { precision: 'int8' },
      })
      const ms = Object.fromEntries(measurements.map((m) => [m.name, m.medianNs / 1e6]))
      const begin = performance.now()
      const session = await InferenceSession.create(bytes)
      const createMs = round(performance.now() - begin)
      const memoryMiB = round(session.info.memory / 2 ** 20)
      session.dispose()
      return {
        value: round(ms.dense / ms.int8),
        spread: Math.max(...measurements.map((m) => m.spread)),
        details: {
          milliseconds: Object.fromEntries(Object.entries(ms).map(([name, v]) => [name, round(v)])),
          bytes: bytes.length,
          fp32Bytes: fp32Bytes(bytes),
          createMs,
          memoryMiB,
        },
        warnings,
      }
    },
  },
]
