/** Formulas of sizes against published tables; forms of real models against what they really take. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeRunLength,
  encodeRunLength,
  entropyBitsPerWeight,
  float32Bytes,
  hierarchicalBits,
  type Model,
  modelSizes,
  rawBytes,
  resnet,
  riceParameter,
  runLengthBits,
  seededSigns,
  storedCounts,
  uniformDensities,
} from '../../src/compress.js'
import { encodeModel, entropyBits, quantiseUniform } from '../../src/format.js'
import { planesOf } from '../../src/kernels/levels.js'
import { programFromLevels } from '../../src/kernels/ref/gather.js'
import { Mem } from '../../src/kernels/row.js'
import { Rng } from '../../src/rng.js'

/** Independent levels whose magnitudes are equally likely. */
function random(n: number, density: number, maxLevel: number, seed = 1): Int8Array {
  const rng = new Rng(seed)
  const level = () => (rng.below(2) ? 1 : -1) * (1 + rng.below(maxLevel))
  return Int8Array.from({ length: n }, () => (rng.float() < density ? level() : 0))
}

describe('bits per weight', () => {
  // Computed independently: hierarchical / entropy for 1, 3 and 7 uniform coats.
  it.each([
    [0.5, [1.5, 1.5], [2.333, 2.292], [3.429, 2.904]],
    [0.3, [1.3, 1.181], [1.8, 1.657], [2.457, 2.023]],
    [0.2, [1.2, 0.922], [1.533, 1.239], [1.971, 1.483]],
    [0.1, [1.1, 0.569], [1.267, 0.727], [1.486, 0.85]],
    [0.05, [1.05, 0.336], [1.133, 0.416], [1.243, 0.477]],
    [0.01, [1.01, 0.091], [1.027, 0.107], [1.049, 0.119]],
  ])('of uniform coats at density %f', (density, ...rows) => {
    ;([1, 3, 7] as const).forEach((coats, i) => {
      const densities = uniformDensities(density, coats)
      expect(hierarchicalBits(densities)).toBeCloseTo(rows[i][0], 3)
      expect(Math.abs(entropyBitsPerWeight(densities) - rows[i][1])).toBeLessThan(0.00051)
    })
  })

  it('of linear coats, and without signs', () => {
    const linear = [0.3, 0.0788, 0.0315]
    expect(hierarchicalBits(linear)).toBeCloseTo(1.679, 3)
    expect(entropyBitsPerWeight(linear)).toBeCloseTo(1.507, 3)
    expect(hierarchicalBits(linear, 'seeded')).toBeCloseTo(1.679 - 0.3, 3)
    expect(entropyBitsPerWeight(linear, 'seeded')).toBeCloseTo(1.507 - 0.3, 3)
    expect(entropyBitsPerWeight([1])).toBe(1)
    expect(() => hierarchicalBits([0.1, 0.2])).toThrow(/densities of coats/)
    expect(() => entropyBitsPerWeight([])).toThrow(/densities of coats/)
  })

  it('are those of drawn levels', () => {
    const levels = random(200_000, 0.1, 3)
    expect(entropyBits(levels) / levels.length).toBeCloseTo(entropyBitsPerWeight(uniformDensities(0.1, 3)), 2)
  })
})

describe('published sizes of ResNet-50', () => {
  const imagenet = (fold: readonly number[]) => storedCounts(resnet({ depth: 50, fold }))
  const cifar100 = (fold: readonly number[]) =>
    storedCounts(resnet({ depth: 50, fold, stem: 'cifar', input: [3, 32, 32], classes: 100 }))
  const megabytes = (bytes: number) => Math.round(bytes / 1000) / 1000
  const seeded = { densities: [0.3], signs: 'seeded' } as const

  it('hidden-fold networks, stages 3 and 4 folded', () => {
    expect(imagenet([3, 4]).learnedNorms).toBe(13_824)
    expect(megabytes(rawBytes({ ...imagenet([3, 4]), ...seeded }))).toBe(2.184)
    expect(megabytes(rawBytes({ ...cifar100([3, 4]), ...seeded }))).toBe(1.953)
    // The original's classifier has no batch normalisation.
    const { norms, ...dense } = cifar100([])
    const fp32 = float32Bytes({ ...dense, norms: norms - 100 })
    expect(fp32 / 1e6).toBeCloseTo(94.82, 2)
    expect(fp32 / rawBytes({ ...cifar100([3, 4]), ...seeded })).toBeCloseTo(48.55, 2)
  })

  it('learned signs of the 30 % that are kept', () => {
    expect(megabytes(rawBytes({ ...cifar100([3, 4]), densities: [0.3], signs: 'learned' }))).toBe(2.506)
  })

  it('multicoated, not folded', () => {
    const { weights, norms, learnedNorms } = imagenet([])
    expect([weights, norms, learnedNorms]).toEqual([25_502_912, 26_560 + 1000, 0])
    const densities = [0.3, 0.0788, 0.0315]
    expect(megabytes(rawBytes({ weights, learnedNorms, densities, signs: 'seeded' }))).toBe(4.395)
  })
})

