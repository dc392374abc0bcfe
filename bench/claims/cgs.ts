/** Blocks that a seed draws, together with levels of few bits: how small networks get, and what it costs in accuracy. */
import {
  channelStatistics,
  exportModel,
  isWeighted,
  mlp,
  type TrainTest,
  train,
  vgg,
  withNormalisation,
} from 'whitedwarf/compress'
import { encodeModel } from 'whitedwarf/format'
import { parsePattern } from 'whitedwarf/patterns'
import { round } from '../machine.js'
import { accuracy, loadCifar10, loadMnist } from '../models.js'
import type { Claim } from './claim.js'
import { resumable } from './resumable.js'

const MNIST_EPOCHS = 30

/** Yin et al. (arXiv 1804.07370) report 98.4 % of an MNIST network with 8X CGS and 3-bit weights. */
const mnist: Claim = {
  name: 'cgs-mnist',
  title: `MNIST, 784-512-512-10, blocks of 16 of which one in 8 stays, INT3 levels, ${MNIST_EPOCHS} epochs: test images that the file gets right in int8`,
  unit: '%',
  bar: { op: '>=', value: 98.6 },
  also: [{ figure: 'smaller', unit: 'times smaller than float32, everything counted', bar: { op: '>=', value: 80 } }],
  minutes: 6,
  async measure(onProgress) {
    const data = await loadMnist()
    const graph = mlp({ hidden: [512, 512], classes: 10 })
    const [first, second] = graph.nodes.filter(isWeighted).map((node) => node.name)
    let epoch = 0
    const result = await train({
      graph,
      ...data,
      supermask: { coats: 3, pattern: { rule: parsePattern('cgs:16/8'), layers: [first, second] } },
      epochs: MNIST_EPOCHS,
      learningRate: 1,
      augment: { shift: 1 },
      seed: 1,
      workers: 'auto',
      onProgress: (e) => {
        if (e.testAccuracy === undefined || e.epoch === epoch) return
        epoch = e.epoch
        onProgress(`epoch ${epoch} of ${MNIST_EPOCHS}: ${round(100 * e.testAccuracy)} %`)
      },
    })
    const bytes = encodeModel(await exportModel(result, { calibration: data.train, scaleBits: 6, biasBits: 6 }))
    const tensors = Object.values(result.tensors)
    const weights = tensors.reduce((sum, t) => sum + t.levels.length, 0)
    const kept = tensors.reduce((sum, t) => sum + t.levels.filter((level) => level !== 0).length, 0)
    return {
      value: await accuracy(bytes, data.test, { precision: 'int8' }),
      details: { bytes: bytes.length, weights, kept, smaller: round((4 * weights) / bytes.length) },
    }
  },
}

const CIFAR_EPOCHS = 10
const CIFAR_BLOCKS = 'cgs:8/5'

interface CifarRow {
  readonly network: 'dense' | 'blocks'
  readonly accuracy: number
  readonly bytes: number
}

/** The same network and recipe, once with plain f32 weights and once with blocks of INT3 levels. */
async function measureCifar(network: string, data: TrainTest, onProgress: (line: string) => void): Promise<CifarRow> {
  const graph = withNormalisation(vgg({ depth: 11, width: 0.25 }), channelStatistics(data.train))
  const dense = network === 'dense'
  let epoch = 0
  const result = await train({
    graph,
    ...data,
    supermask: dense ? 'none' : { coats: 3, pattern: { rule: parsePattern(CIFAR_BLOCKS) } },
    // Scores and weights want other rates: levels only change where a score crosses a threshold.
    learningRate: dense ? 0.1 : 0.4,
    weightDecay: dense ? 5e-4 : 1e-4,
    epochs: CIFAR_EPOCHS,
    warmup: 0.05,
    labelSmoothing: 0,
    augment: { flip: true, shift: 4 },
    seed: 1,
    workers: 'auto',
    onProgress: (e) => {
      if (e.testAccuracy === undefined || e.epoch === epoch) return
      epoch = e.epoch
      onProgress(`${network}: epoch ${epoch} of ${CIFAR_EPOCHS}, ${round(100 * e.testAccuracy)} % in f32`)
    },
  })
  if (dense) {
    const weights = Object.values(result.weights ?? {}).reduce((sum, w) => sum + w.length, 0)
    return { network, accuracy: round(100 * (result.testAccuracy as number)), bytes: 4 * weights }
  }
  const bytes = encodeModel(await exportModel(result, { calibration: data.train }))
  const right = await accuracy(bytes, data.test, { precision: 'int8' })
  return { network: 'blocks', accuracy: round(right), bytes: bytes.length }
}

/** Yin et al. (arXiv 1804.07370) report 50 times less weight memory on CIFAR-10. */
const cifar: Claim = {
  name: 'cgs-cifar',
  title: `CIFAR-10, VGG-11 of a quarter of the channels, blocks of 8 of which one in 5 stays, INT3 levels, ${CIFAR_EPOCHS} epochs: how many times smaller the file is than the weights in float32, everything counted`,
  unit: 'times',
  bar: { op: '>=', value: 50 },
  also: [{ figure: 'lost', unit: 'points lost against float32 by the same recipe', bar: { op: '<=', value: 10 } }],
  minutes: 35,
  async measure(onProgress) {
    const data = await loadCifar10()
    const [dense, blocks] = await resumable<CifarRow>('cgs-cifar', 'network', ['dense', 'blocks'], (network) =>
      measureCifar(network, data, onProgress),
    )
    return {
      value: round(dense.bytes / blocks.bytes),
      details: {
        seed: 1,
        lost: round(dense.accuracy - blocks.accuracy),
        accuracyDense: dense.accuracy,
        accuracy: blocks.accuracy,
        bytesDense: dense.bytes,
        bytes: blocks.bytes,
      },
    }
  },
}

export const cgsClaims: readonly Claim[] = [mnist, cifar]
