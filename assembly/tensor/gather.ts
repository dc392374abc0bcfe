// Planar gather with f32 weights: layers whose weights are plain numbers, many of them zero.
//
//   y[r, j] = sum_k w[r, k] * x[offset(k) + j]        j = 0 .. vectors * 4 - 1
//
// Like the planar gather of levels (kernels/gather/planar.ts), with a product for each weight. Row program (32-bit words), rows
// one after the other:
//
//   | count | byte offset, weight | byte offset, weight | ...
//
// Contract: 4-byte alignment of the program; x + offset and y need none. Reads reach vectors * 16 bytes past x + offset. Writes
// vectors * 16 bytes to y + r * yStride for each row and nothing else.
//
// Exact: products and sums are rounded to f32, in program order from 0.

// Tile widths in vectors, as in planar.ts.
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
class Tile5 {
  a: i32 = 0
  b: i8 = 0
}
class Tile6 {
  a: i32 = 0
  b: i16 = 0
}

/** Six accumulators, the weight and a product are what V8 of Node 20 keeps in registers beside the loads. */
const MAX_TILE: i32 = 6

function gatherTile<T>(program: usize, rows: i32, x: usize, y: usize, yStride: usize): void {
  for (let r = 0; r < rows; r++) {
    let a0 = f32x4.splat(0)
    let a1 = a0
    let a2 = a0
    let a3 = a0
    let a4 = a0
    let a5 = a0
    const end = program + 4 + ((load<u32>(program) as usize) << 3)
    for (program += 4; program < end; program += 8) {
      const s = x + (load<u32>(program) as usize)
      const w = v128.load32_splat(program, 4)
      a0 = f32x4.add(a0, f32x4.mul(w, v128.load(s)))
      if (offsetof<T>() > 1) a1 = f32x4.add(a1, f32x4.mul(w, v128.load(s, 16)))
      if (offsetof<T>() > 2) a2 = f32x4.add(a2, f32x4.mul(w, v128.load(s, 32)))
      if (offsetof<T>() > 3) a3 = f32x4.add(a3, f32x4.mul(w, v128.load(s, 48)))
      if (offsetof<T>() > 4) a4 = f32x4.add(a4, f32x4.mul(w, v128.load(s, 64)))
      if (offsetof<T>() > 5) a5 = f32x4.add(a5, f32x4.mul(w, v128.load(s, 80)))
    }
    v128.store(y, a0)
    if (offsetof<T>() > 1) v128.store(y, a1, 16)
    if (offsetof<T>() > 2) v128.store(y, a2, 32)
    if (offsetof<T>() > 3) v128.store(y, a3, 48)
    if (offsetof<T>() > 4) v128.store(y, a4, 64)
    if (offsetof<T>() > 5) v128.store(y, a5, 80)
    y += yStride
  }
}

export function gather_mul_f32(program: usize, rows: i32, x: usize, y: usize, yStride: usize, vectors: i32): void {
  if (rows <= 0 || vectors <= 0) return
  const tiles = (vectors + MAX_TILE - 1) / MAX_TILE
  const width = vectors / tiles
  const wider = vectors % tiles
  for (let t = 0; t < tiles; t++) {
    const n = t < wider ? width + 1 : width
    switch (n) {
      case 1:
        gatherTile<Tile1>(program, rows, x, y, yStride)
        break
      case 2:
        gatherTile<Tile2>(program, rows, x, y, yStride)
        break
      case 3:
        gatherTile<Tile3>(program, rows, x, y, yStride)
        break
      case 4:
        gatherTile<Tile4>(program, rows, x, y, yStride)
        break
      case 5:
        gatherTile<Tile5>(program, rows, x, y, yStride)
        break
      default:
        gatherTile<Tile6>(program, rows, x, y, yStride)
    }
    x += (n as usize) << 4
    y += (n as usize) << 4
  }
}
