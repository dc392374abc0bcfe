// Convolution in training: forward, gradient of the input, gradient of the weights, on zero-padded copies of the images.
//
//   forward   y[o, p] = sum_t w[o, t] * xPad[base(p) + tap(t)]
//   weights   dw[o, t] = sum_p dy[o, p] * xPad[base(p) + tap(t)]
//
// pad_f32 copies channel-major images x[C][N][H][W] to image-major planes with a border of zeros, split into stride
// phases: y[n][c][py][px][i][j] = x[c][n][i * strideY + py - top][j * strideX + px - left]. There, the pixels that a kernel
// tap sees from four neighbouring outputs lie side by side whatever the stride, so that no im2col matrix is ever made: a tap is one
// byte offset, a group of (up to) four outputs is one base address. The gradient of the input is a forward pass again, over
// the padded dy, with the weights transposed and flipped, for each stride phase of x and each set of rows that sees the same
// kernel rows.
//
// Tables (u32):  taps:  | byte offset | per tap        groups:  | x byte offset | y byte offset | outputs, 1..4 | per group
//
// Contract: natural alignment. Images are read up to 12 bytes past a group's last output: padded rows are long enough.
// Exact: forward sums run over taps in order, one rounding per product and per sum. Weight gradients keep one sum per lane
// of the groups, over images and groups in order, and add the lanes as (0 + 1) + (2 + 3).

/**
 * shape: u32 channels, images, height, width, top, left, strideY, strideX, phaseHeight, phaseWidth, x elements per channel (at
 * least images * height * width: more when these are only some of a batch). Writes all of y.
 */
export function pad_f32(x: usize, y: usize, shape: usize): void {
  const channels = load<i32>(shape)
  const images = load<i32>(shape, 4)
  const height = load<i32>(shape, 8)
  const width = load<i32>(shape, 12)
  const top = load<i32>(shape, 16)
  const left = load<i32>(shape, 20)
  const strideY = load<i32>(shape, 24)
  const strideX = load<i32>(shape, 28)
  const phaseHeight = load<i32>(shape, 32)
  const phaseWidth = load<i32>(shape, 36)
  const channelSize = load<i32>(shape, 40)
  for (let n = 0; n < images; n++) {
    for (let c = 0; c < channels; c++) {
      const plane = x + ((c * channelSize + n * height * width) << 2)
      for (let py = 0; py < strideY; py++) {
        for (let px = 0; px < strideX; px++) {
          for (let i = 0; i < phaseHeight; i++) {
            const row = i * strideY + py - top
            // Columns j with 0 <= j * strideX + px - left < width.
            let first = 0
            let last = 0
            if (row >= 0 && row < height) {
              first = min(phaseWidth, max(0, (left - px + strideX - 1) / strideX))
              last = left + width > px ? max(first, min(phaseWidth, (left + width - px - 1) / strideX + 1)) : first
            }
            fillZero(y, first)
            const from = plane + ((row * width + first * strideX + px - left) << 2)
            copySteps(from, y + (first << 2), last - first, strideX)
            fillZero(y + (last << 2), phaseWidth - last)
            y += phaseWidth << 2
          }
        }
      }
    }
  }
}

function fillZero(p: usize, n: i32): void {
  let i = 0
  for (; i + 4 <= n; i += 4) v128.store(p + (i << 2), f32x4.splat(0))
  for (; i < n; i++) store<f32>(p + (i << 2), 0)
}

function copySteps(from: usize, to: usize, n: i32, step: i32): void {
  let i = 0
  if (step == 1) {
    for (; i + 4 <= n; i += 4) v128.store(to + (i << 2), v128.load(from + (i << 2)))
  }
  for (; i < n; i++) store<f32>(to + (i << 2), load<f32>(from + ((i * step) << 2)))
}

/** Weights as tiles of 4 rows: packed[row / 4][tap][row % 4] = w[row * rowStep + tapIndex[tap]], zeros beyond the rows. */
export function conv_pack_f32(w: usize, packed: usize, rows: i32, taps: i32, rowStep: i32, tapIndex: usize): void {
  for (let row = 0; row < rows; row += 4) {
    for (let t = 0; t < taps; t++) {
      const from = w + (load<u32>(tapIndex + (t << 2)) << 2)
      for (let r = 0; r < 4; r++) {
        store<f32>(packed + (r << 2), row + r < rows ? load<f32>(from + (((row + r) * rowStep) << 2)) : 0)
      }
      packed += 16
    }
  }
}

