// Stochastic gradient descent with Nesterov momentum.
//
//   g = gradient * scale * sign + decay * p          (coupled weight decay)
//   v = momentum * v + g
//   p = p - rate * (g + momentum * v)
//
// `sign` is 1, or for seeded signs sign[i] * sign(p), through which the gradient of a weight reaches its score's size.
//
// Contract: 4-byte alignment; signs are i8, 0 means none. p and v are overwritten.
// Exact: f32, in the order of the formula.

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
  let i = 0
  if (signs == 0) {
    const vr = f32x4.splat(rate)
    const vm = f32x4.splat(momentum)
    const vd = f32x4.splat(decay)
    const vs = f32x4.splat(scale)
    for (; i + 4 <= n; i += 4) {
      const at = (i << 2) as usize
      const old = v128.load(p + at)
      const g = f32x4.add(f32x4.mul(v128.load(gradient + at), vs), f32x4.mul(vd, old))
      const speed = f32x4.add(f32x4.mul(vm, v128.load(v + at)), g)
      v128.store(v + at, speed)
      v128.store(p + at, f32x4.sub(old, f32x4.mul(vr, f32x4.add(g, f32x4.mul(vm, speed)))))
    }
  }
  for (; i < n; i++) {
    const at = (i << 2) as usize
    const old = load<f32>(p + at)
    let slope = load<f32>(gradient + at) * scale
    if (signs != 0 && load<i8>(signs + i) < 0 != old < 0) slope = -slope
    const g = slope + decay * old
    const speed = momentum * load<f32>(v + at) + g
    store<f32>(v + at, speed)
    store<f32>(p + at, old - rate * (g + momentum * speed))
  }
}
