/** Arrays and layers for the tests of the gather array. */
import fc from 'fast-check'
import type { LevelTensor } from '../../src/graph/model.js'
import type { GatherArch } from '../../src/pe/arch.js'
import { gatherPresets } from '../../src/pe/presets/gather.js'
import { levelBits, type PeLayer } from '../../src/pe/workload.js'
import { Rng } from '../../src/rng.js'

const { whitedwarf } = gatherPresets

/** The preset without cycles lost in synchronisation, as the published tables count. */
export const ideal: GatherArch = { ...whitedwarf, syncRows: 0, syncGroups: 0 }

export type LevelLayer = PeLayer & { readonly levels: LevelTensor }

export interface LayerSpec {
  readonly m: number
  readonly n: number
  readonly k: number
  readonly groups?: number
  readonly taps?: number
  readonly maxLevel?: LevelTensor['maxLevel']
  readonly density: number
  readonly seed: number
}

/** A layer of independent random levels, all magnitudes equally often. */
export function randomLayer({ m, n, k, groups = 1, taps = 1, maxLevel = 7, density, seed }: LayerSpec): LevelLayer {
  const rng = new Rng(seed)
  const levels = new Int8Array(groups * n * k)
  // From one non-zero level to the next.
  const gap = () =>
    density === 1 ? 0 : density === 0 ? Infinity : Math.floor(Math.log(1 - rng.float()) / Math.log(1 - density))
  for (let i = gap(); i < levels.length; i += 1 + gap()) {
    levels[i] = (1 + rng.below(maxLevel)) * (rng.below(2) === 1 ? 1 : -1)
  }
  return layerOf({ m, n, k, groups, taps, maxLevel, levels })
}

export function layerOf(spec: Omit<LayerSpec, 'density' | 'seed'> & { readonly levels: Int8Array }): LevelLayer {
  const { m, n, k, groups = 1, taps = 1, maxLevel = 7, levels } = spec
  const kept = levels.filter((level) => level !== 0).length
  return {
    name: 'layer',
    op: 'conv2d',
    m,
    n,
    k,
    groups,
    taps,
    inputs: m * k,
    weightBits: levelBits(maxLevel),
    activationBits: 8,
    weightDensity: kept / levels.length,
    activationDensity: 1,
    levels: { shape: [groups * n, k / taps, taps, 1], maxLevel, levels },
  }
}

/** Any gather array, small enough that random layers reach each of its edges. */
export const anyArch: fc.Arbitrary<GatherArch> = fc
  .record({
    groups: fc.integer({ min: 1, max: 4 }),
    rows: fc.integer({ min: 1, max: 5 }),
    lanes: fc.integer({ min: 1, max: 6 }),
    window: fc.oneof(fc.integer({ min: 1, max: 64 }), fc.constantFrom(1, 16, 64)),
    issue: fc.integer({ min: 1, max: 4 }),
    planes: fc.integer({ min: 1, max: 4 }),
    digits: fc.constantFrom('binary' as const, 'signed' as const),
    queue: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 5 }), fc.constant(1000)),
    tile: fc.oneof(fc.integer({ min: 1, max: 80 }), fc.constant(256)),
    syncRows: fc.integer({ min: 0, max: 2 }),
    syncGroups: fc.integer({ min: 0, max: 3 }),
    order: fc.constantFrom('given' as const, 'balanced' as const),
    reuse: fc.integer({ min: 1, max: 9 }),
    tileBandwidth: fc.option(fc.integer({ min: 1, max: 400 }), { nil: undefined }),
    dram: fc.option(fc.record({ bandwidth: fc.integer({ min: 1, max: 64 }) }), { nil: undefined }),
  })
  .map(({ tileBandwidth, dram, ...fields }) => ({
    ...whitedwarf,
    ...fields,
    ...(tileBandwidth !== undefined && { tileBandwidth }),
    ...(dram !== undefined && { dram }),
  }))

export const anyLayer: fc.Arbitrary<LevelLayer> = fc
  .record({
    m: fc.integer({ min: 1, max: 20 }),
    n: fc.integer({ min: 1, max: 30 }),
    channels: fc.integer({ min: 1, max: 40 }),
    taps: fc.constantFrom(1, 3, 9),
    groups: fc.integer({ min: 1, max: 5 }),
    maxLevel: fc.constantFrom(1 as const, 3 as const, 7 as const, 127 as const),
    density: fc.constantFrom(0, 0.02, 0.2, 0.7, 1),
    seed: fc.integer(),
  })
  .map(({ channels, ...spec }) => randomLayer({ ...spec, k: channels * spec.taps }))
