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
// Contract: natural alignment. Images are read up to 12 bytes past a group's last output: padded rows are long enough. pad_f32
// reads up to 4 bytes past its images.
// Exact: forward sums run over taps in order, one rounding per product and per sum. Weight gradients sum each block of
// positions in order, then add the blocks in order.

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
          // Columns j with 0 <= j * strideX + px - left < width.
          const first = min(phaseWidth, max(0, (left - px + strideX - 1) / strideX))
          const inside = left + width > px ? (left + width - px - 1) / strideX + 1 : 0
          const last = max(first, min(phaseWidth, inside))
          for (let i = 0; i < phaseHeight; i++) {
            const row = i * strideY + py - top
            if (row >= 0 && row < height) {
              fillZero(y, first)
              const from = plane + ((row * width + first * strideX + px - left) << 2)
              copySteps(from, y + (first << 2), last - first, strideX)
              fillZero(y + (last << 2), phaseWidth - last)
            } else {
              fillZero(y, phaseWidth)
            }
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
  } else if (step == 2) {
    // The last of eight is not used, and may lie behind the row: 4 bytes behind x at most.
    for (; i + 4 <= n; i += 4) {
      const p = from + (i << 3)
      v128.store(to + (i << 2), v128.shuffle<i32>(v128.load(p), v128.load(p, 16), 0, 2, 4, 6))
    }
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
 * Output gradients for the weight gradient: y[n][channel / 8][pixel][channel % 8] = x[channel][n][pixel], zeros beyond the
 * channels. x has channelSize elements per channel: more than images * pixels when these are only some of a batch.
 */
export function conv_tiles_f32(x: usize, y: usize, images: i32, channels: i32, pixels: i32, channelSize: i32): void {
  const row = (channelSize as usize) << 2
  for (let n = 0; n < images; n++) {
    for (let c = 0; c < channels; c += 4) {
      const from = x + ((c * channelSize + n * pixels) << 2)
      const have = min(4, channels - c)
      // Both halves of a tile are written in turn; the second half of the last one may have no channel of its own.
      fourChannels(from, y + ((c & 4) << 2), pixels, row, have)
      if (c & 4) y += pixels << 5
      else if (c + 4 >= channels) {
        fourChannels(from, y + 16, pixels, row, 0)
        y += pixels << 5
      }
    }
  }
}

/** y[pixel * 8 + r] = x[r][pixel] for r = 0..3, zero from `have` on. */
function fourChannels(x: usize, y: usize, pixels: i32, row: usize, have: i32): void {
  let p = 0
  if (have == 4) {
    for (; p + 4 <= pixels; p += 4) {
      const r0 = v128.load(x)
      const r1 = v128.load(x + row)
      const r2 = v128.load(x + row * 2)
      const r3 = v128.load(x + row * 3)
      const s0 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5)
      const s1 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5)
      const s2 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7)
      const s3 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7)
      v128.store(y, v128.shuffle<i64>(s0, s1, 0, 2))
      v128.store(y, v128.shuffle<i64>(s0, s1, 1, 3), 32)
      v128.store(y, v128.shuffle<i64>(s2, s3, 0, 2), 64)
      v128.store(y, v128.shuffle<i64>(s2, s3, 1, 3), 96)
      x += 16
      y += 128
    }
  }
  for (; p < pixels; p++) {
    for (let r = 0; r < 4; r++) store<f32>(y + (r << 2), r < have ? load<f32>(x + row * r) : 0)
    x += 4
    y += 32
  }
}

/**
 * dw[row][tap] = sum over images and positions of dy[row] * x[base + tap], eight rows (a tile, see conv_tiles_f32) and four taps at
 * a time: each position broadcasts four inputs to two vectors of gradients.
 * shape: u32 images, x bytes per image, x bytes per line, lines, positions per line, rows, dy bytes per image, dy bytes per tile,
 * taps, tap table, images per block, lines per block. A block's dy tile and x plane should fit the first-level cache.
 * sums: scratch of (rows rounded up to 8) * (taps rounded up to 4) words, left undefined. dw: [rows][taps], overwritten.
 */
