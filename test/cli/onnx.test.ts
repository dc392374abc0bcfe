/** ONNX files on the command line: run on images and arrays, inspected, timed, with what can be wrong. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { floats, node, onnx } from '../onnx/build.js'
import { encodeNpy, encodePng, JPEG } from '../train/data/encode.js'
import { cli } from './run-cli.js'

let work: string
const file = (name: string, content: string | Uint8Array): string => {
  const path = join(work, name)
  writeFileSync(path, content)
  return path
}

/** Mean colour of an image, [N, 3]; its classes are red, green and blue. */
const colour = onnx({
  inputs: { image: ['N', 3, 4, 4] },
  outputs: ['mean'],
  nodes: [node('GlobalAveragePool', ['image'], ['pool']), node('Flatten', ['pool'], ['mean'])],
})

/** Two inputs, two results: their sum and product. */
const pair = onnx({
  inputs: { a: ['N', 2], b: ['N', 2] },
  outputs: ['sum', 'product'],
  nodes: [node('Add', ['a', 'b'], ['sum']), node('Mul', ['a', 'b'], ['product'])],
})

/** Two layers, so that there is something to time. */
const layers = onnx({
  inputs: { x: ['N', 3, 8, 8] },
  outputs: ['y'],
  constants: [
    floats(
      'w',
      [8, 3, 3, 3],
      Array.from({ length: 216 }, (_, i) => Math.sin(i)),
    ),
    floats(
      'fc',
      [8, 4],
      Array.from({ length: 32 }, (_, i) => (i % 3 === 0 ? Math.cos(i) : 0)),
    ),
  ],
  nodes: [
    node('Conv', ['x', 'w'], ['c'], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }),
    node('Relu', ['c'], ['r']),
    node('GlobalAveragePool', ['r'], ['p']),
    node('Flatten', ['p'], ['f']),
    node('MatMul', ['f', 'fc'], ['y']),
  ],
})

const plain = (width: number, height: number, pixel: readonly number[]) =>
  encodePng({
    width,
    height,
    colour: pixel.length === 3 ? 2 : 0,
    samples: Array.from({ length: width * height }, () => pixel).flat(),
  })

beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'whitedwarf-cli-onnx-'))
  file('colour.onnx', colour)
  file('pair.onnx', pair)
  file('layers.onnx', layers)
  file('red.png', plain(4, 4, [200, 10, 20]))
})
afterAll(() => rmSync(work, { recursive: true, force: true }))

const run = (...args: string[]) => cli(args, { cwd: work })
const json = (...args: string[]) => JSON.parse(run(...args, '--json').stdout)
const refused = (code: string, message: RegExp, ...args: string[]) => {
  const { status, stdout, stderr } = run(...args)
  expect([stdout, status]).toEqual(['', code === 'E_OPTION' ? 2 : 1])
  expect(stderr.trimEnd()).toMatch(new RegExp(`^error ${code}: `))
  expect(stderr).toMatch(message)
}

