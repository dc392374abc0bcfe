/** Scalar references of the training kernels (assembly/train), but for convolution. */
import type { Mem } from '../row.js'
import { readGrid, toGrid } from './grid.js'

const { fround } = Math

/** The sum of a row in the kernels' order: 16 partial sums, then pairs, then the last elements. */
function rowSum(n: number, term: (i: number) => number): number {
  const partial = new Float32Array(16)
  const whole = n - (n % 16)
  for (let i = 0; i < whole; i++) partial[i % 16] += term(i)
  const four = [0, 1, 2, 3].map((j) =>
    fround(fround(partial[j] + partial[j + 4]) + fround(partial[j + 8] + partial[j + 12])),
  )
  let sum = fround(fround(four[0] + four[1]) + fround(four[2] + four[3]))
  for (let i = whole; i < n; i++) sum = fround(sum + term(i))
  return sum
}

function normalise(
  f32: Float32Array,
  x: number,
  y: number,
  n: number,
  mean: number,
  factor: number,
  beta: number,
): void {
  for (let i = 0; i < n; i++) f32[y + i] = fround(fround(f32[x + i] - mean) * factor) + beta
}

export function batchnorm(
  { f32 }: Mem,
  x: number,
  y: number,
  channels: number,
  n: number,
  state: number,
  stride: number,
  eps: number,
  momentum: number,
): undefined {
  eps = fround(eps)
  momentum = fround(momentum)
  for (let c = 0; c < channels; c++) {
    const row = x / 4 + c * n
    const field = (k: number) => state / 4 + k * stride + c
    const mean = fround(rowSum(n, (i) => f32[row + i]) / n)
    const squares = rowSum(n, (i) => {
      const d = fround(f32[row + i] - mean)
      return fround(d * d)
    })
    const variance = fround(squares / n)
    const inv = fround(1 / fround(Math.sqrt(fround(variance + eps))))
    const estimate = n > 1 ? fround(variance * fround(fround(n) / fround(n - 1))) : variance
    f32[field(2)] += fround(fround(mean - f32[field(2)]) * momentum)
    f32[field(3)] += fround(fround(estimate - f32[field(3)]) * momentum)
    f32[field(4)] = mean
    f32[field(5)] = inv
    normalise(f32, row, y / 4 + c * n, n, mean, fround(f32[field(0)] * inv), f32[field(1)])
  }
}

export function batchnormInfer(
  { f32 }: Mem,
  x: number,
  y: number,
  channels: number,
  n: number,
  state: number,
  stride: number,
  eps: number,
): undefined {
  for (let c = 0; c < channels; c++) {
    const field = (k: number) => f32[state / 4 + k * stride + c]
    const inv = fround(1 / fround(Math.sqrt(fround(field(3) + fround(eps)))))
    normalise(f32, x / 4 + c * n, y / 4 + c * n, n, field(2), fround(field(0) * inv), field(1))
  }
}

export function batchnormGrad(
  { f32 }: Mem,
  x: number,
  dy: number,
  dx: number,
  channels: number,
  n: number,
  state: number,
  stride: number,
  grads: number,
): undefined {
  for (let c = 0; c < channels; c++) {
    const [rowX, rowDy, rowDx] = [x, dy, dx].map((p) => p / 4 + c * n)
    const field = (k: number) => f32[state / 4 + k * stride + c]
    const mean = field(4)
    const inv = field(5)
    const dBeta = rowSum(n, (i) => f32[rowDy + i])
    const dGamma = fround(rowSum(n, (i) => fround(f32[rowDy + i] * fround(f32[rowX + i] - mean))) * inv)
    f32[grads / 4 + c] = dGamma
    f32[grads / 4 + stride + c] = dBeta
    const a = fround(dBeta / n)
    const b = fround(fround(dGamma / n) * inv)
    const f = fround(field(0) * inv)
    for (let i = 0; i < n; i++) {
      const offset = fround(a + fround(fround(f32[rowX + i] - mean) * b))
      f32[rowDx + i] = fround(f32[rowDy + i] - offset) * f
    }
  }
}

export function relu({ f32 }: Mem, x: number, y: number, n: number, limit: number): undefined {
  limit = fround(limit)
  for (let i = 0; i < n; i++) {
    const v = f32[x / 4 + i]
    f32[y / 4 + i] = v > 0 ? Math.min(v, limit) : 0
  }
}

export function reluGrad({ f32 }: Mem, x: number, dy: number, dx: number, n: number, limit: number): undefined {
  for (let i = 0; i < n; i++) {
    const v = f32[x / 4 + i]
    f32[dx / 4 + i] = v > 0 && v < fround(limit) ? f32[dy / 4 + i] : 0
  }
}

export function add({ f32 }: Mem, a: number, b: number, y: number, n: number): undefined {
  for (let i = 0; i < n; i++) f32[y / 4 + i] = f32[a / 4 + i] + f32[b / 4 + i]
}

export function swap({ u32 }: Mem, x: number, y: number, channels: number, images: number, pixels: number): undefined {
  for (let c = 0; c < channels; c++) {
    for (let n = 0; n < images; n++) {
      for (let p = 0; p < pixels; p++) {
        u32[y / 4 + (p * images + n) * channels + c] = u32[x / 4 + (c * images + n) * pixels + p]
      }
    }
  }
}

