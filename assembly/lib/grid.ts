// Rounding to a grid of representable numbers: the one piece of arithmetic behind int8 and every FP8 format.
//
// A grid has m mantissa bits down to the exponent of 2^minExp, and a constant spacing (subnormals) below it:
//
//   spacing(v) = 2^(max(exponent(v), minExp) - m)      grid(v) = min(roundHalfEven(|v| / spacing) * spacing, max)
//
// E4M3: m = 3, minExp = -6, max = 448.   int8: m = 7, minExp = 7, max = 127, that is spacing 1 everywhere.
//
// Rounding is done by adding and subtracting 2^(23 + exponent - m), whose own last place is the spacing. The addition
// rounds half to even, the subtraction is exact, so every runtime gets the same bits.
//
// A grid travels as a pointer to six 4-byte words:
//
//   | f32 max | f32 lowest | u32 bits of 2^minExp | u32 (23 - m) << 23 | f32 1 / unit | f32 1.5 * 2^23 |
//
// lowest is -max, or 0 behind a ReLU. unit is the grid's finest spacing: integer lanes hold v / unit, rounded half to
// even. Word 3 is 0 for "clamp only": for f32 without rounding, and for int8 in integer lanes, whose unit is 1 and where
// the conversion rounds anyway. Word 5 is for toIntegers: a vector constant in the code is put together anew in every
// iteration of a loop, a loaded one stays in its register.

/** 1.5 * 2^23: adding it to |v| < 2^22 leaves v, rounded half to even, in the low bits. */
const MAGIC: f32 = 12582912

/** The grid value of four f32. Arguments 2 to 5 are words 0 to 3 of the descriptor, splatted: loops load them once. */
export function roundToGrid(v: v128, max: v128, lowest: v128, minExp: v128, step: v128, rounds: bool): v128 {
  if (rounds) {
    const magnitude = f32x4.abs(v)
    const exponent = v128.and(magnitude, i32x4.splat(0x7f800000))
    const magic = i32x4.add(i32x4.max_u(exponent, minExp), step)
    const rounded = f32x4.sub(f32x4.add(magnitude, magic), magic)
    v = v128.or(rounded, v128.and(v, i32x4.splat(0x80000000)))
  }
  // pmin and pmax are one instruction each; min and max, which would put NaN and the sign of zero right, are eight. Here a
  // NaN stays NaN, and a zero keeps its sign.
  return f32x4.pmax(f32x4.pmin(v, max), lowest)
}

/** Four f32 as integers, rounded half to even. |v| < 2^22. `magic` is word 5 of the descriptor, splatted. */
export function toIntegers(v: v128, magic: v128): v128 {
  return i32x4.sub(f32x4.add(v, magic), magic)
}

function asLanes<Out>(v: v128, inverseUnit: v128): v128 {
  if (isFloat<Out>()) return v
  const n = toIntegers(f32x4.mul(v, inverseUnit), f32x4.splat(MAGIC))
  return sizeof<Out>() == 4 ? n : i16x8.narrow_i32x4_s(n, n)
}

/** Stores four grid values. */
export function storeLanes<Out>(p: usize, v: v128, inverseUnit: v128): void {
  if (sizeof<Out>() == 4) v128.store(p, asLanes<Out>(v, inverseUnit))
  else v128.store64_lane(p, asLanes<Out>(v, inverseUnit), 0)
}

/** Stores the first `count` (1 to 3) of four grid values. */
export function storeSome<Out>(p: usize, v: v128, inverseUnit: v128, count: i32): void {
  storeFirst<Out>(p, asLanes<Out>(v, inverseUnit), count)
}

/** Stores the first `count` lanes of a vector, fewer than all. */
export function storeFirst<Lane>(p: usize, v: v128, count: i32): void {
  let bytes = count * sizeof<Lane>()
  if (bytes & 8) {
    v128.store64_lane(p, v, 0)
    v = v128.shuffle<i64>(v, v, 1, 1)
    p += 8
  }
  if (bytes & 4) {
    v128.store32_lane(p, v, 0)
    v = i64x2.shr_u(v, 32)
    p += 4
  }
  if (sizeof<Lane>() == 2 && bytes & 2) v128.store16_lane(p, v, 0)
}

/** Four numbers of lane type 0 i16, 1 i32 or 2 f32 as f32: exact below 2^24, else rounded half to even. */
export function loadAs(p: usize, lane: i32): v128 {
  if (lane == 0) return f32x4.convert_i32x4_s(v128.load_ext<i16>(p))
  const v = v128.load(p)
  return lane == 1 ? f32x4.convert_i32x4_s(v) : v
}

/** log2 of the bytes of a number of that lane type. */
export function laneShift(lane: i32): usize {
  return lane == 0 ? 1 : 2
}
