/** One-shot pruning: with inputs that do not matter it is magnitude pruning; with others it is better than that. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { inputScores, type Pattern, parsePattern, project, pruneToPattern, violation } from '../../src/patterns.js'
import { Rng } from '../../src/rng.js'
import { anyCase, count } from './arbitrary.js'

const random = (n: number, seed: number): Float32Array => {
  const rng = new Rng(seed)
  return Float32Array.from({ length: n }, () => rng.normal())
}

/** An orthonormal set of examples by inputs (Gram-Schmidt on random ones): examples^T examples is the unit matrix. */
function orthonormal(size: number, seed: number): Float64Array {
  const rows = Float64Array.from(random(size * size, seed))
  for (let i = 0; i < size; i++) {
    const row = rows.subarray(i * size, (i + 1) * size)
    // Twice: once leaves an error of rounding.
    for (const _ of [1, 2]) {
      for (let j = 0; j < i; j++) {
        const other = rows.subarray(j * size, (j + 1) * size)
        const dot = row.reduce((sum, v, k) => sum + v * other[k], 0)
        for (let k = 0; k < size; k++) row[k] -= dot * other[k]
      }
    }
    const norm = Math.hypot(...row)
    for (let k = 0; k < size; k++) row[k] /= norm
  }
  return rows
}

const columnNorms = (inputs: ArrayLike<number>, cols: number) =>
  Float64Array.from({ length: cols }, (_, k) => {
    let sum = 0
    for (let i = k; i < inputs.length; i += cols) sum += inputs[i] ** 2
    return Math.sqrt(sum)
  })

/** Sum of squares of the differences of the layer's outputs. */
function outputError(a: Float32Array, b: Float32Array, inputs: ArrayLike<number>, cols: number): number {
  let error = 0
  for (let n = 0; n < a.length; n += cols) {
    for (let first = 0; first < inputs.length; first += cols) {
      let difference = 0
      for (let k = 0; k < cols; k++) difference += (a[n + k] - b[n + k]) * inputs[first + k]
      error += difference ** 2
    }
  }
  return error
}

describe('with orthonormal inputs', () => {
  it.each(['2:4', '1:4', 'segments:4'])('the scores of a row choose as its sizes do: %s', (name) => {
    const pattern = parsePattern(name)
    const weights = random(32, 1)
    const scores = inputScores(weights, columnNorms(orthonormal(32, 2), 32))
    expect(project(pattern, [1, 32], scores)).toEqual(project(pattern, [1, 32], weights))
  })

  it('a pruned weight changes no other: magnitude pruning, for every pattern', () => {
    fc.assert(
      fc.property(anyCase, fc.nat(), ({ pattern, shape }, seed) => {
        const cols = count(shape.slice(1))
        fc.pre(cols <= 40)
        const weights = random(count(shape), seed)
        const unit = Float64Array.from({ length: cols * cols }, (_, i) => (i % (cols + 1) === 0 ? 1 : 0))
        const mask = project(pattern, shape, weights)
        const expected = weights.map((w, i) => (mask[i] === 1 ? w : 0))
        expect(pruneToPattern(pattern, shape, weights, unit, 0)).toEqual(expected)
        expect(pruneToPattern(pattern, shape, weights, unit)).toEqual(expected)
      }),
    )
  })

  it('the same with any orthonormal examples', () => {
    const pattern = parsePattern('2:4')
    const weights = random(3 * 16, 3)
    const mask = project(pattern, [3, 16], weights)
    const pruned = pruneToPattern(pattern, [3, 16], weights, orthonormal(16, 4), 0)
    pruned.forEach((w, i) => {
      expect(w).toBeCloseTo(mask[i] * weights[i], 5)
    })
  })
})

