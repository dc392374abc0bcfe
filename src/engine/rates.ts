/**
 * 10^9 operations in a second that choices and estimates assume, on vectors of 16 bytes, or on single numbers for gather_scalar: about
 * what `npm run bench -- layers` and `npm run bench -- patterns` measure on the machine that README.md names. They tell kernels and
 * layers apart; only `profile` measures.
 */
export const RATES = {
  gather_i16: 4,
  gather_i32: 3.5,
  gather_f32: 3.5,
  gather_mul_f32: 3,
  gather_scalar_i16: 2.5,
  gather_scalar_i32: 2.5,
  gather_scalar_f32: 4,
  pairs_i16: 4,
  pairs_i32: 3.5,
  panels_i16: 2.5,
  dense_i16: 3.5,
  depthwise_i16: 1.7,
  conv_f32: 4.2,
  gemv_f32: 3.5,
} as const

/** What one vector of the four planes of a pair costs, in additions of the gather. */
export const PAIR_COST = 16
