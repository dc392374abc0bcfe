// Pooling on planes x[planes][height][width] and its gradients.
//
//   max:  y = max of the window, where = its position in the plane (the first in row-major order among equals)
//         dx[where] += dy
//   avg:  y = sum of the window / count,   dx += dy / count      over positions inside the image only
//
// shape, i32:  | planes | height | width | outHeight | outWidth | kernelY | kernelX | strideY | strideX | padTop | padLeft |
//
// Contract: 4-byte alignment; gradients overwrite all of dx. `where` is one i32 per output.
// Exact: sums run row by row over the window, in f32; gradients are added in the outputs' order.

/** Four outputs of a 2 x 2 window at stride 2: `at` is the position of the first one's first pixel in the plane. */
function fourPairs(x: usize, at: i32, width: i32, y: usize, where: usize): void {
  const top = x + (at << 2)
  const bottom = top + (width << 2)
  const t0 = v128.load(top)
  const t1 = v128.load(top, 16)
  const b0 = v128.load(bottom)
  const b1 = v128.load(bottom, 16)
  let best = v128.shuffle<i32>(t0, t1, 0, 2, 4, 6)
  let k = i32x4.add(i32x4.splat(at), i32x4(0, 2, 4, 6))
  const corner = k
  let next = v128.shuffle<i32>(t0, t1, 1, 3, 5, 7)
  let larger = f32x4.gt(next, best)
  best = v128.bitselect(next, best, larger)
  k = v128.bitselect(i32x4.add(corner, i32x4.splat(1)), k, larger)
  next = v128.shuffle<i32>(b0, b1, 0, 2, 4, 6)
  larger = f32x4.gt(next, best)
  best = v128.bitselect(next, best, larger)
  k = v128.bitselect(i32x4.add(corner, i32x4.splat(width)), k, larger)
  next = v128.shuffle<i32>(b0, b1, 1, 3, 5, 7)
  larger = f32x4.gt(next, best)
  v128.store(y, v128.bitselect(next, best, larger))
  v128.store(where, v128.bitselect(i32x4.add(corner, i32x4.splat(width + 1)), k, larger))
}

export function train_maxpool_f32(x: usize, y: usize, where: usize, shape: usize): void {
  const planes = load<i32>(shape)
  const height = load<i32>(shape, 4)
  const width = load<i32>(shape, 8)
  const outHeight = load<i32>(shape, 12)
  const outWidth = load<i32>(shape, 16)
  const kernelY = load<i32>(shape, 20)
  const kernelX = load<i32>(shape, 24)
  const strideY = load<i32>(shape, 28)
  const strideX = load<i32>(shape, 32)
  const padTop = load<i32>(shape, 36)
  const padLeft = load<i32>(shape, 40)
  const halving = kernelY == 2 && kernelX == 2 && strideX == 2 && padTop == 0 && padLeft == 0
  for (let p = 0; p < planes; p++) {
    for (let i = 0; i < outHeight; i++) {
      const uBegin = max(0, i * strideY - padTop)
      const uEnd = min(height, i * strideY - padTop + kernelY)
      let j = 0
      if (halving && uEnd == uBegin + 2) {
        for (; j + 4 <= outWidth && 2 * j + 8 <= width; j += 4) {
          fourPairs(x, uBegin * width + 2 * j, width, y, where)
          y += 16
          where += 16
        }
      }
      for (; j < outWidth; j++) {
        const vBegin = max(0, j * strideX - padLeft)
        const vEnd = min(width, j * strideX - padLeft + kernelX)
        let at = uBegin * width + vBegin
        let best = load<f32>(x + (at << 2))
        for (let u = uBegin; u < uEnd; u++) {
          for (let v = vBegin; v < vEnd; v++) {
            const k = u * width + v
            const value = load<f32>(x + (k << 2))
            // Without branches: which of a window's pixels is largest is anybody's guess.
            const larger = value > best
            best = select<f32>(value, best, larger)
            at = select<i32>(k, at, larger)
          }
        }
        store<f32>(y, best)
        store<i32>(where, at)
        y += 4
        where += 4
      }
    }
    x += (height * width) << 2
  }
}

export function train_maxpool_grad_f32(dy: usize, dx: usize, where: usize, shape: usize): void {
  const planes = load<i32>(shape)
  const size = load<i32>(shape, 4) * load<i32>(shape, 8)
  const outputs = load<i32>(shape, 12) * load<i32>(shape, 16)
  memory.fill(dx, 0, ((planes * size) as usize) << 2)
  for (let p = 0; p < planes; p++) {
    for (let i = 0; i < outputs; i++) {
      const to = dx + (load<i32>(where) << 2)
      store<f32>(to, load<f32>(to) + load<f32>(dy))
      dy += 4
      where += 4
    }
    dx += size << 2
  }
}

export function train_avgpool_f32(x: usize, y: usize, shape: usize): void {
  const planes = load<i32>(shape)
  const height = load<i32>(shape, 4)
  const width = load<i32>(shape, 8)
  const outHeight = load<i32>(shape, 12)
  const outWidth = load<i32>(shape, 16)
  const kernelY = load<i32>(shape, 20)
  const kernelX = load<i32>(shape, 24)
  const strideY = load<i32>(shape, 28)
  const strideX = load<i32>(shape, 32)
  const padTop = load<i32>(shape, 36)
  const padLeft = load<i32>(shape, 40)
  for (let p = 0; p < planes; p++) {
    for (let i = 0; i < outHeight; i++) {
      const uBegin = max(0, i * strideY - padTop)
      const uEnd = min(height, i * strideY - padTop + kernelY)
      for (let j = 0; j < outWidth; j++) {
        const vBegin = max(0, j * strideX - padLeft)
        const vEnd = min(width, j * strideX - padLeft + kernelX)
        let sum: f32 = 0
        for (let u = uBegin; u < uEnd; u++) {
          for (let v = vBegin; v < vEnd; v++) sum += load<f32>(x + ((u * width + v) << 2))
        }
        store<f32>(y, sum / (((uEnd - uBegin) * (vEnd - vBegin)) as f32))
        y += 4
      }
    }
    x += (height * width) << 2
  }
}

export function train_avgpool_grad_f32(dy: usize, dx: usize, shape: usize): void {
  const planes = load<i32>(shape)
  const height = load<i32>(shape, 4)
  const width = load<i32>(shape, 8)
  const outHeight = load<i32>(shape, 12)
  const outWidth = load<i32>(shape, 16)
  const kernelY = load<i32>(shape, 20)
  const kernelX = load<i32>(shape, 24)
  const strideY = load<i32>(shape, 28)
  const strideX = load<i32>(shape, 32)
  const padTop = load<i32>(shape, 36)
  const padLeft = load<i32>(shape, 40)
  memory.fill(dx, 0, ((planes * height * width) as usize) << 2)
  for (let p = 0; p < planes; p++) {
    for (let i = 0; i < outHeight; i++) {
      const uBegin = max(0, i * strideY - padTop)
      const uEnd = min(height, i * strideY - padTop + kernelY)
      for (let j = 0; j < outWidth; j++) {
        const vBegin = max(0, j * strideX - padLeft)
        const vEnd = min(width, j * strideX - padLeft + kernelX)
        const share = load<f32>(dy) / (((uEnd - uBegin) * (vEnd - vBegin)) as f32)
        for (let u = uBegin; u < uEnd; u++) {
          for (let v = vBegin; v < vEnd; v++) {
            const to = dx + ((u * width + v) << 2)
            store<f32>(to, load<f32>(to) + share)
          }
        }
        dy += 4
      }
    }
    dx += (height * width) << 2
  }
}
