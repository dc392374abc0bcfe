import { describe, expect, it } from 'vitest'
import { ChainBuilder, type DataSet, type Graph } from '../../src/compress.js'
import { Rng } from '../../src/rng.js'
import { type Augmentation, augmentation, drawColour, drawHole, drawMap } from '../../src/train/augment.js'
import { Feeder } from '../../src/train/feeder.js'
import { Network } from '../../src/train/network.js'

const [C, H, W] = [2, 5, 7]

const rng = new Rng(3)
const data: DataSet = {
  shape: [C, H, W],
  // No black pixel: what is 0 in a plain image was moved in or cut out.
  images: Uint8Array.from({ length: 20 * C * H * W }, () => 1 + rng.below(255)),
  labels: new Uint8Array(20),
  classes: 2,
}

const plain = new ChainBuilder([C, H, W]).plain('flatten').dense(2).build()
const normalised: Graph = { ...plain, inputs: [{ ...plain.inputs[0], scale: [0.02, 0.03], offset: [-1.5, -2] }] }

/** The network's input after loading all images: [image][channel][row][column]. */
async function load(options: Augmentation, { graph = plain, seed = 1 } = {}): Promise<number[][][][]> {
  const count = data.labels.length
  const net = await Network.create(graph, count)
  const indices = Array.from({ length: count }, (_, i) => i)
  new Feeder(net).load(data, indices, 0, count, new Rng(seed), augmentation(options))
  const values = net.mem.f32(net.input.value, C * count * H * W)
  const at = (n: number, c: number, i: number, j: number) => values[((c * count + n) * H + i) * W + j]
  const list = <T>(n: number, make: (k: number) => T) => Array.from({ length: n }, (_, k) => make(k))
  return list(count, (n) => list(C, (c) => list(H, (i) => list(W, (j) => at(n, c, i, j)))))
}

const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)
const mirrored = (image: number[][][]) => image.map((plane) => plane.map((row) => [...row].reverse()))

