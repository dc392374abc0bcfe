/** Scalar references of the optimisers (assembly/train/optimisers.ts). */
import type { Mem } from '../row.js'

const { fround } = Math

/** gradient * scale * sign of element i, whose parameter is `old`. */
function slopeAt({ f32, i8 }: Mem, gradient: number, signs: number, i: number, scale: number, old: number): number {
  const slope = fround(f32[gradient / 4 + i] * fround(scale))
  const given = signs === 0 ? 0 : i8[signs + i]
  return given !== 0 && given < 0 !== old < 0 ? -slope : slope
}

export function sgd(
  mem: Mem,
  p: number,
  gradient: number,
  v: number,
  n: number,
  rate: number,
  momentum: number,
  decay: number,
  keep: number,
  scale: number,
  signs: number,
): undefined {
  const { f32 } = mem
  rate = fround(rate)
  momentum = fround(momentum)
  decay = fround(decay)
  keep = fround(keep)
  for (let i = 0; i < n; i++) {
    const old = f32[p / 4 + i]
    const g = fround(slopeAt(mem, gradient, signs, i, scale, old) + fround(decay * old))
    const speed = fround(fround(momentum * f32[v / 4 + i]) + g)
    f32[v / 4 + i] = speed
    f32[p / 4 + i] = fround(keep * old) - fround(rate * fround(g + fround(momentum * speed)))
  }
}

export function adamw(
  mem: Mem,
  p: number,
  gradient: number,
  m: number,
  v: number,
  n: number,
  rate: number,
  beta1: number,
  beta2: number,
  root: number,
  epsilon: number,
  keep: number,
  scale: number,
  signs: number,
): undefined {
  const { f32 } = mem
  rate = fround(rate)
  beta1 = fround(beta1)
  beta2 = fround(beta2)
  root = fround(root)
  epsilon = fround(epsilon)
  keep = fround(keep)
  const rest1 = fround(1 - beta1)
  const rest2 = fround(1 - beta2)
  for (let i = 0; i < n; i++) {
    const old = f32[p / 4 + i]
    const g = slopeAt(mem, gradient, signs, i, scale, old)
    const mean = fround(fround(beta1 * f32[m / 4 + i]) + fround(rest1 * g))
    const square = fround(fround(beta2 * f32[v / 4 + i]) + fround(rest2 * fround(g * g)))
    f32[m / 4 + i] = mean
    f32[v / 4 + i] = square
    const below = fround(fround(fround(Math.sqrt(square)) * root) + epsilon)
    f32[p / 4 + i] = fround(keep * old) - fround(fround(rate * mean) / below)
  }
}

export function maskGradients({ f32, i8 }: Mem, gradient: number, states: number, n: number): undefined {
  for (let i = 0; i < n; i++) if (i8[states + i] < 0) f32[gradient / 4 + i] = 0
}

export function pullScores(
  { f32, i8 }: Mem,
  p: number,
  gradient: number,
  states: number,
  signs: number,
  n: number,
  pull: number,
): undefined {
  for (let i = 0; i < n; i++) {
    if (i8[states + i] >= 0) continue
    const old = f32[p / 4 + i]
    const given = signs === 0 ? 0 : i8[signs + i]
    const away = fround(fround(pull) * old)
    f32[gradient / 4 + i] += given !== 0 && given < 0 !== old < 0 ? -away : away
  }
}

export function ema({ f32 }: Mem, average: number, x: number, n: number, share: number): undefined {
  share = fround(share)
  for (let i = 0; i < n; i++) {
    const old = f32[average / 4 + i]
    f32[average / 4 + i] = old + fround(share * fround(f32[x / 4 + i] - old))
  }
}

export function sumSquares({ f32 }: Mem, x: number, n: number): number {
  const partial = [0, 0, 0, 0]
  const whole = n - (n % 4)
  for (let i = 0; i < whole; i++) partial[i % 4] += f32[x / 4 + i] ** 2
  let sum = partial[0] + partial[2] + (partial[1] + partial[3])
  for (let i = whole; i < n; i++) sum += f32[x / 4 + i] ** 2
  return sum
}
