/** The command line as users meet it, above all where something is wrong. */
import { spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { decodeModel } from '../../src/format.js'
import { Rng } from '../../src/rng.js'
import { seededModel } from '../browser/model.js'
import { idx, writeDataFolder } from './data-folder.js'
import { cli, expectError, main, root } from './run-cli.js'

let work: string
let model: string
const file = (name: string, content: string | Uint8Array): string => {
  const path = join(work, name)
  writeFileSync(path, content)
  return path
}

beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'whitedwarf-cli-'))
  model = file('model.wd', seededModel())
})
afterAll(() => rmSync(work, { recursive: true, force: true }))

const dataFolder = (name: string, train: number, test: number, labelsBelow = 10): string =>
  writeDataFolder(join(work, name), train, test, labelsBelow)

const NAMES = ['train', 'sweep', 'convert', 'run', 'bench', 'inspect', 'storage']

describe('help and version', () => {
  it('lists the commands', () => {
    const result = cli(['--help'])
    expect(result.status).toBe(0)
    for (const name of NAMES) expect(result.stdout).toMatch(new RegExp(`^  ${name} `, 'm'))
    expect(cli(['help']).stdout).toBe(result.stdout)
    expect(cli(['-h']).stdout).toBe(result.stdout)
  })

  it.each(NAMES)('%s --help shows usage, options and examples', (name) => {
    for (const flag of ['--help', '-h']) {
      const { status, stdout, stderr } = cli([name, flag])
      expect([status, stderr]).toEqual([0, ''])
      expect(stdout).toContain(`Usage: whitedwarf ${name}`)
      expect(stdout).toContain('Examples:')
      expect(stdout).toContain('--json')
      expect(stdout.split('\n').every((line) => line.length <= 120)).toBe(true)
      const options = [...stdout.matchAll(/^ {2}(?:-\w, )?(--[a-z0-9-]+)/gm)].map(([, option]) => option)
      expect(new Set(options).size).toBe(options.length)
    }
  })

  it('every example in the help texts uses options that exist', () => {
    for (const name of NAMES) {
      const { stdout } = cli([name, '--help'])
      const examples = stdout.slice(stdout.indexOf('Examples:'))
      for (const [option] of examples.matchAll(/--[a-z0-9-]+/g))
        expect(stdout).toMatch(new RegExp(`^  (-h, )?${option}\\b`, 'm'))
    }
  })

  it('prints the version of the package', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    expect(cli(['--version'])).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' })
  })
})

describe('wrong usage (exit code 2)', () => {
  it('no command: shows what there is', () => {
    const result = cli([])
    expect(result.status).toBe(2)
    expect(result.stdout).toContain('Commands:')
    expect(result.stderr).toBe('error E_OPTION: which command?\n')
  })

  it.each([
    [['trian'], /unknown command 'trian', did you mean 'train'\?/],
    [['run', '--presision', 'int8'], /unknown option '--presision', did you mean '--precision'\?/],
    [['inspect', '--out', 'x'], /unknown option '--out'/],
    [['inspect'], /which model\?/],
    [['inspect', 'a.wd', 'b.wd'], /unexpected argument 'b.wd'/],
    [['run', 'model.wd'], /either files to run the model on, or --data PATH/],
    [['run', 'model.wd', '--data', 'a', 'b'], /either files to run the model on, or --data PATH/],
    [['run', 'model.wd', 'a.png', '--pixels', 'unit'], /--pixels is for ONNX files/],
    [['run', 'model.wd', 'a.png', '--fit', 'zoom'], /--fit must be one of crop, stretch, none/],
    [['bench'], /which model\?/],
    [['bench', 'model.wd', '--precision', 'int9'], /--precision must be some of int8, fp8, f32/],
    [['bench', 'model.wd', '--precision', 'f32,f32'], /--precision must be some of/],
    [['run', '--precision'], /--precision/],
    [['train'], /--data is missing/],
    [['train', '--data', 'data/mnist'], /--out is missing/],
    [['train', '--data', 'data/mnist', '--out', 'm.wd'], /give --preset \(mnist-lenet, .*\) or --arch/],
    [
      ['train', '--data', 'd', '--out', 'm.wd', '--preset', 'mnist-lenett'],
      /--preset must be one of .* did you mean 'mnist-lenet'\?/,
    ],
    [['train', '--data', 'd', '--out', 'm.wd', '--preset', 'mnist-demo', '--epochs', '-3'], /--epochs/],
    [
      ['train', '--data', 'd', '--out', 'm.wd', '--preset', 'mnist-demo', '--epochs=0'],
      /--epochs must be a whole number from 1 to 10000, got '0'/,
    ],
    [['train', '--data', 'd', '--out', 'm.wd', '--preset', 'mnist-demo', '--density', '1.5'], /--density must be/],
    [
      ['train', '--data', 'd', '--out', 'm.wd', '--preset', 'mnist-demo', '--coats', '2'],
      /--coats must be one of 1, 3, 7/,
    ],
  ])('%j', (args, message) => {
    expectError(cli(args), 2, 'E_OPTION', message)
  })

  it('an impossible network', () => {
    for (const arch of ['vgg:3', 'lenet:', 'mlp:3,,4', 'mlp:0', 'lenet:8/x']) {
      const result = cli([
        'train',
        '--data',
        dataFolder('arch', 4, 2),
        '--out',
        join(work, 'arch.wd'),
        '--arch',
        arch,
        '--quiet',
      ])
      expectError(result, 2, 'E_OPTION', /--arch must be/)
    }
  })

  it('an unknown session option of the library', () => {
    const args = ['run', model, file('one.raw', new Uint8Array(784))]
    expectError(cli([...args, '--fp8', 'e9m9']), 2, 'E_OPTION', /e9m9/)
    expectError(cli([...args, '--batch', '257']), 2, 'E_OPTION', /--batch/)
    expectError(cli([...args, '--kernels', 'dense', '--precision', 'int8']), 2, 'E_OPTION', /dense/)
  })
})

