/**
 * Random changes of training images: each image of each batch draws its own. An image is moved by an affine map, then its
 * contrast and brightness change, then a square is cut out. Whatever lies outside of the image or in the square is 0 as the
 * network sees it, like the zero border of a convolution: black for plain images, the mean colour for normalised ones.
 */
import { WhiteDwarfError } from '../errors.js'
import type { Rng } from '../rng.js'
import { checked, range } from './check.js'

export interface Augmentation {
  /** Largest shift in pixels, both directions, whole pixels: a random crop of the padded image. 0..32, default 0. */
  readonly shift?: number
  /** Largest rotation in degrees. 0..180, default 0. */
  readonly rotate?: number
  /** Sizes run from 1 - scale to 1 + scale. 0..0.9, default 0. */
  readonly scale?: number
  /** Largest shear: columns move by up to this times the row. 0..1, default 0. */
  readonly shear?: number
  /** Left and right change places in half of the images. Default false. */
  readonly flip?: boolean
  /** Side in pixels of a square that is cut out around a random pixel (DeVries and Taylor, arXiv 1708.04552). 0..512, default 0. */
  readonly cutout?: number
  /** Differences from mid grey are multiplied by 1 - contrast to 1 + contrast. 0..1, default 0. */
  readonly contrast?: number
  /** Largest change of all pixels, as a share of the full range 0..255. 0..1, default 0. */
  readonly brightness?: number
}

/** @throws WhiteDwarfError E_OPTION naming the option and its range */
export function augmentation(a: Augmentation = {}): Required<Augmentation> {
  const { flip = false } = a
  if (typeof flip !== 'boolean') {
    throw new WhiteDwarfError('E_OPTION', `augment.flip must be true or false, got ${String(flip)}`)
  }
  const numbers = {
    shift: range(a.shift, 0, 0, 32, true),
    rotate: range(a.rotate, 0, 0, 180),
    scale: range(a.scale, 0, 0, 0.9),
    shear: range(a.shear, 0, 0, 1),
    cutout: range(a.cutout, 0, 0, 512, true),
    contrast: range(a.contrast, 0, 0, 1),
    brightness: range(a.brightness, 0, 0, 1),
  }
  return { ...checked(numbers, 'augment.'), flip }
}

const between = (rng: Rng, limit: number) => (2 * rng.float() - 1) * limit

/**
 * Draws a map from output to input pixels: row = m0 * i + m1 * j + m2, column = m3 * i + m4 * j + m5, around the image's
 * centre. Draws nothing for what is off.
 */
export function drawMap(rng: Rng, a: Required<Augmentation>, height: number, width: number, map: Float32Array): void {
  let dy = 0
  let dx = 0
  if (a.shift > 0) {
    dy = rng.below(2 * a.shift + 1) - a.shift
    dx = rng.below(2 * a.shift + 1) - a.shift
  }
  if (a.rotate === 0 && a.scale === 0 && a.shear === 0) {
    map.set([1, 0, dy, 0, 1, dx])
  } else {
    const angle = (between(rng, a.rotate) * Math.PI) / 180
    const sizeY = 1 + between(rng, a.scale)
    const sizeX = 1 + between(rng, a.scale)
    const shear = between(rng, a.shear)
    const cos = Math.cos(angle)
    const sin = Math.sin(angle)
    const m0 = cos / sizeY
    const m1 = -sin / sizeX
    const m3 = (sin + shear * cos) / sizeY
    const m4 = (cos - shear * sin) / sizeX
    const cy = (height - 1) / 2
    const cx = (width - 1) / 2
    map.set([m0, m1, cy + dy - m0 * cy - m1 * cx, m3, m4, cx + dx - m3 * cy - m4 * cx])
  }
  if (a.flip && rng.below(2) === 1) mirror(map, width)
}

/** Puts width - 1 - j in the place of j. */
function mirror(map: Float32Array, width: number): void {
  for (const row of [0, 3]) {
    map[row + 2] += map[row + 1] * (width - 1)
    map[row + 1] = -map[row + 1]
  }
}

/**
 * Draws contrast and brightness into the scales and offsets of an image's channels: v * scale + offset becomes
 * ((v - 127.5) * c + 127.5 + 255 * b) * scale + offset. Draws nothing for what is off.
 * @param from all scales, then all offsets; `to` gets as many
 */
export function drawColour(rng: Rng, a: Required<Augmentation>, from: Float32Array, to: Float32Array): void {
  const contrast = a.contrast > 0 ? 1 + between(rng, a.contrast) : 1
  const brightness = a.brightness > 0 ? 255 * between(rng, a.brightness) : 0
  const channels = from.length / 2
  for (let c = 0; c < channels; c++) {
    to[c] = from[c] * contrast
    to[channels + c] = from[channels + c] + from[c] * (127.5 * (1 - contrast) + brightness)
  }
}

/** A rectangle of rows [top, bottom) and columns [left, right). */
export interface Hole {
  readonly top: number
  readonly left: number
  readonly bottom: number
  readonly right: number
}

/** Draws the part of a cut-out square that lies in the image; its centre is any pixel. */
export function drawHole(rng: Rng, side: number, height: number, width: number): Hole {
  const top = rng.below(height) - (side >> 1)
  const left = rng.below(width) - (side >> 1)
  return {
    top: Math.max(0, top),
    left: Math.max(0, left),
    bottom: Math.min(height, top + side),
    right: Math.min(width, left + side),
  }
}
