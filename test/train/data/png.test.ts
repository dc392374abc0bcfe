import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodePng } from '../../../src/compress.js'
import { WhiteDwarfError } from '../../../src/errors.js'
import { base64, chunk, encodePng, type PngParts, SIGNATURE } from './encode.js'

/** Pixels of the files below, which Pillow wrote: 5 x 3, red, green, blue, alpha. */
const RGBA = [
  [121, 131, 193, 243, 8, 36, 210, 242, 63, 79, 222, 108, 69, 211, 65, 104, 164, 140, 21, 7],
  [221, 192, 214, 137, 209, 84, 115, 201, 31, 77, 31, 116, 250, 34, 98, 103, 231, 52, 128, 67],
  [5, 192, 15, 71, 127, 124, 29, 251, 191, 246, 23, 185, 75, 138, 236, 70, 185, 41, 82, 248],
].flat()
const pick = (...channels: number[]) =>
  Array.from({ length: 15 }, (_, i) => channels.map((c) => RGBA[4 * i + c])).flat()
const onBlack = (values: readonly number[], alphas: readonly number[]) =>
  values.map((v, i) => Math.round((v * alphas[Math.floor((i * alphas.length) / values.length)]) / 255))

const FILES: [string, 1 | 3, number[], string][] = [
  [
    'RGB',
    3,
    pick(0, 1, 2),
    'iVBORw0KGgoAAAANSUhEUgAAAAUAAAADCAIAAADUVFKvAAAAO0lEQVR42gEwAM//AHmDwQgk0j9P3kXTQaSMFQHdwNb0lJ1O+azb1UPtEh4ABcAPf3wdv/YXS4rsuSlSMlMXDwD6L5EAAAAASUVORK5CYII=',
  ],
  [
    'RGB with alpha',
    3,
    onBlack(pick(0, 1, 2), pick(3)),
    'iVBORw0KGgoAAAANSUhEUgAAAAUAAAADCAYAAABbNsX4AAAASklEQVR4nAE/AMD/AHmDwfMIJNLyP0/ebEXTQWikjBUHAd3A1on0lJ1ATvmsq9vVQ/PtEh7cAAXAD0d/fB37v/YXuUuK7Ea5KVL4+fAgS9JNUw8AAAAASUVORK5CYII=',
  ],
  [
    'grey',
    1,
    pick(0),
    'iVBORw0KGgoAAAANSUhEUgAAAAUAAAADCAAAAAB+XZokAAAAG0lEQVR4nGOo5LB3XcJw96L8r+cMrPX7vXcCAD7oB5+6FgfkAAAAAElFTkSuQmCC',
  ],
  [
    'grey with alpha',
    1,
    onBlack(pick(0), pick(3)),
    'iVBORw0KGgoAAAANSUhEUgAAAAUAAAADCAQAAADxPw1zAAAALElEQVR4nAEhAN7/AHnzCPI/bEVopAcB3Yn0QE6r2/Pt3AAFR3/7v7lLRrn4CmwRFe2sno4AAAAASUVORK5CYII=',
  ],
  [
    'palette of 2 bits',
    3,
    [
      [108, 131, 153, 34, 64, 154, 34, 64, 154, 130, 196, 68, 130, 196, 68],
      [108, 131, 153, 219, 53, 106, 34, 64, 154, 219, 53, 106, 219, 53, 106],
      [130, 196, 68, 130, 196, 68, 130, 196, 68, 108, 131, 153, 219, 53, 106],
    ].flat(),
    'iVBORw0KGgoAAAANSUhEUgAAAAUAAAADAgMAAAAmWC1rAAAADFBMVEWCxERsg5nbNWoiQJq8TpYLAAAAEUlEQVR4nGOoYWDME2KazAAAB4kBk5i+DWgAAAAASUVORK5CYII=',
  ],
  [
    'grey of 1 bit',
    1,
    pick(0).map((v) => (v > 128 ? 255 : 0)),
    'iVBORw0KGgoAAAANSUhEUgAAAAUAAAADAQAAAABzTfhVAAAADklEQVR4nGPgYLjBoAEAAt4BCfVJ8RgAAAAASUVORK5CYII=',
  ],
]

const sample: PngParts = { width: 5, height: 3, colour: 2, samples: pick(0, 1, 2), filters: [1, 2, 4], pieces: 2 }

