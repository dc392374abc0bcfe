/** Scalar references of the losses (assembly/train/loss.ts). */
import type { Mem } from '../row.js'

const { fround } = Math

/** The kernel's own series, so that both give the same bits. */
function expNegative(x: number): number {
  const k = roundHalfEven(x * Math.LOG2E)
  const r = x - k * Math.LN2
  let term = 1
  let sum = 1
  for (let i = 1; i <= 14; i++) {
    term = (term * r) / i
    sum += term
  }
  return sum * 2 ** k
}

function roundHalfEven(x: number): number {
  const r = Math.round(x)
  return r - x === 0.5 && r % 2 !== 0 ? r - 1 : r
}

function logAboveOne(x: number): number {
  let m = x
  let exponent = 0
  while (m >= 2) {
    m /= 2
    exponent++
  }
  const s = (m - 1) / (m + 1)
  let power = s
  let sum = 0
  for (let i = 1; i <= 35; i += 2) {
    sum += power / i
    power *= s * s
  }
  return exponent * Math.LN2 + 2 * sum
}

export function softmaxLoss(
  { f32, u8, i32, buffer }: Mem,
  z: number,
  dz: number,
  labels: number,
  classes: number,
  n: number,
  pitch: number,
  smoothing: number,
  out: number,
): undefined {
  smoothing = fround(smoothing)
  const off = smoothing / classes
  const on = 1 - smoothing + off
  let losses = 0
  let correct = 0
  for (let i = 0; i < n; i++) {
    const label = u8[labels + i]
    const scores = Array.from({ length: classes }, (_, c) => f32[z / 4 + c * pitch + i])
    const top = Math.max(...scores)
    if (scores.indexOf(top) === label) correct++
    const shifted = scores.map((v) => Math.max(v - top, -700))
    const sum = shifted.reduce((a, v) => a + expNegative(v), 0)
    const log = logAboveOne(sum)
    for (let c = 0; c < classes; c++) {
      const target = c === label ? on : off
      losses += target * (log - shifted[c])
      f32[dz / 4 + c * pitch + i] = (expNegative(shifted[c]) / sum - target) / n
    }
  }
  new DataView(buffer).setFloat64(out, losses, true)
  i32[out / 4 + 2] = correct
}

export function distillLoss(
  { f32, u8, i32, buffer }: Mem,
  z: number,
  teacher: number,
  dz: number,
  labels: number,
  classes: number,
  n: number,
  pitch: number,
  smoothing: number,
  alpha: number,
  temperature: number,
  out: number,
): undefined {
  const off = fround(smoothing) / classes
  const on = 1 - fround(smoothing) + off
  const hard = 1 - fround(alpha)
  const t = fround(temperature)
  const soft = fround(alpha) * t
  let losses = 0
  let correct = 0
  const sumOf = (values: readonly number[]) => values.reduce((a, v) => a + expNegative(v), 0)
  for (let i = 0; i < n; i++) {
    const label = u8[labels + i]
    const column = (p: number) => {
      const scores = Array.from({ length: classes }, (_, c) => f32[p / 4 + c * pitch + i])
      const top = Math.max(...scores)
      return { best: scores.indexOf(top), shifted: scores.map((v) => v - top) }
    }
    const clamped = (values: readonly number[], divisor: number) => values.map((v) => Math.max(v / divisor, -700))
    const { best, shifted } = column(z)
    if (best === label) correct++
    const v = clamped(shifted, 1)
    const s = clamped(shifted, t)
    const u = clamped(column(teacher).shifted, t)
    const [sum, softSum, teacherSum] = [v, s, u].map(sumOf)
    const log = logAboveOne(sum)
    const logRatio = logAboveOne(softSum) - logAboveOne(teacherSum)
    for (let c = 0; c < classes; c++) {
      const target = c === label ? on : off
      const wanted = expNegative(u[c]) / teacherSum
      losses += hard * (target * (log - v[c])) + soft * t * (wanted * (u[c] - s[c] + logRatio))
      const slope = hard * (expNegative(v[c]) / sum - target) + soft * (expNegative(s[c]) / softSum - wanted)
      f32[dz / 4 + c * pitch + i] = slope / n
    }
  }
  new DataView(buffer).setFloat64(out, losses, true)
  i32[out / 4 + 2] = correct
}
