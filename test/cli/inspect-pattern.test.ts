/** Masks drawn: the picture's pixels, the characters of the terminal, the SVG file, and the command. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { COLOURS, GAP, type MaskPicture, maskPicture, OWNED, ZERO } from '../../src/cli/mask-picture.js'
import { maskSvg } from '../../src/cli/mask-svg.js'
import { maskText } from '../../src/cli/mask-text.js'
import { decodeModel, encodeModel } from '../../src/format.js'
import type { Model } from '../../src/graph/model.js'
import { parsePattern, project } from '../../src/patterns.js'
import { Rng } from '../../src/rng.js'
import { seededModel } from '../browser/model.js'
import { cli, expectError } from './run-cli.js'

const LARGE = { width: 1000, height: 1000 }

/** The picture with a character for each pixel: blank, '.', or the number of the colour. */
const rows = ({ width, height, pixels }: MaskPicture): string[] =>
  Array.from({ length: height }, (_, y) =>
    Array.from(pixels.subarray(y * width, (y + 1) * width), (p) =>
      p === GAP ? ' ' : p === ZERO ? '.' : (p - OWNED).toString(16),
    ).join(''),
  )

describe('a picture', () => {
  it('has a pixel for each weight, and gaps between kernels', () => {
    const pattern = parsePattern('PS4_P4')
    const picture = maskPicture(project(pattern, [2, 2, 3, 3], []), [2, 2, 3, 3], pattern, LARGE)
    expect(rows(picture)).toEqual(['00. .11', '00. .11', '... ...', '       ', '.11 ...', '.11 22.', '... 22.'])
    expect(picture.legend).toEqual(['set 1', 'set 2', 'set 3', 'set 4'])
    expect(picture.note).toBe('2 filters down, 2 inputs across')
  })

  it('colours the owners of groups, filters in the order of their groups', () => {
    const pattern = { kind: 'groups', axis: 'out', of: 2, keep: 1, order: [2, 0, 3, 1] } as const
    const mask = Uint8Array.of(1, 0, 0, 1, 0, 1, 1, 0)
    const picture = maskPicture(mask, [4, 2], pattern, LARGE)
    expect(rows(picture)).toEqual(['.0', '1.', '0.', '.1'])
    expect(picture.note).toContain('filters in the order of their groups')
    expect(picture.legend).toEqual(['filter 1', 'filter 2'])
    const nm = parsePattern('2:4')
    expect(rows(maskPicture(Uint8Array.of(0, 1, 0, 1, 1, 1, 0, 0), [1, 8], nm, LARGE))).toEqual(['.1.301..'])
    const segments = parsePattern('segments:2')
    expect(rows(maskPicture(Uint8Array.of(1, 0, 0, 1), [1, 4], segments, LARGE))).toEqual(['0..1'])
  })

  it('shows the first whole kernels and groups of what does not fit', () => {
    const pattern = parsePattern('complementary:4')
    const shape = [64, 100, 3, 3]
    const picture = maskPicture(new Uint8Array(64 * 900).fill(1), shape, pattern, { width: 80, height: 48 })
    // (80 + 1) / 4 kernels across; of 12 filters down all are whole groups, of 11 only 8.
    expect([picture.width, picture.height]).toEqual([79, 47])
    expect(picture.note).toBe('the first 12 of 64 filters down, the first 20 of 100 inputs across')
    expect(maskPicture(new Uint8Array(64 * 900), shape, pattern, { width: 80, height: 44 }).height).toBe(8 * 4 - 1)
    const tiny = maskPicture(new Uint8Array(64 * 900), shape, pattern, { width: 1, height: 1 })
    expect([tiny.width, tiny.height]).toEqual([3, 3])
  })

  it('scales blocks to fit', () => {
    const pattern = parsePattern('cgs:16/2')
    const mask = project(pattern, [64, 64], [])
    const picture = maskPicture(mask, [64, 64], pattern, { width: 4, height: 4 })
    const expected = [0, 16, 32, 48].map((y) => [0, 16, 32, 48].map((x) => (mask[y * 64 + x] ? '0' : '.')).join(''))
    expect(rows(picture)).toEqual(expected)
    expect(picture.note).toBe('64 filters down, 64 inputs across, 16 x 16 in one')
    // 5 would fit, but edges of blocks would fall within pixels.
    const eight = maskPicture(mask, [64, 64], pattern, { width: 13, height: 13 })
    expect([eight.width, eight.height]).toEqual([8, 8])
    expect(maskPicture(mask, [64, 64], pattern, { width: 3, height: 3 }).width).toBe(2)
  })

  it('of any levels has one colour', () => {
    const picture = maskPicture(Int8Array.of(0, -3, 1, 0), [2, 2], undefined, LARGE)
    expect(rows(picture)).toEqual(['.0', '0.'])
    expect(picture.legend).toEqual([])
  })
})

