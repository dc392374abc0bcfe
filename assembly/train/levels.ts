// Scores to levels, and levels to weights: the supermask's forward pass.
//
//   |level| = sum_i [|score| >= threshold[i]],  i = 0 .. coats - 1, thresholds ascending
//   level = sign(score) * |level|   or, with seeded signs,   sign[i] * |level|
//   weight = c * level
//
// histogram_f32 counts keys for an exact quantile by radix: the key of a score is the bit pattern of |score| * scale, whose
// order is the numbers' order. A pass counts one digit of those keys whose higher bits equal a prefix.
//
// Contract: 4-byte alignment; levels and signs are i8. A pointer of 0 for signs means learned signs.
// Exact: comparisons only; weights are one f32 product.

export function levels_from_scores(
  scores: usize, n: i32, thresholds: usize, coats: i32, signs: usize, levels: usize,
): f64 {
  let squares: i64 = 0
  for (let i = 0; i < n; i++) {
    const a = load<f32>(scores + (i << 2))
    const size = abs<f32>(a)
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

/** counts[(key >> shift) & mask]++ for keys with key >> above == prefix; above = 32 counts all. Adds to the counts. */
export function histogram_f32(x: usize, n: i32, scale: f32, above: i32, prefix: u32, shift: i32, mask: u32, counts: usize): void {
  for (let i = 0; i < n; i++) {
    const key = reinterpret<u32>(abs<f32>(load<f32>(x + (i << 2)) * scale))
    if (above == 32 || key >> above == prefix) {
      const at = counts + (((key >> shift) & mask) << 2)
      store<u32>(at, load<u32>(at) + 1)
    }
  }
}