describe('run-length code', () => {
  const cases = fc.record({
    maxLevel: fc.constantFrom(1 as const, 3 as const, 7 as const),
    density: fc.constantFrom(0, 0.001, 0.02, 0.3, 1),
    n: fc.integer({ min: 0, max: 700 }),
    seed: fc.integer(),
    seeded: fc.boolean(),
  })

  it('gives back every tensor, in as many bits as it says', () => {
    fc.assert(
      fc.property(cases, ({ maxLevel, density, n, seed, seeded }) => {
        const free = random(n, density, maxLevel, seed)
        const signs = random(n, 1, 1, seed + 1)
        const levels = seeded ? free.map((l, i) => Math.abs(l) * signs[i]) : free
        const options = seeded ? { maxLevel, signs } : { maxLevel }
        const bytes = encodeRunLength(levels, options)
        expect(bytes.length).toBe(Math.ceil(runLengthBits(levels, options).bits / 8))
        expect(decodeRunLength(bytes, n, options)).toEqual(levels)
      }),
    )
  })

  it('takes damaged bytes without hanging', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.integer({ min: 0, max: 5000 }), (bytes, n) => {
        try {
          expect(decodeRunLength(bytes, n, { maxLevel: 3 }).length).toBe(n)
        } catch (error) {
          expect(error).toMatchObject({ code: 'E_FORMAT' })
        }
      }),
    )
    const bytes = encodeRunLength(random(500, 0.1, 3), { maxLevel: 3 })
    expect(() => decodeRunLength(bytes.subarray(1), 500, { maxLevel: 3 })).toThrow(/damaged run-length code/)
    expect(() => decodeRunLength(bytes.subarray(0, -1), 500, { maxLevel: 3 })).toThrow(/ends in the middle/)
    expect(() => decodeRunLength(bytes, 100, { maxLevel: 3 })).toThrow(/damaged run-length code/)
    expect(() => encodeRunLength(Int8Array.of(2), { maxLevel: 1 })).toThrow(/level 2 at 0: expected -1 to 1/)
    expect(() => encodeRunLength(Int8Array.of(1), { maxLevel: 1, signs: Int8Array.of(-1) })).toThrow(/given sign/)
  })

  it.each([0.3, 0.1, 0.05, 0.01, 0.003])(
    'is close to the entropy of independent positions at density %f',
    (density) => {
      const n = 400_000
      const levels = random(n, density, 1)
      const { bits, parameter } = runLengthBits(levels, { maxLevel: 1 })
      expect(bits / entropyBits(levels)).toBeLessThan(1.05)
      expect(bits / entropyBits(levels)).toBeGreaterThan(1)
      expect(Math.abs(parameter - riceParameter(density))).toBeLessThanOrEqual(1)
    },
  )
})

