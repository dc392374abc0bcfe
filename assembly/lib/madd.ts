// The one place where builds differ: multiply and add in one instruction where relaxed SIMD has it.

/** a * b + c. Rounded once in the relaxed build (on machines that fuse), twice in the others. */
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c)
  return f32x4.add(f32x4.mul(a, b), c)
}
