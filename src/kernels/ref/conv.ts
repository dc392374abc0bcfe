/** Scalar references of the convolution kernels of training (assembly/train/conv.ts). */
import type { Mem } from '../row.js'

const { fround } = Math

export function pad({ f32, u32 }: Mem, x: number, y: number, shape: number): undefined {
  const [channels, images, height, width, top, left, strideY, strideX, phaseHeight, phaseWidth, channelSize] =
    u32.subarray(shape / 4, shape / 4 + 11)
  let to = y / 4
  for (let n = 0; n < images; n++) {
    for (let c = 0; c < channels; c++) {
      for (let phase = 0; phase < strideY * strideX; phase++) {
        for (let i = 0; i < phaseHeight; i++) {
          for (let j = 0; j < phaseWidth; j++) {
            const row = i * strideY + Math.floor(phase / strideX) - top
            const column = j * strideX + (phase % strideX) - left
            const inside = row >= 0 && row < height && column >= 0 && column < width
            f32[to++] = inside ? f32[x / 4 + c * channelSize + (n * height + row) * width + column] : 0
          }
        }
      }
    }
  }
}

export function convPack(
  { f32, u32 }: Mem,
  w: number,
  packed: number,
  rows: number,
  taps: number,
  rowStep: number,
  tapIndex: number,
): undefined {
  for (let row = 0; row < Math.ceil(rows / 4) * 4; row++) {
    for (let t = 0; t < taps; t++) {
      const to = packed / 4 + (Math.floor(row / 4) * taps + t) * 4 + (row % 4)
      f32[to] = row < rows ? f32[w / 4 + row * rowStep + u32[tapIndex / 4 + t]] : 0
    }
  }
}

interface Group {
  readonly x: number
  readonly y: number
  readonly count: number
}

function groupsOf({ u32 }: Mem, table: number, count: number): Group[] {
  return Array.from({ length: count }, (_, g) => {
    const [x, y, n] = u32.subarray(table / 4 + 3 * g, table / 4 + 3 * g + 3)
    return { x, y, count: n }
  })
}

export function conv(mem: Mem, x: number, weights: number, y: number, shape: number): undefined {
  const { f32, u32 } = mem
  const [images, xImage, yImage, groups, table, rows, yRow, taps, tapTable, step] = u32.subarray(
    shape / 4,
    shape / 4 + 10,
  )
  const list = groupsOf(mem, table, groups)
  for (let n = 0; n < images; n++) {
    for (let row = 0; row < rows; row++) {
      for (const group of list) {
        for (let j = 0; j < group.count; j++) {
          let sum = 0
          for (let t = 0; t < taps; t++) {
            // Taps may step back: addresses are taken modulo 2^32.
            const from = (x + n * xImage + group.x + 4 * j + u32[tapTable / 4 + t]) >>> 0
            const w = f32[weights / 4 + (Math.floor(row / 4) * taps + t) * 4 + (row % 4)]
            sum = fround(sum + fround(w * f32[from / 4]))
          }
          f32[(y + n * yImage + row * yRow + group.y + j * step) / 4] = sum
        }
      }
    }
  }
}

export function unpitch(
  { f32 }: Mem,
  x: number,
  xRow: number,
  pitch: number,
  y: number,
  yRow: number,
  rows: number,
  height: number,
  width: number,
  scale: number,
): undefined {
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < height; i++) {
      for (let j = 0; j < width; j++) {
        f32[(y + row * yRow) / 4 + i * width + j] = f32[(x + row * xRow) / 4 + i * pitch + j] * fround(scale)
      }
    }
  }
}

export function convTiles(
  { f32 }: Mem,
  x: number,
  y: number,
  images: number,
  channels: number,
  pixels: number,
  channelSize: number,
): undefined {
  let to = y / 4
  for (let n = 0; n < images; n++) {
    for (let tile = 0; tile < channels; tile += 8) {
      for (let p = 0; p < pixels; p++) {
        for (let c = tile; c < tile + 8; c++)
          f32[to++] = c < channels ? f32[x / 4 + c * channelSize + n * pixels + p] : 0
      }
    }
  }
}

export function convWeightGrad(mem: Mem, x: number, dy: number, _sums: number, dw: number, shape: number): undefined {
  const { f32, u32 } = mem
  const [images, xImage, xLine, lines, width, rows, dyImage, dyTile, taps, tapTable, blockImages, blockLines] =
    u32.subarray(shape / 4, shape / 4 + 12)
  for (let row = 0; row < rows; row++) {
    for (let t = 0; t < taps; t++) {
      let total = 0
      for (let n = 0; n < images; n += blockImages) {
        for (let i = 0; i < lines; i += blockLines) {
          let sum = 0
          for (let m = n; m < Math.min(images, n + blockImages); m++) {
            for (let k = i; k < Math.min(lines, i + blockLines); k++) {
              const from = (x + m * xImage + k * xLine + u32[tapTable / 4 + t]) / 4
              const grads = (dy + m * dyImage + Math.floor(row / 8) * dyTile) / 4 + k * width * 8 + (row % 8)
              for (let j = 0; j < width; j++) sum = fround(sum + fround(f32[from + j] * f32[grads + j * 8]))
            }
          }
          total = fround(total + sum)
        }
      }
      f32[dw / 4 + row * taps + t] = total
    }
  }
}
