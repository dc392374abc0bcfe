/** Panels: rows of a layer that read the same columns, so that kernels can load inputs once for several of them. */
import { keptAreas } from './blocks.js'
import { dimsOf, type Pattern } from './pattern.js'
import { slotOf } from './periodic.js'

export interface Panel {
  /** Rows first, first + step, ...: `count` of them. */
  readonly first: number
  readonly step: number
  readonly count: number
  /** Columns that the pattern allows in these rows, ascending; a column is channel * taps + tap. */
  readonly columns: readonly number[]
}

/** The panel of a layer in which all weights are allowed. */
export const wholePanel = (rows: number, cols: number): Panel => ({
  first: 0,
  step: 1,
  count: rows,
  columns: Array.from({ length: cols }, (_, k) => k),
})

/**
 * The panels of a pattern, each row in one of them: a row of blocks, or the filters of one place in the period. Undefined for groups,
 * whose rows have nothing in common.
 */
export function panelsOf(pattern: Pattern, shape: readonly number[]): Panel[] | undefined {
  const { out, in: ins, taps } = dimsOf(shape)
  switch (pattern.kind) {
    case 'groups':
      return undefined
    case 'blocks': {
      const panels = new Map<number, { count: number; columns: number[] }>()
      for (const [row, channel, height, width] of keptAreas(pattern, shape)) {
        const panel = panels.get(row) ?? { count: height, columns: [] }
        panels.set(row, panel)
        for (let k = channel * taps; k < (channel + width) * taps; k++) panel.columns.push(k)
      }
      return [...panels]
        .sort(([a], [b]) => a - b)
        .map(([first, { count, columns }]) => ({ first, step: 1, count, columns: columns.sort((a, b) => a - b) }))
    }
    case 'periodic': {
      const step = pattern.rotate ? pattern.taps.length : 1
      return Array.from({ length: Math.min(step, out) }, (_, first) => {
        const columns: number[] = []
        for (let c = 0; c < ins; c++) {
          for (const tap of pattern.taps[slotOf(pattern, first, c)]) columns.push(c * taps + tap)
        }
        return { first, step, count: Math.ceil((out - first) / step), columns }
      })
    }
  }
}
