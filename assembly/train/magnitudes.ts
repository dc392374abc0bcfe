// Counts of score sizes, from which thresholds are chosen.
//
//   key = |score| * scale (f32), whose 31 bits below the sign order keys like the numbers they are
//
//   count_magnitudes   counts[key >>> 16] += 1           32768 counters: 128 per octave
//   count_within       counts[key & 65535] += 1          65536 counters, of the keys with key >>> 16 = prefix
//
// Both add to what the counters hold, so that several tensors are counted together. Two passes find the k-th largest
// of any number of keys exactly: the first tells its upper bits, the second its lower ones.
//
// Contract: scores and counts aligned to 4; frozen: i8, only positions with 0 are counted, or 0 for all.
// Exact: one f32 product per score.

const KEY: i32 = 0x7fffffff

export function count_magnitudes(scores: usize, n: i32, scale: f32, frozen: usize, counts: usize): void {
  let i = 0
  if (frozen == 0) {
    const vs = f32x4.splat(scale)
    const mask = i32x4.splat(KEY)
    for (; i + 4 <= n; i += 4) {
      // A counter's address: four times the upper bits.
      const key = v128.and(f32x4.mul(v128.load(scores + ((i as usize) << 2)), vs), mask)
      const at = i32x4.shl(i32x4.shr_u(key, 16), 2)
      increment(counts + (i32x4.extract_lane(at, 0) as usize))
      increment(counts + (i32x4.extract_lane(at, 1) as usize))
      increment(counts + (i32x4.extract_lane(at, 2) as usize))
      increment(counts + (i32x4.extract_lane(at, 3) as usize))
    }
  }
  for (; i < n; i++) {
    if (frozen != 0 && load<i8>(frozen + i) != 0) continue
    increment(counts + (((keyOf(scores, i, scale) >>> 16) as usize) << 2))
  }
}

export function count_within(scores: usize, n: i32, scale: f32, frozen: usize, prefix: i32, counts: usize): void {
  const vs = f32x4.splat(scale)
  const wanted = i32x4.splat(prefix)
  const mask = i32x4.splat(KEY)
  let i = 0
  for (; i + 4 <= n; i += 4) {
    const key = v128.and(f32x4.mul(v128.load(scores + ((i as usize) << 2)), vs), mask)
    if (!v128.any_true(i32x4.eq(i32x4.shr_u(key, 16), wanted))) continue
    for (let k = i; k < i + 4; k++) countOne(scores, k, scale, frozen, prefix, counts)
  }
  for (; i < n; i++) countOne(scores, i, scale, frozen, prefix, counts)
}

function countOne(scores: usize, i: i32, scale: f32, frozen: usize, prefix: i32, counts: usize): void {
  const key = keyOf(scores, i, scale)
  if (key >>> 16 != prefix || (frozen != 0 && load<i8>(frozen + i) != 0)) return
  increment(counts + (((key & 65535) as usize) << 2))
}

function keyOf(scores: usize, i: i32, scale: f32): i32 {
  return reinterpret<i32>(load<f32>(scores + ((i as usize) << 2)) * scale) & KEY
}

function increment(counter: usize): void {
  store<u32>(counter, load<u32>(counter) + 1)
}