describe('modelSizes', () => {
  const shape = [40, 60]
  const constants = () =>
    quantiseUniform(
      Float64Array.from({ length: 40 }, (_, i) => i + 1),
      6,
    )
  const model = (tensor: Partial<Model['tensors'][string]> = {}): Model => ({
    graph: {
      inputs: [{ name: 'input', shape: [60], scale: [1 / 255], offset: [0] }],
      nodes: [{ op: 'dense', name: 'fc1', inputs: ['input'], units: 40 }],
      outputs: ['fc1'],
    },
    tensors: { fc1: { shape, maxLevel: 3, levels: random(2400, 0.2, 3), ...tensor } },
    layers: { fc1: { tensor: 'fc1', scale: constants(), bias: constants() } },
    ranges: { input: 128 },
  })

  it('is the same for a model and its file', () => {
    expect(modelSizes(encodeModel(model()))).toEqual(modelSizes(model()))
  })

  it.each([1, 3, 7] as const)('counts every form of levels up to %i', (maxLevel) => {
    const levels = random(2400, 0.2, maxLevel)
    const sizes = modelSizes(model({ maxLevel, levels }))
    const nonZeros = levels.filter((l) => l !== 0).length
    const { forms, tensors } = sizes
    expect(sizes).toMatchObject({ weights: 2400, originalWeights: 2400, nonZeros, fp32Bytes: 4 * 2440 })
    expect(sizes.constantBytes).toBe(2 * (4 + 30))
    expect(forms.file.bytes).toBe(encodeModel(model({ maxLevel, levels })).length)
    expect(forms.file.share).toBe(forms.file.bytes / 9760)
    expect(forms.file.bitsPerWeight).toBe((8 * forms.file.bytes) / 2400)
    expect(forms.runLength.bytes).toBe(encodeRunLength(levels, { maxLevel }).length + 68)
    expect(forms.entropy.bytes).toBe(Math.ceil(entropyBits(levels) / 8) + 68)
    const coats = Array.from({ length: maxLevel }, (_, i) => levels.filter((l) => Math.abs(l) > i).length / 2400)
    expect(tensors[0].bits.hierarchical).toBeCloseTo(2400 * hierarchicalBits(coats), 6)
    expect(tensors[0].bits.file / 8).toBeLessThan(forms.file.bytes)
    // The program that the session's own kernel writes.
    const mem = new Mem(new ArrayBuffer(1 << 17))
    const [at, ctx, offsets, out] = [0, 4096, 8192, 16384]
    mem.i8.set(levels, at)
    mem.u32.set([planesOf(maxLevel), offsets, 0, 0, 0, 0], ctx / 4)
    const end = programFromLevels(mem, at, ...(shape as [number, number]), 0, ctx, out) as number
    expect(forms.programs.bytes).toBe(end - out + 8 * 40)
  })

  it('does not count signs that a seed gives', () => {
    const signs = seededSigns(shape, 5)
    const levels = random(2400, 0.2, 3).map((l, i) => Math.abs(l) * signs[i])
    const stored = modelSizes(model({ levels })).tensors[0].bits
    const seeded = modelSizes(model({ levels, signSeed: 5 })).tensors[0].bits
    const nonZeros = levels.filter((l) => l !== 0).length
    expect(stored.hierarchical - seeded.hierarchical).toBe(nonZeros)
    expect(stored.runLength - seeded.runLength).toBe(nonZeros)
    expect((stored.entropy - seeded.entropy) / nonZeros).toBeCloseTo(1, 1)
  })

  it('counts a shared tensor once, and the network it stands for in full', () => {
    const one = model()
    const square = { fc1: { shape: [60, 60], maxLevel: 3, levels: random(3600, 0.2, 3) } as const }
    const c = quantiseUniform(new Float64Array(60).fill(1), 6)
    const shared: Model = {
      ...one,
      graph: {
        ...one.graph,
        nodes: ['fc1', 'fc2', 'fc3'].map((name, i) => ({
          op: 'dense',
          name,
          inputs: [i === 0 ? 'input' : `fc${i}`],
          units: 60,
        })),
        outputs: ['fc3'],
      },
      tensors: square,
      layers: Object.fromEntries(['fc1', 'fc2', 'fc3'].map((n) => [n, { tensor: 'fc1', scale: c, bias: c }])),
      ranges: { input: 128, fc1: 128, fc2: 128 },
    }
    const sizes = modelSizes(shared)
    expect(sizes).toMatchObject({ weights: 3600, originalWeights: 3 * 3600, fp32Bytes: 4 * 3 * 3660 })
    expect(sizes.forms.file.bitsPerWeight).toBeCloseTo((8 * encodeModel(shared).length) / 10800, 12)
  })
})
