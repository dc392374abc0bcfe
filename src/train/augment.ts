/** Random affine maps for training images: each image of each batch draws its own. */
import type { Rng } from '../rng.js'

export interface Augmentation {
  /** Largest shift in pixels, both directions, whole pixels. 0..32, default 0. */
  readonly shift?: number
  /** Largest rotation in degrees. 0..180, default 0. */
  readonly rotate?: number
  /** Sizes run from 1 - scale to 1 + scale. 0..0.9, default 0. */
  readonly scale?: number
  /** Largest shear: columns move by up to this times the row. 0..1, default 0. */
  readonly shear?: number
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
    return
  }
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