export function conv_weight_grad_f32(x: usize, dy: usize, sums: usize, dw: usize, shape: usize): void {
  const images = load<i32>(shape)
  const xImage = load<u32>(shape, 4)
  const xLine = load<u32>(shape, 8)
  const lines = load<i32>(shape, 12)
  const width = load<i32>(shape, 16)
  const rows = load<i32>(shape, 20)
  const dyImage = load<u32>(shape, 24)
  const dyTile = load<u32>(shape, 28)
  const taps = load<i32>(shape, 32)
  const tapTable = load<u32>(shape, 36)
  const blockImages = load<i32>(shape, 40)
  const blockLines = load<i32>(shape, 44)
  assert(blockImages > 0 && blockLines > 0, 'conv_weight_grad_f32: needs at least one image and line per block')
  const tiles = (rows + 7) >> 3
  const tapBytes = (((taps + 3) & ~3) << 5) as usize
  const dyLine = (width as usize) << 5
  memory.fill(sums, 0, (tiles as usize) * tapBytes)
  for (let n = 0; n < images; n += blockImages) {
    const lastImage = min(images, n + blockImages)
    for (let i = 0; i < lines; i += blockLines) {
      const lastLine = min(lines, i + blockLines)
      for (let tile = 0; tile < tiles; tile++) {
        for (let t = 0; t < taps; t += 4) {
          // Taps beyond the last repeat it: their sums are not kept.
          const o0 = load<u32>(tapTable + (t << 2))
          const o1 = load<u32>(tapTable + (min(t + 1, taps - 1) << 2))
          const o2 = load<u32>(tapTable + (min(t + 2, taps - 1) << 2))
          const o3 = load<u32>(tapTable + (min(t + 3, taps - 1) << 2))
          let c00 = f32x4.splat(0)
          let c01 = c00
          let c10 = c00
          let c11 = c00
          let c20 = c00
          let c21 = c00
          let c30 = c00
          let c31 = c00
          for (let m = n; m < lastImage; m++) {
            for (let k = i; k < lastLine; k++) {
              const line = x + m * xImage + k * xLine
              let p0 = line + o0
              let p1 = line + o1
              let p2 = line + o2
              let p3 = line + o3
              let q = dy + m * dyImage + tile * dyTile + (k as usize) * dyLine
              const end = q + dyLine
              // One position at a time: V8 of Node 20 loads everything first, and two would not fit its registers.
              while (q < end) {
                const v0 = v128.load(q)
                const v1 = v128.load(q, 16)
                let b = v128.load32_splat(p0)
                c00 = f32x4.add(c00, f32x4.mul(b, v0))
                c01 = f32x4.add(c01, f32x4.mul(b, v1))
                b = v128.load32_splat(p1)
                c10 = f32x4.add(c10, f32x4.mul(b, v0))
                c11 = f32x4.add(c11, f32x4.mul(b, v1))
                b = v128.load32_splat(p2)
                c20 = f32x4.add(c20, f32x4.mul(b, v0))
                c21 = f32x4.add(c21, f32x4.mul(b, v1))
                b = v128.load32_splat(p3)
                c30 = f32x4.add(c30, f32x4.mul(b, v0))
                c31 = f32x4.add(c31, f32x4.mul(b, v1))
                p0 += 4
                p1 += 4
                p2 += 4
                p3 += 4
                q += 32
              }
            }
          }
          const s = sums + (tile as usize) * tapBytes + (t << 5)
          addTo(s, c00, c01)
          addTo(s + 32, c10, c11)
          addTo(s + 64, c20, c21)
          addTo(s + 96, c30, c31)
        }
      }
    }
  }
  for (let row = 0; row < rows; row++) {
    const s = sums + ((row >> 3) as usize) * tapBytes + ((row & 7) << 2)
    for (let t = 0; t < taps; t++) {
      store<f32>(dw, load<f32>(s + (t << 5)))
      dw += 4
    }
  }
}

function addTo(s: usize, v0: v128, v1: v128): void {
  v128.store(s, f32x4.add(v128.load(s), v0))
  v128.store(s, f32x4.add(v128.load(s, 16), v1), 16)
}
