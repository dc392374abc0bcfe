/** Data sets on the command line: a folder of images by class, trained on, changed, normalised and run. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { decodeJpeg } from '../../src/cli/vendor.js'
import { decodeModel } from '../../src/format.js'
import { Rng } from '../../src/rng.js'
import { encodePng, JPEG } from '../train/data/encode.js'
import { cli } from './run-cli.js'

let work: string
beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'whitedwarf-cli-data-'))
  const rng = new Rng(1)
  // Class 'dark' is dark and 'red' red, with noise.
  for (const [name, base] of [
    ['dark', [30, 30, 30]],
    ['red', [220, 60, 60]],
  ] as const) {
    mkdirSync(join(work, 'images', name), { recursive: true })
    for (let i = 0; i < 40; i++) {
      const samples = Array.from({ length: 12 * 10 * 3 }, (_, k) => base[k % 3] + rng.below(30))
      writeFileSync(join(work, 'images', name, `${i}.png`), encodePng({ width: 12, height: 10, colour: 2, samples }))
    }
  }
})
afterAll(() => rmSync(work, { recursive: true, force: true }))

const train = (...more: string[]) =>
  cli([
    'train',
    ...['--data', join(work, 'images'), '--out', join(work, 'm.wd'), '--arch', 'lenet:8', '--epochs', '12'],
    ...['--batch', '16', '--density', '0.5', '--json', ...more],
  ])

describe('a folder of images by class', () => {
  it('is trained on and run, resized, changed and normalised', () => {
    const { status, stdout, stderr } = train(
      ...['--resize', '8', '--hold-out', '0.25', '--flip', '--cutout', '2', '--shift', '1', '--normalise'],
    )
    expect([status, stderr]).toEqual([0, ''])
    expect(JSON.parse(stdout).accuracy).toBeGreaterThan(0.9)
    const [input] = decodeModel(readFileSync(join(work, 'm.wd'))).graph.inputs
    expect(input.shape).toEqual([3, 8, 8])
    // The darker channels have the smaller means: offsets are -mean / std.
    expect(input.scale).toHaveLength(3)
    expect(input.offset.every((v) => v < 0)).toBe(true)
    const run = cli(['run', join(work, 'm.wd'), '--data', join(work, 'images'), '--resize', '8', '--json'])
    expect(run.status).toBe(0)
    expect(JSON.parse(run.stdout)).toMatchObject({ images: 8 })
  })

  it('gives models that classify single PNG images of their size', () => {
    const classify = (name: string, png: Uint8Array) => {
      writeFileSync(join(work, name), png)
      return cli(['run', join(work, 'm.wd'), join(work, name), '--fit', 'none', '--json'])
    }
    const colour = (pixel: readonly number[], side: number) =>
      encodePng({
        width: side,
        height: side,
        colour: 2,
        samples: Array.from({ length: side * side }, () => pixel).flat(),
      })
    const answer = (name: string, png: Uint8Array) => JSON.parse(classify(name, png).stdout).results[0].top[0].class
    expect(answer('red.png', colour([235, 75, 75], 8))).toBe(1)
    expect(answer('dark.png', colour([45, 45, 45], 8))).toBe(0)
    // Grey serves for three equal channels.
    expect(answer('grey.png', encodePng({ width: 8, height: 8, colour: 0, samples: new Array(64).fill(45) }))).toBe(0)
    expect(JSON.parse(classify('large.png', colour([1, 2, 3], 9)).stdout).error).toEqual({
      code: 'E_SHAPE',
      message: expect.stringMatching(/large\.png has 9 x 9 pixels, the model takes 8 x 8/),
    })
  })

  it('may hold JPEG images', () => {
    writeFileSync(join(work, 'images', 'red', '40.jpg'), JPEG)
    const { status, stderr } = train('--resize', '8', '--epochs', '1')
    expect([status, stderr]).toEqual([0, ''])
    writeFileSync(join(work, 'images', 'red', '40.jpg'), JPEG.subarray(0, 300))
    expect(JSON.parse(train('--resize', '8').stdout).error).toEqual({
      code: 'E_FORMAT',
      message: expect.stringMatching(/40\.jpg: damaged JPEG image/),
    })
    rmSync(join(work, 'images', 'red', '40.jpg'))
  })

  it('is refused with what is wrong', () => {
    const refused = (code: string, message: RegExp, ...more: string[]) => {
      const { status, stdout } = train(...more)
      expect(status).toBe(code === 'E_OPTION' ? 2 : 1)
      expect(JSON.parse(stdout).error).toEqual({ code, message: expect.stringMatching(message) })
    }
    refused('E_OPTION', /--resize must be a whole number from 1 to 4096/, '--resize', '0')
    refused('E_OPTION', /--layout must be one of hwc, chw/, '--layout', 'nhwc')
    refused('E_OPTION', /the option layout is not for data of this form/, '--layout', 'hwc')
    refused('E_OPTION', /--cutout must be/, '--cutout', 'x')
    writeFileSync(join(work, 'images', 'red', 'notes.txt'), 'notes')
    refused('E_DATA', /notes\.txt: neither a PNG nor a JPEG image/)
  })
})

describe('decodeJpeg', () => {
  it('gives the pixels that Pillow started from, but for the loss', () => {
    const { width, height, channels, data } = decodeJpeg(JPEG)
    expect([width, height, channels, data.length]).toEqual([16, 16, 3, 768])
    for (let i = 0; i < 256; i++) {
      const wanted = i % 16 < 8 ? [200, 30, 60] : [20, 180, 240]
      for (let c = 0; c < 3; c++) expect(Math.abs(data[3 * i + c] - wanted[c])).toBeLessThanOrEqual(3)
    }
  })
})
