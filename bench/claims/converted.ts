/**
 * Networks that others have trained, given to this library's builders: the accuracy of their plain weights, and of 8-bit levels made
 * from them directly. Ranges are measured on training images.
 */
import { Tensor, type TensorLike } from 'whitedwarf'
import {
  calibrate,
  type FloatModel,
  quantiseModel,
  resnetCifar,
  slice,
  withNormalisation,
  withParameters,
} from 'whitedwarf/compress'
import { encodeModel, readSafetensors } from 'whitedwarf/format'
import { accuracy, loadCifar10, otherModel } from '../models.js'
import type { Claim } from './claim.js'

/** What the networks were trained with. */
const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }

const CALIBRATION_IMAGES = 512

interface Target {
  readonly depth: number
  /** Per cent of the first 1,000 test images, as other software has measured it. */
  readonly measured: number
}

const TARGETS: readonly Target[] = [
  { depth: 20, measured: 91.5 },
  { depth: 32, measured: 92.8 },
]

/** Points that 8 bits may lose against f32. */
const LOSS = 0.5
/** Points that f32 may be away from what others measured. */
const AGREEMENT = 0.1

function network(depth: number): FloatModel {
  const parameters = readSafetensors(otherModel(`akamaster-resnet-cifar10/resnet${depth}.safetensors`))
  return withParameters(withNormalisation(resnetCifar({ depth }), IMAGENET), parameters)
}

export const convertedClaims: readonly Claim[] = TARGETS.map(
  ({ depth, measured }): Claim => ({
    name: `resnet${depth}-safetensors`,
    title: `CIFAR-10, ResNet-${depth} as trained elsewhere (safetensors), 1,000 test images, f32`,
    unit: '%',
    bar: { op: '>=', value: measured - AGREEMENT },
    also: [
      { figure: 'differenceFromOthers', unit: 'points', bar: { op: '<=', value: AGREEMENT } },
      { figure: 'lossOfInt8', unit: 'points', bar: { op: '<=', value: LOSS } },
      { figure: 'lossOfFp8', unit: 'points', bar: { op: '<=', value: LOSS } },
    ],
    minutes: 1,
    async measure(onProgress) {
      const model = network(depth)
      const data = await loadCifar10()
      // The file may have more of them; those that the figure is known for are the first.
      const test = slice(data.test, 0, 1000)
      const f32 = await accuracy(model, test, { precision: 'f32' })
      onProgress(`f32 ${f32} %, measuring ranges`)
      const some = slice(data.train, 0, CALIBRATION_IMAGES)
      const image: TensorLike = new Tensor('uint8', some.images, [CALIBRATION_IMAGES, ...some.shape])
      const file = encodeModel(quantiseModel(model, { ranges: await calibrate(model, { image }) }))
      const int8 = await accuracy(file, test, { precision: 'int8' })
      onProgress(`int8 ${int8} %`)
      const fp8 = await accuracy(file, test, { precision: 'fp8' })
      const points = (x: number) => Number(x.toFixed(4))
      const weights = Object.values(model.weights)
      return {
        value: f32,
        details: {
          differenceFromOthers: points(Math.abs(f32 - measured)),
          int8,
          fp8,
          lossOfInt8: points(f32 - int8),
          lossOfFp8: points(f32 - fp8),
          bytes: file.length,
          fp32Bytes: 4 * weights.reduce((n, w) => n + w.weights.length + w.bias.length, 0),
          testImages: test.labels.length,
          calibrationImages: CALIBRATION_IMAGES,
        },
      }
    },
  }),
)
