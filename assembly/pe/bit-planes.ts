// Levels as bit masks: which weights of a row are not zero, and which have a digit in each plane.
//
//   levels   i8 [rows, cols], -127..127
//   masks    per row: one bit row of non-zero levels, then `planes` bit rows of digits, lowest plane first; each `stride` bytes, bit k of a
//            bit row is column k, bits past the last column are zero
//
//   | non-zero: b0 b1 b2 .. | plane 0: b0 b1 b2 .. | plane 1: .. | next row ..
//
// Digits are the bits of |level|, or (signed) those of its non-adjacent form: tripling a number carries exactly where that form has a digit,
// so they are the bits of (|level| ^ 3 |level|) >> 1, which for 8-bit lanes is (a >> 1) ^ (a + (a >> 1)).
//
// Contract: stride is a multiple of 8, at least cols / 8 + 8; masks 8-byte aligned. Up to 15 bytes behind the levels are read.

export function bit_planes(
  levels: usize,
  rows: i32,
  cols: i32,
  planes: i32,
  signed: i32,
  masks: usize,
  stride: usize,
): void {
  const zero = i8x16.splat(0)
  for (let r = 0; r < rows; r++) {
    const end = masks + stride * ((planes + 1) as usize)
    memory.fill(masks, 0, end - masks)
    for (let k = 0; k < cols; k += 16) {
      const a = i8x16.abs(v128.load(levels + k))
      const inside = cols - k < 16 ? (1 << (cols - k)) - 1 : 0xffff
      let at = masks + ((k as usize) >> 3)
      store<u16>(at, (i8x16.bitmask(i8x16.ne(a, zero)) & inside) as u16)
      const half = i8x16.shr_u(a, 1)
      const digits = signed ? v128.xor(half, i8x16.add(a, half)) : a
      for (let p = 0; p < planes; p++) {
        at += stride
        store<u16>(at, (i8x16.bitmask(i8x16.shl(digits, 7 - p)) & inside) as u16)
      }
    }
    levels += cols
    masks = end
  }
}
