// Stochastic gradient descent with Nesterov momentum.
//
//   g = gradient * scale * sign + decay * p          (coupled weight decay)
//   v = momentum * v + g
//   p = p - rate * (g + momentum * v)
//
// `sign` is 1, or where signs[i] is not 0 (a given sign) signs[i] * sign(p), through which the gradient of a weight reaches
// its score's size.
//
// shrink_f32 multiplies by a factor: before a step with decay = 0, the factor 1 - rate * decay is decoupled weight decay
// (Loshchilov and Hutter, ICLR 2019, section 2): it pulls p towards 0 without passing through the momentum.
//
// Contract: 4-byte alignment; signs are i8, a pointer of 0 means none. p and v are overwritten.
// Exact: f32, in the order of the formula.

/** The sign bits that turn `slope` into slope * signs[i] * sign(p), for four parameters. */
function flips(signs: usize, p: v128): v128 {
  const zero = i32x4.splat(0)
  const given = i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(v128.load32_zero(signs)))
  const differ = v128.xor(i32x4.lt_s(given, zero), f32x4.lt(p, f32x4.splat(0)))
  return i32x4.shl(v128.and(differ, i32x4.ne(given, zero)), 31)
}

export function sgd_f32(
  p: usize,
  gradient: usize,
  v: usize,
  n: i32,
  rate: f32,
  momentum: f32,
  decay: f32,
  scale: f32,
  signs: usize,
): void {
  const vr = f32x4.splat(rate)
  const vm = f32x4.splat(momentum)
  const vd = f32x4.splat(decay)
  const vs = f32x4.splat(scale)
  let i = 0
  for (; i + 4 <= n; i += 4) {
    const at = (i as usize) << 2
    const old = v128.load(p + at)
    let slope = f32x4.mul(v128.load(gradient + at), vs)
    if (signs) slope = v128.xor(slope, flips(signs + i, old))
    const g = f32x4.add(slope, f32x4.mul(vd, old))
    const speed = f32x4.add(f32x4.mul(vm, v128.load(v + at)), g)
    v128.store(v + at, speed)
    v128.store(p + at, f32x4.sub(old, f32x4.mul(vr, f32x4.add(g, f32x4.mul(vm, speed)))))
  }
  for (; i < n; i++) {
    const at = (i as usize) << 2
    const old = load<f32>(p + at)
    let slope = load<f32>(gradient + at) * scale
    const given = signs ? (load<i8>(signs + i) as i32) : 0
    if (given != 0 && given < 0 != old < 0) slope = -slope
    const g = slope + decay * old
    const speed = momentum * load<f32>(v + at) + g
    store<f32>(v + at, speed)
    store<f32>(p + at, old - rate * (g + momentum * speed))
  }
}

export function shrink_f32(p: usize, n: i32, factor: f32): void {
  const vf = f32x4.splat(factor)
  let i = 0
  for (; i + 4 <= n; i += 4) {
    const at = p + ((i as usize) << 2)
    v128.store(at, f32x4.mul(v128.load(at), vf))
  }
  for (; i < n; i++) {
    const at = p + ((i as usize) << 2)
    store<f32>(at, load<f32>(at) * factor)
  }
}
