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
// A grid travels as a pointer to five 4-byte words:
//
//   | f32 max | f32 lowest | u32 bits of 2^minExp | u32 (23 - m) << 23 | f32 1 / unit |
//
// lowest is -max, or 0 behind a ReLU. unit is the grid's finest spacing (times the input's unit it turns a grid value
// into an integer). A zero in word 3 says "do not round": f32, only clamped from below.

export const GRID_BYTES: i32 = 20

/** The grid value of four f32. */
export function roundToGrid(v: v128, grid: usize): v128 {
  const step = load<u32>(grid, 12)
  if (step != 0) {
    const magnitude = f32x4.abs(v)
    const exponent = v128.and(magnitude, i32x4.splat(0x7f800000))
    const magic = i32x4.add(i32x4.max_u(exponent, v128.load32_splat(grid, 8)), i32x4.splat(step))
    const rounded = f32x4.min(f32x4.sub(f32x4.add(magnitude, magic), magic), v128.load32_splat(grid))
    v = v128.or(rounded, v128.and(v, i32x4.splat(0x80000000)))
  }
  return f32x4.max(v, v128.load32_splat(grid, 4))
}

/** Stores four grid values as lanes: integers in units of the grid, or f32 as they are. Writes 4 lanes. */
export function storeLanes<Out>(p: usize, v: v128, inverseUnit: v128): void {
  if (isFloat<Out>()) {
    v128.store(p, v)
  } else {
    const n = i32x4.trunc_sat_f32x4_s(f32x4.mul(v, inverseUnit))
    if (sizeof<Out>() == 4) v128.store(p, n)
    else v128.store64_lane(p, i16x8.narrow_i32x4_s(n, n), 0)
  }
}

/** Stores the first `count` (1 to 3) of four grid values. */
export function storeSome<Out>(p: usize, v: v128, inverseUnit: v128, count: i32): void {
  let n = v
  if (!isFloat<Out>()) n = i32x4.trunc_sat_f32x4_s(f32x4.mul(v, inverseUnit))
  if (sizeof<Out>() == 4) {
    v128.store32_lane(p, n, 0)
    if (count > 1) v128.store32_lane(p, n, 1, 4)
    if (count > 2) v128.store32_lane(p, n, 2, 8)
  } else {
    n = i16x8.narrow_i32x4_s(n, n)
    v128.store16_lane(p, n, 0)
    if (count > 1) v128.store16_lane(p, n, 1, 2)
    if (count > 2) v128.store16_lane(p, n, 2, 4)
  }
}

/** Four lanes as f32: exact below 2^24, else rounded half to even. */
export function loadLanes<In>(p: usize): v128 {
  if (isFloat<In>()) return v128.load(p)
  if (sizeof<In>() == 4) return f32x4.convert_i32x4_s(v128.load(p))
  return f32x4.convert_i32x4_s(v128.load_ext<i16>(p))
}
