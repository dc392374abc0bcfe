// Row programs: what the gather kernels execute, made from the non-zero levels of a row.
//
// A level splits into signed binary digits, one per plane:
//
//   |level|   1    2    3      4    5      6      7
//   digits   +1   +2   +2+1   +4   +4+1   +4+2   +8-1      planes: 1 for INT2, 2 for INT3, 4 for INT4
//
// (7 as 8 - 1 takes two additions instead of three). 8-bit levels have eight planes, and digits in non-adjacent form: no two
// neighbours are both non-zero, as few as there can be. A negative level negates its digits. For each plane from the
// top: u32 plus count, u32 minus count, then the byte offsets of the columns whose digit is +1, then those of -1.

/** Digit of |level| at plane p: +1, 0 or -1. */
function digit(magnitude: i32, plane: i32, planes: i32): i32 {
  if (planes > 4) {
    const triple = 3 * magnitude
    return ((((triple & ~magnitude) >> (plane + 1)) & 1) as i32) - (((magnitude & ~triple) >> (plane + 1)) & 1)
  }
  if (magnitude == 7) return plane == 3 ? 1 : plane == 0 ? -1 : 0
  return (magnitude >> plane) & 1
}

/** Raises the u32 at `p` to at least `v`. */
function raise(p: usize, v: u32): void {
  if (v > load<u32>(p)) store<u32>(p, v)
}

/**
 * Writes the program of one row, and updates the statistics in ctx, from which the planner proves lane widths.
 * @param pairs (u32 column, i32 level) for each non-zero of the row, columns ascending
 * @param ctx u32 words: number of planes, pointer to a table of u32 byte offsets (one per column), then over the rows so
 *   far: largest sum of positive levels, of |negative levels|, of |levels|; number of non-zeros
 * @param out where the program goes; one word past its end may be overwritten
 * @returns the end of the program
 */
export function emitRow(pairs: usize, count: i32, ctx: usize, out: usize): usize {
  const planes = load<u32>(ctx) as i32
  const offsets = load<u32>(ctx, 4) as usize
  const pairsEnd = pairs + ((count as usize) << 3)
  for (let plane = planes - 1; plane >= 0; plane--) {
    const header = out
    out += 8
    for (let sign = 1; sign >= -1; sign -= 2) {
      const begin = out
      for (let q = pairs; q < pairsEnd; q += 8) {
        const level = load<i32>(q, 4)
        const d = level < 0 ? -digit(-level, plane, planes) : digit(level, plane, planes)
        // Stored always, kept only if it belongs: no branch to mispredict.
        store<u32>(out, load<u32>(offsets + ((load<u32>(q) as usize) << 2)))
        out += (d == sign ? 4 : 0) as usize
      }
      store<u32>(header + (sign < 0 ? 4 : 0), ((out - begin) >> 2) as u32)
    }
  }
  let positive: u32 = 0
  let negative: u32 = 0
  for (let q = pairs; q < pairsEnd; q += 8) {
    const level = load<i32>(q, 4)
    positive += max(level, 0)
    negative += max(-level, 0)
  }
  raise(ctx + 8, positive)
  raise(ctx + 12, negative)
  raise(ctx + 16, positive + negative)
  store<u32>(ctx, load<u32>(ctx, 20) + (count as u32), 20)
  return out
}

/** The non-zero levels of a row as (u32 column, i32 level) to `pairs`; returns how many. */
function findLevels(levels: usize, cols: i32, pairs: usize): i32 {
  let q = pairs
  let k = 0
  for (; k + 16 <= cols; k += 16) {
    const nonzero = v128.ne<i8>(v128.load(levels + k), i8x16.splat(0))
    for (let found = i8x16.bitmask(nonzero); found != 0; found &= found - 1) {
      const column = k + ctz(found)
      store<u32>(q, column)
      store<i32>(q, load<i8>(levels + column), 4)
      q += 8
    }
  }
  for (; k < cols; k++) {
    const level = load<i8>(levels + k) as i32
    if (level == 0) continue
    store<u32>(q, k)
    store<i32>(q, level, 4)
    q += 8
  }
  return ((q - pairs) >> 3) as i32
}

/** Row programs from dense int8 levels [rows, cols]; `pairs` is scratch for cols pairs. Returns the end of the program. */
export function program_from_levels(levels: usize, rows: i32, cols: i32, pairs: usize, ctx: usize, out: usize): usize {
  for (let r = 0; r < rows; r++) {
    out = emitRow(pairs, findLevels(levels, cols, pairs), ctx, out)
    levels += cols
  }
  return out
}
