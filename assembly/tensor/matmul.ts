// y[m, n] = sum_k a[m, k] * b[k, n], f32, all row-major.
//
// Tiles of four rows by eight columns. Where there are fewer than four rows left the last one is computed again instead: what
// is stored twice is the same.
//
// Contract: 4-byte alignment, y overlaps neither a nor b. Exact: products and sums rounded to f32, in rising k from 0.

export function matmul_f32(a: usize, b: usize, y: usize, rows: i32, depth: i32, cols: i32): void {
  const aBytes = depth << 2
  const yBytes = cols << 2
  for (let r: i32 = 0; r < rows; r += 4) {
    const r1 = min(r + 1, rows - 1)
    const r2 = min(r + 2, rows - 1)
    const r3 = min(r + 3, rows - 1)
    const a0 = a + r * aBytes
    const a1 = a + r1 * aBytes
    const a2 = a + r2 * aBytes
    const a3 = a + r3 * aBytes
    let c: i32 = 0
    for (; c + 8 <= cols; c += 8) {
      let from = b + (c << 2)
      let s00 = f32x4.splat(0)
      let s01 = f32x4.splat(0)
      let s10 = f32x4.splat(0)
      let s11 = f32x4.splat(0)
      let s20 = f32x4.splat(0)
      let s21 = f32x4.splat(0)
      let s30 = f32x4.splat(0)
      let s31 = f32x4.splat(0)
      for (let k: i32 = 0; k < aBytes; k += 4) {
        const left = v128.load(from)
        const right = v128.load(from, 16)
        from += yBytes
        let v = v128.load32_splat(a0 + k)
        s00 = f32x4.add(s00, f32x4.mul(v, left))
        s01 = f32x4.add(s01, f32x4.mul(v, right))
        v = v128.load32_splat(a1 + k)
        s10 = f32x4.add(s10, f32x4.mul(v, left))
        s11 = f32x4.add(s11, f32x4.mul(v, right))
        v = v128.load32_splat(a2 + k)
        s20 = f32x4.add(s20, f32x4.mul(v, left))
        s21 = f32x4.add(s21, f32x4.mul(v, right))
        v = v128.load32_splat(a3 + k)
        s30 = f32x4.add(s30, f32x4.mul(v, left))
        s31 = f32x4.add(s31, f32x4.mul(v, right))
      }
      const to = y + (c << 2)
      v128.store(to + r * yBytes, s00)
      v128.store(to + r * yBytes, s01, 16)
      v128.store(to + r1 * yBytes, s10)
      v128.store(to + r1 * yBytes, s11, 16)
      v128.store(to + r2 * yBytes, s20)
      v128.store(to + r2 * yBytes, s21, 16)
      v128.store(to + r3 * yBytes, s30)
      v128.store(to + r3 * yBytes, s31, 16)
    }
    for (; c < cols; c++) {
      for (let i = r; i <= r3; i++) {
        let from = b + (c << 2)
        let sum: f32 = 0
        for (let k: i32 = 0; k < aBytes; k += 4) {
          sum += load<f32>(a + i * aBytes + k) * load<f32>(from)
          from += yBytes
        }
        store<f32>(y + i * yBytes + (c << 2), sum)
      }
    }
  }
}
