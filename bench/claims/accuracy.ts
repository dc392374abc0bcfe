/** Accuracy of the presets: trained from scratch, and as shipped. */
import type { PresetName } from 'whitedwarf/compress'
import { accuracy, fp32Bytes, loadData, shippedModel, trainPreset } from '../mnist.js'
import type { Claim, Condition } from './claim.js'

interface Target {
  readonly preset: PresetName
  readonly what: string
  /** Per cent of the 10,000 test images, at least. */
  readonly accuracy: number
  /** Bytes of the whole file, at most. */
  readonly bytes: number
  readonly minutes: number
}

const TARGETS: readonly Target[] = [
  { preset: 'mnist-lenet', what: 'convolutional network', accuracy: 99, bytes: 2200, minutes: 15 },
  { preset: 'mnist-mlp', what: 'fully connected network', accuracy: 98.4, bytes: 10000, minutes: 15 },
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
    title: `MNIST, ${target.what}, trained from scratch (preset ${target.preset}), 10,000 test images, int8`,
    unit: '%',
    bar: { op: '>=', value: target.accuracy },
    also: [fileSize(target)],
    minutes: target.minutes,
    async measure(onProgress) {
      const data = await loadData()
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
        details: { bytes: bytes.length, fp32Bytes: fp32Bytes(bytes), fp8, f32, trainingSeconds: seconds },
      }
    },
  }),
)

const shipped = TARGETS.map(
  (target): Claim => ({
    name: target.preset.replace('mnist-', 'shipped-'),
    title: `MNIST, ${target.what}, the file models/${target.preset}.wd, 10,000 test images, int8`,
    unit: '%',
    bar: { op: '>=', value: target.accuracy },
    also: [fileSize(target), { figure: 'lossOfFp8', unit: 'points', bar: { op: '<=', value: 0.1 } }],
    minutes: 0.2,
    async measure() {
      const bytes = shippedModel(target.preset)
      const [int8, fp8, f32] = await scores(bytes, await loadData())
      const lossOfFp8 = Number((f32 - fp8).toFixed(4))
      return { value: int8, details: { bytes: bytes.length, fp32Bytes: fp32Bytes(bytes), fp8, f32, lossOfFp8 } }
    },
  }),
)

async function scores(bytes: Uint8Array, data: Awaited<ReturnType<typeof loadData>>): Promise<number[]> {
  const all = []
  for (const precision of PRECISIONS) all.push(await accuracy(bytes, data.test, { precision }))
  return all
}

export const accuracyClaims: readonly Claim[] = [...trained, ...shipped]
