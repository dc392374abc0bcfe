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
  for (let p = 0; p < planes; p++) {
    for (let i = 0; i < outHeight; i++) {
      const uBegin = max(0, i * strideY - padTop)
      const uEnd = min(height, i * strideY - padTop + kernelY)
      for (let j = 0; j < outWidth; j++) {
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
