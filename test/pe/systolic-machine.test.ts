/**
 * Dense systolic arrays, register by register: operands go one element a cycle to the right and down, and what comes out is the product of
 * the matrices. Cycles, words at the edges and hops are those that the closed forms give.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Dataflow, type PeLayer, simulate } from '../../src/pe.js'
import { Rng } from '../../src/rng.js'
import { arrayOf, DATAFLOWS } from './topologies.js'

type Matrix = readonly (readonly number[])[]
/** A word in a register: a number of the stream `at`, or nothing. */
type Word = { readonly value: number; readonly at: number } | undefined

interface Counts {
  cycles: number
  macs: number
  /** Words that came in at rows and columns of elements in use, those that were loaded before, those that left. */
  rowWords: number
  columnWords: number
  loaded: number
  left: number
}

const registers = (rows: number, columns: number): Word[][] =>
  Array.from({ length: rows }, () => new Array<Word>(columns).fill(undefined))

/** One fold of 'os': rows a [r][T] from the left, columns b [T][c] from above; element (r, c) adds up a[r] . b[c]. */
function outputFold(a: Matrix, b: Matrix, rows: number, columns: number, counts: Counts): number[][] {
  const [t, width] = [b.length, b[0].length]
  let [right, down] = [registers(rows, columns), registers(rows, columns)]
  const sums = a.map(() => new Array<number>(width).fill(0))
  // The last operands reach the last element of the array, used or not, in cycle T + R + C - 3 (from 0).
  for (let cycle = 0; cycle < t + rows + columns - 2; cycle++) {
    const feed = (step: number, word: (at: number) => number | undefined): Word => {
      const value = step >= 0 && step < t ? word(step) : undefined
      return value === undefined ? undefined : { value, at: step }
    }
    right = right.map((row, r) => [feed(cycle - r, (at) => a[r]?.[at]), ...row.slice(0, -1)])
    const above = Array.from({ length: columns }, (_, c) => feed(cycle - c, (at) => b[at][c]))
    down = [above, ...down.slice(0, -1)]
    counts.rowWords += right.filter((row) => row[0] !== undefined).length
    counts.columnWords += above.filter((word) => word !== undefined).length
    for (let r = 0; r < a.length; r++) {
      for (let c = 0; c < width; c++) {
        const [x, y] = [right[r][c], down[r][c]]
        if (x === undefined || y === undefined) continue
        expect(x.at).toBe(y.at)
        sums[r][c] += x.value * y.value
        counts.macs++
      }
    }
    counts.cycles++
  }
  counts.left += a.length * width
  return sums
}

/** One fold of 'ws' and 'is': `held` [r][c] is loaded row by row, stream [T][r] comes from the left, sums leave below. */
function heldFold(held: Matrix, stream: Matrix, rows: number, columns: number, counts: Counts): number[][] {
  const [t, width] = [stream.length, held[0].length]
  counts.cycles += rows
  counts.loaded += held.length * width
  let [right, sums] = [registers(rows, columns), registers(rows, columns)]
  const out = stream.map(() => new Array<number>(width).fill(0))
  for (let cycle = 0; cycle < t + rows + columns - 2; cycle++) {
    right = right.map((row, r): Word[] => {
      const at = cycle - r
      const value = at >= 0 && at < t ? stream[at][r] : undefined
      return [value === undefined ? undefined : { value, at }, ...row.slice(0, -1)]
    })
    counts.rowWords += right.filter((row) => row[0] !== undefined).length
    const before = sums
    sums = registers(rows, columns)
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < width; c++) {
        const above = r === 0 ? undefined : before[r - 1][c]
        const x = right[r][c]
        if (r < held.length && x !== undefined) {
          if (above !== undefined) expect(above.at).toBe(x.at)
          sums[r][c] = { value: (above?.value ?? 0) + x.value * held[r][c], at: x.at }
          counts.macs++
        } else sums[r][c] = above
        const done = r === rows - 1 ? sums[r][c] : undefined
        if (done === undefined) continue
        out[done.at][c] = done.value
        counts.left++
      }
    }
    counts.cycles++
  }
  return out
}

const transposed = (matrix: Matrix): number[][] => matrix[0].map((_, i) => matrix.map((row) => row[i]))
const slices = (length: number, size: number) =>
  Array.from({ length: Math.ceil(length / size) }, (_, i) => [i * size, Math.min(length, (i + 1) * size)] as const)

