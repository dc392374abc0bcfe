// Scores to levels, and levels to weights: the supermask's forward pass.
//
//   |level| = sum_i [|score| * scale >= threshold[i]],  i = 0 .. coats - 1
//   level = sign(score) * |level|   or, with seeded signs,   sign[i] * |level|
//   weight = c * level
//
// Contract: 4-byte alignment; levels and signs are i8. A pointer of 0 for signs means learned signs.
// Exact: one f32 product per score and per weight. Returns the sum of squared levels.

export function levels_from_scores(
  scores: usize,
  n: i32,
  scale: f32,
  thresholds: usize,
  coats: i32,
  signs: usize,
  levels: usize,
): f64 {
  let squares: i64 = 0
  for (let i = 0; i < n; i++) {
    const a = load<f32>(scores + (i << 2))
    const size = abs<f32>(a) * scale
    let level = 0
    for (let k = 0; k < coats; k++) level += (size >= load<f32>(thresholds + (k << 2))) as i32
    squares += (level * level) as i64
    const negative = signs ? load<i8>(signs + i) < 0 : a < 0
    store<i8>(levels + i, negative ? -level : level)
  }
  return squares as f64
}

export function weights_from_levels(levels: usize, n: i32, c: f32, weights: usize): void {
  for (let i = 0; i < n; i++) store<f32>(weights + (i << 2), (load<i8>(levels + i) as f32) * c)
}

/** y[g][c][o][tap] = levels[g][o][c][tap]: the matrix that carries gradients back, group by group. */
export function levels_transpose(levels: usize, y: usize, groups: i32, outs: i32, ins: i32, taps: i32): void {
  for (let g = 0; g < groups; g++) {
    for (let c = 0; c < ins; c++) {
      for (let o = 0; o < outs; o++) {
        const from = levels + (o * ins + c) * taps
        for (let t = 0; t < taps; t++) store<i8>(y + t, load<i8>(from + t))
        y += taps
      }
    }
    levels += outs * ins * taps
  }
}

export function count_nonzero_i8(levels: usize, n: i32): i32 {
  let count = 0
  let i = 0
  for (; i + 16 <= n; i += 16) {
    count += popcnt(i8x16.bitmask(i8x16.ne(v128.load(levels + i), i8x16.splat(0))))
  }
  for (; i < n; i++) count += (load<i8>(levels + i) != 0) as i32
  return count
}
