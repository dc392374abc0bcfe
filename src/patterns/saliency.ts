/** Pruning a trained layer to a pattern in one step, by what its inputs are like: Wanda's scores, and Optimal Brain Compression. */
import { WhiteDwarfError } from '../errors.js'
import { eachGroup, keptOf } from './groups.js'
import { project } from './mask.js'
import { checkFits, dimsOf, type Pattern } from './pattern.js'

/**
 * Scores in place of weights for `project`: |weight| times the norm of its input (Sun et al., arXiv 2306.11695).
 * @param norms of the inputs, in * kh * kw of them: the root of the sum of squares over all examples (and positions)
 */
export function inputScores(weights: ArrayLike<number>, norms: ArrayLike<number>): Float64Array {
  return Float64Array.from(weights, (w, i) => Math.abs(w) * norms[i % norms.length])
}

/**
 * Prunes weight by weight the one whose loss adds the least to the error of the layer's outputs, and corrects those that stay of the
 * same filter (Frantar and Alistarh, NeurIPS 2022). A filter of K weights takes about K^3 operations, a group of filters as many
 * for each.
 * @param inputs examples by in * kh * kw, row-major: what the weights are multiplied with, of groups of channels those of one group
 * @returns weights of which those that the pattern prunes are 0
 * @throws WhiteDwarfError E_OPTION, E_SHAPE, or E_DATA where inputs depend on each other and `damping` does not help
 */
export function pruneToPattern(
  pattern: Pattern,
  shape: readonly number[],
  weights: ArrayLike<number>,
  inputs: ArrayLike<number>,
  damping = 0.01,
): Float32Array {
  checkFits(pattern, shape, 'weights')
  const { out, in: ins, taps } = dimsOf(shape)
  const cols = ins * taps
  if (weights.length !== out * cols || inputs.length === 0 || inputs.length % cols !== 0) {
    const got = `${weights.length} and ${inputs.length}`
    throw new WhiteDwarfError(
      'E_SHAPE',
      `[${shape}] has ${out * cols} weights, its examples ${cols} inputs, got ${got}`,
    )
  }
  const inverse = inverted(secondMoments(inputs, cols, damping), cols)
  const { groupOf, toPrune } = quotas(pattern, shape)
  const pruned = Float64Array.from(weights)
  for (const filters of unitsOf(pattern, out)) pruneUnit(filters, cols, pruned, inverse, groupOf, toPrune)
  return Float32Array.from(pruned)
}

/** Which weights compete (-1: those that stay in any case), and how many of each group of them must go. */
function quotas(pattern: Pattern, shape: readonly number[]): { groupOf: Int32Array; toPrune: number[] } {
  const groupOf = new Int32Array(shape.reduce((a, b) => a * b, 1)).fill(-1)
  const toPrune: number[] = []
  if (pattern.kind === 'groups') {
    eachGroup(pattern, shape, (places, size) => {
      for (let j = 0; j < size; j++) groupOf[places[j]] = toPrune.length
      toPrune.push(size - keptOf(pattern, size))
    })
    return { groupOf, toPrune }
  }
  const mask = project(pattern, shape, [])
  const row = groupOf.length / shape[0]
  for (let i = 0; i < mask.length; i++) {
    const filter = Math.floor(i / row)
    toPrune[filter] ??= 0
    if (mask[i] === 1) continue
    groupOf[i] = filter
    toPrune[filter]++
  }
  return { groupOf, toPrune }
}

/** Filters that share groups, and are therefore pruned together. */
function unitsOf(pattern: Pattern, out: number): number[][] {
  const together = pattern.kind === 'groups' && pattern.axis === 'out' ? pattern.of : 1
  const order = (pattern.kind === 'groups' && pattern.order) || Array.from({ length: out }, (_, n) => n)
  return Array.from({ length: Math.ceil(out / together) }, (_, g) => order.slice(g * together, (g + 1) * together))
}

function pruneUnit(
  filters: readonly number[],
  cols: number,
  weights: Float64Array,
  inverse: Float64Array,
  groupOf: Int32Array,
  toPrune: number[],
): void {
  const own = filters.map(() => inverse.slice())
  const gone = filters.map(() => new Uint8Array(cols))
  for (;;) {
    let [best, at, least] = [-1, -1, Number.POSITIVE_INFINITY]
    filters.forEach((n, f) => {
      for (let k = 0; k < cols; k++) {
        const group = groupOf[n * cols + k]
        if (group < 0 || toPrune[group] === 0 || gone[f][k] === 1) continue
        const loss = weights[n * cols + k] ** 2 / own[f][k * cols + k]
        if (loss < least) {
          best = f
          at = k
          least = loss
        }
      }
    })
    if (best < 0) return
    const row = weights.subarray(filters[best] * cols, (filters[best] + 1) * cols)
    gone[best][at] = 1
    toPrune[groupOf[filters[best] * cols + at]]--
    eliminate(own[best], at, cols, row)
    for (let k = 0; k < cols; k++) if (gone[best][k] === 1) row[k] = 0
  }
}

/** Takes weight p out of a row: the others make up for it, and the inverse becomes that of the matrix without p. */
function eliminate(inverse: Float64Array, p: number, cols: number, row: Float64Array): void {
  const column = inverse.slice(p * cols, (p + 1) * cols)
  const step = row[p] / column[p]
  for (let k = 0; k < cols; k++) row[k] -= step * column[k]
  for (let i = 0; i < cols; i++) {
    const factor = column[i] / column[p]
    if (factor === 0) continue
    for (let j = 0; j < cols; j++) inverse[i * cols + j] -= factor * column[j]
  }
}

/** X^T X, with `damping` times the mean of its diagonal added to the diagonal. */
function secondMoments(inputs: ArrayLike<number>, cols: number, damping: number): Float64Array {
  const moments = new Float64Array(cols * cols)
  for (let first = 0; first < inputs.length; first += cols) {
    for (let i = 0; i < cols; i++) {
      const x = inputs[first + i]
      if (x === 0) continue
      for (let j = 0; j < cols; j++) moments[i * cols + j] += x * inputs[first + j]
    }
  }
  let trace = 0
  for (let i = 0; i < cols; i++) trace += moments[i * cols + i]
  for (let i = 0; i < cols; i++) moments[i * cols + i] += (damping * trace) / cols
  return moments
}

/** The inverse of a positive definite matrix, by elimination. @throws WhiteDwarfError E_DATA */
function inverted(matrix: Float64Array, size: number): Float64Array {
  const inverse = new Float64Array(size * size)
  for (let i = 0; i < size; i++) inverse[i * size + i] = 1
  for (let p = 0; p < size; p++) {
    const pivot = matrix[p * size + p]
    if (!(pivot > 0)) {
      throw new WhiteDwarfError('E_DATA', 'inputs depend on each other: give more examples, or damping above 0')
    }
    for (let j = 0; j < size; j++) {
      matrix[p * size + j] /= pivot
      inverse[p * size + j] /= pivot
    }
    for (let i = 0; i < size; i++) {
      const factor = matrix[i * size + p]
      if (i === p || factor === 0) continue
      for (let j = 0; j < size; j++) {
        matrix[i * size + j] -= factor * matrix[p * size + j]
        inverse[i * size + j] -= factor * inverse[p * size + j]
      }
    }
  }
  return inverse
}