/** inputs [M][K] x weights [K][N]. */
function play(inputs: Matrix, weights: Matrix, rows: number, columns: number, dataflow: Dataflow) {
  const [m, n] = [inputs.length, weights[0].length]
  const counts: Counts = { cycles: 0, macs: 0, rowWords: 0, columnWords: 0, loaded: 0, left: 0 }
  const outputs = Array.from({ length: m }, () => new Array<number>(n).fill(0))
  const part = (matrix: Matrix, [from, to]: readonly [number, number], [left, right]: readonly [number, number]) =>
    matrix.slice(from, to).map((row) => row.slice(left, right))
  const k = weights.length
  if (dataflow === 'os') {
    for (const some of slices(m, rows)) {
      for (const filters of slices(n, columns)) {
        const sums = outputFold(inputs.slice(...some), part(weights, [0, k], filters), rows, columns, counts)
        sums.forEach((row, r) => {
          row.forEach((sum, c) => {
            outputs[some[0] + r][filters[0] + c] += sum
          })
        })
      }
    }
    return { counts, outputs }
  }
  // 'is' is 'ws' of the transposed product: inputs are held, filters stream.
  const [held, stream] = dataflow === 'ws' ? [weights, inputs] : [transposed(inputs), transposed(weights)]
  for (const some of slices(k, rows)) {
    for (const across of slices(held[0].length, columns)) {
      const streamed = part(stream, [0, stream.length], some)
      heldFold(part(held, some, across), streamed, rows, columns, counts).forEach((row, t) => {
        row.forEach((sum, c) => {
          const [pixel, filter] = dataflow === 'ws' ? [t, across[0] + c] : [across[0] + c, t]
          outputs[pixel][filter] += sum
        })
      })
    }
  }
  return { counts, outputs }
}

describe('a dense systolic array', () => {
  it('computes the product of the matrices in the cycles, words and hops of the closed forms', async () => {
    const size = fc.integer({ min: 1, max: 11 })
    const side = fc.integer({ min: 1, max: 5 })
    const cases = fc.record({
      ...{ m: size, n: size, k: size, rows: side, columns: side },
      dataflow: fc.constantFrom(...DATAFLOWS),
      seed: fc.nat(1000),
    })
    await fc.assert(
      fc.asyncProperty(cases, async ({ m, n, k, rows, columns, dataflow, seed }) => {
        const rng = new Rng(seed)
        const matrix = (height: number, width: number) =>
          Array.from({ length: height }, () => Array.from({ length: width }, () => rng.below(15) - 7))
        const [inputs, weights] = [matrix(m, k), matrix(k, n)]
        const { counts, outputs } = play(inputs, weights, rows, columns, dataflow)
        expect(outputs).toEqual(
          inputs.map((row) => weights[0].map((_, c) => row.reduce((sum, x, i) => sum + x * weights[i][c], 0))),
        )
        const layer: PeLayer = {
          name: 'l',
          op: 'matmul',
          ...{ m, n, k, groups: 1, taps: 1, inputs: m * k },
          ...{ weightBits: 1, activationBits: 1, weightDensity: 1, activationDensity: 1 },
        }
        const { layers } = await simulate({ name: 'test', layers: [layer] }, arrayOf({ rows, columns, dataflow }))
        const { cycles, slots, traffic, activity } = layers[0]
        expect(cycles).toBe(counts.cycles)
        expect(slots.useful).toBe(counts.macs)
        // Of operands of one bit, bits are words.
        const [weightReads, inputReads] = [traffic[0].readBits, traffic[1].readBits]
        const read = {
          os: [counts.columnWords, counts.rowWords],
          ws: [counts.loaded, counts.rowWords],
          is: [counts.rowWords, counts.loaded],
        }
        expect([weightReads, inputReads]).toEqual(read[dataflow])
        const sumWidth = 2 + Math.ceil(Math.log2(k))
        expect(traffic[2].writeBits).toBe(m * n + (counts.left - m * n) * sumWidth)
        expect(traffic[2].readBits).toBe((counts.left - m * n) * sumWidth)
        const streaming = dataflow === 'is' ? 'weights' : 'inputs'
        expect(activity.find((a) => a.event === `hop of ${streaming}`)?.count).toBe(counts.macs)
      }),
      { numRuns: 200 },
    )
  })
})
