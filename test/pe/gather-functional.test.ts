/** The arithmetic of the gather array: exact (T8), and equal to the engine's FP8 runs bit for bit. */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InferenceSession } from '../../src/engine/session.js'
import { decodeModel, encodeModel } from '../../src/format/wd.js'
import { elements } from '../../src/graph/ir.js'
import type { Model } from '../../src/graph/model.js'
import { elementSums } from '../../src/pe/gather/elements.js'
import { type ArrayRun, runOnArray } from '../../src/pe/gather/functional.js'
import { archs } from '../../src/pe/presets/index.js'
import { Rng } from '../../src/rng.js'
import { BRANCHES } from '../engine/branches.js'
import { GRAPHS, randomModel } from '../engine/models.js'

const file = (path: string) => new URL(`../../${path}`, import.meta.url)

describe('the elements', () => {
  const layer = fc.record({
    rows: fc.integer({ min: 1, max: 4 }),
    cols: fc.integer({ min: 1, max: 40 }),
    lanes: fc.integer({ min: 1, max: 5 }),
    maxLevel: fc.constantFrom(1, 3, 7, 127),
    mantissa: fc.constantFrom(3, 7, 15, 127),
    exponents: fc.constantFrom(1, 15, 26),
    accumulator: fc.integer({ min: 8, max: 48 }),
    digits: fc.constantFrom('binary' as const, 'signed' as const),
    seed: fc.integer(),
  })

  it('sum what integers say, as their accumulators hold it (T8)', () => {
    fc.assert(
      fc.property(layer, ({ rows, cols, lanes, maxLevel, mantissa, exponents, accumulator, digits, seed }) => {
        const rng = new Rng(seed)
        const levels = Int8Array.from({ length: rows * cols }, () => rng.below(2 * maxLevel + 1) - maxLevel)
        const inputs = Float64Array.from(
          { length: cols * lanes },
          () => (rng.below(2 * mantissa + 1) - mantissa) * 2 ** rng.below(exponents),
        )
        const found = elementSums({ rows, cols, levels }, inputs, { digits, accumulator })
        let overflows = 0
        let bits = 1
        for (let r = 0; r < rows; r++) {
          for (let j = 0; j < lanes; j++) {
            let sum = 0n
            for (let k = 0; k < cols; k++) sum += BigInt(levels[r * cols + k]) * BigInt(inputs[k * lanes + j])
            expect(BigInt(found.sums[r * lanes + j])).toBe(BigInt.asIntN(accumulator, sum))
            if (BigInt.asIntN(accumulator, sum) !== sum) overflows++
            while (BigInt.asIntN(bits, sum) !== sum) bits++
          }
        }
        expect(found.overflows).toBe(overflows)
        expect(found.bits).toBe(bits)
      }),
      { numRuns: 300 },
    )
  })

  it('refuse inputs that no FP8 number can be', () => {
    const one = { rows: 1, cols: 1, levels: Int8Array.of(1) }
    expect(() => elementSums(one, Float64Array.of(257), { digits: 'binary', accumulator: 24 })).toThrow(RangeError)
    expect(() => elementSums(one, Float64Array.of(0.5), { digits: 'binary', accumulator: 24 })).toThrow(RangeError)
  })
})

/** Runs the same images on both and compares all outputs. Returns what the array tells of its layers. */
async function compare(
  model: Model,
  bytes: Uint8Array,
  images: readonly ArrayLike<number>[],
  format: 'e4m3' | 'e5m2',
  accumulator: number,
): Promise<ArrayRun['layers']> {
  const [{ name, shape }] = model.graph.inputs
  const session = await InferenceSession.create(bytes, { precision: 'fp8', fp8: format })
  const layers: ArrayRun['layers'][number][] = []
  for (const image of images) {
    const feeds = { [name]: { type: 'float32' as const, dims: [1, ...shape], data: Float32Array.from(image) } }
    const expected = await session.run(feeds)
    const digits = layers.length % 2 === 0 ? 'binary' : 'signed'
    const run = runOnArray(model, image, { digits, accumulator, format })
    layers.push(...run.layers)
    // Sums that f32 may round have no claim to be equal.
    if (run.layers.some(({ wide }) => wide > 0)) continue
    for (const output of model.graph.outputs) {
      expect(new Uint32Array(run.outputs[output].buffer)).toEqual(
        new Uint32Array(Float32Array.from(expected[output].data as Float32Array).buffer),
      )
    }
  }
  session.dispose()
  return layers
}

