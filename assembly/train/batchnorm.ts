// Batch normalisation of channel-major values x[channels][n], with affine parameters and running statistics.
//
//   forward   mean = sum x / n,  var = sum (x - mean)^2 / n,  inv = 1 / sqrt(var + eps),  y = (x - mean) * (gamma * inv) + beta
//   backward  xhat = (x - mean) * inv,  dbeta = sum dy,  dgamma = sum dy * xhat
//             dx = gamma * inv * (dy - dbeta / n - xhat * (dgamma / n))
//
// State, f32:  | gamma [C] | beta [C] | running mean [C] | running variance [C] | mean [C] | inv [C] |
// Gradients:   | dgamma [C] | dbeta [C] |
//
// C is `stride`; `channels` of them are computed, those of x and from where state and grads point.
//
// Contract: 4-byte alignment. Running values move by `momentum` towards the batch's (the variance's estimate is n / (n - 1) times
// the batch's, for n > 1).
// Exact: f32. A sum over a row keeps 16 partial sums (element i goes to i mod 16), adds them as ((s[j] + s[j + 4]) +
// (s[j + 8] + s[j + 12])) for j = 0..3, these as (0 + 1) + (2 + 3), then the n mod 16 last elements one by one.

function lanes(v: v128): f32 {
  const low = f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1)
  const high = f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3)
  return low + high
}

function rowSum(x: usize, n: i32): f32 {
  let s0 = f32x4.splat(0)
  let s1 = s0
  let s2 = s0
  let s3 = s0
  let i = 0
  for (; i + 16 <= n; i += 16) {
    s0 = f32x4.add(s0, v128.load(x))
    s1 = f32x4.add(s1, v128.load(x, 16))
    s2 = f32x4.add(s2, v128.load(x, 32))
    s3 = f32x4.add(s3, v128.load(x, 48))
    x += 64
  }
  let sum = lanes(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)))
  for (; i < n; i++) {
    sum += load<f32>(x)
    x += 4
  }
  return sum
}

function squaredDifference(x: usize, mean: v128): v128 {
  const d = f32x4.sub(v128.load(x), mean)
  return f32x4.mul(d, d)
}

/** sum (x - mean)^2 */
function rowSquares(x: usize, n: i32, mean: f32): f32 {
  const m = f32x4.splat(mean)
  let s0 = f32x4.splat(0)
  let s1 = s0
  let s2 = s0
  let s3 = s0
  let i = 0
  for (; i + 16 <= n; i += 16) {
    s0 = f32x4.add(s0, squaredDifference(x, m))
    s1 = f32x4.add(s1, squaredDifference(x + 16, m))
    s2 = f32x4.add(s2, squaredDifference(x + 32, m))
    s3 = f32x4.add(s3, squaredDifference(x + 48, m))
    x += 64
  }
  let sum = lanes(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)))
  for (; i < n; i++) {
    const d = load<f32>(x) - mean
    sum += d * d
    x += 4
  }
  return sum
}

function product(x: usize, dy: usize, mean: v128): v128 {
  return f32x4.mul(v128.load(dy), f32x4.sub(v128.load(x), mean))
}

/** sum dy * (x - mean) */
function rowProducts(x: usize, dy: usize, n: i32, mean: f32): f32 {
  const m = f32x4.splat(mean)
  let s0 = f32x4.splat(0)
  let s1 = s0
  let s2 = s0
  let s3 = s0
  let i = 0
  for (; i + 16 <= n; i += 16) {
    s0 = f32x4.add(s0, product(x, dy, m))
    s1 = f32x4.add(s1, product(x + 16, dy + 16, m))
    s2 = f32x4.add(s2, product(x + 32, dy + 32, m))
    s3 = f32x4.add(s3, product(x + 48, dy + 48, m))
    x += 64
    dy += 64
  }
  let sum = lanes(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)))
  for (; i < n; i++) {
    sum += load<f32>(dy) * (load<f32>(x) - mean)
    x += 4
    dy += 4
  }
  return sum
}