describe('files that are missing or wrong (exit code 1)', () => {
  it.each(['run', 'inspect'])('%s: no such model', (name) => {
    const rest = name === 'run' ? ['--data', 'data/mnist'] : []
    expectError(cli([name, join(work, 'none.wd'), ...rest]), 1, 'E_IO', /no such file/)
    expectError(cli([name, work, ...rest]), 1, 'E_IO', /is a folder/)
  })

  it('no such data set, image or picture', () => {
    expectError(cli(['run', model, '--data', join(work, 'none')]), 1, 'E_IO', /none/)
    expectError(cli(['run', model, join(work, 'none.idx')]), 1, 'E_IO', /no such file/)
    expectError(
      cli(['train', '--data', join(work, 'none'), '--preset', 'mnist-demo', '--out', join(work, 'x.wd')]),
      1,
      'E_IO',
      /none/,
    )
  })

  it('a model that is empty, cut short, damaged, padded or something else', () => {
    const bytes = readFileSync(model)
    const rng = new Rng(11)
    const cases: [string, Uint8Array][] = [
      ['empty', new Uint8Array(0)],
      ['text', Buffer.from('<!DOCTYPE html><title>404</title>')],
      ['padded', Buffer.concat([bytes, new Uint8Array(5)])],
      ['zeros', new Uint8Array(5000)],
      ...[1, 3, 17, bytes.length >> 1, bytes.length - 1].map((n): [string, Uint8Array] => [
        `first ${n}`,
        bytes.subarray(0, n),
      ]),
      ...Array.from({ length: 12 }, (): [string, Uint8Array] => {
        const flipped = Uint8Array.from(bytes)
        const bit = rng.below(8 * bytes.length)
        flipped[bit >> 3] ^= 1 << (bit & 7)
        return [`bit ${bit}`, flipped]
      }),
    ]
    for (const [name, content] of cases) {
      const result = cli(['inspect', file('bad.wd', content)])
      expect([name, result.status]).toEqual([name, 1])
      expectError(result, 1, 'E_FORMAT', /./)
    }
    expectError(cli(['run', file('bad.wd', bytes.subarray(0, 40)), '--data', 'data/mnist']), 1, 'E_FORMAT', /./)
  })

  it('a file of two gigabytes is refused without reading it', () => {
    const path = file('large.wd', '')
    truncateSync(path, 2 ** 31)
    expectError(cli(['inspect', path]), 1, 'E_IO', /2147483648 bytes/)
    rmSync(path)
  })

  it('images of another shape', () => {
    const small = file('small.idx', idx([2, 27, 27], new Uint8Array(2 * 27 * 27)))
    expectError(cli(['run', model, small]), 1, 'E_SHAPE', /\[2, 27, 27\].*\[N, 1, 28, 28\]/)
    const transposed = file('transposed.idx', idx([1, 14, 56], new Uint8Array(784)))
    expectError(cli(['run', model, transposed]), 1, 'E_SHAPE', /\[1, 14, 56\]/)
    expectError(cli(['run', model, file('odd.raw', new Uint8Array(785))]), 1, 'E_SHAPE', /785 bytes.*multiple of 784/)
    expectError(cli(['run', model, file('none.raw', '')]), 1, 'E_SHAPE', /0 bytes/)
    expectError(cli(['run', model, file('cut.idx', idx([2, 28, 28], new Uint8Array(784)))]), 1, 'E_FORMAT', /truncated/)
    expectError(
      cli(['run', model, file('cut.gz', gzipSync(new Uint8Array(784)).subarray(0, 12))]),
      1,
      'E_FORMAT',
      /gzip/,
    )
  })

  it('pixels that are not numbers', () => {
    const pixels = new Float32Array(784).fill(1)
    pixels[5] = Number.NaN
    expectError(cli(['run', model, file('nan.f32', new Uint8Array(pixels.buffer))]), 1, 'E_DATA', /NaN/)
  })

  it('labels that are no classes', () => {
    const folder = dataFolder('labels', 4, 50, 200)
    expectError(cli(['run', model, '--data', folder, '--quiet']), 1, 'E_DATA', /label/)
  })
})

