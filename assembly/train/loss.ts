// Losses on class-major scores z[classes][pitch], of which the first n columns are examples.
//
// softmax_loss_f32, cross-entropy with label smoothing:
//
//   p = softmax(z),   t = (1 - smoothing) * onehot(label) + smoothing / classes
//   loss = -sum_classes t * log p,   dz = (p - t) / n
//
// distill_loss_f32, which adds a teacher's scores h[classes][pitch] (Hinton, Vinyals and Dean, "Distilling the knowledge in
// a neural network", 2015), with P = softmax(h / T), Q = softmax(z / T):
//
//   loss = (1 - alpha) * (cross-entropy as above) + alpha * T^2 * sum_classes P * (log P - log Q)
//   dz = ((1 - alpha) * (p - t) + alpha * T * (Q - P)) / n
//
// Contract: 4-byte alignment (out: 8); labels are u8 below `classes`. dz may be z. Columns from n on are ignored, dz left
// alone there. out receives sums over the examples: | f64 losses | i32 correct |
// Exact: f64 inside, one rounding to f32 at each stored dz.

import { clampLow, expNegative, logAboveOne } from './math'

export function softmax_loss_f32(
  z: usize,
  dz: usize,
  labels: usize,
  classes: i32,
  n: i32,
  pitch: i32,
  smoothing: f32,
  out: usize,
): void {
  assert(classes > 0 && pitch >= n, 'softmax_loss_f32: sizes')
  assert((out & 7) == 0, 'softmax_loss_f32: out must be 8-byte aligned')
  const off = (smoothing as f64) / (classes as f64)
  const on = 1 - (smoothing as f64) + off
  let losses: f64 = 0
  let correct = 0
  for (let i = 0; i < n; i++) {
    const label = load<u8>(labels + i) as i32
    const best = argmax(z, classes, pitch, i)
    const top = load<f32>(z + ((best * pitch + i) << 2))
    if (best == label) correct++
    let sum: f64 = 0
    for (let c = 0; c < classes; c++)
      sum += expNegative(clampLow((load<f32>(z + ((c * pitch + i) << 2)) as f64) - (top as f64)))
    const log = logAboveOne(sum)
    for (let c = 0; c < classes; c++) {
      const at = (c * pitch + i) << 2
      const v = clampLow((load<f32>(z + at) as f64) - (top as f64))
      const target = c == label ? on : off
      losses += target * (log - v)
      store<f32>(dz + at, ((expNegative(v) / sum - target) / (n as f64)) as f32)
    }
  }
  store<f64>(out, losses)
  store<i32>(out, correct, 8)
}

export function distill_loss_f32(
  z: usize,
  teacher: usize,
  dz: usize,
  labels: usize,
  classes: i32,
  n: i32,
  pitch: i32,
  smoothing: f32,
  alpha: f32,
  temperature: f32,
  out: usize,
): void {
  assert(classes > 0 && pitch >= n, 'distill_loss_f32: sizes')
  assert((out & 7) == 0, 'distill_loss_f32: out must be 8-byte aligned')
  assert(temperature > 0, 'distill_loss_f32: temperature')
  const off = (smoothing as f64) / (classes as f64)
  const on = 1 - (smoothing as f64) + off
  const hard: f64 = 1 - (alpha as f64)
  const t = temperature as f64
  const soft = (alpha as f64) * t
  let losses: f64 = 0
  let correct = 0
  for (let i = 0; i < n; i++) {
    const label = load<u8>(labels + i) as i32
    const best = argmax(z, classes, pitch, i)
    if (best == label) correct++
    const top = load<f32>(z + ((best * pitch + i) << 2)) as f64
    const teacherTop = load<f32>(teacher + ((argmax(teacher, classes, pitch, i) * pitch + i) << 2)) as f64
    let sum: f64 = 0
    let softSum: f64 = 0
    let teacherSum: f64 = 0
    for (let c = 0; c < classes; c++) {
      const at = (c * pitch + i) << 2
      const v = (load<f32>(z + at) as f64) - top
      sum += expNegative(clampLow(v))
      softSum += expNegative(clampLow(v / t))
      teacherSum += expNegative(clampLow(((load<f32>(teacher + at) as f64) - teacherTop) / t))
    }
    const log = logAboveOne(sum)
    // log P - log Q = u - s + logRatio
    const logRatio = logAboveOne(softSum) - logAboveOne(teacherSum)
    for (let c = 0; c < classes; c++) {
      const at = (c * pitch + i) << 2
      const z0 = (load<f32>(z + at) as f64) - top
      const v = clampLow(z0)
      const s = clampLow(z0 / t)
      const u = clampLow(((load<f32>(teacher + at) as f64) - teacherTop) / t)
      const target = c == label ? on : off
      const wanted = expNegative(u) / teacherSum
      losses += hard * (target * (log - v)) + soft * t * (wanted * (u - s + logRatio))
      const slope = hard * (expNegative(v) / sum - target) + soft * (expNegative(s) / softSum - wanted)
      store<f32>(dz + at, (slope / (n as f64)) as f32)
    }
  }
  store<f64>(out, losses)
  store<i32>(out, correct, 8)
}

/** The class with the highest score in column i, the first among equals. */
function argmax(z: usize, classes: i32, pitch: i32, i: i32): i32 {
  let best = 0
  let top = load<f32>(z + (i << 2))
  for (let c = 1; c < classes; c++) {
    const v = load<f32>(z + ((c * pitch + i) << 2))
    if (v > top) {
      top = v
      best = c
    }
  }
  return best
}