describe('run', () => {
  it('shows the likeliest classes of images, with labels', () => {
    file('blue.jpg', JPEG)
    file('labels.txt', 'red\ngreen\nblue\n')
    const { stdout } = run('run', 'colour.onnx', 'red.png', 'blue.jpg', '--labels', 'labels.txt', '--top', '2')
    expect(stdout).toMatch(/^colour\.onnx: \d+ bytes, f32, /)
    expect(stdout).toMatch(/ {2}red\.png +0 {2}red +200\.0 +100\.0 %\n +2 {2}blue +20\.00/)
    const [red, both] = json('run', 'colour.onnx', 'red.png', 'blue.jpg', '--labels', 'labels.txt').results
    expect(red).toMatchObject({ input: 'red.png', top: [{ class: 0, label: 'red', score: 200 }, {}, {}] })
    expect(red.outputs.mean).toMatchObject({ shape: [3], values: [200, 10, 20] })
    // The JPEG is 16 x 16, half of it reddish and half blueish, and is scaled.
    expect(both.outputs.mean.values[0]).toBeGreaterThan(100)
    expect(both.outputs.mean.values[2]).toBeGreaterThan(140)
  })

  it('scales pixels as the network expects them', () => {
    const [{ outputs }] = json('run', 'colour.onnx', 'red.png', '--pixels', 'imagenet').results
    const wanted = [200, 10, 20].map((v, c) => (v / 255 - [0.485, 0.456, 0.406][c]) / [0.229, 0.224, 0.225][c])
    wanted.forEach((v, c) => {
      expect(outputs.mean.values[c]).toBeCloseTo(v, 2)
    })
  })

  it('fits images of another size and colour', () => {
    const values = (name: string, ...more: string[]) =>
      json('run', 'colour.onnx', name, ...more).results[0].outputs.mean.values
    // A white bar on the left that cropping to the centre cuts off.
    const samples = Array.from({ length: 8 * 4 }, (_, i) => (i % 8 < 2 ? 255 : 100))
    file('wide.png', encodePng({ width: 8, height: 4, colour: 0, samples }))
    expect(values('wide.png')).toEqual([100, 100, 100])
    expect(values('wide.png', '--fit', 'stretch')[0]).toBeGreaterThan(120)
    refused(
      'E_SHAPE',
      /wide\.png has 8 x 4 pixels, the model takes 4 x 4/,
      'run',
      'colour.onnx',
      'wide.png',
      '--fit',
      'none',
    )
  })

  it('takes arrays, several inputs by name, and shows raw results', () => {
    file('a.npy', encodeNpy('<f4', [3, 2], [1, 2, 3, 4, 5, 6]))
    file('b.npy', encodeNpy('<i8', [2], [10, 20]))
    const one = json('run', 'pair.onnx', 'a=b.npy', 'b=b.npy')
    expect(one.results).toEqual([
      {
        input: 'b.npy',
        outputs: { sum: { shape: [2], values: [20, 40] }, product: { shape: [2], values: [100, 400] } },
      },
    ])
    const text = run('run', 'pair.onnx', 'a=a.npy', 'b=a.npy').stdout
    expect(text).toMatch(/a\.npy \[2\] +sum +2 +10\.00 +11\.00 +12\.00 +10\.00 12\.00/)
    expect(text).toMatch(/product +2 +25\.00/)
    refused('E_OPTION', /several inputs, a \[2\], b \[2\]: give each as NAME=FILE/, 'run', 'pair.onnx', 'a.npy')
    refused('E_OPTION', /nothing is given for input 'b'/, 'run', 'pair.onnx', 'a=a.npy')
    refused('E_SHAPE', /'b' has a batch of 1, but 'a' has a batch of 3/, 'run', 'pair.onnx', 'a=a.npy', 'b=b.npy')
    refused('E_SHAPE', /red\.png is an image, the model takes \[2\]/, 'run', 'pair.onnx', 'a=red.png', 'b=b.npy')
    file('c.npy', encodeNpy('<f4', [3], [1, 2, 3]))
    refused('E_SHAPE', /c\.npy holds \[3\], the model takes \[N, 2\]/, 'run', 'pair.onnx', 'a=c.npy', 'b=b.npy')
    refused('E_SHAPE', /2 labels for 3 classes/, 'run', 'colour.onnx', 'red.png', '--labels', file('two.txt', 'a\nb'))
    expect(json('run', 'colour.onnx', 'red.png', '--raw').results[0].top).toBeUndefined()
  })

  it('needs sizes for open dimensions', () => {
    file('open.onnx', onnx({ inputs: { x: ['N', 'length'] }, outputs: ['y'], nodes: [node('Tanh', ['x'], ['y'])] }))
    file('two.npy', encodeNpy('<f4', [2], [0, 1]))
    refused('E_SHAPE', /dimension 'length' open/, 'run', 'open.onnx', 'two.npy')
    refused('E_OPTION', /--sizes must be NAME=N/, 'run', 'open.onnx', 'two.npy', '--sizes', 'length')
    refused(
      'E_OPTION',
      /no dimension 'width' is open.*open: N, length/,
      'run',
      'open.onnx',
      'two.npy',
      '--sizes',
      'width=2',
    )
    expect(json('run', 'open.onnx', 'two.npy', '--sizes', 'length=2').results[0].outputs.y.values[1]).toBeCloseTo(
      0.7616,
      4,
    )
  })

  it('says what is wrong with models', () => {
    refused('E_FORMAT', /this is not an ONNX model/, 'run', file('text.onnx', 'hello'), 'red.png')
    refused('E_IO', /no such file/, 'run', 'none.onnx', 'red.png')
    refused(
      'E_OPTION',
      /plain weights and runs in f32: make a \.wd file/,
      'run',
      'colour.onnx',
      'red.png',
      '--precision',
      'int8',
    )
    const lstm = onnx({ inputs: { x: ['N', 4, 4] }, outputs: ['y'], nodes: [node('LSTM', ['x'], ['y'])] })
    refused('E_GRAPH', /cannot be imported: LSTM \('LSTM_y'\)/, 'run', file('lstm.onnx', lstm), 'red.png')
  })

  it('reads weights that lie beside the model', () => {
    mkdirSync(join(work, 'big'))
    const weight = {
      name: 'k',
      dataType: 1,
      dims: [1n],
      dataLocation: 1,
      externalData: [{ key: 'location', value: 'k.bin' }],
    }
    const model = (location: string) =>
      onnx({
        inputs: { x: ['N', 2] },
        outputs: ['y'],
        constants: [{ ...weight, externalData: [{ key: 'location', value: location }] }],
        nodes: [node('Mul', ['x', 'k'], ['y'])],
      })
    file('big/model.onnx', model('k.bin'))
    file('one.npy', encodeNpy('<f4', [2], [3, 4]))
    refused('E_IO', /weights lie in 'big\/k\.bin', which does not exist/, 'run', 'big/model.onnx', 'one.npy')
    file('big/k.bin', new Uint8Array(Float32Array.of(2.5).buffer))
    expect(json('run', 'big/model.onnx', 'one.npy').results[0].outputs.y.values).toEqual([7.5, 10])
    file('big/out.onnx', model('../one.npy'))
    refused('E_DATA', /outside of the model's folder: refused/, 'run', 'big/out.onnx', 'one.npy')
  })
})

describe('inspect', () => {
  it('shows operators and layers', () => {
    const { stdout } = run('inspect', 'layers.onnx')
    expect(stdout).toMatch(/layers\.onnx: ONNX, operator set 17, [\d,]+ bytes/)
    expect(stdout).toMatch(/input +x +float32 +\[N, 3, 8, 8\]/)
    expect(stdout).toMatch(/ {2}c +conv2d +8x3x3x3 +216 +\d+\.\d %/)
    expect(stdout).toMatch(/ {2}y +dense +4x8 +32 +34\.4 %/)
    const report = json('inspect', 'layers.onnx')
    expect(report.operators).toContainEqual({ name: 'Conv', count: 1, supported: true })
    expect(report.network.layers.map((l: { nonZeros: number }) => l.nonZeros)).toEqual([215, 11])
  })

  it('names what cannot be imported', () => {
    file('lstm.onnx', onnx({ inputs: { x: ['N', 4, 4] }, outputs: ['y'], nodes: [node('LSTM', ['x'], ['y'])] }))
    const { stdout, status } = run('inspect', 'lstm.onnx')
    expect(status).toBe(0)
    expect(stdout).toMatch(/Operators: 1 LSTM \(not supported\)/)
    expect(stdout).toMatch(/It cannot be imported: .*LSTM/)
    expect(json('inspect', 'lstm.onnx').error.code).toBe('E_GRAPH')
  })
})

describe('bench', () => {
  it('--explain says why layers run as they do', () => {
    const { stdout } = run('bench', 'layers.onnx', '--seconds', '0.1', '--quiet', '--explain')
    expect(stdout).toMatch(/\nWhy:\nlayer +op +input/)
    expect(stdout).toMatch(/of the weights are not zero/)
    const report = json('bench', 'layers.onnx', '--seconds', '0.1', '--explain')
    expect(report.explanation[0].why).toMatch(/of the weights are not zero/)
  })

  it('times a model in several precisions, layer by layer', () => {
    const { stdout, status } = run('bench', 'layers.onnx', '--precision', 'f32,int8', '--seconds', '0.1', '--quiet')
    expect(status).toBe(0)
    expect(stdout).toMatch(/ {2}f32 +[\d.]+ [µm]s/)
    expect(stdout).toMatch(/ {2}int8 +[\d.]+ [µm]s/)
    expect(stdout).toMatch(/npm install onnxruntime-web/)
    expect(stdout).toMatch(/ {2}c +8x3x3x3 +\d+\.\d %/)
    const report = json('bench', 'layers.onnx', '--batch', '3', '--seconds', '0.1')
    expect(report).toMatchObject({ batch: 3, peer: null, timings: [{ name: 'f32' }] })
    const [{ p10, median, p90, samples }] = report.timings
    expect(p10).toBeLessThanOrEqual(median)
    expect(median).toBeLessThanOrEqual(p90)
    expect(samples).toBeGreaterThanOrEqual(3)
    const shares = report.layers.map((l: { share: number }) => l.share)
    expect(shares.reduce((a: number, b: number) => a + b, 0)).toBeCloseTo(1, 9)
  })

  it('runs beside onnxruntime-web where that is installed', () => {
    // A stand-in of a few lines: its interface is what is tested here, not the real one's speed.
    const folder = join(work, 'node_modules/onnxruntime-web')
    mkdirSync(folder, { recursive: true })
    file('node_modules/onnxruntime-web/package.json', '{"name":"onnxruntime-web","version":"9.9.9","main":"index.js"}')
    file(
      'node_modules/onnxruntime-web/index.js',
      `class Tensor { constructor(type, data, dims) { Object.assign(this, { type, data, dims }) } }
      exports.env = { wasm: {} }
      exports.Tensor = Tensor
      exports.InferenceSession = { create: async (bytes) => ({
        inputNames: ['x'], outputNames: ['y'],
        run: async ({ x }) => { if (x.dims.join() !== '1,3,8,8') throw new Error(x.dims); return { y: new Tensor('float32', new Float32Array(4).fill(9), [1, 4]) } },
      }) }`,
    )
    const report = json('bench', 'layers.onnx', '--seconds', '0.1')
    expect(report.peer).toBe('onnxruntime-web 9.9.9')
    expect(report.timings.map((t: { name: string }) => t.name)).toEqual(['f32', 'onnxruntime-web 9.9.9'])
    expect(report.difference).toBeGreaterThan(0)
    rmSync(join(work, 'node_modules'), { recursive: true })
  })
})