describe('train writes all or nothing', () => {
  const args = (out: string, ...more: string[]) => [
    'train',
    '--data',
    'data/mnist',
    '--preset',
    'mnist-demo',
    '--out',
    out,
    ...more,
  ]

  it('refuses an output that cannot be written before it reads any data', () => {
    const start = performance.now()
    expectError(cli(args(join(work, 'none', 'm.wd'))), 1, 'E_IO', /cannot write model .*no such file or folder/)
    expectError(cli(args(work)), 1, 'E_IO', /it is a folder/)
    expectError(cli(args(join(work, 'ok.wd'), '--svg', join(work, 'none', 'c.svg'))), 1, 'E_IO', /cannot write picture/)
    expectError(cli(args(join(work, 'ok.wd'), '--log', '/proc/none/l.jsonl')), 1, 'E_IO', /cannot write log/)
    expect(performance.now() - start).toBeLessThan(10_000)
    expect(existsSync(join(work, 'ok.wd'))).toBe(false)
  })

  it('leaves nothing behind when interrupted', async () => {
    const folder = join(work, 'interrupted')
    mkdirSync(folder)
    const child = spawn(process.execPath, [main, ...args(join(folder, 'm.wd'), '--epochs', '50')], { cwd: root })
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    const status = await new Promise((resolve) => {
      child.on('exit', resolve)
      setTimeout(() => child.kill('SIGINT'), 3000)
    })
    expect(status).toBe(130)
    expect(stderr.trimEnd().split('\n').pop()).toBe('error E_ABORTED: interrupted')
    expect(readdirSync(folder)).toEqual([])
  })
})

describe('options of the method', () => {
  it('reach the file: seeded signs, levels, density in each layer, bits of the constants', () => {
    const out = join(work, 'method.wd')
    const method = '--coats 7 --thresholds uniform --scope layer --signs 5 --density 0.4 --ramp 0.2 --shift 1 --bits 5'
    const rest = `--data data/mnist --arch lenet:4,8 --limit 1000 --epochs 1 --out ${out} --json`
    expect(cli(['train', ...method.split(' '), ...rest.split(' ')]).status).toBe(0)
    const model = decodeModel(readFileSync(out))
    for (const tensor of Object.values(model.tensors)) {
      expect(tensor).toMatchObject({ maxLevel: 7, signSeed: 5 })
      const nonZeros = tensor.levels.reduce((n, level) => n + (level === 0 ? 0 : 1), 0)
      expect(nonZeros / tensor.levels.length).toBeCloseTo(0.4, 2)
    }
    for (const { scale, bias } of Object.values(model.layers)) {
      expect([scale, bias]).toMatchObject([{ bits: 5 }, { bits: 5 }])
    }
  })
})

