// Scores to levels, and levels to weights: the supermask's forward pass.
//
//   |level| = sum_i [|score| * scale >= threshold[i]],  i = 0 .. coats - 1
//   level = sign(score) * |level|   or, where signs[i] is not 0,   signs[i] * |level|
//   weight = c * level
//
// Then, for networks that use them:
//
//   freeze_levels   frozen[i] = -1 makes the level 0, frozen[i] = 1 makes |level| at least 1
//   fill_rows       rows with fewer than `least` non-zero levels get a level of 1 at their largest scores
//
// Layout: scores and weights are f32, levels, signs (-1, 0, 1) and frozen (-1, 0, 1) are i8, all [rows, cols] row-major:
//
//   scores   | f32 f32 f32 f32 | f32 f32 f32 f32 | f32 f32 f32 f32 | f32 f32 f32 f32 | ...
//   levels   | i8 x 16                                                                 | ...
//
// Contract: 4-byte alignment of f32; no padding, nothing past the n-th element is touched. A pointer of 0 for signs means that
// all are learned, a pointer of 0 for frozen that nothing is frozen.
// Exact: one f32 product per score and per weight; sums of squares are whole numbers.

/** Largest sum of squares that 16 levels can add to one i32 lane is 4 * 49: this many blocks stay below 2^31. */
const BLOCKS: i32 = 1 << 20

/** [|score| * scale >= threshold] of four scores, summed over the coats, as i32. */
function magnitudes(at: usize, scale: v128, thresholds: usize, coats: i32): v128 {
  const size = f32x4.mul(f32x4.abs(v128.load(at)), scale)
  let sum = i32x4.splat(0)
  for (let k = 0; k < coats; k++) sum = i32x4.sub(sum, f32x4.ge(size, v128.load32_splat(thresholds + (k << 2))))
  return sum
}

/** All ones where the score is negative. */
function negative(at: usize): v128 {
  return f32x4.lt(v128.load(at), f32x4.splat(0))
}

/** Four vectors of small i32 as one of i8. */
function narrow(a: v128, b: v128, c: v128, d: v128): v128 {
  return i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d))
}

export function levels_from_scores(
  scores: usize,
  n: i32,
  scale: f32,
  thresholds: usize,
  coats: i32,
  signs: usize,
  levels: usize,
): f64 {
  const vs = f32x4.splat(scale)
  let squares: i64 = 0
  let i = 0
  while (i + 16 <= n) {
    let sums = i32x4.splat(0)
    for (let block = 0; block < BLOCKS && i + 16 <= n; block++, i += 16) {
      const at = scores + ((i as usize) << 2)
      const size = narrow(
        magnitudes(at, vs, thresholds, coats),
        magnitudes(at + 16, vs, thresholds, coats),
        magnitudes(at + 32, vs, thresholds, coats),
        magnitudes(at + 48, vs, thresholds, coats),
      )
      let minus = narrow(negative(at), negative(at + 16), negative(at + 32), negative(at + 48))
      if (signs) {
        const given = v128.load(signs + i)
        const zero = i8x16.splat(0)
        minus = v128.bitselect(minus, i8x16.lt_s(given, zero), i8x16.eq(given, zero))
      }
      v128.store(levels + i, i8x16.sub(v128.xor(size, minus), minus))
      const low = i16x8.extmul_low_i8x16_s(size, size)
      const high = i16x8.extmul_high_i8x16_s(size, size)
      sums = i32x4.add(sums, i32x4.extadd_pairwise_i16x8_s(i16x8.add(low, high)))
    }
    squares += i32x4.extract_lane(sums, 0) as i64
    squares += i32x4.extract_lane(sums, 1) as i64
    squares += i32x4.extract_lane(sums, 2) as i64
    squares += i32x4.extract_lane(sums, 3) as i64
  }
  for (; i < n; i++) {
    const a = load<f32>(scores + ((i as usize) << 2))
    const size = abs<f32>(a) * scale
    let level = 0
    for (let k = 0; k < coats; k++) level += (size >= load<f32>(thresholds + (k << 2))) as i32
    squares += (level * level) as i64
    store<i8>(levels + i, isNegative(a, signs, i) ? -level : level)
  }
  return squares as f64
}

function isNegative(score: f32, signs: usize, i: i32): bool {
  const given = signs ? (load<i8>(signs + i) as i32) : 0
  return given == 0 ? score < 0 : given < 0
}

/** Returns the sum of squared levels. */
export function freeze_levels(scores: usize, n: i32, signs: usize, frozen: usize, levels: usize): f64 {
  let squares: i64 = 0
  for (let i = 0; i < n; i++) {
    let level = load<i8>(levels + i) as i32
    const state = load<i8>(frozen + i) as i32
    if (state < 0) level = 0
    else if (state > 0 && level == 0) level = isNegative(load<f32>(scores + ((i as usize) << 2)), signs, i) ? -1 : 1
    store<i8>(levels + i, level)
    squares += (level * level) as i64
  }
  return squares as f64
}

/** Returns how many levels it made non-zero. Pruned positions stay zero, so a row of them may stay short. */
export function fill_rows(
  scores: usize,
  rows: i32,
  cols: i32,
  least: i32,
  signs: usize,
  frozen: usize,
  levels: usize,
): i32 {
  let added = 0
  for (let r = 0; r < rows; r++) {
    const begin = r * cols
    const end = begin + cols
    let count = 0
    for (let i = begin; i < end && count < least; i++) count += (load<i8>(levels + i) != 0) as i32
    for (; count < least; count++) {
      let best = -1
      let largest: f32 = -1
      for (let i = begin; i < end; i++) {
        if (load<i8>(levels + i) != 0 || (frozen != 0 && load<i8>(frozen + i) < 0)) continue
        const size = abs<f32>(load<f32>(scores + ((i as usize) << 2)))
        if (size > largest) {
          largest = size
          best = i
        }
      }
      if (best < 0) break
      const negative = isNegative(load<f32>(scores + ((best as usize) << 2)), signs, best)
      store<i8>(levels + best, negative ? -1 : 1)
      added++
    }
  }
  return added
}

export function weights_from_levels(levels: usize, n: i32, c: f32, weights: usize): void {
  const vc = f32x4.splat(c)
  let i = 0
  for (; i + 16 <= n; i += 16) {
    const at = weights + ((i as usize) << 2)
    const v = v128.load(levels + i)
    const low = i16x8.extend_low_i8x16_s(v)
    const high = i16x8.extend_high_i8x16_s(v)
    v128.store(at, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(low)), vc))
    v128.store(at, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(low)), vc), 16)
    v128.store(at, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(high)), vc), 32)
    v128.store(at, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(high)), vc), 48)
  }
  for (; i < n; i++) store<f32>(weights + ((i as usize) << 2), (load<i8>(levels + i) as f32) * c)
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