function storeGroup(y: usize, count: i32, step: usize, v: v128): void {
  if (count == 4 && step == 4) {
    v128.store(y, v)
    return
  }
  v128.store32_lane(y, v, 0)
  if (count > 1) v128.store32_lane(y + step, v, 1)
  if (count > 2) v128.store32_lane(y + step * 2, v, 2)
  if (count > 3) v128.store32_lane(y + step * 3, v, 3)
}

/**
 * shape: u32 images, x bytes per image, y bytes per image, groups, group table, rows, y bytes per row (channel), taps, tap
 * table, y bytes between neighbouring outputs. weights as conv_pack_f32 makes them.
 */
export function conv_f32(x: usize, weights: usize, y: usize, shape: usize): void {
  const images = load<i32>(shape)
  const xImage = load<u32>(shape, 4)
  const yImage = load<u32>(shape, 8)
  const groups = load<i32>(shape, 12)
  const table = load<u32>(shape, 16)
  const rows = load<i32>(shape, 20)
  const yRow = load<u32>(shape, 24)
  const taps = load<i32>(shape, 28)
  const tapTable = load<u32>(shape, 32)
  const step = load<u32>(shape, 36)
  assert(rows >= 0 && taps >= 0 && groups >= 0, 'conv_f32: sizes')
  const tapEnd = tapTable + (taps << 2)
  for (let n = 0; n < images; n++) {
    let w = weights
    for (let row = 0; row < rows; row += 4) {
      for (let g = 0; g < groups; g += 2) {
        const e0 = table + g * 12
        // An odd last group is computed twice over.
        const e1 = g + 1 < groups ? e0 + 12 : e0
        const p0 = x + load<u32>(e0)
        const p1 = x + load<u32>(e1)
        let c00 = f32x4.splat(0)
        let c01 = c00
        let c10 = c00
        let c11 = c00
        let c20 = c00
        let c21 = c00
        let c30 = c00
        let c31 = c00
        let a = w
        for (let t = tapTable; t < tapEnd; t += 4) {
          const offset = load<u32>(t)
          const b0 = v128.load(p0 + offset)
          const b1 = v128.load(p1 + offset)
          let va = v128.load32_splat(a)
          c00 = f32x4.add(c00, f32x4.mul(va, b0))
          c01 = f32x4.add(c01, f32x4.mul(va, b1))
          va = v128.load32_splat(a, 4)
          c10 = f32x4.add(c10, f32x4.mul(va, b0))
          c11 = f32x4.add(c11, f32x4.mul(va, b1))
          va = v128.load32_splat(a, 8)
          c20 = f32x4.add(c20, f32x4.mul(va, b0))
          c21 = f32x4.add(c21, f32x4.mul(va, b1))
          va = v128.load32_splat(a, 12)
          c30 = f32x4.add(c30, f32x4.mul(va, b0))
          c31 = f32x4.add(c31, f32x4.mul(va, b1))
          a += 16
        }
        let q0 = y + row * yRow + load<u32>(e0, 4)
        let q1 = y + row * yRow + load<u32>(e1, 4)
        const n0 = load<i32>(e0, 8)
        const n1 = load<i32>(e1, 8)
        storeGroup(q0, n0, step, c00)
        storeGroup(q1, n1, step, c01)
        if (row + 1 < rows) {
          storeGroup(q0 + yRow, n0, step, c10)
          storeGroup(q1 + yRow, n1, step, c11)
        }
        if (row + 2 < rows) {
          storeGroup(q0 + yRow * 2, n0, step, c20)
          storeGroup(q1 + yRow * 2, n1, step, c21)
        }
        if (row + 3 < rows) {
          storeGroup(q0 + yRow * 3, n0, step, c30)
          storeGroup(q1 + yRow * 3, n1, step, c31)
        }
      }
      w += taps << 4
    }
    x += xImage
    y += yImage
  }
}

/**
 * What the sparse forward pass leaves to do: y[row][i][j] = x[row][i * pitch + j] * scale, where the rows of x and y are xRow
 * and yRow bytes apart.
 */
export function conv_unpitch_f32(
  x: usize,
  xRow: usize,
  pitch: i32,
  y: usize,
  yRow: usize,
  rows: i32,
  height: i32,
  width: i32,
  scale: f32,
): void {
  const s = f32x4.splat(scale)
  for (let row = 0; row < rows; row++) {
    let to = y
    for (let i = 0; i < height; i++) {
      const from = x + ((i * pitch) << 2)
      let j = 0
      for (; j + 4 <= width; j += 4) v128.store(to + (j << 2), f32x4.mul(v128.load(from + (j << 2)), s))
      for (; j < width; j++) store<f32>(to + (j << 2), load<f32>(from + (j << 2)) * scale)
      to += width << 2
    }
    x += xRow
    y += yRow
  }
}

