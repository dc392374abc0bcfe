/** whitedwarf storage: figures, plots, and what it refuses. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { barChart, textBar } from '../../src/cli/bars.js'
import { cli, expectError } from './run-cli.js'

interface Row {
  readonly format: string
  readonly bits: number
  readonly index?: number
  readonly ofPattern?: number
}

let work: string
beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'whitedwarf-storage-'))
})
afterAll(() => rmSync(work, { recursive: true, force: true }))

const storage = (...args: string[]) => {
  const { status, stdout, stderr } = cli(['storage', ...args, '--json'])
  expect([status, stderr]).toEqual([0, ''])
  const result = JSON.parse(stdout)
  return { ...result, row: (format: string) => result.rows.find((r: Row) => r.format === format) as Row }
}

describe('whitedwarf storage', () => {
  it('has the table of VGG-16 with 4 of 9 taps', () => {
    const { row, weights, nonZeros } = storage('vgg16', '--layers', 'conv')
    expect([weights, nonZeros]).toEqual([14_710_464, 6_537_984])
    const ratios = ['dense', 'bitmask', 'pattern-id', 'in-kernel', 'csc', 'csr', 'csr16', 'coo'].map((f) =>
      row(f).ofPattern?.toFixed(2),
    )
    expect(ratios).toEqual(['2.25', '1.28', '1.09', '1.50', '2.12', '2.60', '3.00', '3.70'])
    const { stdout } = cli(['storage', 'vgg16', '--layers', 'conv'])
    expect(stdout).toMatch(/^ {2}format +KiB +index KiB +kept +of dense +of PS4_P8$/m)
    expect(stdout).toMatch(/^ {2}COO +23637\.9 +17253\.1 +44\.4 % +1\.645 +3\.70 +█{24}$/m)
    expect(stdout).toMatch(/^ {2}PS4_P8 \* +6385\.0 +0\.203 +44\.4 % +0\.444 +1\.00 +█+.?$/m)
  })

  it('takes a density, bits, layers that stay dense, and patterns beside', () => {
    const args = [
      'resnet18',
      '--density',
      '0.25',
      '--bits',
      '4',
      '--dense',
      'first,last',
      '--beside',
      '1:4 hcgs:64/2,16/2',
    ]
    const { row, rows, weights, nonZeros } = storage(...args)
    const ends = 3 * 64 * 9 + 5120
    expect(nonZeros).toBe((weights - ends) / 4 + ends)
    expect(row('dense').bits).toBe(4 * weights)
    expect(row('1:4').index).toBe(2 * ((weights - ends) / 4))
    expect(rows.map((r: Row) => r.format).slice(-2)).toEqual(['1:4', 'hcgs:64/2,16/2'])
    expect(row('dense').ofPattern).toBeUndefined()
  })

  it('keeps 1 x 1 and depthwise layers dense when told so', () => {
    const none = storage('mobilenetv1', '--density', '0.5', '--dense', 'pointwise,depthwise,first,last')
    expect(none.nonZeros).toBe(none.weights)
    expect(none.sparseLayers).toBe(0)
    expect(new Set(none.rows.map((r: Row) => r.bits)).size).toBe(1)
  })

  it('reads model files, and compares with the file itself', () => {
    const { row, nonZeros } = storage('models/mnist-lenet.wd')
    expect(row('file').bits).toBeLessThan(row('bitmask').bits)
    expect(row('file').bits).toBeLessThan(1.05 * row('entropy').bits)
    const { rows } = JSON.parse(cli(['inspect', 'models/mnist-lenet.wd', '--json']).stdout) as { rows?: unknown }
    expect(rows).toBeUndefined()
    expect(nonZeros).toBe(JSON.parse(cli(['inspect', 'models/mnist-lenet.wd', '--json']).stdout).nonZeros)
  })

  it('reads ONNX files', () => {
    const onnx = join(work, 'lenet.onnx')
    const made = cli(['convert', 'models/mnist-lenet.wd', '--out', onnx])
    expect([made.status, made.stderr]).toEqual([0, ''])
    expect(storage(onnx).nonZeros).toBe(storage('models/mnist-lenet.wd').nonZeros)
  })

  it('draws bars', () => {
    const svg = join(work, 'bars.svg')
    storage('vgg16', '--plot', svg)
    const text = readFileSync(svg, 'utf8')
    expect(text).toMatch(/^<svg .*role="img"/)
    expect(text).toMatch(/<title id="title">Weights of vgg16, PS4_P8<\/title>/)
    expect(text).toContain('>COO<')
    expect(text.match(/<rect class="d0"/g)?.length).toBeGreaterThan(10)
    expect(text).not.toContain('coded as one')
    storage('models/mnist-mlp.wd', '--plot', svg)
    expect(readFileSync(svg, 'utf8')).toContain('coded as one')
  })
})

describe('what it refuses', () => {
  it.each([
    [[], /which weights\?/],
    [['vgg17'], /the network must be one of .*did you mean 'vgg1/],
    [['vgg16', '--pattern', '3x4'], /a pattern is called like/],
    [['vgg16', '--pattern', '2:4', '--density', '0.5'], /either --pattern or --density/],
    [['vgg16', '--density', '0'], /density must be a number above 0/],
    [['vgg16', '--density', '2'], /--density must be a number from 0 to 1/],
    [['vgg16', '--bits', '0'], /--bits must be a whole number from 1 to 32/],
    [['vgg16', '--dense', 'middle'], /--dense takes first, last, pointwise, depthwise, got 'middle'/],
    [['vgg16', '--layers', 'some'], /--layers must be one of all, conv/],
    [['vgg16', '--beside', 'x'], /a pattern is called like/],
    [['mlp:10', '--pattern', 'PS4_P4'], /--pattern PS4_P4 fits no layer of mlp:10/],
    [['models/mnist-lenet.wd', '--density', '0.5'], /--density is for networks by name/],
    [['models/mnist-lenet.wd', '--pattern', '1:256'], /no layer of models\/mnist-lenet.wd keeps to --pattern 1:256/],
  ] as [string[], RegExp][])('%j', (args, message) => {
    expectError(cli(['storage', ...args]), 2, 'E_OPTION', message)
  })

  it('files that are missing or damaged', () => {
    expectError(cli(['storage', join(work, 'none.wd')]), 1, 'E_IO', /no such file/)
    const bad = join(work, 'bad.wd')
    writeFileSync(bad, 'not a model')
    expectError(cli(['storage', bad]), 1, 'E_FORMAT', /./)
    expectError(cli(['storage', 'vgg16', '--plot', join(work, 'none', 'x.svg')]), 1, 'E_IO', /picture/)
  })
})

describe('bars', () => {
  it('are as long as their values, to an eighth of a character', () => {
    expect(textBar(8, 8, 3)).toBe('███')
    expect(textBar(4, 8, 3)).toBe('█▌')
    expect(textBar(0, 8, 3)).toBe('')
    expect(textBar(0, 0, 3)).toBe('')
  })

  it('stack their parts, with every name escaped', () => {
    const svg = barChart({
      title: 'a < b',
      description: '',
      parts: ['values', 'index'],
      bars: [
        { name: 'x & y', parts: [300, 100], label: '400' },
        { name: 'z', parts: [0, 0, 100], label: '100' },
      ],
    })
    const widths = [...svg.matchAll(/<rect class="d(\d)" [^>]*width="([\d.]+)" height="17"/g)].map(([, d, w]) => [
      d,
      Number(w),
    ])
    expect(widths).toEqual([
      ['0', 300],
      ['1', 100],
      ['2', 100],
    ])
    expect(svg).toContain('a &lt; b')
    expect(svg).toContain('x &amp; y')
  })
})
