/** All claims, in the order in which they are listed. */
import { accuracyClaims } from './accuracy.js'
import type { Claim } from './claim.js'
import { entropyClaims } from './entropy.js'
import { inferenceClaims } from './inference.js'
import { kernelClaims } from './kernels.js'
import { largeClaims } from './large.js'
import { methodClaims } from './method.js'
import { packageClaims } from './package.js'
import { sizeClaims } from './sizes.js'
import { trainingClaims } from './training.js'

export const claims: readonly Claim[] = [
  ...accuracyClaims,
  ...methodClaims,
  ...inferenceClaims,
  ...largeClaims,
  ...kernelClaims,
  ...trainingClaims,
  ...entropyClaims,
  ...sizeClaims,
  ...packageClaims,
]