/**
 * shape: u32 images, x bytes per image, dy bytes per image, groups, group table, rows, dy bytes per row, taps, tap table, images
 * per block (a block of x and dy should fit the first-level cache). dy holds zeros behind a group's last output.
 * sums: 16-byte aligned scratch of rows * taps * 16 bytes, left undefined. dw: [rows][taps], overwritten.
 */
export function conv_weight_grad_f32(x: usize, dy: usize, sums: usize, dw: usize, shape: usize): void {
  const images = load<i32>(shape)
  const xImage = load<u32>(shape, 4)
  const yImage = load<u32>(shape, 8)
  const groups = load<i32>(shape, 12)
  const table = load<u32>(shape, 16)
  const rows = load<i32>(shape, 20)
  const yRow = load<u32>(shape, 24)
  const taps = load<i32>(shape, 28)
  const tapTable = load<u32>(shape, 32)
  const block = load<i32>(shape, 36)
  assert((sums & 15) == 0, 'conv_weight_grad_f32: sums must be 16-byte aligned')
  assert(block > 0, 'conv_weight_grad_f32: needs at least one image per block')
  const tableEnd = table + groups * 12
  const sumRow = (taps << 4) as usize
  memory.fill(sums, 0, (rows as usize) * sumRow)
  for (let begin = 0; begin < images; begin += block) {
    const end = min(images, begin + block)
    for (let row = 0; row < rows; row += 4) {
      // Rows beyond the last repeat the first, a tap beyond the last repeats it: their sums are not kept.
      const d1 = row + 1 < rows ? yRow : 0
      const d2 = row + 2 < rows ? yRow * 2 : 0
      const d3 = row + 3 < rows ? yRow * 3 : 0
      for (let t = 0; t < taps; t += 2) {
        const pair = t + 1 < taps
        const o0 = load<u32>(tapTable + (t << 2))
        const o1 = pair ? load<u32>(tapTable + (t << 2), 4) : o0
        const s0 = sums + (row as usize) * sumRow + (t << 4)
        const next: usize = pair ? 16 : 0
        const s1 = s0 + (d1 ? sumRow : 0)
        const s2 = s0 + (d2 ? sumRow * 2 : 0)
        const s3 = s0 + (d3 ? sumRow * 3 : 0)
        let c00 = v128.load(s0)
        let c01 = v128.load(s0 + next)
        let c10 = v128.load(s1)
        let c11 = v128.load(s1 + next)
        let c20 = v128.load(s2)
        let c21 = v128.load(s2 + next)
        let c30 = v128.load(s3)
        let c31 = v128.load(s3 + next)
        for (let n = begin; n < end; n++) {
          const xn = x + n * xImage
          const yn = dy + n * yImage + row * yRow
          for (let g = table; g < tableEnd; g += 12) {
            const p = xn + load<u32>(g)
            const q = yn + load<u32>(g, 4)
            const b0 = v128.load(p + o0)
            const b1 = v128.load(p + o1)
            let va = v128.load(q)
            c00 = f32x4.add(c00, f32x4.mul(va, b0))
            c01 = f32x4.add(c01, f32x4.mul(va, b1))
            va = v128.load(q + d1)
            c10 = f32x4.add(c10, f32x4.mul(va, b0))
            c11 = f32x4.add(c11, f32x4.mul(va, b1))
            va = v128.load(q + d2)
            c20 = f32x4.add(c20, f32x4.mul(va, b0))
            c21 = f32x4.add(c21, f32x4.mul(va, b1))
            va = v128.load(q + d3)
            c30 = f32x4.add(c30, f32x4.mul(va, b0))
            c31 = f32x4.add(c31, f32x4.mul(va, b1))
          }
        }
        if (d3) storePair(s3, next, c30, c31)
        if (d2) storePair(s2, next, c20, c21)
        if (d1) storePair(s1, next, c10, c11)
        storePair(s0, next, c00, c01)
      }
    }
  }
  const count = rows * taps
  for (let i = 0; i < count; i++) {
    const v = v128.load(sums + (i << 4))
    const low = f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1)
    const high = f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3)
    store<f32>(dw + (i << 2), low + high)
  }
}

/** Both sums; with next = 0 there is only the first, which is stored last. */
function storePair(s: usize, next: usize, v0: v128, v1: v128): void {
  v128.store(s + next, v1)
  v128.store(s, v0)
}
