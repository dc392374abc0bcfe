// Dense layers of one vector in panels: rows that read the same inputs, as those of a row of blocks do. Levels are dense inside.
//
//   y[r] = sum_p w[r, 2p] * x[at(p)] + w[r, 2p + 1] * x[at(p) + 1]        x i16, w i8, y i32
//
// Lanes are rows: two neighbouring inputs are repeated over a vector, and i32x4.dot_i16x8_s multiplies them by the weights of
// four rows and adds the two products. So nothing is summed across lanes, and a panel of B rows loads each input B / 16 times.
//
// Program, panel after panel, whose rows follow each other in y:
//
//   | u32 rows | u32 pairs | u32 byte offset of each pair in x ... | weights ... |
//
// Weights come in tiles of up to 16 rows, i8 [pairs][rows of the tile / 4, rounded up][4 rows][2 inputs]; missing rows and the
// second of an input without neighbour are 0.
//
// Contract: 4-byte alignment of the program and y, 2-byte alignment of x. Reads 4 bytes at each offset, writes 4 bytes for each row.
//
// Exact: arithmetic modulo 2^32, so y is exact whenever the result fits.

import { storeFirst } from '../lib/grid'

// Stand-ins for the number of vectors in a tile, as in kernels/gather/planar.ts. V8 of Node 20 keeps four accumulators and the
// loads of four vectors of weights in registers.
class Tile1 {
  a: i8 = 0
}
class Tile2 {
  a: i16 = 0
}
class Tile3 {
  a: i16 = 0
  b: i8 = 0
}
class Tile4 {
  a: i32 = 0
}

/** Stores the sums of four rows, or of the `rows` that are left. */
function storeRows(y: usize, sums: v128, rows: i32): void {
  if (rows >= 4) v128.store(y, sums)
  else storeFirst<i32>(y, sums, rows)
}

/** A tile of `rows` rows. Returns the end of its weights. */
function tile<Vectors>(weights: usize, from: usize, end: usize, x: usize, y: usize, rows: i32): usize {
  let a0 = i32x4.splat(0)
  let a1 = a0
  let a2 = a0
  let a3 = a0
  for (let p = from; p < end; p += 4) {
    const s = v128.load32_splat(x + (load<u32>(p) as usize))
    a0 = i32x4.add(a0, i32x4.dot_i16x8_s(s, v128.load_ext<i8>(weights)))
    if (offsetof<Vectors>() > 1) a1 = i32x4.add(a1, i32x4.dot_i16x8_s(s, v128.load_ext<i8>(weights, 8)))
    if (offsetof<Vectors>() > 2) a2 = i32x4.add(a2, i32x4.dot_i16x8_s(s, v128.load_ext<i8>(weights, 16)))
    if (offsetof<Vectors>() > 3) a3 = i32x4.add(a3, i32x4.dot_i16x8_s(s, v128.load_ext<i8>(weights, 24)))
    weights += offsetof<Vectors>() << 3
  }
  storeRows(y, a0, rows)
  if (offsetof<Vectors>() > 1) storeRows(y + 16, a1, rows - 4)
  if (offsetof<Vectors>() > 2) storeRows(y + 32, a2, rows - 8)
  if (offsetof<Vectors>() > 3) storeRows(y + 48, a3, rows - 12)
  return weights
}

export function panels_i16(program: usize, panels: i32, x: usize, y: usize): void {
  for (; panels > 0; panels--) {
    let rows = load<i32>(program)
    const from = program + 8
    const end = from + ((load<u32>(program, 4) as usize) << 2)
    program = end
    for (; rows > 12; rows -= 16) {
      program = tile<Tile4>(program, from, end, x, y, rows)
      y += (min(rows, 16) as usize) << 2
    }
    if (rows <= 0) continue
    if (rows > 8) program = tile<Tile3>(program, from, end, x, y, rows)
    else if (rows > 4) program = tile<Tile2>(program, from, end, x, y, rows)
    else program = tile<Tile1>(program, from, end, x, y, rows)
    y += (rows as usize) << 2
  }
}
