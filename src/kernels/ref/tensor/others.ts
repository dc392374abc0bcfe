/** Scalar references of assembly/tensor: reductions, moves, interpolation and products. */

import { REDUCE_FUNCTIONS, type ReduceFunction } from '../../../graph/tensor-fn.js'
import { at } from '../../lanes.js'
import type { Mem } from '../../row.js'
import { readGrid, storeLane, toGrid } from '../grid.js'
import { affine } from '../requant.js'
import { exp, log, pow } from './math.js'
import { walk } from './walk.js'

const { fround } = Math

/** First value, and what each element does to it. */
const REDUCTIONS: Readonly<Record<ReduceFunction, readonly [number, (r: number, v: number) => number]>> = {
  sum: [0, (r, v) => r + v],
  mean: [0, (r, v) => r + v],
  max: [-Infinity, Math.max],
  min: [Infinity, Math.min],
  prod: [1, (r, v) => r * v],
  sumsquare: [0, (r, v) => r + v * v],
  l1: [0, (r, v) => r + Math.abs(v)],
}

export function reduce(mem: Mem, f: number, x: number, y: number, outer: number, n: number, inner: number): undefined {
  const name = REDUCE_FUNCTIONS[f]
  const [first, next] = REDUCTIONS[name]
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      let r = first
      for (let k = 0; k < n; k++) r = next(r, mem.f32[at(x, 4) + (o * n + k) * inner + i])
      mem.f32[at(y, 4) + o * inner + i] = name === 'mean' ? r / n : r
    }
  }
}

export function softmax(
  mem: Mem,
  x: number,
  y: number,
  outer: number,
  n: number,
  inner: number,
  logarithm: number,
): undefined {
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const index = (k: number) => (o * n + k) * inner + i
      const values = Array.from({ length: n }, (_, k) => mem.f32[at(x, 4) + index(k)])
      const top = values.reduce((a, b) => Math.max(a, b), -Infinity)
      const powers = values.map((v) => exp(fround(v - top)))
      const sum = powers.reduce((a, b) => a + b, 0)
      for (let k = 0; k < n; k++) {
        mem.f32[at(y, 4) + index(k)] = logarithm ? fround(values[k] - top) - log(sum) : powers[k] / sum
      }
    }
  }
}

export function normalise(mem: Mem, x: number, y: number, outer: number, n: number, eps: number): undefined {
  for (let o = 0; o < outer; o++) {
    const row = Array.from({ length: n }, (_, k) => mem.f32[at(x, 4) + o * n + k])
    const mean = row.reduce((a, b) => a + b, 0) / n
    const variance = row.reduce((a, b) => a + (b - mean) * (b - mean), 0) / n
    const factor = 1 / Math.sqrt(variance + fround(eps))
    for (let k = 0; k < n; k++) mem.f32[at(y, 4) + o * n + k] = (row[k] - mean) * factor
  }
}

export function lrn(
  mem: Mem,
  x: number,
  y: number,
  channels: number,
  pixels: number,
  size: number,
  alpha: number,
  beta: number,
  bias: number,
): undefined {
  const before = (size - 1) >> 1
  for (let c = 0; c < channels; c++) {
    for (let p = 0; p < pixels; p++) {
      let sum = 0
      for (let d = Math.max(0, c - before); d < Math.min(channels, c - before + size); d++) {
        sum += mem.f32[at(x, 4) + d * pixels + p] ** 2
      }
      const base = fround(bias) + (fround(alpha) / size) * sum
      mem.f32[at(y, 4) + c * pixels + p] = mem.f32[at(x, 4) + c * pixels + p] * pow(base, -fround(beta))
    }
  }
}

export function copy(mem: Mem, x: number, y: number, shape: number): undefined {
  walk(mem, shape, 2, ([i, j]) => {
    mem.f32[at(y, 4) + j] = mem.f32[at(x, 4) + i]
  })
}

export function fill(mem: Mem, y: number, n: number, value: number): undefined {
  mem.f32.fill(value, at(y, 4), at(y, 4) + n)
}

