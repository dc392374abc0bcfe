// Element-wise kernels, and the transposition behind `flatten`.
//
//   relu       y = x > 0 ? min(x, limit) : 0     relu_grad   dx = 0 < x < limit ? dy : 0
//   add        y = a + b
//   transpose  y[b][j][i] = x[b][i][j]           channel-major images [C][N][H*W] -> vectors [C*H*W][N]
//
//   swap       y[p][n][c] = x[c][n][p]           channels and pixels of a batch change places
//
// Contract: 4-byte alignment; inputs and y are the same buffer or do not overlap (transpose, swap: do not overlap).
// Exact: one operation per element, each rounded to f32.

export function relu_f32(x: usize, y: usize, n: i32, limit: f32): void {
  const zero = f32x4.splat(0)
  const top = f32x4.splat(limit)
  let i = 0
  for (; i + 4 <= n; i += 4) {
    const v = v128.load(x + (i << 2))
    v128.store(y + (i << 2), f32x4.pmin(v128.and(v, f32x4.gt(v, zero)), top))
  }
  for (; i < n; i++) {
    let v = load<f32>(x + (i << 2))
    // NaN too becomes 0, as above.
    if (!(v > 0)) v = 0
    store<f32>(y + (i << 2), limit < v ? limit : v)
  }
}

export function relu_grad_f32(x: usize, dy: usize, dx: usize, n: i32, limit: f32): void {
  const zero = f32x4.splat(0)
  const top = f32x4.splat(limit)
  let i = 0
  for (; i + 4 <= n; i += 4) {
    const v = v128.load(x + (i << 2))
    const on = v128.and(f32x4.gt(v, zero), f32x4.lt(v, top))
    v128.store(dx + (i << 2), v128.and(v128.load(dy + (i << 2)), on))
  }
  for (; i < n; i++) {
    const v = load<f32>(x + (i << 2))
    store<f32>(dx + (i << 2), v > 0 && v < limit ? load<f32>(dy + (i << 2)) : 0)
  }
}

export function add_f32(a: usize, b: usize, y: usize, n: i32): void {
  let i = 0
  for (; i + 4 <= n; i += 4) v128.store(y + (i << 2), f32x4.add(v128.load(a + (i << 2)), v128.load(b + (i << 2))))
  for (; i < n; i++) store<f32>(y + (i << 2), load<f32>(a + (i << 2)) + load<f32>(b + (i << 2)))
}

export function transpose_f32(x: usize, y: usize, blocks: i32, rows: i32, cols: i32): void {
  const size = rows * cols
  const rowBytes = (cols as usize) << 2
  const colBytes = (rows as usize) << 2
  for (let b = 0; b < blocks; b++) {
    let i = 0
    for (; i + 4 <= rows; i += 4) {
      let j = 0
      for (; j + 4 <= cols; j += 4) {
        const from = x + (i as usize) * rowBytes + (j << 2)
        const r0 = v128.load(from)
        const r1 = v128.load(from + rowBytes)
        const r2 = v128.load(from + rowBytes * 2)
        const r3 = v128.load(from + rowBytes * 3)
        const s0 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5)
        const s1 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5)
        const s2 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7)
        const s3 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7)
        const to = y + (j as usize) * colBytes + (i << 2)
        v128.store(to, v128.shuffle<i64>(s0, s1, 0, 2))
        v128.store(to + colBytes, v128.shuffle<i64>(s0, s1, 1, 3))
        v128.store(to + colBytes * 2, v128.shuffle<i64>(s2, s3, 0, 2))
        v128.store(to + colBytes * 3, v128.shuffle<i64>(s2, s3, 1, 3))
      }
      for (; j < cols; j++) {
        for (let r = 0; r < 4; r++) {
          store<f32>(
            y + (j as usize) * colBytes + ((i + r) << 2),
            load<f32>(x + ((i + r) as usize) * rowBytes + (j << 2)),
          )
        }
      }
    }
    for (; i < rows; i++) {
      for (let j = 0; j < cols; j++) {
        store<f32>(y + (j as usize) * colBytes + (i << 2), load<f32>(x + (i as usize) * rowBytes + (j << 2)))
      }
    }
    x += size << 2
    y += size << 2
  }
}

export function swap_f32(x: usize, y: usize, channels: i32, images: i32, pixels: i32): void {
  for (let c = 0; c < channels; c++) {
    for (let n = 0; n < images; n++) {
      for (let p = 0; p < pixels; p++) {
        store<f32>(y + (((p * images + n) * channels + c) << 2), load<f32>(x))
        x += 4
      }
    }
  }
}

/** Largest |x|; NaN counts as nothing. */
export function max_abs_f32(x: usize, n: i32): f32 {
  let top = f32x4.splat(0)
  let i = 0
  // pmax(a, b) is a < b ? b : a: a NaN is never larger.
  for (; i + 4 <= n; i += 4) top = f32x4.pmax(top, f32x4.abs(v128.load(x + (i << 2))))
  let best = max<f32>(
    max<f32>(f32x4.extract_lane(top, 0), f32x4.extract_lane(top, 1)),
    max<f32>(f32x4.extract_lane(top, 2), f32x4.extract_lane(top, 3)),
  )
  for (; i < n; i++) {
    const v = abs<f32>(load<f32>(x + (i << 2)))
    if (v > best) best = v
  }
  return best
}
