/** Whole networks: do the fast kernels compute what the references compute, and how fast are they? */
import type { SessionOptions, Tensor } from 'whitedwarf'
import { bestIsa } from 'whitedwarf/kernels'
import { round } from '../machine.js'
import { images, loadMnist, outputs, shippedModel, timeVariants } from '../models.js'
import type { Claim } from './claim.js'

const MODELS = ['mnist-lenet', 'mnist-mlp']
const PRECISIONS = ['int8', 'fp8', 'f32'] as const
const AGREEMENT_IMAGES = 1000
const SPEED_IMAGES = 64

const agreement: Claim = {
  name: 'reference-agreement',
  title: `Outputs of the SIMD kernels that differ in any bit from the scalar references: shipped models, int8, fp8 and f32, batch 1 and 8, ${AGREEMENT_IMAGES} images each`,
  unit: 'differing outputs',
  bar: { op: '<=', value: 0 },
  minutes: 0.3,
  async measure(onProgress) {
    const { test } = await loadMnist()
    const input = images(test, AGREEMENT_IMAGES)
    const builds: ('simd' | 'relaxed')[] = (await bestIsa()) === 'relaxed' ? ['simd', 'relaxed'] : ['simd']
    let differing = 0
    let compared = 0
    for (const model of MODELS) {
      const bytes = shippedModel(model)
      for (const precision of PRECISIONS) {
        for (const batch of [1, 8]) {
          const expected = bits(await outputs(bytes, input, { precision, batch, isa: 'reference' }))
          for (const isa of builds) {
            const actual = bits(await outputs(bytes, input, { precision, batch, isa }))
            differing += expected.reduce((n, v, i) => n + (v === actual[i] ? 0 : 1), 0)
            compared += expected.length
          }
        }
        onProgress(`${model}, ${precision}: ${compared} outputs compared, ${differing} differ`)
      }
    }
    return { value: differing, details: { compared, builds } }
  },
}

const bits = (a: Float32Array) => new Uint32Array(a.buffer, a.byteOffset, a.length)

const VARIANTS: Readonly<Record<string, SessionOptions>> = {
  dense: { precision: 'f32', kernels: 'dense' },
  f32: { precision: 'f32' },
  int8: { precision: 'int8' },
  fp8: { precision: 'fp8' },
  denseBatch16: { precision: 'f32', kernels: 'dense', batch: 16 },
  int8Batch16: { precision: 'int8', batch: 16 },
}

const speed: Claim = {
  name: 'sparse-vs-dense',
  title:
    'Shipped LeNet, one image at a time, one thread: time of the dense f32 run over time of the sparse int8 run, same process, in turns',
  unit: 'times faster',
  bar: { op: '>=', value: 2 },
  minutes: 0.3,
  async measure() {
    const input = images((await loadMnist()).test, SPEED_IMAGES)
    const [lenet, mlp] = [await measureVariants('mnist-lenet', input), await measureVariants('mnist-mlp', input)]
    return {
      value: lenet.times,
      spread: lenet.spread,
      details: { lenet: lenet.details, mlp: { times: mlp.times, ...mlp.details } },
      warnings: [...lenet.warnings, ...mlp.warnings],
    }
  },
}

async function measureVariants(model: string, input: Tensor) {
  const { measurements, warnings } = await timeVariants(shippedModel(model), input, VARIANTS)
  const ms = Object.fromEntries(measurements.map((m) => [m.name, m.medianNs / 1e6 / SPEED_IMAGES]))
  return {
    times: round(ms.dense / ms.int8),
    spread: Math.max(...measurements.map((m) => m.spread)),
    details: {
      millisecondsPerImage: Object.fromEntries(Object.entries(ms).map(([name, v]) => [name, round(v)])),
      timesAtBatch16: round(ms.denseBatch16 / ms.int8Batch16),
    },
    warnings,
  }
}

export const inferenceClaims: readonly Claim[] = [agreement, speed]
