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
