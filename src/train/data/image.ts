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

/** The same picture in grey, as television weighs colours. */
export function toGrey(image: RawImage): RawImage {
  if (image.channels === 1) return image
  const { data } = image
  const grey = Uint8Array.from({ length: data.length / 3 }, (_, i) =>
    Math.round(0.299 * data[3 * i] + 0.587 * data[3 * i + 1] + 0.114 * data[3 * i + 2]),
  )
  return { ...image, channels: 1, data: grey }
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

/** A part of an image. */
function part(image: RawImage, left: number, top: number, width: number, height: number): RawImage {
  if (width === image.width && height === image.height) return image
  const { channels } = image
  const data = new Uint8Array(width * height * channels)
  for (let i = 0; i < height; i++) {
    const begin = ((top + i) * image.width + left) * channels
    data.set(image.data.subarray(begin, begin + width * channels), i * width * channels)
  }
  return { width, height, channels, data }
}

/** The largest centred part of an image that has the proportions of width to height. */
export function cropped(image: RawImage, width: number, height: number): RawImage {
  const wide = image.width * height > image.height * width
  const w = wide ? Math.max(1, Math.round((image.height * width) / height)) : image.width
  const h = wide ? image.height : Math.max(1, Math.round((image.width * height) / width))
  return part(image, (image.width - w) >> 1, (image.height - h) >> 1, w, h)
}

/** An image scaled to width x height pixels. */
export function resized(image: RawImage, width: number, height: number): RawImage {
  if (image.width === width && image.height === height) return image
  const { channels, data } = image
  const across = image.width * channels
  const rows = new Float64Array(height * across)
  triangles(image.height, height).forEach(({ first, weights }, i) => {
    weights.forEach((weight, k) => {
      const begin = (first + k) * across
      for (let j = 0; j < across; j++) rows[i * across + j] += weight * data[begin + j]
    })
  })
  const out = new Uint8Array(height * width * channels)
  const taps = triangles(image.width, width)
  for (let i = 0; i < height; i++) {
    for (let j = 0; j < width; j++) {
      const { first, weights } = taps[j]
      for (let c = 0; c < channels; c++) {
        const begin = i * across + first * channels + c
        const value = weights.reduce((sum, weight, k) => sum + weight * rows[begin + k * channels], 0)
        out[(i * width + j) * channels + c] = Math.round(value)
      }
    }
  }
  return { width, height, channels, data: out }
}

/** The largest centred square of an image, scaled to side x side pixels. */
export const resizeToSquare = (image: RawImage, side: number): RawImage =>
  resized(cropped(image, side, side), side, side)