/** y = (x - mean) * factor + beta */
function normalise(x: usize, y: usize, n: i32, mean: f32, factor: f32, beta: f32): void {
  const m = f32x4.splat(mean)
  const f = f32x4.splat(factor)
  const b = f32x4.splat(beta)
  let i = 0
  for (; i + 4 <= n; i += 4) {
    v128.store(y, f32x4.add(f32x4.mul(f32x4.sub(v128.load(x), m), f), b))
    x += 16
    y += 16
  }
  for (; i < n; i++) {
    store<f32>(y, (load<f32>(x) - mean) * factor + beta)
    x += 4
    y += 4
  }
}

export function batchnorm_f32(
  x: usize,
  y: usize,
  channels: i32,
  n: i32,
  state: usize,
  stride: i32,
  eps: f32,
  momentum: f32,
): void {
  const field = (stride as usize) << 2
  for (let c = 0; c < channels; c++) {
    const s = state + (c << 2)
    const mean = rowSum(x, n) / (n as f32)
    const variance = rowSquares(x, n, mean) / (n as f32)
    const inv = <f32>1 / sqrt<f32>(variance + eps)
    const estimate = n > 1 ? variance * ((n as f32) / ((n - 1) as f32)) : variance
    const runningMean = load<f32>(s + field * 2)
    const runningVariance = load<f32>(s + field * 3)
    store<f32>(s + field * 2, runningMean + (mean - runningMean) * momentum)
    store<f32>(s + field * 3, runningVariance + (estimate - runningVariance) * momentum)
    store<f32>(s + field * 4, mean)
    store<f32>(s + field * 5, inv)
    normalise(x, y, n, mean, load<f32>(s) * inv, load<f32>(s + field))
    x += (n as usize) << 2
    y += (n as usize) << 2
  }
}

/** With the running statistics; leaves the state alone. */
export function batchnorm_infer_f32(
  x: usize,
  y: usize,
  channels: i32,
  n: i32,
  state: usize,
  stride: i32,
  eps: f32,
): void {
  const field = (stride as usize) << 2
  for (let c = 0; c < channels; c++) {
    const s = state + (c << 2)
    const inv = <f32>1 / sqrt<f32>(load<f32>(s + field * 3) + eps)
    normalise(x, y, n, load<f32>(s + field * 2), load<f32>(s) * inv, load<f32>(s + field))
    x += (n as usize) << 2
    y += (n as usize) << 2
  }
}

export function batchnorm_grad_f32(
  x: usize,
  dy: usize,
  dx: usize,
  channels: i32,
  n: i32,
  state: usize,
  stride: i32,
  grads: usize,
): void {
  const field = (stride as usize) << 2
  for (let c = 0; c < channels; c++) {
    const s = state + (c << 2)
    const mean = load<f32>(s + field * 4)
    const inv = load<f32>(s + field * 5)
    const dBeta = rowSum(dy, n)
    const dGamma = rowProducts(x, dy, n, mean) * inv
    store<f32>(grads + (c << 2), dGamma)
    store<f32>(grads + (c << 2) + field, dBeta)
    const a = dBeta / (n as f32)
    const b = (dGamma / (n as f32)) * inv
    const f = load<f32>(s) * inv
    const va = f32x4.splat(a)
    const vb = f32x4.splat(b)
    const vf = f32x4.splat(f)
    const vm = f32x4.splat(mean)
    let i = 0
    for (; i + 4 <= n; i += 4) {
      const offset = f32x4.add(va, f32x4.mul(f32x4.sub(v128.load(x), vm), vb))
      v128.store(dx, f32x4.mul(f32x4.sub(v128.load(dy), offset), vf))
      x += 16
      dy += 16
      dx += 16
    }
    for (; i < n; i++) {
      store<f32>(dx, (load<f32>(dy) - (a + (load<f32>(x) - mean) * b)) * f)
      x += 4
      dy += 4
      dx += 4
    }
  }
}
