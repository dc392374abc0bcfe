import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type RawImage, resizeToSquare, toColour, toPlanes } from '../../../src/train/data/image.js'

const grey = (width: number, height: number, data: ArrayLike<number>): RawImage => ({
  width,
  height,
  channels: 1,
  data: Uint8Array.from(data),
})

// 9 x 7 random pixels and what Pillow's bilinear resize makes of columns 1 to 7.
const PIXELS = [
  214, 66, 27, 76, 105, 208, 115, 23, 85, 153, 208, 186, 254, 48, 225, 14, 142, 70, 51, 168, 78, 143, 66, 38, 191, 110,
  173, 171, 241, 108, 56, 162, 239, 247, 222, 174, 97, 100, 10, 47, 85, 88, 148, 130, 177, 228, 224, 198, 250, 81, 232,
  236, 57, 120, 145, 177, 179, 27, 122, 26, 245, 51, 114,
]
const RESIZED: [number, number[]][] = [
  [2, [127, 130, 130, 147]],
  [3, [134, 122, 109, 125, 121, 174, 156, 121, 147]],
  [
    7,
    [
      66, 27, 76, 105, 208, 115, 23, 208, 186, 254, 48, 225, 14, 142, 168, 78, 143, 66, 38, 191, 110, 241, 108, 56, 162,
      239, 247, 222, 100, 10, 47, 85, 88, 148, 130, 224, 198, 250, 81, 232, 236, 57, 177, 179, 27, 122, 26, 245, 51,
    ],
  ],
  [
    12,
    [
      66, 51, 29, 54, 80, 97, 135, 195, 165, 111, 58, 23, 119, 107, 88, 117, 136, 101, 122, 198, 151, 77, 72, 68, 202,
      194, 180, 216, 222, 108, 101, 203, 130, 23, 92, 137, 186, 164, 130, 163, 177, 97, 77, 116, 117, 111, 119, 125,
      177, 141, 86, 109, 125, 93, 74, 65, 125, 195, 151, 124, 220, 174, 105, 90, 88, 118, 147, 174, 204, 229, 204, 189,
      200, 155, 85, 65, 64, 114, 155, 188, 206, 217, 204, 195, 118, 82, 27, 36, 54, 81, 98, 106, 131, 159, 149, 142,
      157, 134, 99, 120, 133, 100, 104, 145, 170, 185, 131, 97, 222, 212, 198, 221, 221, 128, 124, 206, 229, 229, 124,
      57, 195, 192, 187, 145, 110, 108, 106, 104, 167, 234, 124, 53, 177, 178, 179, 97, 39, 94, 94, 38, 126, 237, 124,
      51,
    ],
  ],
]

describe('resizeToSquare', () => {
  it.each(RESIZED)(
    'to %i pixels, is what Pillow makes of the centre but for rounding between rows and columns',
    (side, wanted) => {
      const { width, height, data } = resizeToSquare(grey(9, 7, PIXELS), side)
      expect([width, height]).toEqual([side, side])
      data.forEach((v, i) => {
        expect(Math.abs(v - wanted[i])).toBeLessThanOrEqual(1)
      })
    },
  )

  it('keeps flat colours, in all channels and sizes', () => {
    const size = fc.integer({ min: 1, max: 40 })
    fc.assert(
      fc.property(size, size, size, (width, height, side) => {
        const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => [0, 128, 255][i % 3])
        const out = resizeToSquare({ width, height, channels: 3, data }, side)
        expect(out.data).toHaveLength(3 * side * side)
        expect(out.data.every((v, i) => v === [0, 128, 255][i % 3])).toBe(true)
      }),
    )
  })

  it('takes the centre of tall and of wide images', () => {
    expect([...resizeToSquare(grey(2, 4, [0, 0, 5, 6, 7, 8, 0, 0]), 2).data]).toEqual([5, 6, 7, 8])
    expect([...resizeToSquare(grey(4, 2, [0, 5, 6, 0, 0, 7, 8, 0]), 2).data]).toEqual([5, 6, 7, 8])
  })

  it('returns images that fit as they are', () => {
    const image = grey(2, 2, [1, 2, 3, 4])
    expect(resizeToSquare(image, 2)).toBe(image)
  })
})

describe('toColour and toPlanes', () => {
  it('repeat grey and separate channels', () => {
    const colour = toColour(grey(2, 1, [7, 9]))
    expect(colour).toEqual({ width: 2, height: 1, channels: 3, data: Uint8Array.of(7, 7, 7, 9, 9, 9) })
    expect(toColour(colour)).toBe(colour)
    const planes = new Uint8Array(12)
    toPlanes(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12), 3, 2, planes)
    expect([...planes]).toEqual([1, 4, 2, 5, 3, 6, 7, 10, 8, 11, 9, 12])
  })
})