const picture: MaskPicture = {
  width: 3,
  height: 3,
  pixels: Uint8Array.of(2, 1, 0, 3, 2, 0, 2, 1, 0),
  note: 'all <of> it',
  legend: ['filter 1', 'filter 2'],
}

describe('in the terminal', () => {
  it('two pixels share a character', () => {
    expect(maskText(picture, false)).toBe('█▄\n▀·')
  })

  it('colours tell owners apart, and zeros from gaps', () => {
    const [first, second, legend] = maskText(picture, true).split(/\n+/)
    expect(first).toBe('\u001b[38;5;67m\u001b[48;5;204m▀\u001b[38;5;236m\u001b[48;5;67m▀\u001b[0m \u001b[0m')
    expect(second).toBe('\u001b[0m\u001b[38;5;67m▀\u001b[0m\u001b[38;5;236m▀\u001b[0m \u001b[0m')
    expect(legend).toBe('\u001b[38;5;67m█\u001b[0m filter 1  \u001b[38;5;204m█\u001b[0m filter 2')
  })
})

/** Paints the paths of an SVG document again. */
function repaint(svg: string): string[] {
  const grid = Array.from({ length: 3 }, () => ['?', '?', '?'])
  for (const [, paint, path] of svg.matchAll(/<path (\S+) d="([^"]*)"/g)) {
    const colour = paint === 'class="zero"' ? '.' : String(COLOURS.findIndex((c) => paint.includes(c)))
    for (const [, x, y, w, h] of path.matchAll(/M(\d+) (\d+)h(\d+)v(\d+)h-\d+z/g)) {
      for (let r = Number(y); r < Number(y) + Number(h); r++) {
        for (let c = Number(x); c < Number(x) + Number(w); c++) {
          expect(grid[r][c]).toBe('?')
          grid[r][c] = colour
        }
      }
    }
  }
  return grid.map((row) => row.join(''))
}

