// Planar gather: the sparse layer kernel for convolutions of any size and for batched dense layers.
//
//   y[r, j] = sum_k level[r, k] * x[offset(k) + j]        j = 0 .. vectors * lanes - 1
//
// x lies in planes, so that neighbouring outputs are neighbours in memory and a non-zero weight is nothing but a byte
// offset: of a channel plane, plus the position inside the k x k kernel. Levels are split into signed binary digits;
// the digits of one weight of two (4, 2, 1) form a plane, and a row adds up its planes by Horner's rule:
//
//   acc = 0;  for each plane from the top:  acc = 2 * acc + sum(x of plus digits) - sum(x of minus digits)
//
// so there is no multiplication, and a zero bit costs nothing.
//
// Row program (u32 words), rows one after the other:
//
//   | plus | minus | plus byte offsets ... | minus byte offsets ... |   top plane
//   | plus | minus | ...                                            |   next plane, ... down to weight 1
//
// Contract: x + offset and y need no alignment; reads reach vectors * 16 bytes past x + offset. Writes
// vectors * 16 bytes to y + r * yStride for each row and nothing else.
//
// Exact: integer lanes are arithmetic modulo 2^16 or 2^32, and addition, subtraction and doubling are ring operations,
// so y is exact whenever the *result* fits the lane, whatever partial sums do. The planner proves that it fits. f32
// lanes add in program order, the order of the reference.

// AssemblyScript has no integer type parameters. offsetof<T>() of a class without fields of managed type is a
// compile-time constant, so these classes stand for tile widths: the number of 16-byte vectors held in registers.
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
class Tile7 {
  a: i32 = 0
  b: i16 = 0
  c: i8 = 0
}
class Tile8 {
  a: i64 = 0
}

// Engines without relaxed SIMD are older ones: seven accumulators are the most that V8 of Node 20 keeps in its 15 usable
// registers beside the loads. Later ones add straight from memory, and may join neighbouring vectors into one of 256 bits:
// eight accumulators, and widths in pairs.

/** Widest tile. */
const MAX_TILE: i32 = ASC_FEATURE_RELAXED_SIMD ? 8 : 7
/** Tiles differ by so many vectors. */
const GRAIN: i32 = ASC_FEATURE_RELAXED_SIMD ? 2 : 1

function gatherTile<Lane, T>(program: usize, rows: i32, planes: i32, x: usize, y: usize, yStride: usize): void {
  for (let r = 0; r < rows; r++) {
    let a0 = v128.splat<Lane>(0 as Lane)
    let a1 = a0
    let a2 = a0
    let a3 = a0
    let a4 = a0
    let a5 = a0
    let a6 = a0
    let a7 = a0
    for (let plane = planes; ; ) {
      const plus = load<u32>(program) as usize
      const minus = load<u32>(program, 4) as usize
      program += 8
      let end = program + (plus << 2)
      for (; program < end; program += 4) {
        const s = x + (load<u32>(program) as usize)
        a0 = v128.add<Lane>(a0, v128.load(s))
        if (offsetof<T>() > 1) a1 = v128.add<Lane>(a1, v128.load(s, 16))
        if (offsetof<T>() > 2) a2 = v128.add<Lane>(a2, v128.load(s, 32))
        if (offsetof<T>() > 3) a3 = v128.add<Lane>(a3, v128.load(s, 48))
        if (offsetof<T>() > 4) a4 = v128.add<Lane>(a4, v128.load(s, 64))
        if (offsetof<T>() > 5) a5 = v128.add<Lane>(a5, v128.load(s, 80))
        if (offsetof<T>() > 6) a6 = v128.add<Lane>(a6, v128.load(s, 96))
        if (offsetof<T>() > 7) a7 = v128.add<Lane>(a7, v128.load(s, 112))
      }
      end = program + (minus << 2)
      for (; program < end; program += 4) {
        const s = x + (load<u32>(program) as usize)
        a0 = v128.sub<Lane>(a0, v128.load(s))
        if (offsetof<T>() > 1) a1 = v128.sub<Lane>(a1, v128.load(s, 16))
        if (offsetof<T>() > 2) a2 = v128.sub<Lane>(a2, v128.load(s, 32))
        if (offsetof<T>() > 3) a3 = v128.sub<Lane>(a3, v128.load(s, 48))
        if (offsetof<T>() > 4) a4 = v128.sub<Lane>(a4, v128.load(s, 64))
        if (offsetof<T>() > 5) a5 = v128.sub<Lane>(a5, v128.load(s, 80))
        if (offsetof<T>() > 6) a6 = v128.sub<Lane>(a6, v128.load(s, 96))
        if (offsetof<T>() > 7) a7 = v128.sub<Lane>(a7, v128.load(s, 112))
      }
      if (--plane == 0) break
      a0 = v128.add<Lane>(a0, a0)
      if (offsetof<T>() > 1) a1 = v128.add<Lane>(a1, a1)
      if (offsetof<T>() > 2) a2 = v128.add<Lane>(a2, a2)
      if (offsetof<T>() > 3) a3 = v128.add<Lane>(a3, a3)
      if (offsetof<T>() > 4) a4 = v128.add<Lane>(a4, a4)
      if (offsetof<T>() > 5) a5 = v128.add<Lane>(a5, a5)
      if (offsetof<T>() > 6) a6 = v128.add<Lane>(a6, a6)
      if (offsetof<T>() > 7) a7 = v128.add<Lane>(a7, a7)
    }
    v128.store(y, a0)
    if (offsetof<T>() > 1) v128.store(y, a1, 16)
    if (offsetof<T>() > 2) v128.store(y, a2, 32)
    if (offsetof<T>() > 3) v128.store(y, a3, 48)
    if (offsetof<T>() > 4) v128.store(y, a4, 64)
    if (offsetof<T>() > 5) v128.store(y, a5, 80)
    if (offsetof<T>() > 6) v128.store(y, a6, 96)
    if (offsetof<T>() > 7) v128.store(y, a7, 112)
    y += yStride
  }
}

