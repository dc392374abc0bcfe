// FP8 encode and decode: f32 <-> bytes of any split of 7 bits into exponent and mantissa.
//
//   byte  | sign | exponent (e bits) | mantissa (m bits) |     e + m = 7
//   value = (-1)^sign * 2^(exponent - bias) * (1 + mantissa / 2^m)     exponent > 0
//         = (-1)^sign * 2^(1 - bias) * mantissa / 2^m                  exponent = 0
//
// encode rounds half to even and saturates at the grid's max (grid as in lib/grid.ts, with lowest = -max). NaN becomes
// `nanCode`. Codes above the code of max decode to NaN (E5M2: the first of them, mantissa 0, to infinity).
//
// Contract: x 4-byte aligned. Exact: every step is exact but the one rounding.

import { roundToGrid } from '../../lib/grid'

export function fp8_encode(x: usize, y: usize, n: i32, grid: usize, mantissa: i32, bias: i32, nanCode: i32): void {
  const shift = 23 - mantissa
  const rebias = (127 - bias) << mantissa
  const inverseUnit = load<f32>(grid, 16)
  const minNormal = load<u32>(grid, 8)
  const high = v128.load32_splat(grid)
  const low = v128.load32_splat(grid, 4)
  const minExp = v128.load32_splat(grid, 8)
  const step = v128.load32_splat(grid, 12)
  for (let i = 0; i < n; i++) {
    const raw = load<u32>(x + ((i as usize) << 2))
    let code: u32 = nanCode as u32
    if ((raw & 0x7fffffff) <= 0x7f800000) {
      const v = reinterpret<u32>(f32x4.extract_lane(roundToGrid(i32x4.splat(raw), high, low, minExp, step, true), 0))
      const magnitude = v & 0x7fffffff
      code = (raw >> 24) & 0x80
      if (magnitude >= minNormal) code |= (magnitude >> shift) - rebias
      else code |= u32(reinterpret<f32>(magnitude) * inverseUnit)
    }
    store<u8>(y + i, code)
  }
}

export function fp8_decode(x: usize, y: usize, n: i32, mantissa: i32, bias: i32, maxCode: i32, infCode: i32): void {
  const shift = 23 - mantissa
  const rebias = (127 - bias) << mantissa
  const unit = reinterpret<f32>((127 + 1 - bias - mantissa) << 23)
  for (let i = 0; i < n; i++) {
    const byte = load<u8>(x + i) as u32
    const code = (byte & 0x7f) as i32
    let bits: u32
    if (code > maxCode) bits = code == infCode ? 0x7f800000 : 0x7fc00000
    else if (code < 1 << mantissa) bits = reinterpret<u32>((code as f32) * unit)
    else bits = (code + rebias) << shift
    store<u32>(y + ((i as usize) << 2), bits | ((byte & 0x80) << 24))
  }
}