describe('as SVG', () => {
  const svg = maskSvg(picture, { title: 'a & b', subtitle: 'c < d' })

  it('has each pixel once, in its colour', () => {
    expect(repaint(svg)).toEqual(['0.?', '10?', '0.?'])
  })

  it('joins equal neighbours to rectangles', () => {
    const square: MaskPicture = { width: 3, height: 2, pixels: Uint8Array.of(2, 2, 1, 2, 2, 1), note: '', legend: [] }
    const text = maskSvg(square, { title: '', subtitle: '' })
    expect([...text.matchAll(/ d="([^"]*)"/g)].map(([, d]) => d)).toEqual(['M2 0h1v2h-1z', 'M0 0h2v2h-2z'])
  })

  it('has a title, a legend and escaped texts', () => {
    expect(svg).toContain('<title id="title">a &amp; b</title>')
    expect(svg).toContain('c &lt; d. Drawn: all &lt;of&gt; it.')
    for (const name of ['filter 1', 'filter 2', 'zero']) expect(svg).toContain(`>${name}</text>`)
    expect(svg.startsWith('<svg xmlns="http://www.w3.org/2000/svg"')).toBe(true)
    expect(svg.endsWith('</svg>\n')).toBe(true)
  })
})

describe('whitedwarf inspect --pattern', () => {
  let work: string
  let model: string
  beforeAll(() => {
    work = mkdtempSync(join(tmpdir(), 'whitedwarf-pattern-'))
    model = join(work, 'model.wd')
    const random = decodeModel(seededModel())
    // The second convolution keeps to 2:4, the others to nothing.
    const { conv2 } = random.tensors
    const mask = project(parsePattern('2:4'), conv2.shape, conv2.levels)
    const levels = conv2.levels.map((level, i) => level * mask[i])
    const changed: Model = { ...random, tensors: { ...random.tensors, conv2: { ...conv2, levels } } }
    writeFileSync(model, encodeModel(changed))
  })
  afterAll(() => rmSync(work, { recursive: true }))

  it('draws a pattern by name', () => {
    const { stdout, stderr, status } = cli(['inspect', '--pattern', 'PS4_P4', '--shape', '4x4x3x3'])
    expect([stderr, status]).toEqual(['', 0])
    expect(stdout.split('\n')).toEqual([
      'PS4_P4, its mask',
      '4 x 4 x 3 x 3: 64 of 144 weights kept (44.44 %)',
      'PS4_P4 allows 64 (44.44 %); 64 bits of index, 1.0 for each',
      '4 filters down, 4 inputs across',
      '',
      '██· ·██ ▄▄· ·▄▄',
      '··· ··· ▀▀· ·▀▀',
      '·██ ▄▄· ·▄▄ ██·',
      '··· ▀▀· ·▀▀ ···',
      '▄▄· ·▄▄ ██· ·██',
      '▀▀· ·▀▀ ··· ···',
      '·▄▄ ██· ·██ ▄▄·',
      '·▀▀ ··· ··· ▀▀·',
      '',
    ])
  })

  it.each([
    ['complementary:4', [8, 16, 3, 3], 0.25],
    ['complementary:16', [32, 16, 3, 3], 1 / 16],
    ['2:4', [8, 16, 3, 3], 0.5],
    ['segments:4', [8, 16, 3, 3], 0.25],
    ['cgs:16/8', [256, 256], 1 / 8],
    ['hcgs:64/4,16/4', [512, 512], 1 / 16],
    ['PSD2_P8', [8, 16, 3, 3], 23 / 72],
  ])('%s: weights that show it, and figures as JSON', (name, shape, density) => {
    const { stdout, status } = cli(['inspect', name, '--pattern', '--json'])
    expect(status).toBe(0)
    const report = JSON.parse(stdout)
    expect(report).toMatchObject({ pattern: name, shape })
    expect(report.density).toBeCloseTo(density, 12)
    expect(report.allowed).toBe(report.nonZeros)
    const drawn = cli(['inspect', name, '--pattern']).stdout.split('\n')
    expect(drawn.every((line) => line.length <= 120)).toBe(true)
    expect(drawn.length).toBeLessThan(40)
  })

  it('draws a layer of a file, and finds what it keeps to', () => {
    const report = JSON.parse(cli(['inspect', model, '--pattern', '--layer', 'conv2', '--json']).stdout)
    expect(report).toMatchObject({ source: 'layer conv2', shape: [16, 8, 3, 3], pattern: '2:4' })
    expect(report.keepsTo).toContain('2:4')
    expect(report.keepsTo).not.toContain('1:4')
    const first = cli(['inspect', model, '--pattern']).stdout
    expect(first).toContain('layer conv1')
    expect(first).toMatch(/8 x 1 x 5 x 5: \d+ of 200 weights not zero/)
    expect(first).toContain('keeps to none of the known patterns')
  })

  it('writes an SVG file', () => {
    const svg = join(work, 'mask.svg')
    const { stdout, status } = cli(['inspect', model, '--pattern', '--layer', 'conv2', '--svg', svg])
    expect(status).toBe(0)
    expect(stdout).toContain(`drawn in ${svg}`)
    expect(readFileSync(svg, 'utf8')).toContain('layer conv2</title>')
  })

  it.each<[string[], number, string, RegExp]>([
    [['--pattern'], 2, 'E_OPTION', /which pattern\? Give the path of a .wd file, or a name/],
    [['--pattern', 'complementary'], 2, 'E_OPTION', /a pattern is called like '2:4'/],
    [['--pattern', '2:4', 'x'], 2, 'E_OPTION', /unexpected argument 'x'/],
    [['--pattern', 'net.onnx'], 2, 'E_OPTION', /--pattern is for .wd files and names of patterns/],
    [['--pattern', 'none.wd'], 1, 'E_IO', /cannot read model 'none.wd'/],
    [['--pattern', '2:4', '--shape', '8'], 2, 'E_OPTION', /--shape must be like 8x16x3x3/],
    [['--pattern', '2:4', '--shape', '8x0'], 2, 'E_OPTION', /--shape/],
    [['--pattern', '2:4', '--shape', '99999x99999'], 2, 'E_OPTION', /--shape/],
    [['--pattern', '2:4', '--shape', '8x3'], 1, 'E_SHAPE', /2:4 does not fit weights 8 x 3: groups of 4/],
    [['--pattern', 'PS4_P4', '--shape', '8x3x5x5'], 1, 'E_SHAPE', /it is for 3 x 3 kernels/],
    [['--pattern', '2:4', '--layer', 'a'], 2, 'E_OPTION', /--layer is for files/],
    [['--pattern', '2:4', '--svg', '/nowhere/a.svg'], 1, 'E_IO', /cannot write drawing/],
    [['a.wd', '--svg', 'a.svg'], 2, 'E_OPTION', /--svg is for --pattern/],
    [['a.wd', '--layer', 'a'], 2, 'E_OPTION', /--layer is for --pattern/],
    [['a.wd', '--shape', '1x1'], 2, 'E_OPTION', /--shape is for --pattern/],
  ])('inspect %j fails', (args, status, code, message) => {
    expectError(cli(['inspect', ...args]), status, code, message)
  })

  it('has a line for each layer of a file that names its pattern, and whether it is coded by it', () => {
    const plain = cli(['inspect', model])
    expect(plain.status).toBe(0)
    expect(plain.stdout).not.toContain('keeps to pattern')
    const named = decodeModel(readFileSync(model))
    const pattern = parsePattern('2:4')
    const { conv2 } = named.tensors
    const rng = new Rng(1)
    const random = Float32Array.from(conv2.levels, () => rng.normal())
    const mask = project(pattern, conv2.shape, random)
    const full = conv2.levels.map((_, i) => mask[i] * Math.sign(random[i]))
    const sparse = full.map((level, i) => (i % 97 === 0 ? level : 0))
    for (const [levels, line, packed] of [
      [full, '  conv2 keeps to pattern 2:4, which its coding uses', true],
      [sparse, '  conv2 keeps to pattern 2:4', false],
    ] as const) {
      const path = join(work, `packed-${packed}.wd`)
      writeFileSync(
        path,
        encodeModel({ ...named, tensors: { ...named.tensors, conv2: { ...conv2, levels, pattern } } }),
      )
      const { stdout, status } = cli(['inspect', path])
      expect(status).toBe(0)
      expect(stdout.split('\n').filter((l) => l.includes('keeps to pattern'))).toEqual([line])
      const { tensors } = JSON.parse(cli(['inspect', path, '--json']).stdout)
      const reported = tensors.filter((t: { pattern?: string }) => t.pattern !== undefined)
      expect(reported).toMatchObject([{ name: 'conv2', pattern: '2:4', packed }])
      const drawn = cli(['inspect', path, '--pattern', '--layer', 'conv2']).stdout
      expect(drawn).toMatch(/^2:4 allows 576 \(50\.00 %\); 1,?152 bits of index, 2\.0 for each$/m)
      expectError(
        cli(['inspect', path, '--pattern', '--layer', 'fc9']),
        2,
        'E_OPTION',
        /no layer 'fc9'.*Layers: conv1, conv2/,
      )
    }
  })

  it('errors of files', () => {
    expectError(
      cli(['inspect', model, '--pattern', '--layer', 'conv3']),
      2,
      'E_OPTION',
      /no layer 'conv3', did you mean 'conv[12]'\?/,
    )
    expectError(
      cli(['inspect', model, '--pattern', '--shape', '8x8']),
      2,
      'E_OPTION',
      /--shape is for patterns by name/,
    )
    const svg = join(work, 'never.svg')
    expect(cli(['inspect', '--pattern', '9:4', '--svg', svg]).status).toBe(2)
    expect(existsSync(svg)).toBe(false)
  })
})