describe('augmentation', () => {
  it('changes nothing when all is off', async () => {
    const images = await load({})
    images.forEach((image, n) => {
      image.flat(2).forEach((v, k) => {
        expect(v).toBe(Math.fround(data.images[n * C * H * W + k] * Math.fround(1 / 255)))
      })
    })
  })

  it('is determined by the seed', async () => {
    const all = { shift: 2, rotate: 10, scale: 0.1, shear: 0.1, flip: true, cutout: 3, contrast: 0.2, brightness: 0.1 }
    expect(await load(all)).toEqual(await load(all))
    expect(await load(all, { seed: 2 })).not.toEqual(await load(all))
  })

  it('flips about half of the images, and leaves the others', async () => {
    const before = await load({})
    const after = await load({ flip: true })
    const flipped = after.map((image, n) => {
      expect(same(image, before[n]) || same(image, mirrored(before[n]))).toBe(true)
      return same(image, mirrored(before[n]))
    })
    const count = flipped.filter((f) => f).length
    expect(count).toBeGreaterThan(3)
    expect(count).toBeLessThan(17)
  })

  it('flips rotated images about their centre column', () => {
    const options = augmentation({ rotate: 30, shear: 0.2, shift: 3 })
    const [straight, mirroredMap] = [new Float32Array(6), new Float32Array(6)]
    for (let seed = 0; seed < 20; seed++) {
      drawMap(new Rng(seed), options, H, W, straight)
      drawMap(new Rng(seed), { ...options, flip: true }, H, W, mirroredMap)
      const at = (m: Float32Array, i: number, j: number) => [m[0] * i + m[1] * j + m[2], m[3] * i + m[4] * j + m[5]]
      for (const [i, j] of [
        [0, 0],
        [2, 5],
      ]) {
        const got = at(mirroredMap, i, j)
        const wanted = [at(straight, i, j), at(straight, i, W - 1 - j)]
        expect(wanted.some((w) => Math.hypot(w[0] - got[0], w[1] - got[1]) < 1e-5)).toBe(true)
      }
    }
  })

  it('cuts one square of the wanted side, clipped by the border, out of all channels', async () => {
    const before = await load({})
    const after = await load({ cutout: 3 })
    const sizes = new Set<number>()
    after.forEach((image, n) => {
      const cut: [number, number][] = []
      for (let i = 0; i < H; i++) {
        for (let j = 0; j < W; j++) {
          const zeros = image.filter((plane) => plane[i][j] === 0).length
          expect(zeros === 0 || zeros === C).toBe(true)
          if (zeros === C) cut.push([i, j])
          else for (let c = 0; c < C; c++) expect(image[c][i][j]).toBe(before[n][c][i][j])
        }
      }
      const rows = new Set(cut.map(([i]) => i)).size
      const columns = new Set(cut.map(([, j]) => j)).size
      expect(cut).toHaveLength(rows * columns)
      sizes.add(rows).add(columns)
    })
    expect([...sizes].sort()).toEqual([2, 3])
  })

  it('cuts around every pixel of the image alike', () => {
    const seen = new Uint32Array(H * W)
    const draws = new Rng(1)
    for (let k = 0; k < 35_000; k++) {
      const { top, left, bottom, right } = drawHole(draws, 1, H, W)
      expect([bottom - top, right - left]).toEqual([1, 1])
      seen[top * W + left]++
    }
    for (const count of seen) expect(Math.abs(count - 1000)).toBeLessThan(160)
  })

  it('fills with the mean colour of normalised images: 0, as convolutions pad', async () => {
    const shifted = (await load({ shift: 4 }, { graph: normalised })).flat(3)
    const cut = (await load({ cutout: 3 }, { graph: normalised })).flat(3)
    for (const values of [shifted, cut]) expect(values.filter((v) => v === 0).length).toBeGreaterThan(20)
    const turned = (await load({ rotate: 40 }, { graph: normalised })).flat(3)
    expect(Math.max(...turned.map(Math.abs))).toBeLessThanOrEqual(Math.fround(255 * 0.03 - 2) + 1e-6)
  })

  it('changes contrast and brightness of whole images', async () => {
    const before = await load({}, { graph: normalised })
    const after = await load({ contrast: 0.5, brightness: 0.25 }, { graph: normalised })
    const [scale, offset] = [
      [0.02, 0.03],
      [-1.5, -2],
    ]
    const raw = (v: number, c: number) => (v - offset[c]) / scale[c]
    const drawn = after.map((image, n) => {
      // Raw values of both channels lie on one line.
      const x = before[n].flatMap((plane, c) => plane.flat().map((v) => raw(v, c)))
      const y = image.flatMap((plane, c) => plane.flat().map((v) => raw(v, c)))
      const least = x.indexOf(Math.min(...x))
      const most = x.indexOf(Math.max(...x))
      const contrast = (y[most] - y[least]) / (x[most] - x[least])
      const brightness = (y[least] - 127.5 - (x[least] - 127.5) * contrast) / 255
      x.forEach((v, k) => {
        expect(y[k]).toBeCloseTo((v - 127.5) * contrast + 127.5 + 255 * brightness, 2)
      })
      return { contrast, brightness }
    })
    expect(Math.min(...drawn.map((d) => d.contrast))).toBeGreaterThan(0.5 - 1e-4)
    expect(Math.max(...drawn.map((d) => d.contrast))).toBeLessThan(1.5 + 1e-4)
    expect(Math.max(...drawn.map((d) => Math.abs(d.brightness)))).toBeLessThan(0.25 + 1e-4)
    expect(new Set(drawn.map((d) => d.contrast.toFixed(3))).size).toBeGreaterThan(15)
  })

  it('draws nothing for what is off', () => {
    const state = (options: Augmentation) => {
      const draws = new Rng(9)
      const a = augmentation(options)
      drawMap(draws, a, H, W, new Float32Array(6))
      drawColour(draws, a, new Float32Array(4), new Float32Array(4))
      return draws.state
    }
    const shifted = new Rng(9)
    shifted.below(5)
    shifted.below(5)
    expect(state({})).toEqual(new Rng(9).state)
    expect(state({ shift: 2 })).toEqual(shifted.state)
    shifted.below(2)
    expect(state({ shift: 2, flip: true })).toEqual(shifted.state)
  })

  it('refuses values outside of their ranges', () => {
    const cases: [Augmentation, RegExp][] = [
      [{ shift: 33 }, /augment\.shift must be a whole number from 0 to 32, got 33/],
      [{ cutout: 1.5 }, /augment\.cutout must be a whole number from 0 to 512, got 1\.5/],
      [{ contrast: -1 }, /augment\.contrast/],
      [{ brightness: Number.NaN }, /augment\.brightness/],
      [{ flip: 1 as unknown as boolean }, /augment\.flip must be true or false, got 1/],
    ]
    for (const [options, message] of cases) expect(() => augmentation(options)).toThrow(message)
  })
})
