// Dense layers on integer planes: convolutions of any size whose weights are mostly not zero.
//
//   y[r, j] = sum_k w[r, k] * x[offset(k) + j]        j = 0 .. vectors * 8 - 1, x i16, y i32
//
// The same geometry as the planar gather (kernels/gather/planar.ts): x lies in padded planes, column k is a byte offset. Columns go in
// pairs, whose pixels are interleaved once for four rows: i32x4.dot_i16x8_s then multiplies and adds both at a time.
//
//   offsets   u32 [2 * pairs]
//   weights   i16 [ceil(rows / 4)][pairs][4][2], the last index being the column of a pair; missing rows and columns are 0
//
// Contract: 4-byte alignment of weights and offsets; x + offset and y need none. Reads reach vectors * 16 bytes past x + offset.
// Writes vectors * 32 bytes to y + r * yStride for each row and nothing else.
//
// Exact: arithmetic modulo 2^32, so y is exact whenever the result fits.

export function dense_i16(
  weights: usize,
  rows: i32,
  pairs: i32,
  offsets: usize,
  x: usize,
  y: usize,
  yStride: usize,
  vectors: i32,
): void {
  const end = offsets + ((pairs as usize) << 3)
  for (let r: i32 = 0; r < rows; r += 4) {
    for (let v: i32 = 0; v < vectors; v++) {
      const from = x + ((v as usize) << 4)
      let l0 = i32x4.splat(0)
      let h0 = l0
      let l1 = l0
      let h1 = l0
      let l2 = l0
      let h2 = l0
      let l3 = l0
      let h3 = l0
      let w = weights
      for (let p = offsets; p < end; p += 8) {
        const a = v128.load(from + (load<u32>(p) as usize))
        const b = v128.load(from + (load<u32>(p, 4) as usize))
        // One load: V8 of Node 20 puts all loads first, and has no registers for four of them beside the sums.
        const four = v128.load(w)
        const low = v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
        const high = v128.shuffle<i16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
        const w0 = v128.shuffle<i32>(four, four, 0, 0, 0, 0)
        l0 = i32x4.add(l0, i32x4.dot_i16x8_s(low, w0))
        h0 = i32x4.add(h0, i32x4.dot_i16x8_s(high, w0))
        const w1 = v128.shuffle<i32>(four, four, 1, 1, 1, 1)
        l1 = i32x4.add(l1, i32x4.dot_i16x8_s(low, w1))
        h1 = i32x4.add(h1, i32x4.dot_i16x8_s(high, w1))
        const w2 = v128.shuffle<i32>(four, four, 2, 2, 2, 2)
        l2 = i32x4.add(l2, i32x4.dot_i16x8_s(low, w2))
        h2 = i32x4.add(h2, i32x4.dot_i16x8_s(high, w2))
        const w3 = v128.shuffle<i32>(four, four, 3, 3, 3, 3)
        l3 = i32x4.add(l3, i32x4.dot_i16x8_s(low, w3))
        h3 = i32x4.add(h3, i32x4.dot_i16x8_s(high, w3))
        w += 16
      }
      let to = y + ((v as usize) << 5)
      v128.store(to, l0)
      v128.store(to, h0, 16)
      if (r + 1 < rows) {
        to += yStride
        v128.store(to, l1)
        v128.store(to, h1, 16)
      }
      if (r + 2 < rows) {
        to += yStride
        v128.store(to, l2)
        v128.store(to, h2, 16)
      }
      if (r + 3 < rows) {
        to += yStride
        v128.store(to, l3)
        v128.store(to, h3, 16)
      }
    }
    weights += (pairs as usize) << 4
    y += yStride << 2
  }
}
