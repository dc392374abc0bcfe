/**
 * Systolic arrays, R rows by C columns, output, weight or input stationary. A product M x K times K x N is cut into folds that fill the array:
 *
 *   dataflow   rows hold   columns hold   streamed T   folds                      cycles of a fold ('schedule')
 *   os         M           N              K            ceil(M / R) ceil(N / C)    K + R + C - 2
 *   ws         K           N              M            ceil(K / R) ceil(N / C)    2 R + C + M - 2
 *   is         K           M              N            ceil(K / R) ceil(M / C)    2 R + C + N - 2
 *
 * Exact: SCALE-Sim v3's demand matrices give the same (test/pe/scalesim.test.ts).
 */
import type { Convention, Dataflow, SystolicArch } from '../arch.js'

/** A product M x K times K x N. */
export interface Product {
  readonly m: number
  readonly n: number
  readonly k: number
}

/** So many folds that are alike. */
export interface Fold {
  /** Of the array's rows and columns, those in use. */
  readonly rows: number
  readonly columns: number
  /** Cycles in which data streams through. */
  readonly streamed: number
  readonly times: number
}

export type Size = Pick<SystolicArch, 'rows' | 'columns' | 'dataflow'>

/** Lengths that rows and columns are cut from, and that streams through. */
const axesOf = ({ m, n, k }: Product, dataflow: Dataflow): readonly [down: number, across: number, t: number] =>
  dataflow === 'os' ? [m, n, k] : dataflow === 'ws' ? [k, n, m] : [k, m, n]

/** Up to four kinds: whole ones, and those at the edges. */
export function foldsOf(product: Product, { rows, columns, dataflow }: Size, times = 1): Fold[] {
  const [down, across, streamed] = axesOf(product, dataflow)
  return cuts(down, rows).flatMap(([r, a]) =>
    cuts(across, columns).map(([c, b]) => ({ rows: r, columns: c, streamed, times: a * b * times })),
  )
}

/** A length in pieces of a size: how long they are, and how many of them. */
export function cuts(length: number, size: number): [length: number, times: number][] {
  const pieces: [number, number][] = [
    [size, Math.floor(length / size)],
    [length % size, 1],
  ]
  return pieces.filter(([piece, times]) => piece > 0 && times > 0)
}

/** Cycles of a fold, edge folds included, as different tools and papers count them; docs/pe.md compares them. */
function foldCycles({ rows: m, columns: n, streamed }: Fold, array: Size, convention: Convention): number {
  const { rows, columns, dataflow } = array
  const schedule = streamed + (dataflow === 'os' ? 1 : 2) * rows + columns - 2
  switch (convention) {
    // The reports print the number of the last cycle, one less for a layer: cyclesOf.
    case 'schedule':
    case 'report':
      return schedule
    case 'v1':
      return schedule + 1
    case 'paper':
      return 2 * rows + columns + streamed - 2
    case 'stonne':
      return streamed + m + n + 3 - (m === 1 || n === 1 ? 1 : 0)
  }
}

/** Cycles of all folds of a layer. */
export function cyclesOf(folds: readonly Fold[], array: Size, convention: Convention): number {
  const cycles = folds.reduce((sum, fold) => sum + fold.times * foldCycles(fold, array, convention), 0)
  return convention === 'report' ? cycles - 1 : cycles
}

/** What folds have in all: each number is a sum over them. */
interface Sums {
  readonly folds: number
  readonly streamed: number
  /** Used rows. */
  readonly rows: number
  /** Used rows * cycles streamed: words that come in at the rows. */
  readonly rowWords: number
  /** Used columns * cycles streamed. */
  readonly columnWords: number
  /** Used elements: words held. */
  readonly held: number
  /** Used elements * cycles streamed: multiply-accumulates. */
  readonly busy: number
}

export function sumsOf(folds: readonly Fold[]): Sums {
  const sum = (of: (fold: Fold) => number) => folds.reduce((all, fold) => all + fold.times * of(fold), 0)
  return {
    folds: sum(() => 1),
    streamed: sum((f) => f.streamed),
    rows: sum((f) => f.rows),
    rowWords: sum((f) => f.rows * f.streamed),
    columnWords: sum((f) => f.columns * f.streamed),
    held: sum((f) => f.rows * f.columns),
    busy: sum((f) => f.rows * f.columns * f.streamed),
  }
}