describe('with inputs that depend on each other', () => {
  const cols = 24
  /** Neighbouring inputs are alike, and of different sizes. */
  const inputs = (() => {
    const raw = random(200 * cols, 5)
    return Float32Array.from(raw, (v, i) => (v + (i % cols === 0 ? 0 : raw[i - 1])) * (1 + (i % 7)))
  })()

  it.each(['2:4', 'complementary:4', 'segments:2', 'cgs:4/2', 'PS4_P4'])(
    '%s: the outputs change less than by magnitude pruning, and the pattern is kept',
    (name) => {
      const pattern: Pattern = parsePattern(name)
      const shape = name === 'PS4_P4' ? [8, 3, 3, 3] : [8, cols]
      const used = name === 'PS4_P4' ? inputs.subarray(0, 150 * 27) : inputs
      const k = count(shape.slice(1))
      const weights = random(count(shape), 6)
      const pruned = pruneToPattern(pattern, shape, weights, used)
      expect(violation(pattern, shape, pruned)).toBeUndefined()
      const mask = project(pattern, shape, weights)
      const plain = weights.map((w, i) => w * mask[i])
      expect(outputError(pruned, weights, used, k)).toBeLessThan(0.95 * outputError(plain, weights, used, k))
    },
  )

  it('what stays is the least squares fit: the error of the outputs is orthogonal to the inputs of the weights that stay', () => {
    fc.assert(
      fc.property(anyCase, fc.nat(), ({ pattern, shape }, seed) => {
        const k = count(shape.slice(1))
        fc.pre(k <= 30)
        const examples = random(3 * k * k, seed)
        const weights = random(count(shape), seed + 1)
        const pruned = pruneToPattern(pattern, shape, weights, examples, 0)
        expect(violation(pattern, shape, pruned)).toBeUndefined()
        let worst = 0
        for (let n = 0; n < shape[0]; n++) {
          const along = new Float64Array(k)
          for (let first = 0; first < examples.length; first += k) {
            let error = 0
            for (let i = 0; i < k; i++) error += (pruned[n * k + i] - weights[n * k + i]) * examples[first + i]
            for (let i = 0; i < k; i++) along[i] += error * examples[first + i]
          }
          along.forEach((dot, i) => {
            if (pruned[n * k + i] !== 0) worst = Math.max(worst, Math.abs(dot) / (3 * k))
          })
        }
        expect(worst).toBeLessThan(1e-4)
      }),
    )
  })

  it('the first step is the best single one', () => {
    // One of two weights goes: what stays is the least squares fit of the outputs by one input.
    const examples = random(50 * 2, 7)
    const weights = Float32Array.of(0.7, 0.5)
    const pruned = pruneToPattern(parsePattern('1:2'), [1, 2], weights, examples, 0)
    const dot = (a: number, b: number) => {
      let sum = 0
      for (let i = 0; i < examples.length; i += 2) sum += examples[i + a] * examples[i + b]
      return sum
    }
    const fits = [0, 1].map((stays) => {
      const value = weights[stays] + (weights[1 - stays] * dot(0, 1)) / dot(stays, stays)
      const fit = new Float32Array(2)
      fit[stays] = value
      return { fit, error: outputError(fit, weights, examples, 2) }
    })
    const best = fits[0].error < fits[1].error ? fits[0].fit : fits[1].fit
    pruned.forEach((w, i) => {
      expect(w).toBeCloseTo(best[i], 5)
    })
  })
})

describe('what cannot be pruned', () => {
  it('is refused', () => {
    const pattern = parsePattern('2:4')
    const refused = (weights: number, inputs: number[], damping?: number) =>
      expect(() => pruneToPattern(pattern, [1, 4], new Float32Array(weights), inputs, damping))
    refused(3, [1, 2, 3, 4]).toThrow('[1,4] has 4 weights, its examples 4 inputs, got 3 and 4')
    refused(4, []).toThrow(/got 4 and 0/)
    refused(4, [1, 2, 3]).toThrow(/got 4 and 3/)
    refused(4, [1, 2, 3, 4], 0).toThrow(expect.objectContaining({ code: 'E_DATA' }))
    refused(4, [0, 0, 0, 0]).toThrow(/inputs depend on each other: give more examples, or damping above 0/)
    refused(4, [1, 2, 3, 4]).not.toThrow()
  })
})
