// y[i] = f(x[i]), f32. The function is chosen by number (src/graph/tensor-fn.ts); a and b are its parameters.
//
//    0 affine a*x + b      1 clip to [a, b]     2 leaky x < 0 ? a*x : x    3 elu x < 0 ? a*(e^x - 1) : x
//    4 sigmoid             5 hardsigmoid        6 hardswish                 7 silu x * sigmoid(x)
//    8 gelu (erf)          9 gelu (tanh)       10 tanh                     11 erf
//   12 exp                13 log               14 sqrt                     15 reciprocal
//   16 abs                17 neg               18 floor                    19 ceil
//   20 round to even      21 sign              22 softplus ln(1 + e^x)     23 not x == 0
//
// Contract: 4-byte alignment; x and y are the same buffer or do not overlap. Exact: the same f32 operations, in the
// same order, as the reference; log and softplus in f64.
import { erf, exp, log, sigmoid, tanh } from './math'

const SQRT_HALF: f32 = 0.70710677
const SQRT_2_OVER_PI: f32 = 0.7978846

function apply(f: i32, x: v128, a: f32, b: f32): v128 {
  const zero = f32x4.splat(0)
  const one = f32x4.splat(1)
  switch (f) {
    case 0:
      return f32x4.add(f32x4.mul(x, f32x4.splat(a)), f32x4.splat(b))
    case 1:
      return f32x4.min(f32x4.max(x, f32x4.splat(a)), f32x4.splat(b))
    case 2:
      return v128.bitselect(f32x4.mul(x, f32x4.splat(a)), x, f32x4.lt(x, zero))
    case 3:
      return v128.bitselect(f32x4.mul(f32x4.sub(exp(x), one), f32x4.splat(a)), x, f32x4.lt(x, zero))
    case 4:
      return sigmoid(x)
    case 5:
      return f32x4.min(f32x4.max(f32x4.add(f32x4.mul(x, f32x4.splat(a)), f32x4.splat(b)), zero), one)
    case 6: {
      const gate = f32x4.add(f32x4.mul(x, f32x4.splat(0.16666667)), f32x4.splat(0.5))
      return f32x4.mul(x, f32x4.min(f32x4.max(gate, zero), one))
    }
    case 7:
      return f32x4.mul(x, sigmoid(x))
    case 8: {
      const half = f32x4.mul(x, f32x4.splat(0.5))
      return f32x4.mul(half, f32x4.add(one, erf(f32x4.mul(x, f32x4.splat(SQRT_HALF)))))
    }
    case 9: {
      const half = f32x4.mul(x, f32x4.splat(0.5))
      const cube = f32x4.mul(f32x4.mul(x, x), x)
      const inner = f32x4.mul(f32x4.add(x, f32x4.mul(cube, f32x4.splat(0.044715))), f32x4.splat(SQRT_2_OVER_PI))
      return f32x4.mul(half, f32x4.add(one, tanh(inner)))
    }
    case 10:
      return tanh(x)
    case 11:
      return erf(x)
    case 12:
      return exp(x)
    case 14:
      return f32x4.sqrt(x)
    case 15:
      return f32x4.div(one, x)
    case 16:
      return f32x4.abs(x)
    case 17:
      return f32x4.neg(x)
    case 18:
      return f32x4.floor(x)
    case 19:
      return f32x4.ceil(x)
    case 20:
      return f32x4.nearest(x)
    case 21: {
      const size = v128.or(v128.and(f32x4.ne(x, zero), one), v128.and(f32x4.ne(x, x), x))
      return v128.or(size, v128.and(x, i32x4.splat(0x80000000)))
    }
    default:
      return v128.and(f32x4.eq(x, zero), one)
  }
}

export function map_f32(f: i32, x: usize, y: usize, n: i32, a: f32, b: f32): void {
  if (f == 13 || f == 22) {
    for (let i: i32 = 0; i < n; i++) {
      const v = load<f32>(x + (i << 2))
      // ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|)
      const e: f32 = f == 13 ? 0 : f32x4.extract_lane(exp(f32x4.splat(-abs<f32>(v))), 0)
      const r = f == 13 ? log(v as f64) : (max<f32>(v, 0) as f64) + log(1 + (e as f64))
      store<f32>(y + (i << 2), r as f32)
    }
    return
  }
  const whole = n & ~3
  for (let i: i32 = 0; i < n; ) {
    // The last few one by one. `apply` is called in one place only, so that it is inlined.
    const four = i < whole
    const v = apply(f, four ? v128.load(x + (i << 2)) : v128.load32_splat(x + (i << 2)), a, b)
    if (four) v128.store(y + (i << 2), v)
    else v128.store32_lane(y + (i << 2), v, 0)
    i += four ? 4 : 1
  }
}
