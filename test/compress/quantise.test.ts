/** Direct quantisation: scales that fit, densities, degenerate rows, and what is refused. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LARGEST_LEVELS, type LargestLevel, quantiseRows } from '../../src/compress/quantise.js'
import { prune, quantiseModel } from '../../src/compress.js'
import { codedValues, decodeModel, encodeModel, floatToHalf, halfToFloat } from '../../src/format.js'
import type { FloatModel } from '../../src/graph/model.js'
import { Rng } from '../../src/rng.js'

/** Weights of one row: of any size, with zeros, outliers and equals. */
const row = fc.array(
  fc.oneof(
    fc.double({ min: -1, max: 1, noNaN: true }),
    fc.constantFrom(0, 0.5, -0.5, 3, 1e-3),
    fc.double({ min: -1e-6, max: 1e-6, noNaN: true }),
  ),
  { minLength: 1, maxLength: 40 },
)
const largestLevel = fc.constantFrom<LargestLevel>(...LARGEST_LEVELS)

/** Sum of squared errors of the nearest multiples, up to maxLevel, of a scale. */
const errorOf = (values: ArrayLike<number>, scale: number, maxLevel: number): number =>
  Array.from(values).reduce((sum, w) => {
    const level = Math.min(maxLevel, Math.round(Math.abs(w) / scale))
    return sum + (Math.abs(w) - scale * level) ** 2
  }, 0)

describe('quantiseRows', () => {
  it('never has a larger error than the scale that reaches the largest weight', () => {
    fc.assert(
      fc.property(row, largestLevel, (weights, maxLevel) => {
        const values = Float32Array.from(weights)
        const { levels, scale } = quantiseRows(values, 1, maxLevel)
        const [s] = codedValues(scale)
        const error = values.reduce((sum, w, k) => sum + (w - s * levels[k]) ** 2, 0)
        const largest = values.reduce((a, w) => Math.max(a, Math.abs(w)), 0)
        const naive = halfToFloat(floatToHalf(largest / maxLevel))
        if (naive > 0) expect(error).toBeLessThanOrEqual(errorOf(values, naive, maxLevel) * (1 + 1e-9))
        // Levels are the nearest multiples of the scale that is stored.
        expect(error).toBeLessThanOrEqual(errorOf(values, s, maxLevel) * (1 + 1e-9))
        levels.forEach((level, k) => {
          expect(Math.abs(level)).toBeLessThanOrEqual(maxLevel)
          if (level !== 0) expect(Math.sign(level)).toBe(Math.sign(values[k]))
        })
      }),
      { numRuns: 500 },
    )
  })

  it('finds scales that are known: of multiples, and of the ternary bell curve', () => {
    const multiples = Float32Array.from({ length: 50 }, (_, i) => 0.25 * ((i % 15) - 7))
    const { levels, scale } = quantiseRows(multiples, 1, 7)
    expect(codedValues(scale)[0]).toBe(0.25)
    expect(Array.from(levels, (l) => l * 0.25)).toEqual(Array.from(multiples, (v) => v + 0))
    // The best ternary scale of N(0, 1) is 1.224, with an error of 0.190 (Lloyd and Max, three levels).
    const rng = new Rng(3)
    const normal = Float32Array.from({ length: 50_000 }, () => rng.normal())
    const ternary = quantiseRows(normal, 1, 1)
    const [s] = codedValues(ternary.scale)
    expect(s).toBeCloseTo(1.224, 1)
    expect(errorOf(normal, s, 1) / normal.length).toBeCloseTo(0.19, 2)
  })

  it('rows of zeros have zero levels and a positive scale; tiny rows keep what half precision can say', () => {
    const { levels, scale } = quantiseRows(Float32Array.of(0, 0, 1e-7, -3e-8, 1e-12, 0), 3, 127)
    expect(Array.from(levels.subarray(0, 2))).toEqual([0, 0])
    const [zero, tiny, none] = codedValues(scale)
    expect(zero).toBe(1)
    expect(Math.abs(tiny * levels[2] - 1e-7)).toBeLessThan(2 ** -25)
    expect([none * levels[4], none]).toEqual([0, 2 ** -24])
  })
})

describe('prune', () => {
  it('keeps exactly the share that is asked for, the largest, unchanged', () => {
    fc.assert(
      fc.property(row, fc.double({ min: 1e-6, max: 1, noNaN: true }), (weights, density) => {
        const values = Float32Array.from(weights)
        const pruned = prune(values, density)
        const keep = density === 1 ? values.length : Math.max(1, Math.round(density * values.length))
        const zeros = values.filter((w) => w === 0).length
        const kept = pruned.filter((w) => w !== 0)
        expect(kept.length).toBe(Math.min(keep, values.length - zeros))
        const gone = values.filter((_, k) => pruned[k] === 0)
        const least = kept.reduce((a, w) => Math.min(a, Math.abs(w)), Infinity)
        expect(gone.every((w) => Math.abs(w) <= least)).toBe(true)
        pruned.forEach((w, k) => {
          if (w !== 0) expect(w).toBe(values[k])
        })
      }),
    )
  })

  it('of equal weights keeps the first', () => {
    expect(Array.from(prune(Float32Array.of(1, -1, 1, -1), 0.5))).toEqual([1, -1, 0, 0])
  })
})

