/** All claims, in the order in which they are listed. */
import { accuracyClaims } from './accuracy.js'
import { cgsClaims } from './cgs.js'
import type { Claim } from './claim.js'
import { convertedClaims } from './converted.js'
import { entropyClaims } from './entropy.js'
import { inferenceClaims } from './inference.js'
import { kernelClaims } from './kernels.js'
import { largeClaims } from './large.js'
import { methodClaims } from './method.js'
import { onnxClaims } from './onnx.js'
import { packageClaims } from './package.js'
import { patternEnergyClaims } from './pattern-energy.js'
import { patternKernelClaims } from './pattern-kernels.js'
import { patternClaims } from './patterns.js'
import { peGatherClaims } from './pe-gather.js'
import { peOtherClaims } from './pe-others.js'
import { peSystolicClaims } from './pe-systolic.js'
import { peerClaims } from './peers.js'
import { resnet50Claims } from './resnet50.js'
import { sizeClaims } from './sizes.js'
import { storageClaims } from './storage.js'
import { trainingClaims } from './training.js'

export const claims: readonly Claim[] = [
  ...accuracyClaims,
  ...convertedClaims,
  ...methodClaims,
  ...patternClaims,
  ...cgsClaims,
  ...inferenceClaims,
  ...largeClaims,
  ...peerClaims,
  ...resnet50Claims,
  ...onnxClaims,
  ...kernelClaims,
  ...patternKernelClaims,
  ...trainingClaims,
  ...entropyClaims,
  ...sizeClaims,
  ...patternEnergyClaims,
  ...storageClaims,
  ...peSystolicClaims,
  ...peOtherClaims,
  ...peGatherClaims,
  ...packageClaims,
]