export function take(
  mem: Mem,
  x: number,
  y: number,
  index: number,
  outer: number,
  size: number,
  count: number,
  inner: number,
): undefined {
  for (let o = 0; o < outer; o++) {
    for (let k = 0; k < count; k++) {
      const from = at(x, 4) + (o * size + mem.i32[at(index, 4) + k]) * inner
      mem.f32.copyWithin(at(y, 4) + (o * count + k) * inner, from, from + inner)
    }
  }
}

export function resample(
  mem: Mem,
  x: number,
  y: number,
  index: number,
  weight: number,
  outer: number,
  size: number,
  count: number,
  inner: number,
  taps: number,
): undefined {
  for (let o = 0; o < outer; o++) {
    for (let k = 0; k < count; k++) {
      for (let i = 0; i < inner; i++) {
        let sum = 0
        for (let t = 0; t < taps; t++) {
          const from = (o * size + mem.i32[at(index, 4) + k * taps + t]) * inner + i
          sum = fround(sum + fround(mem.f32[at(x, 4) + from] * mem.f32[at(weight, 4) + k * taps + t]))
        }
        mem.f32[at(y, 4) + (o * count + k) * inner + i] = sum
      }
    }
  }
}

export function gatherMul(
  mem: Mem,
  program: number,
  rows: number,
  x: number,
  y: number,
  yStride: number,
  vectors: number,
): undefined {
  let p = at(program, 4)
  for (let r = 0; r < rows; r++) {
    const end = p + 1 + 2 * mem.u32[p]
    const sums = new Float32Array(vectors * 4)
    for (p++; p < end; p += 2) {
      const from = at(x + mem.u32[p], 4)
      for (let j = 0; j < sums.length; j++) sums[j] += fround(mem.f32[p + 1] * mem.f32[from + j])
    }
    mem.f32.set(sums, at(y + r * yStride, 4))
  }
}

export function denseI16(
  mem: Mem,
  weights: number,
  rows: number,
  pairs: number,
  offsets: number,
  x: number,
  y: number,
  yStride: number,
  vectors: number,
): undefined {
  for (let r = 0; r < rows; r++) {
    for (let j = 0; j < vectors * 8; j++) {
      let sum = 0
      for (let k = 0; k < 2 * pairs; k++) {
        const tile = ((r >> 2) * pairs + (k >> 1)) * 8 + (r & 3) * 2 + (k & 1)
        const v = mem.i16[at(x + mem.u32[at(offsets, 4) + k], 2) + j]
        sum = (sum + mem.i16[at(weights, 2) + tile] * v) | 0
      }
      mem.i32[at(y + r * yStride, 4) + j] = sum
    }
  }
}

export function depthwise(
  mem: Mem,
  program: number,
  rows: number,
  pairs: number,
  stride: number,
  x: number,
  xPitch: number,
  y: number,
  yPlane: number,
  yPitch: number,
  height: number,
  width: number,
  scale: number,
  bias: number,
  grid: number,
): undefined {
  const fields = readGrid(mem, grid)
  for (let r = 0; r < rows; r++) {
    for (let i = 0; i < height; i++) {
      for (let j = 0; j < width; j++) {
        let sum = 0
        for (let p = program + r * pairs * 8; p < program + (r + 1) * pairs * 8; p += 8) {
          const from = at(x + mem.u32[at(p, 4)], 2) + (i * xPitch + j) * stride
          const weights = at(p + 4, 2)
          sum = (sum + mem.i16[weights] * mem.i16[from] + mem.i16[weights + 1] * mem.i16[from + 1]) | 0
        }
        const v = affine(sum, mem.f32[at(scale, 4) + r], mem.f32[at(bias, 4) + r])
        storeLane(mem, 'i16', at(y, 2) + r * yPlane + i * yPitch + j, toGrid(v, fields), fields)
      }
    }
  }
}

export function matmul(
  mem: Mem,
  a: number,
  b: number,
  y: number,
  rows: number,
  depth: number,
  cols: number,
): undefined {
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < cols; c++) {
      let sum = 0
      for (let k = 0; k < depth; k++) {
        sum = fround(sum + fround(mem.f32[at(a, 4) + r * depth + k] * mem.f32[at(b, 4) + k * cols + c]))
      }
      mem.f32[at(y, 4) + r * cols + c] = sum
    }
  }
}