describe('a whole session: train, inspect, run', () => {
  it('works, with JSON for programs', () => {
    const folder = join(work, 'session')
    mkdirSync(folder)
    const [out, svg, log] = ['m.wd', 'c.svg', 'l.jsonl'].map((name) => join(folder, name))
    const trained = cli([
      'train',
      '--data',
      'data/mnist',
      '--arch',
      'mlp:32',
      '--density',
      '0.2',
      '--epochs',
      '2',
      '--limit',
      '4000',
      '--seed',
      '5',
      '--out',
      out,
      '--svg',
      svg,
      '--log',
      log,
      '--json',
    ])
    expect([trained.status, trained.stderr]).toEqual([0, ''])
    const report = JSON.parse(trained.stdout)
    expect(readdirSync(folder).sort()).toEqual(['c.svg', 'l.jsonl', 'm.wd'])
    expect(report.bytes).toBe(readFileSync(out).length)
    expect(report.density).toBeCloseTo(0.2, 2)
    expect(report.accuracy).toBeGreaterThan(0.7)
    expect(readFileSync(svg, 'utf8')).toMatch(/^<svg [\s\S]*<\/svg>\n$/)
    const events = readFileSync(log, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(events.at(-1).step).toBe(events.at(-1).steps)
    expect(events.filter((e) => e.testAccuracy !== undefined)).toHaveLength(2)

    const inspected = JSON.parse(cli(['inspect', out, '--json']).stdout)
    expect(inspected.bytes).toBe(report.bytes)
    expect(inspected.fp32Bytes).toBe(4 * (784 * 32 + 32 * 10 + 32 + 10))
    expect(inspected.weights).toBe(784 * 32 + 320)
    expect(inspected.forms.file.bytes).toBe(report.bytes)
    expect(inspected.forms.file.share).toBeCloseTo(report.bytes / report.fp32Bytes, 12)
    expect(inspected.forms.entropy.bytes).toBeLessThan(inspected.forms.runLength.bytes)
    expect(inspected.forms.runLength.bytes).toBeLessThan(inspected.forms.programs.bytes)
    const { total, ...parts } = inspected.parts
    expect(Object.values(parts as Record<string, number>).reduce((a, b) => a + b, 0)).toBeCloseTo(total, 6)
    expect(inspected.tensors.map((t: { shape: number[] }) => t.shape)).toEqual([
      [32, 784],
      [10, 32],
    ])

    const int8 = JSON.parse(cli(['run', out, '--data', 'data/mnist', '--json']).stdout)
    expect(int8.images).toBe(10_000)
    expect(int8.accuracy).toBe(report.accuracy)
    expect(int8.confusion.flat().reduce((a: number, b: number) => a + b, 0)).toBe(10_000)
    const reference = JSON.parse(
      cli(['run', out, '--data', 'data/mnist', '--limit', '500', '--isa', 'reference', '--json']).stdout,
    )
    const simd = JSON.parse(
      cli(['run', out, '--data', 'data/mnist', '--limit', '500', '--isa', 'simd', '--batch', '8', '--json']).stdout,
    )
    expect(simd.confusion).toEqual(reference.confusion)

    const image = JSON.parse(cli(['run', out, 'data/mnist/t10k-images-idx3-ubyte.gz', '--limit', '3', '--json']).stdout)
    expect(image.results).toHaveLength(3)
    for (const { top } of image.results) {
      const chances = top.map((guess: { probability: number }) => guess.probability)
      expect(chances).toHaveLength(5)
      expect(chances).toEqual([...chances].sort((a, b) => b - a))
      expect(chances.reduce((a: number, b: number) => a + b, 0)).toBeLessThanOrEqual(1 + 1e-9)
    }

    const text = cli(['inspect', out]).stdout
    expect(text).toMatch(/zero runs in Golomb-Rice code, and constants +[\d,]+ +\d\.\d{3} +\d+\.\d\d %/)
    expect(text).toContain(`${report.bytes.toLocaleString('en-US')} bytes`)
    expect(cli(['run', out, '--data', 'data/mnist', '--quiet']).stdout).toMatch(/10,000 images: [\d.]+ % right/)
  })

  it('the same seed gives the same bytes, another seed other ones', () => {
    const bytes = ['1', '1', '2'].map((seed, i) => {
      const out = join(work, `seed${i}.wd`)
      const { status } = cli([
        'train',
        '--data',
        'data/mnist',
        '--arch',
        'mlp:16',
        '--epochs',
        '1',
        '--limit',
        '1000',
        '--seed',
        seed,
        '--out',
        out,
        '--quiet',
      ])
      expect(status).toBe(0)
      return readFileSync(out)
    })
    expect(bytes[0].equals(bytes[1])).toBe(true)
    expect(bytes[0].equals(bytes[2])).toBe(false)
  })
})

describe('--json', () => {
  it('reports errors as JSON on standard output', () => {
    const { status, stdout, stderr } = cli(['inspect', join(work, 'none.wd'), '--json'])
    expect([status, stderr]).toEqual([1, ''])
    expect(JSON.parse(stdout).error).toEqual({ code: 'E_IO', message: expect.stringContaining('no such file') })
    expect(JSON.parse(cli(['run', '--jsn', '--json']).stdout).error.code).toBe('E_OPTION')
  })
})

describe('a reader that stops reading', () => {
  it('is no failure', async () => {
    const child = spawn(process.execPath, [main, 'inspect', model, '--json'], { stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.destroy()
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    const status = await new Promise((resolve) => child.on('close', resolve))
    expect([status, stderr]).toEqual([0, ''])
  })
})
