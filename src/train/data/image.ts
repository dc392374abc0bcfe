/** Images in memory: the form that decoders give, the form that data sets hold, and resizing. */

/** Pixels row by row, the channels of a pixel side by side. */
export interface RawImage {
  readonly width: number
  readonly height: number
  /** 1: grey, 3: red, green, blue. */
  readonly channels: 1 | 3
  readonly data: Uint8Array
}

/** Images [n][pixels][channels] to [n][channels][pixels]. */
export function toPlanes(from: Uint8Array, channels: number, pixels: number, to: Uint8Array): void {
  const size = channels * pixels
  for (let begin = 0; begin < from.length; begin += size) {
    for (let c = 0; c < channels; c++) {
      for (let i = 0; i < pixels; i++) to[begin + c * pixels + i] = from[begin + i * channels + c]
    }
  }
}

/** The same picture with three equal channels. */
export function toColour(image: RawImage): RawImage {
  if (image.channels === 3) return image
  const data = new Uint8Array(3 * image.data.length)
  image.data.forEach((v, i) => {
    data.fill(v, 3 * i, 3 * i + 3)
  })
  return { ...image, channels: 3, data }
}

/** Source pixels of one output pixel, from `first` on, and their weights, which sum to 1. */
interface Taps {
  readonly first: number
  readonly weights: readonly number[]
}

/**
 * Taps of linear interpolation from `from` to `to` pixels; when shrinking, the triangle is as wide as the pixels between two
 * outputs, so that every source pixel counts (what PIL calls bilinear).
 */
function triangles(from: number, to: number): Taps[] {
  const step = from / to
  const reach = Math.max(1, step)
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * step
    const first = Math.max(0, Math.floor(centre - reach + 0.5))
    const end = Math.min(from, Math.floor(centre + reach + 0.5))
    const heights = Array.from({ length: end - first }, (_, k) => 1 - Math.abs(first + k + 0.5 - centre) / reach)
    const sum = heights.reduce((a, b) => a + b, 0)
    return { first, weights: heights.map((h) => h / sum) }
  })
}

/** The largest centred square of an image, scaled to side x side pixels. */
export function resizeToSquare(image: RawImage, side: number): RawImage {
  const { width, height, channels, data } = image
  const square = Math.min(width, height)
  if (square === side && width === height) return image
  const taps = triangles(square, side)
  const left = (width - square) >> 1
  const top = (height - square) >> 1
  const rows = new Float64Array(side * square * channels)
  for (let i = 0; i < side; i++) {
    const { first, weights } = taps[i]
    weights.forEach((weight, k) => {
      const begin = ((top + first + k) * width + left) * channels
      for (let j = 0; j < square * channels; j++) rows[i * square * channels + j] += weight * data[begin + j]
    })
  }
  const out = new Uint8Array(side * side * channels)
  for (let i = 0; i < side; i++) {
    for (let j = 0; j < side; j++) {
      const { first, weights } = taps[j]
      for (let c = 0; c < channels; c++) {
        const begin = (i * square + first) * channels + c
        const value = weights.reduce((sum, weight, k) => sum + weight * rows[begin + k * channels], 0)
        out[(i * side + j) * channels + c] = Math.round(value)
      }
    }
  }
  return { width: side, height: side, channels, data: out }
}