export function maxAbs({ f32 }: Mem, x: number, n: number): number {
  let best = 0
  for (let i = 0; i < n; i++) if (Math.abs(f32[x / 4 + i]) > best) best = Math.abs(f32[x / 4 + i])
  return best
}

export function round(mem: Mem, x: number, n: number, scale: number, inverse: number, grid: number): undefined {
  const { f32 } = mem
  const fields = readGrid(mem, grid)
  for (let i = 0; i < n; i++) {
    const v = toGrid(fround(f32[x / 4 + i] * fround(scale)), fields)
    f32[x / 4 + i] = v * fround(inverse)
  }
}

export function transpose({ u32 }: Mem, x: number, y: number, blocks: number, rows: number, cols: number): undefined {
  for (let b = 0; b < blocks; b++) {
    const at = b * rows * cols
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < cols; j++) u32[y / 4 + at + j * rows + i] = u32[x / 4 + at + i * cols + j]
    }
  }
}

interface Window {
  readonly planes: number
  readonly size: number
  readonly outputs: number
  /** Positions inside the plane that output `o` sees, in row-major order. */
  readonly positions: (o: number) => number[]
}

function windows({ i32 }: Mem, shape: number): Window {
  const [planes, height, width, outHeight, outWidth, kernelY, kernelX, strideY, strideX, padTop, padLeft] =
    i32.subarray(shape / 4, shape / 4 + 11)
  const positions = (o: number) => {
    const list: number[] = []
    for (let u = 0; u < kernelY; u++) {
      for (let v = 0; v < kernelX; v++) {
        const row = Math.floor(o / outWidth) * strideY - padTop + u
        const column = (o % outWidth) * strideX - padLeft + v
        if (row >= 0 && row < height && column >= 0 && column < width) list.push(row * width + column)
      }
    }
    return list
  }
  return { planes, size: height * width, outputs: outHeight * outWidth, positions }
}

export function maxpool(mem: Mem, x: number, y: number, where: number, shape: number): undefined {
  const { f32, i32 } = mem
  const { planes, size, outputs, positions } = windows(mem, shape)
  for (let p = 0; p < planes; p++) {
    for (let o = 0; o < outputs; o++) {
      const plane = x / 4 + p * size
      const [first, ...others] = positions(o)
      let at = first
      for (const k of others) if (f32[plane + k] > f32[plane + at]) at = k
      f32[y / 4 + p * outputs + o] = f32[plane + at]
      i32[where / 4 + p * outputs + o] = at
    }
  }
}

export function maxpoolGrad(mem: Mem, dy: number, dx: number, where: number, shape: number): undefined {
  const { f32, i32 } = mem
  const { planes, size, outputs } = windows(mem, shape)
  f32.fill(0, dx / 4, dx / 4 + planes * size)
  for (let p = 0; p < planes; p++) {
    for (let o = 0; o < outputs; o++) {
      const k = p * outputs + o
      f32[dx / 4 + p * size + i32[where / 4 + k]] += f32[dy / 4 + k]
    }
  }
}

export function avgpool(mem: Mem, x: number, y: number, shape: number): undefined {
  const { f32 } = mem
  const { planes, size, outputs, positions } = windows(mem, shape)
  for (let p = 0; p < planes; p++) {
    for (let o = 0; o < outputs; o++) {
      const inside = positions(o)
      let sum = 0
      for (const k of inside) sum = fround(sum + f32[x / 4 + p * size + k])
      f32[y / 4 + p * outputs + o] = sum / inside.length
    }
  }
}

export function avgpoolGrad(mem: Mem, dy: number, dx: number, shape: number): undefined {
  const { f32 } = mem
  const { planes, size, outputs, positions } = windows(mem, shape)
  f32.fill(0, dx / 4, dx / 4 + planes * size)
  for (let p = 0; p < planes; p++) {
    for (let o = 0; o < outputs; o++) {
      const inside = positions(o)
      const share = fround(f32[dy / 4 + p * outputs + o] / inside.length)
      for (const k of inside) f32[dx / 4 + p * size + k] += share
    }
  }
}

export function image(
  { f32, u8 }: Mem,
  x: number,
  y: number,
  plane: number,
  channels: number,
  height: number,
  width: number,
  map: number,
  scales: number,
): undefined {
  const m = f32.subarray(map / 4, map / 4 + 6)
  const at = (i: number, j: number, a: number, b: number, c: number) =>
    fround(fround(fround(a * i) + fround(b * j)) + c)
  const mix = (a: number, b: number, t: number) => fround(a + fround(fround(b - a) * t))
  for (let c = 0; c < channels; c++) {
    const scale = f32[scales / 4 + c]
    const offset = f32[scales / 4 + channels + c]
    const pixel = (r: number, k: number) => {
      const inside = r >= 0 && r < height && k >= 0 && k < width
      return inside ? fround(fround(u8[x + (c * height + r) * width + k] * scale) + offset) : 0
    }
    for (let i = 0; i < height; i++) {
      for (let j = 0; j < width; j++) {
        const row = at(i, j, m[0], m[1], m[2])
        const column = at(i, j, m[3], m[4], m[5])
        const r = Math.floor(row)
        const k = Math.floor(column)
        const fx = fround(column - k)
        const value = mix(
          mix(pixel(r, k), pixel(r, k + 1), fx),
          mix(pixel(r + 1, k), pixel(r + 1, k + 1), fx),
          fround(row - r),
        )
        f32[y / 4 + c * plane + i * width + j] = value
      }
    }
  }
}
