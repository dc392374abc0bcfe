/** Panels: rows of a layer that read the same columns, so that kernels can load inputs once for several of them. */
import { keptAreas } from './blocks.js'
import { type BlockPattern, dimsOf, type PeriodicPattern } from './pattern.js'
import { slotOf } from './periodic.js'

export interface Panel {
  /** Rows first, first + step, ...: `count` of them. */
  readonly first: number
  readonly step: number
  readonly count: number
  /** Columns that the pattern allows in these rows, ascending; a column is channel * taps + tap. */
  readonly columns: Int32Array
}

/** The panel of a layer in which all weights are allowed. */
export const wholePanel = (rows: number, cols: number): Panel => ({
  first: 0,
  step: 1,
  count: rows,
  columns: Int32Array.from({ length: cols }, (_, k) => k),
})

/** The panels of a pattern, each row in one of them: a row of blocks, or the filters of one place in the period. */
export function panelsOf(pattern: BlockPattern | PeriodicPattern, shape: readonly number[]): Panel[] {
  const { out, in: ins, taps } = dimsOf(shape)
  if (pattern.kind === 'blocks') {
    const panels = new Map<number, { count: number; columns: number[] }>()
    for (const [row, channel, height, width] of keptAreas(pattern, shape)) {
      const panel = panels.get(row) ?? { count: height, columns: [] }
      panels.set(row, panel)
      for (let k = channel * taps; k < (channel + width) * taps; k++) panel.columns.push(k)
    }
    return [...panels]
      .sort(([a], [b]) => a - b)
      .map(([first, { count, columns }]) => ({ first, step: 1, count, columns: Int32Array.from(columns).sort() }))
  }
  const step = pattern.rotate ? pattern.taps.length : 1
  return Array.from({ length: Math.min(step, out) }, (_, first) => {
    const columns: number[] = []
    for (let c = 0; c < ins; c++) {
      for (const tap of pattern.taps[slotOf(pattern, first, c)]) columns.push(c * taps + tap)
    }
    return { first, step, count: Math.ceil((out - first) / step), columns: Int32Array.from(columns) }
  })
}

/** Calls `visit` for each row of a layer, with its first weight and the columns that the pattern allows in it, ascending. */
export function eachKeptRow(
  pattern: BlockPattern | PeriodicPattern,
  shape: readonly number[],
  visit: (begin: number, columns: Int32Array) => void,
): void {
  const { out, in: ins, taps } = dimsOf(shape)
  const columns: Int32Array[] = new Array(out)
  for (const panel of panelsOf(pattern, shape)) {
    for (let i = 0; i < panel.count; i++) columns[panel.first + i * panel.step] = panel.columns
  }
  for (let row = 0; row < out; row++) visit(row * ins * taps, columns[row])
}
