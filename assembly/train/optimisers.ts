// Optimisers: one step on a block of parameters p, given the loss's gradient.
//
//   slope = gradient * scale * sign
//   `sign` is 1, or where signs[i] is not 0 (a given sign) signs[i] * sign(p), through which the gradient of a weight reaches
//   its score's size.
//
// Weight decay comes in two forms. Coupled (L2): decay * p joins the slope, and so the momentum. Decoupled (Loshchilov and
// Hutter, "Decoupled weight decay regularization", ICLR 2019): p shrinks by itself, to keep * p with keep = 1 - rate * decay.
//
// sgd_f32, stochastic gradient descent with Nesterov momentum:
//
//   g = slope + decay * p
//   v = momentum * v + g
//   p = keep * p - rate * (g + momentum * v)
//
// adamw_f32 (Loshchilov and Hutter, algorithm 2):
//
//   m = beta1 * m + (1 - beta1) * slope
//   v = beta2 * v + (1 - beta2) * slope^2
//   p = keep * p - rate * m / (sqrt(v) * root + epsilon)
//
// where after t steps the caller puts the bias corrections into rate = learning rate / (1 - beta1^t) and
// root = 1 / sqrt(1 - beta2^t).
//
// Where states[i] is -1, before the step:
//
//   mask_f32   gradient = 0
//   pull_f32   gradient = gradient + pull * p * sign: with `sign` as above this adds pull * p to the slope, over its scale
//
// ema_f32, exponential moving average: a = a + share * (x - a).
//
// Layout: p, gradient, v, m, a, x are f32 [n]; signs and states are i8 [n], a pointer of 0 for signs means none.
//
// Contract: 4-byte alignment of f32. p, v, m and a are overwritten, by mask_f32 and pull_f32 gradient; blocks do not overlap.
// Exact: f32, in the order of the formulas; 1 - beta is rounded to f32. Any range of a block may be done by itself.
// sum_squares_f32: f64 inside, four partial sums (element i joins sum i mod 4 as long as whole fours last), then
// (s0 + s2) + (s1 + s3), then the elements left over, in order.

export function sgd_f32(
  p: usize,
  gradient: usize,
  v: usize,
  n: i32,
  rate: f32,
  momentum: f32,
  decay: f32,
  keep: f32,
  scale: f32,
  signs: usize,
): void {
  const vr = f32x4.splat(rate)
  const vm = f32x4.splat(momentum)
  const vd = f32x4.splat(decay)
  const vk = f32x4.splat(keep)
  const vs = f32x4.splat(scale)
  let i = 0
  for (; i + 4 <= n; i += 4) {
    const at = (i << 2) as usize
    const old = v128.load(p + at)
    const g = f32x4.add(slopesAt(gradient, signs, i, vs, old), f32x4.mul(vd, old))
    const speed = f32x4.add(f32x4.mul(vm, v128.load(v + at)), g)
    v128.store(v + at, speed)
    v128.store(p + at, f32x4.sub(f32x4.mul(vk, old), f32x4.mul(vr, f32x4.add(g, f32x4.mul(vm, speed)))))
  }
  for (; i < n; i++) {
    const at = (i << 2) as usize
    const old = load<f32>(p + at)
    const g = slopeAt(gradient, signs, i, scale, old) + decay * old
    const speed = momentum * load<f32>(v + at) + g
    store<f32>(v + at, speed)
    store<f32>(p + at, keep * old - rate * (g + momentum * speed))
  }
}

