/** Scalar references of assembly/tensor/panels.ts and pairs.ts. */
import { at, type Lane, laneAdd, laneBytes, laneView } from '../../lanes.js'
import type { Mem } from '../../row.js'

/** Rows in a tile of panels_i16. */
const TILE = 16

export function panels(mem: Mem, program: number, panels: number, x: number, y: number): undefined {
  let p = program
  let row = 0
  for (let panel = 0; panel < panels; panel++) {
    const [rows, pairs] = [mem.u32[at(p, 4)], mem.u32[at(p, 4) + 1]]
    const offsets = at(p, 4) + 2
    let weights = p + 8 + 4 * pairs
    for (let first = 0; first < rows; first += TILE) {
      // Whole vectors of four rows.
      const height = 4 * Math.ceil(Math.min(TILE, rows - first) / 4)
      for (let r = 0; r < Math.min(height, rows - first); r++) {
        let sum = 0
        for (let i = 0; i < 2 * pairs; i++) {
          const level = mem.i8[weights + ((i >> 1) * height + r) * 2 + (i & 1)]
          sum = (sum + level * mem.i16[at(x + mem.u32[offsets + (i >> 1)], 2) + (i & 1)]) | 0
        }
        mem.i32[at(y, 4) + row + first + r] = sum
      }
      weights += pairs * height * 2
    }
    row += rows
    p = weights
  }
}

/** For lanes of integers. */
export const pairsOf =
  (lane: Lane) =>
  (mem: Mem, list: number, pairs: number, x: number, y: number, plane: number): undefined => {
    const view = laneView(mem, lane)
    const size = laneBytes(lane)
    const n = plane / size
    for (let p = 0; p < pairs; p++) {
      const [a, b] = [0, 1].map((i) => at(x + mem.u32[at(list, 4) + 2 * p + i], size))
      const to = at(y, size) + 4 * p * n
      for (let i = 0; i < n; i++) {
        view[to + i] = view[a + i]
        view[to + n + i] = view[b + i]
        view[to + 2 * n + i] = laneAdd(lane, view[a + i], view[b + i])
        view[to + 3 * n + i] = laneAdd(lane, view[a + i], -view[b + i])
      }
    }
  }