describe('decodePng', () => {
  it.each(FILES)('reads a file of another program: %s', async (_, channels, pixels, file) => {
    expect(await decodePng(base64(file))).toEqual({ width: 5, height: 3, channels, data: Uint8Array.from(pixels) })
  })

  it('reads every colour type, depth and filter', async () => {
    const kinds = fc.constantFrom<[PngParts['colour'], number]>(
      [0, 1],
      [0, 2],
      [0, 4],
      [0, 8],
      [2, 8],
      [3, 1],
      [3, 4],
      [3, 8],
      [4, 8],
      [6, 8],
    )
    const size = fc.integer({ min: 1, max: 9 })
    await fc.assert(
      fc.asyncProperty(
        kinds,
        size,
        size,
        fc.infiniteStream(fc.nat(255)),
        async ([colour, depth], width, height, stream) => {
          const take = (n: number) => Array.from({ length: n }, () => stream.next().value as number)
          const perPixel = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }[colour]
          const samples = take(width * height * perPixel).map((v) => v % 2 ** depth)
          const colours = take(3 * 2 ** depth)
          const png = encodePng({
            width,
            height,
            depth,
            colour,
            samples,
            filters: take(height).map((v) => v % 5),
            pieces: 1 + (take(1)[0] % 3),
            ...(colour === 3 && { palette: colours, alphas: [128] }),
          })
          const { channels, data } = await decodePng(png)
          const n = width * height
          const wanted = Array.from({ length: n }, (_, i) => {
            const pixel = samples.slice(i * perPixel, (i + 1) * perPixel)
            if (colour === 3) {
              const [index] = pixel
              const entry = colours.slice(3 * index, 3 * index + 3)
              return index === 0 ? entry.map((v) => Math.round((v * 128) / 255)) : entry
            }
            if (colour === 4 || colour === 6) {
              const alpha = pixel.pop() as number
              return pixel.map((v) => Math.round((v * alpha) / 255))
            }
            return pixel.map((v) => (v * 255) / (2 ** depth - 1))
          }).flat()
          expect(channels).toBe(wanted.length / n)
          expect([...data]).toEqual(wanted)
        },
      ),
      { numRuns: 200 },
    )
  })

  it('refuses what it does not read, with E_FORMAT and the name of the file', async () => {
    const good = encodePng(sample)
    const header = (...changes: [number, number][]) => {
      const data = [0, 0, 0, 5, 0, 0, 0, 3, 8, 2, 0, 0, 0]
      for (const [i, v] of changes) data[i] = v
      return Uint8Array.from([...SIGNATURE, ...chunk('IHDR', data), ...good.subarray(33)])
    }
    const flipped = good.slice()
    flipped[60] ^= 1
    const pal = { width: 1, height: 1, colour: 3, samples: [2] } as const
    const cases: [Uint8Array, RegExp][] = [
      [new Uint8Array(0), /not a PNG/],
      [Uint8Array.of(255, 216, 255), /not a PNG/],
      [good.subarray(0, 20), /truncated: a chunk at byte 8/],
      [good.subarray(0, good.length - 12), /truncated/],
      [good.subarray(0, good.length - 1), /truncated/],
      [flipped, /damaged: the checksum of the .* chunk/],
      [Uint8Array.from([...SIGNATURE, ...chunk('IEND', [])]), /must begin with one IHDR/],
      [Uint8Array.from([...good.subarray(0, 33), ...good.subarray(8)]), /must begin with one IHDR/],
      [Uint8Array.from([...good.subarray(0, 33), ...chunk('ABCD', []), ...good.subarray(33)]), /unknown chunk ABCD/],
      [Uint8Array.from([...SIGNATURE, ...chunk('IHDR', [1, 2])]), /IHDR chunk has 2 bytes/],
      [header([8, 16]), /16 bits a sample are not supported/],
      [header([8, 4]), /colour type 2 with 4 bits/],
      [header([9, 5]), /colour type 5/],
      [header([12, 1]), /interlaced images are not supported/],
      [header([3, 0]), /0 x 3 pixels/],
      [header([0, 127], [4, 127]), /pixels are too many/],
      [header([3, 4]), /unpacks to more than 39 bytes/],
      [header([3, 6]), /48 bytes of pixels, expected 57/],
      [encodePng({ ...sample, filters: [0, 5] }), /unknown filter/],
      [encodePng(pal), /no palette/],
      [encodePng({ ...pal, palette: [1, 2, 3, 4] }), /half a colour/],
      [encodePng({ ...pal, palette: [1, 2, 3, 4, 5, 6] }), /colour 2 of a palette of 2/],
      [
        Uint8Array.from([...good.subarray(0, 33), ...chunk('IDAT', [1, 2, 3]), ...chunk('IEND', [])]),
        /damaged deflate/,
      ],
    ]
    for (const [bytes, message] of cases) {
      await expect(decodePng(bytes, 'some.png')).rejects.toMatchObject({
        code: 'E_FORMAT',
        message: expect.stringMatching(message),
      })
      await expect(decodePng(bytes, 'some.png')).rejects.toThrow(/^some\.png: /)
    }
  })

  it('gives an image or E_FORMAT for any damage', async () => {
    const good = encodePng(sample)
    const change = fc.record({ at: fc.nat(good.length - 1), value: fc.nat(255) })
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), fc.nat(good.length), async (changes, cut) => {
        const bytes = good.slice(0, cut % 3 === 0 ? cut : good.length)
        for (const { at, value } of changes) if (at < bytes.length) bytes[at] = value
        try {
          expect((await decodePng(bytes)).data.length).toBeGreaterThan(0)
        } catch (error) {
          expect(error).toBeInstanceOf(WhiteDwarfError)
          expect(error).toMatchObject({ code: 'E_FORMAT' })
        }
      }),
      { numRuns: 300 },
    )
  })
})
