/**
 * A complementary array played weight by weight: every weight gets a round in its slot, rounds are played fold by fold, and what comes out is
 * the product of the matrices. Its cycles are those that the model counts.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Dataflow, type PeLayer, simulate } from '../../src/pe.js'
import { Rng } from '../../src/rng.js'
import { arrayOf, DATAFLOWS } from './topologies.js'

interface Weight {
  readonly filter: number
  readonly input: number
  readonly value: number
  /** Where it is multiplied: packed input, packed filter. */
  readonly row: number
  readonly column: number
  round: number
}

type Axis = 'k' | 'p' | 'n'

/** Non-zero weights of [filters, inputs] with their slots and, for each slot, different rounds. */
function placed(levels: Int8Array, inputs: number, factor: number, axis: Axis): Weight[] {
  const weights: Weight[] = []
  levels.forEach((value, at) => {
    if (value === 0) return
    const [filter, input] = [Math.floor(at / inputs), at % inputs]
    const row = axis === 'n' ? input : Math.floor(input / factor)
    const column = axis === 'n' ? Math.floor(filter / factor) : filter
    weights.push({ filter, input, value, row, column, round: 0 })
  })
  if (axis === 'p') colour(weights, factor)
  else {
    const taken = new Map<string, number>()
    for (const weight of weights) {
      const slot = `${weight.row} ${weight.column}`
      weight.round = taken.get(slot) ?? 0
      taken.set(slot, weight.round + 1)
    }
  }
  return weights
}

/** Rounds in which no input and no filter of a block occurs twice, as few as there can be: colours of a bipartite graph's edges. */
function colour(weights: Weight[], factor: number): void {
  const done: Weight[] = []
  const block = ({ row, filter }: Weight) => `${row} ${Math.floor(filter / factor)}`
  for (const weight of weights) {
    const others = done.filter((other) => block(other) === block(weight))
    const free = (of: (w: Weight) => number) => {
      const used = new Set(others.filter((other) => of(other) === of(weight)).map((other) => other.round))
      let round = 0
      while (used.has(round)) round++
      return round
    }
    const [a, b] = [free((w) => w.filter), free((w) => w.input)]
    // Rounds a and b change places along the path that leads from the input, which then has round a free as the filter has.
    let end: { of: 'input' | 'filter'; at: number } = { of: 'input', at: weight.input }
    let want = a
    const path: Weight[] = []
    while (a !== b) {
      const next = others.find((other) => other[end.of] === end.at && other.round === want && !path.includes(other))
      if (next === undefined) break
      path.push(next)
      want = want === a ? b : a
      end = end.of === 'input' ? { of: 'filter', at: next.filter } : { of: 'input', at: next.input }
    }
    for (const edge of path) edge.round = edge.round === a ? b : a
    weight.round = a
    done.push(weight)
  }
}

/**
 * Cycles of all folds, and the outputs [pixels][filters].
 * @param inStep neighbouring filters that have their rounds together
 */
function play(
  weights: readonly Weight[],
  activations: Int32Array,
  sizes: { m: number; n: number; k: number; height: number; width: number },
  { rows, columns, dataflow }: { rows: number; columns: number; dataflow: Dataflow },
  inStep: number,
) {
  const { m, n, k, height, width } = sizes
  const outputs = new Int32Array(m * n)
  let cycles = 0
  const slots = new Map<string, Weight[]>()
  for (const weight of weights) {
    const slot = `${weight.row} ${weight.column}`
    slots.set(slot, [...(slots.get(slot) ?? []), weight])
  }
  /** Plays the rounds of a rectangle of slots one after another; at least one. */
  const rounds = (top: number, bottom: number, left: number, right: number): number => {
    const within = (weight: Weight) =>
      weight.row >= top &&
      weight.row < bottom &&
      weight.column >= Math.floor(left / inStep) * inStep &&
      weight.column < Math.ceil(right / inStep) * inStep
    const most = Math.max(1, ...weights.filter(within).map((weight) => weight.round + 1))
    for (let row = top; row < Math.min(bottom, height); row++) {
      for (let column = left; column < Math.min(right, width); column++) {
        const here = slots.get(`${row} ${column}`) ?? []
        expect(new Set(here.map((weight) => weight.round)).size).toBe(here.length)
        for (const { filter, input, value } of here) {
          for (let pixel = 0; pixel < m; pixel++) outputs[pixel * n + filter] += value * activations[pixel * k + input]
        }
      }
    }
    return most
  }
  if (dataflow === 'ws') {
    for (let row = 0; row < height; row += rows) {
      for (let column = 0; column < width; column += columns) {
        cycles += rounds(row, row + rows, column, column + columns) * (2 * rows + columns + m - 2)
      }
    }
  } else if (dataflow === 'os') {
    for (let column = 0; column < width; column += columns) {
      let steps = 0
      for (let row = 0; row < height; row++) steps += rounds(row, row + 1, column, column + columns)
      cycles += Math.ceil(m / rows) * (steps + rows + columns - 2)
    }
  } else {
    for (let row = 0; row < height; row += rows) {
      let steps = 0
      for (let column = 0; column < width; column++) steps += rounds(row, row + rows, column, column + 1)
      cycles += Math.ceil(m / columns) * (steps + 2 * rows + columns - 2)
    }
  }
  return { cycles, outputs }
}

describe('a complementary array', () => {
  it('computes the product of the matrices in the cycles that the model counts', async () => {
    const cases = fc.record({
      factor: fc.integer({ min: 2, max: 4 }),
      blocks: fc.integer({ min: 1, max: 4 }),
      n: fc.integer({ min: 1, max: 9 }),
      m: fc.integer({ min: 1, max: 7 }),
      density: fc.constantFrom(0.1, 0.4, 0.8, 1),
      seed: fc.nat(10000),
      axis: fc.constantFrom<Axis>('k', 'p', 'n'),
      rows: fc.integer({ min: 1, max: 4 }),
      columns: fc.integer({ min: 1, max: 4 }),
      dataflow: fc.constantFrom(...DATAFLOWS),
    })
    await fc.assert(
      fc.asyncProperty(cases, async ({ factor, blocks, n, m, density, seed, axis, ...array }) => {
        const k = factor * blocks
        const rng = new Rng(seed)
        const levels = Int8Array.from({ length: n * k }, () => (rng.float() < density ? 1 + rng.below(7) : 0))
        const activations = Int32Array.from({ length: m * k }, () => rng.below(200) - 100)
        const layer: PeLayer = {
          name: 'l',
          op: 'dense',
          ...{ m, n, k, groups: 1, taps: 1, inputs: m * k },
          ...{ weightBits: 4, activationBits: 8, weightDensity: density, activationDensity: 1 },
          levels: { shape: [n, k], levels, maxLevel: 7 },
        }
        const arch = arrayOf({ ...array, skipping: { kind: 'complementary', factor, axis } })
        const report = await simulate({ name: 'test', layers: [layer] }, arch, { masks: true })
        const height = axis === 'n' ? k : blocks
        const width = axis === 'n' ? Math.ceil(n / factor) : n
        const inStep = axis === 'p' ? factor : 1
        const played = play(placed(levels, k, factor, axis), activations, { m, n, k, height, width }, array, inStep)
        expect(played.outputs).toEqual(
          Int32Array.from({ length: m * n }, (_, at) => {
            let sum = 0
            for (let i = 0; i < k; i++) sum += levels[(at % n) * k + i] * activations[Math.floor(at / n) * k + i]
            return sum
          }),
        )
        expect(report.total.cycles).toBe(played.cycles)
      }),
      { numRuns: 400 },
    )
  })
})