/** A convolution and a dense layer with a bell curve of weights. */
function network(): FloatModel {
  const rng = new Rng(2)
  const random = (n: number, size = 1) => Float32Array.from({ length: n }, () => size * rng.normal())
  return {
    graph: {
      inputs: [{ name: 'image', shape: [4, 5, 5], scale: [1 / 255], offset: [0] }],
      nodes: [
        {
          op: 'conv2d',
          name: 'conv',
          inputs: ['image'],
          channels: 8,
          kernel: [3, 3],
          stride: [1, 1],
          pad: [1, 1, 1, 1],
        },
        { op: 'tensor', name: 'k', inputs: [], fn: { kind: 'constant', shape: [8, 1, 1] } },
        { op: 'tensor', name: 'm', inputs: ['conv', 'k'], fn: { kind: 'combine', fn: 'mul' } },
        { op: 'flatten', name: 'f', inputs: ['m'] },
        { op: 'dense', name: 'fc', inputs: ['f'], units: 10 },
      ],
      outputs: ['fc'],
    },
    weights: {
      conv: { weights: random(8 * 36, 0.1), bias: random(8) },
      fc: { weights: random(10 * 200, 0.02), bias: random(10) },
    },
    constants: { k: random(8) },
  }
}

describe('quantiseModel', () => {
  it.each(LARGEST_LEVELS)('gives a model that a file holds, levels to %d', (maxLevel) => {
    const net = network()
    const model = quantiseModel(net, { maxLevel, ranges: { image: 128 } })
    expect(decodeModel(encodeModel(model))).toStrictEqual(model)
    expect(model.constants).toEqual(net.constants)
    for (const [name, { weights, bias }] of Object.entries(net.weights)) {
      const { tensor, scale, bias: coded } = model.layers[name]
      const { levels, maxLevel: declared } = model.tensors[tensor]
      expect(levels.reduce((a, l) => Math.max(a, Math.abs(l)), 0)).toBeLessThanOrEqual(maxLevel)
      expect(declared).toBe(maxLevel > 7 ? 127 : maxLevel)
      codedValues(coded).forEach((b, c) => {
        expect(Math.abs(b - bias[c])).toBeLessThanOrEqual(Math.abs(bias[c]) / 2048)
      })
      const scales = codedValues(scale)
      const each = weights.length / scales.length
      const energy = weights.reduce((sum, w) => sum + w * w, 0)
      const noise = weights.reduce((sum, w, i) => sum + (w - levels[i] * scales[Math.floor(i / each)]) ** 2, 0)
      // About six decibels for each bit; a bell curve's best ternary levels leave 19 %.
      expect(noise / energy).toBeLessThan(
        { 1: 0.2, 3: 0.06, 7: 0.02, 15: 5e-3, 31: 1.5e-3, 63: 4e-4, 127: 1e-4 }[maxLevel],
      )
    }
  })

  it('each bit less makes a smaller file', () => {
    const sizes = LARGEST_LEVELS.map((maxLevel) => encodeModel(quantiseModel(network(), { maxLevel })).length)
    expect(sizes).toEqual([...sizes].sort((a, b) => a - b))
    expect(new Set(sizes).size).toBe(sizes.length)
  })

  it.each([0.05, 0.3, 0.5])(
    'keeps at most the density %d of each layer, and with 8 bits nearly all of that',
    (density) => {
      const model = quantiseModel(network(), { density })
      for (const { levels } of Object.values(model.tensors)) {
        const kept = levels.filter((l) => l !== 0).length
        expect(kept).toBeLessThanOrEqual(Math.round(density * levels.length))
        expect(kept).toBeGreaterThan(0.97 * Math.round(density * levels.length))
      }
    },
  )

  it.each<[string, () => unknown, string, RegExp]>([
    [
      'other levels',
      () => quantiseModel(network(), { maxLevel: 2 as 1 }),
      'E_OPTION',
      /one of 1, 3, 7, 15, 31, 63, 127, got 2/,
    ],
    ['a density of 0', () => quantiseModel(network(), { density: 0 }), 'E_OPTION', /density/],
    ['a density above 1', () => quantiseModel(network(), { density: 1.1 }), 'E_OPTION', /density/],
    ['a density of NaN', () => quantiseModel(network(), { density: Number.NaN }), 'E_OPTION', /density/],
    ['missing weights', () => quantiseModel({ ...network(), weights: {} }), 'E_GRAPH', /no weights for 'conv'/],
    [
      'too few weights',
      () => {
        const net = network()
        return quantiseModel({
          ...net,
          weights: { ...net.weights, fc: { ...net.weights.fc, weights: new Float32Array(3) } },
        })
      },
      'E_SHAPE',
      /'fc' needs 2000 weights \[10, 200\] and 10 biases, got 3 and 10/,
    ],
    [
      'weights of NaN',
      () => {
        const net = network()
        net.weights.conv.weights[7] = Number.NaN
        return quantiseModel(net)
      },
      'E_DATA',
      /'conv' has weights that are not finite/,
    ],
    [
      'biases that half precision cannot hold',
      () => {
        const net = network()
        net.weights.fc.bias[2] = 1e5
        return quantiseModel(net)
      },
      'E_DATA',
      /biases of 'fc': value 2 is 100000/,
    ],
  ])('refuses %s', (_, run, code, message) => {
    expect(run).toThrow(message)
    expect(run).toThrow(expect.objectContaining({ code }))
  })
})
