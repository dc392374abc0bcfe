/** Layers for tests: sizes alone, or with levels drawn by a seed. */
import type { LevelTensor } from '../../src/graph/model.js'
import type { Pattern } from '../../src/patterns.js'
import type { PeLayer } from '../../src/pe/workload.js'
import { Rng } from '../../src/rng.js'

export interface Sizes {
  readonly m: number
  /** Filters of a group. */
  readonly n: number
  /** Channels of a group. */
  readonly channels: number
  readonly kernel?: number
  readonly groups?: number
}

export function sized({ m, n, channels, kernel = 1, groups = 1 }: Sizes, more: Partial<PeLayer> = {}): PeLayer {
  const taps = kernel * kernel
  return {
    name: 'layer',
    op: 'conv2d',
    m,
    n,
    k: channels * taps,
    groups,
    taps,
    inputs: m * channels * groups,
    weightBits: 8,
    activationBits: 8,
    weightDensity: 1,
    activationDensity: 1,
    ...more,
  }
}

type Known = PeLayer & Required<Pick<PeLayer, 'levels'>>

/** Levels up to `maxLevel`, each zero but with chance `density`, magnitudes uniform. */
export function drawn(
  sizes: Sizes,
  density: number,
  { maxLevel = 7, seed = 1, mask, pattern, ...more }: Partial<PeLayer> & Drawing = {},
): Known {
  const layer = sized(sizes, more)
  const rng = new Rng(seed)
  const { n, groups, k, taps } = layer
  const levels = Int8Array.from({ length: n * groups * k }, (_, i) => {
    const magnitude = rng.float() < density ? 1 + rng.below(maxLevel) : 0
    return mask !== undefined && mask[i] === 0 ? 0 : rng.below(2) === 0 ? magnitude : -magnitude
  })
  const kernel = Math.sqrt(taps)
  const shape = [n * groups, k / taps, kernel, kernel]
  const tensor: LevelTensor = { shape, maxLevel, levels, ...(pattern && { pattern }) }
  const weightDensity = levels.reduce((sum, level) => sum + (level === 0 ? 0 : 1), 0) / levels.length
  return { ...layer, weightBits: 1 + Math.ceil(Math.log2(maxLevel + 1)), weightDensity, levels: tensor }
}

interface Drawing {
  readonly maxLevel?: 1 | 3 | 7 | 127
  readonly seed?: number
  /** 0 where a level is zero at any rate. */
  readonly mask?: Uint8Array
  readonly pattern?: Pattern
}

/** Element-cycles of all causes together. */
export const slotSum = (slots: object): number => Object.values(slots).reduce((a: number, b: number) => a + b, 0)
