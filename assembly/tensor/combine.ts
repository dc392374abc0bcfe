// y = f(a, b), f32, with broadcasting: dimensions of size 1 are repeated by steps of 0. The function is chosen by number
// (src/graph/tensor-fn.ts).
//
//    0 add   1 sub   2 mul   3 div   4 min   5 max   6 pow   7 prelu a < 0 ? a*b : a   8 mod (fmod)
//    9 a < b   10 a <= b   11 a > b   12 a >= b   13 a == b   14 and   15 or   16 xor
//
// The results of 9 to 16 are 1 or 0; for 14 to 16 every number but 0 counts as true.
//
//   shape   i32: six sizes (outermost first), six steps of a, six steps of b, in elements; y is contiguous
//
//   select  y = c != 0 ? a : b, its shape with the steps of c before those of a and b
//
// Contract: 4-byte alignment; y may be a or b where that has y's shape, else they do not overlap. Exact: one operation per
// element, rounded to f32; pow in f64.
import { pow } from './math'
import { offset } from './walk'

function apply(f: i32, a: v128, b: v128): v128 {
  const one = f32x4.splat(1)
  const zero = f32x4.splat(0)
  switch (f) {
    case 0:
      return f32x4.add(a, b)
    case 1:
      return f32x4.sub(a, b)
    case 2:
      return f32x4.mul(a, b)
    case 3:
      return f32x4.div(a, b)
    case 4:
      return f32x4.min(a, b)
    case 5:
      return f32x4.max(a, b)
    case 7:
      return v128.bitselect(f32x4.mul(a, b), a, f32x4.lt(a, zero))
    case 9:
      return v128.and(f32x4.lt(a, b), one)
    case 10:
      return v128.and(f32x4.le(a, b), one)
    case 11:
      return v128.and(f32x4.gt(a, b), one)
    case 12:
      return v128.and(f32x4.ge(a, b), one)
    case 13:
      return v128.and(f32x4.eq(a, b), one)
    case 14:
      return v128.and(v128.and(f32x4.ne(a, zero), f32x4.ne(b, zero)), one)
    case 15:
      return v128.and(v128.or(f32x4.ne(a, zero), f32x4.ne(b, zero)), one)
    default:
      return v128.and(v128.xor(f32x4.ne(a, zero), f32x4.ne(b, zero)), one)
  }
}

/** What has no vector instruction: pow and mod. */
function applySlowly(f: i32, a: f32, b: f32): f32 {
  if (f == 6) return pow(a as f64, b as f64) as f32
  // The remainder of f32 is exact in f64 where the quotient is below 2^53, and its sign is the dividend's.
  const quotient = trunc<f64>((a as f64) / (b as f64))
  return ((a as f64) - quotient * (b as f64)) as f32
}

/** One row: whole vectors where steps are 0 or 1, else and at the end element by element. */
function row(f: i32, a: usize, aStep: i32, b: usize, bStep: i32, y: usize, n: i32): void {
  const whole = (aStep | bStep) >> 1 == 0 ? n & ~3 : 0
  for (let i: i32 = 0; i < n; ) {
    const four = i < whole
    const p = a + ((i * aStep) << 2)
    const q = b + ((i * bStep) << 2)
    // `apply` is called in one place only, so that it is inlined.
    const v = apply(
      f,
      four && aStep == 1 ? v128.load(p) : v128.load32_splat(p),
      four && bStep == 1 ? v128.load(q) : v128.load32_splat(q),
    )
    if (four) v128.store(y + (i << 2), v)
    else v128.store32_lane(y + (i << 2), v, 0)
    i += four ? 4 : 1
  }
}

export function combine_f32(f: i32, a: usize, b: usize, y: usize, shape: usize): void {
  const d0 = load<i32>(shape)
  const d1 = load<i32>(shape, 4)
  const d2 = load<i32>(shape, 8)
  const d3 = load<i32>(shape, 12)
  const d4 = load<i32>(shape, 16)
  const n = load<i32>(shape, 20)
  const aStep = load<i32>(shape, 44)
  const bStep = load<i32>(shape, 68)
  for (let i0: i32 = 0; i0 < d0; i0++) {
    for (let i1: i32 = 0; i1 < d1; i1++) {
      for (let i2: i32 = 0; i2 < d2; i2++) {
        for (let i3: i32 = 0; i3 < d3; i3++) {
          for (let i4: i32 = 0; i4 < d4; i4++) {
            const p = a + (offset(shape + 24, i0, i1, i2, i3, i4) << 2)
            const q = b + (offset(shape + 48, i0, i1, i2, i3, i4) << 2)
            if (f == 6 || f == 8) {
              for (let i: i32 = 0; i < n; i++) {
                const v = applySlowly(f, load<f32>(p + ((i * aStep) << 2)), load<f32>(q + ((i * bStep) << 2)))
                store<f32>(y + (i << 2), v)
              }
            } else {
              row(f, p, aStep, q, bStep, y, n)
            }
            y += n << 2
          }
        }
      }
    }
  }
}

export function select_f32(c: usize, a: usize, b: usize, y: usize, shape: usize): void {
  const d0 = load<i32>(shape)
  const d1 = load<i32>(shape, 4)
  const d2 = load<i32>(shape, 8)
  const d3 = load<i32>(shape, 12)
  const d4 = load<i32>(shape, 16)
  const n = load<i32>(shape, 20)
  const cStep = load<i32>(shape, 44)
  const aStep = load<i32>(shape, 68)
  const bStep = load<i32>(shape, 92)
  for (let i0: i32 = 0; i0 < d0; i0++) {
    for (let i1: i32 = 0; i1 < d1; i1++) {
      for (let i2: i32 = 0; i2 < d2; i2++) {
        for (let i3: i32 = 0; i3 < d3; i3++) {
          for (let i4: i32 = 0; i4 < d4; i4++) {
            const o = c + (offset(shape + 24, i0, i1, i2, i3, i4) << 2)
            const p = a + (offset(shape + 48, i0, i1, i2, i3, i4) << 2)
            const q = b + (offset(shape + 72, i0, i1, i2, i3, i4) << 2)
            for (let i: i32 = 0; i < n; i++) {
              const first = load<f32>(o + ((i * cStep) << 2)) != 0
              store<f32>(y, first ? load<f32>(p + ((i * aStep) << 2)) : load<f32>(q + ((i * bStep) << 2)))
              y += 4
            }
          }
        }
      }
    }
  }
}