export function adamw_f32(
  p: usize,
  gradient: usize,
  m: usize,
  v: usize,
  n: i32,
  rate: f32,
  beta1: f32,
  beta2: f32,
  root: f32,
  epsilon: f32,
  keep: f32,
  scale: f32,
  signs: usize,
): void {
  const rest1: f32 = 1 - beta1
  const rest2: f32 = 1 - beta2
  const vb1 = f32x4.splat(beta1)
  const vb2 = f32x4.splat(beta2)
  const vr1 = f32x4.splat(rest1)
  const vr2 = f32x4.splat(rest2)
  const vs = f32x4.splat(scale)
  let i = 0
  for (; i + 4 <= n; i += 4) {
    const at = (i << 2) as usize
    const old = v128.load(p + at)
    const g = slopesAt(gradient, signs, i, vs, old)
    const mean = f32x4.add(f32x4.mul(vb1, v128.load(m + at)), f32x4.mul(vr1, g))
    const square = f32x4.add(f32x4.mul(vb2, v128.load(v + at)), f32x4.mul(vr2, f32x4.mul(g, g)))
    v128.store(m + at, mean)
    v128.store(v + at, square)
    const below = f32x4.add(f32x4.mul(f32x4.sqrt(square), f32x4.splat(root)), f32x4.splat(epsilon))
    const step = f32x4.div(f32x4.mul(f32x4.splat(rate), mean), below)
    v128.store(p + at, f32x4.sub(f32x4.mul(f32x4.splat(keep), old), step))
  }
  for (; i < n; i++) {
    const at = (i << 2) as usize
    const old = load<f32>(p + at)
    const g = slopeAt(gradient, signs, i, scale, old)
    const mean = beta1 * load<f32>(m + at) + rest1 * g
    const square = beta2 * load<f32>(v + at) + rest2 * (g * g)
    store<f32>(m + at, mean)
    store<f32>(v + at, square)
    store<f32>(p + at, keep * old - (rate * mean) / (sqrt<f32>(square) * root + epsilon))
  }
}

/** gradient * scale * sign of element i, whose parameter is `old`. */
function slopeAt(gradient: usize, signs: usize, i: i32, scale: f32, old: f32): f32 {
  const slope = load<f32>(gradient + (i << 2)) * scale
  const given = signs != 0 ? (load<i8>(signs + i) as i32) : 0
  return given != 0 && given < 0 != old < 0 ? -slope : slope
}

/** The same for elements i to i + 3. */
function slopesAt(gradient: usize, signs: usize, i: i32, scale: v128, old: v128): v128 {
  const slope = f32x4.mul(v128.load(gradient + (i << 2)), scale)
  if (signs == 0) return slope
  const zero = i32x4.splat(0)
  const given = i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(v128.load32_zero(signs + i)))
  const differ = v128.xor(i32x4.lt_s(given, zero), f32x4.lt(old, f32x4.splat(0)))
  return v128.xor(slope, i32x4.shl(v128.and(differ, i32x4.ne(given, zero)), 31))
}

export function mask_f32(gradient: usize, states: usize, n: i32): void {
  for (let i = 0; i < n; i++) {
    if (load<i8>(states + i) < 0) store<f32>(gradient + ((i as usize) << 2), 0)
  }
}

export function pull_f32(p: usize, gradient: usize, states: usize, signs: usize, n: i32, pull: f32): void {
  for (let i = 0; i < n; i++) {
    if (load<i8>(states + i) >= 0) continue
    const at = (i as usize) << 2
    const old = load<f32>(p + at)
    const given = signs != 0 ? (load<i8>(signs + i) as i32) : 0
    const away = given != 0 && given < 0 != old < 0 ? -pull * old : pull * old
    store<f32>(gradient + at, load<f32>(gradient + at) + away)
  }
}

export function ema_f32(average: usize, x: usize, n: i32, share: f32): void {
  let i = 0
  const vs = f32x4.splat(share)
  for (; i + 4 <= n; i += 4) {
    const at = (i << 2) as usize
    const old = v128.load(average + at)
    v128.store(average + at, f32x4.add(old, f32x4.mul(vs, f32x4.sub(v128.load(x + at), old))))
  }
  for (; i < n; i++) {
    const at = (i << 2) as usize
    const old = load<f32>(average + at)
    store<f32>(average + at, old + share * (load<f32>(x + at) - old))
  }
}

export function sum_squares_f32(x: usize, n: i32): f64 {
  let even = f64x2.splat(0)
  let odd = f64x2.splat(0)
  let i = 0
  for (; i + 4 <= n; i += 4) {
    const v = v128.load(x + (i << 2))
    const low = f64x2.promote_low_f32x4(v)
    const high = f64x2.promote_low_f32x4(v128.shuffle<i32>(v, v, 2, 3, 2, 3))
    even = f64x2.add(even, f64x2.mul(low, low))
    odd = f64x2.add(odd, f64x2.mul(high, high))
  }
  const pairs = f64x2.add(even, odd)
  let sum = f64x2.extract_lane(pairs, 0) + f64x2.extract_lane(pairs, 1)
  for (; i < n; i++) {
    const v = load<f32>(x + (i << 2)) as f64
    sum += v * v
  }
  return sum
}