/**
 * Covers `vectors` by tiles of nearly equal width: the fewest tiles, and no narrow one left over (25 vectors are
 * 7 + 6 + 6 + 6 rather than 3 x 7 + 4).
 */
function gather<Lane>(program: usize, rows: i32, planes: i32, x: usize, y: usize, yStride: usize, vectors: i32): void {
  assert(planes > 0)
  if (rows <= 0 || vectors <= 0) return
  const tiles = (vectors + MAX_TILE - 1) / MAX_TILE
  const width = vectors / GRAIN / tiles
  const wider = (vectors / GRAIN) % tiles
  for (let t = 0; t < tiles; t++) {
    let n = (t < wider ? width + 1 : width) * GRAIN
    if (t == tiles - 1) n += vectors % GRAIN
    switch (n) {
      case 1:
        gatherTile<Lane, Tile1>(program, rows, planes, x, y, yStride)
        break
      case 2:
        gatherTile<Lane, Tile2>(program, rows, planes, x, y, yStride)
        break
      case 3:
        gatherTile<Lane, Tile3>(program, rows, planes, x, y, yStride)
        break
      case 4:
        gatherTile<Lane, Tile4>(program, rows, planes, x, y, yStride)
        break
      case 5:
        gatherTile<Lane, Tile5>(program, rows, planes, x, y, yStride)
        break
      case 6:
        gatherTile<Lane, Tile6>(program, rows, planes, x, y, yStride)
        break
      case 7:
        gatherTile<Lane, Tile7>(program, rows, planes, x, y, yStride)
        break
      default:
        // Not compiled where it is never used.
        if (MAX_TILE == 8) gatherTile<Lane, Tile8>(program, rows, planes, x, y, yStride)
    }
    x += (n as usize) << 4
    y += (n as usize) << 4
  }
}

export function gather_i16(
  program: usize,
  rows: i32,
  planes: i32,
  x: usize,
  y: usize,
  yStride: usize,
  vectors: i32,
): void {
  gather<i16>(program, rows, planes, x, y, yStride, vectors)
}

export function gather_i32(
  program: usize,
  rows: i32,
  planes: i32,
  x: usize,
  y: usize,
  yStride: usize,
  vectors: i32,
): void {
  gather<i32>(program, rows, planes, x, y, yStride, vectors)
}

export function gather_f32(
  program: usize,
  rows: i32,
  planes: i32,
  x: usize,
  y: usize,
  yStride: usize,
  vectors: i32,
): void {
  gather<f32>(program, rows, planes, x, y, yStride, vectors)
}
