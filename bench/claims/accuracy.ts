/** Accuracy of the presets: trained from scratch, and as shipped. */
import type { PresetName, TrainTest } from 'whitedwarf/compress'
import { accuracy, fp32Bytes, loadCifar10, loadMnist, shippedModel, trainPreset } from '../models.js'
import type { Claim, Condition } from './claim.js'

interface Target {
  readonly preset: PresetName
  /** Name of the claim on the shipped file. */
  readonly shipped: string
  readonly what: string
  readonly load: () => Promise<TrainTest>
  /** Per cent of the test images, at least. */
  readonly accuracy: number
  /** Bytes of the whole file, at most. */
  readonly bytes: number
  /** Points that FP8 may lose against f32, of the shipped file. */
  readonly fp8: number
  readonly minutes: number
}

const mnist = { load: loadMnist, fp8: 0.1, minutes: 15 }
const cifar = { load: loadCifar10, fp8: 0.5 }

const TARGETS: readonly Target[] = [
  {
    ...mnist,
    preset: 'mnist-lenet',
    shipped: 'shipped-lenet',
    what: 'MNIST, convolutional network',
    accuracy: 99,
    bytes: 2200,
  },
  {
    ...mnist,
    preset: 'mnist-mlp',
    shipped: 'shipped-mlp',
    what: 'MNIST, fully connected network',
    accuracy: 98.4,
    bytes: 10000,
  },
  {
    ...cifar,
    preset: 'cifar-12k',
    shipped: 'shipped-cifar-12k',
    what: 'CIFAR-10, ResNet-8',
    accuracy: 84,
    bytes: 12500,
    minutes: 45,
  },
  {
    ...cifar,
    preset: 'cifar-40k',
    shipped: 'shipped-cifar-40k',
    what: 'CIFAR-10, ResNet-8 of twice the channels',
    accuracy: 88,
    bytes: 40000,
    minutes: 100,
  },
]

const PRECISIONS = ['int8', 'fp8', 'f32'] as const
const fileSize = (target: Target): Condition => ({
  figure: 'bytes',
  unit: 'bytes',
  bar: { op: '<=', value: target.bytes },
})

const trained = TARGETS.map(
  (target): Claim => ({
    name: `${target.preset}-accuracy`,
    title: `${target.what}, trained from scratch (preset ${target.preset}), all test images, int8`,
    unit: '%',
    bar: { op: '>=', value: target.accuracy },
    also: [fileSize(target)],
    minutes: target.minutes,
    async measure(onProgress) {
      const data = await target.load()
      let epoch = 0
      const { bytes, result } = await trainPreset(target.preset, data, (e) => {
        if (e.testAccuracy === undefined || e.epoch === epoch) return
        epoch = e.epoch
        onProgress(
          `epoch ${e.epoch}/${e.epochs}, test ${(100 * e.testAccuracy).toFixed(2)} %, ${Math.round(e.secondsLeft)} s left`,
        )
      })
      const [int8, fp8, f32] = await scores(bytes, data)
      const seconds = Math.round(result.seconds)
      return {
        value: int8,
        details: { ...sizes(bytes, data), fp8, f32, trainingSeconds: seconds },
      }
    },
  }),
)

const shipped = TARGETS.map(
  (target): Claim => ({
    name: target.shipped,
    title: `${target.what}, the file models/${target.preset}.wd, all test images, int8`,
    unit: '%',
    bar: { op: '>=', value: target.accuracy },
    also: [fileSize(target), { figure: 'lossOfFp8', unit: 'points', bar: { op: '<=', value: target.fp8 } }],
    minutes: 0.2,
    async measure() {
      const bytes = shippedModel(target.preset)
      const data = await target.load()
      const [int8, fp8, f32] = await scores(bytes, data)
      const lossOfFp8 = Number((f32 - fp8).toFixed(4))
      return { value: int8, details: { ...sizes(bytes, data), fp8, f32, lossOfFp8 } }
    },
  }),
)

const sizes = (bytes: Uint8Array, { test }: TrainTest) => ({
  bytes: bytes.length,
  fp32Bytes: fp32Bytes(bytes),
  testImages: test.labels.length,
})

async function scores(bytes: Uint8Array, data: TrainTest): Promise<number[]> {
  const all = []
  for (const precision of PRECISIONS) all.push(await accuracy(bytes, data.test, { precision }))
  return all
}

export const accuracyClaims: readonly Claim[] = [...trained, ...shipped]