describe('models of every operation', () => {
  const known = Object.entries({ ...GRAPHS, ...BRANCHES }).filter(([, { nodes }]) =>
    nodes.every(({ op }) => op !== 'tensor'),
  )
  it.each(known)('%s: equal to the session in E4M3', async (_, graph) => {
    for (const [seed, maxLevel] of [
      [1, 1],
      [2, 7],
      [3, 3],
    ] as const) {
      const model = randomModel(graph, { seed, maxLevel, density: 0.4 })
      const rng = new Rng(seed)
      const images = [0, 1].map(() => Array.from({ length: elements(graph.inputs[0].shape) }, () => rng.below(256)))
      const layers = await compare(model, encodeModel(model), images, 'e4m3', 48)
      expect(layers.every(({ overflows, wide }) => overflows === 0 && wide === 0)).toBe(true)
    }
  })
})

describe('trained files', () => {
  const MNIST = gunzipSync(readFileSync(file('data/mnist/t10k-images-idx3-ubyte.gz'))).subarray(16)
  const digits = Array.from({ length: 12 }, (_, i) => MNIST.subarray(i * 784, (i + 1) * 784))

  it.each(['mnist-mlp', 'mnist-lenet'])('%s: equal to the session in both formats', async (name) => {
    const bytes = readFileSync(file(`models/${name}.wd`))
    const model = decodeModel(bytes)
    const { accumulator } = archs.whitedwarf as { accumulator: number }
    // The preset's 24 bits hold every sum of E4M3; those of E5M2 need more.
    const layers = await compare(model, bytes, digits, 'e4m3', accumulator)
    expect(layers.every(({ overflows }) => overflows === 0)).toBe(true)
    const wider = await compare(model, bytes, digits, 'e5m2', 48)
    expect(Math.max(...wider.map(({ bits }) => bits))).toBeGreaterThan(accumulator)
    // No more than a few images have a sum that f32 could round.
    expect(wider.filter(({ wide }) => wide > 0).length).toBeLessThanOrEqual(2)
  })

  it('cifar-12k: equal to the session, a residual network', async () => {
    const bytes = readFileSync(file('models/cifar-12k.wd'))
    const rng = new Rng(1)
    const image = Array.from({ length: 3072 }, () => rng.below(256))
    const layers = await compare(decodeModel(bytes), bytes, [image], 'e4m3', 24)
    expect(layers.length).toBeGreaterThan(5)
    expect(layers.every(({ overflows, wide }) => overflows === 0 && wide === 0)).toBe(true)
  })

  it('tells overflows of accumulators that are too narrow', () => {
    const model = decodeModel(readFileSync(file('models/mnist-mlp.wd')))
    const { layers } = runOnArray(model, digits[0], { digits: 'binary', accumulator: 12, format: 'e4m3' })
    expect(layers.some(({ overflows }) => overflows > 0)).toBe(true)
    expect(Math.max(...layers.map(({ bits }) => bits))).toBeGreaterThan(12)
  })

  it('says what it cannot run', () => {
    const model = decodeModel(readFileSync(file('models/mnist-mlp.wd')))
    const arch = { digits: 'binary', accumulator: 24, format: 'e4m3' } as const
    expect(() => runOnArray(model, digits[0].subarray(1), arch)).toThrow(/needs 784 numbers, \[1, 28, 28\], got 783/)
    expect(() => runOnArray({ ...model, ranges: {} }, digits[0], arch)).toThrow(/no activation range for/)
  })
})
