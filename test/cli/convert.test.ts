/** whitedwarf convert: both ways, and bad input of all kinds, which leaves no file behind. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { decodeModel, readWd } from '../../src/format.js'
import { InferenceSession, Tensor } from '../../src/index.js'
import { importOnnx } from '../../src/onnx.js'
import { Rng } from '../../src/rng.js'
import { seededModel } from '../browser/model.js'
import { floats, node, onnx } from '../onnx/build.js'
import { writeDataFolder } from './data-folder.js'
import { cli, expectError } from './run-cli.js'

let work: string
const at = (name: string) => join(work, name)
const file = (name: string, content: string | Uint8Array): string => {
  writeFileSync(at(name), content)
  return at(name)
}

const rng = new Rng(4)
const random = (n: number, size = 1) => Array.from({ length: n }, () => size * rng.normal())

/** For grey images of 28 x 28. */
const network = (extra: Parameters<typeof onnx>[0]['nodes'] = []) =>
  onnx({
    inputs: { image: ['N', 1, 28, 28] },
    outputs: ['y'],
    constants: [
      floats('w', [8, 1, 3, 3], random(72, 0.3)),
      floats('b', [8], random(8)),
      floats('fc', [10, 8 * 14 * 14], random(15680, 0.02)),
      floats('fb', [10], random(10)),
    ],
    nodes: [
      node('Conv', ['image', 'w', 'b'], ['c'], { pads: [1, 1, 1, 1] }),
      node('Relu', ['c'], ['r']),
      node('MaxPool', ['r'], ['p'], { kernel_shape: [2, 2], strides: [2, 2] }),
      node('Flatten', ['p'], ['f']),
      node('Gemm', ['f', 'fc', 'fb'], ['y'], { transB: 1 }),
      ...extra,
    ],
  })

let net: Uint8Array
beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'whitedwarf-convert-'))
  net = network()
  file('net.onnx', net)
  file('model.wd', seededModel())
  writeDataFolder(at('data'), 40, 10)
})
afterAll(() => rmSync(work, { recursive: true, force: true }))

const pixels = new Tensor(
  'uint8',
  Uint8Array.from({ length: 2 * 784 }, () => rng.below(256)),
  [2, 1, 28, 28],
)

/** How far b is from a, over the size of a. */
const distance = (a: Float32Array, b: Float32Array): number => {
  const energy = a.reduce((sum, v) => sum + v * v, 0)
  return Math.sqrt(a.reduce((sum, v, i) => sum + (v - b[i]) ** 2, 0) / energy)
}

const outputOf = async (model: Parameters<typeof InferenceSession.create>[0], precision: 'int8' | 'fp8' | 'f32') => {
  const session = await InferenceSession.create(model, { precision })
  return Object.values(await session.run({ [session.inputNames[0]]: pixels }))[0].data
}

describe('to .wd', () => {
  it('with images runs in all precisions, nearly as the original', async () => {
    const out = at('all.wd')
    const result = cli(['convert', at('net.onnx'), '--data', at('data'), '--limit', '30', '--out', out])
    expect(result.stderr).toBe('')
    expect(result.status).toBe(0)
    expect(result.stdout).toMatch(/all\.wd: [\d,]+ bytes, 1\/\d\.\d of float32 \(63,080 bytes\)/)
    expect(result.stdout).toMatch(/activation ranges from 30 images: runs in int8, fp8 and f32/)
    const bytes = new Uint8Array(readFileSync(out))
    const original = await outputOf(importOnnx(net), 'f32')
    expect(distance(original, await outputOf(bytes, 'f32'))).toBeLessThan(0.01)
    expect(distance(original, await outputOf(bytes, 'int8'))).toBeLessThan(0.05)
    expect(distance(original, await outputOf(bytes, 'fp8'))).toBeLessThan(0.1)
    expect(readWd(bytes).tensors.map((t) => t.maxLevel)).toEqual([127, 127])
  })

  it('--json says the same for programs; without images there are no ranges', () => {
    const out = at('plain.wd')
    const result = cli(['convert', at('net.onnx'), '--levels', 'int3', '--density', '0.25', '--out', out, '--json'])
    expect(result.status).toBe(0)
    const figures = JSON.parse(result.stdout)
    const { tensors, ranges } = decodeModel(readFileSync(out))
    const levels = Object.values(tensors).flatMap((t) => Array.from(t.levels))
    expect(figures).toEqual({
      model: out,
      bytes: readFileSync(out).length,
      fp32Bytes: 63080,
      ratio: 63080 / readFileSync(out).length,
      weights: 15752,
      nonZeros: levels.filter((l) => l !== 0).length,
      calibrationImages: 0,
    })
    expect(figures.nonZeros).toBeLessThanOrEqual(3938)
    expect(Math.max(...levels)).toBeLessThanOrEqual(3)
    expect(ranges).toEqual({})
  })

  it.each([
    ['int2', 1],
    ['int5', 15],
    ['int8', 127],
  ])('--levels %s has levels to %d', (name, most) => {
    const out = at(`${name}.wd`)
    expect(cli(['convert', at('net.onnx'), '--levels', name, '--out', out]).status).toBe(0)
    const { tensors } = decodeModel(readFileSync(out))
    expect(Math.max(...Object.values(tensors).flatMap((t) => Array.from(t.levels, Math.abs)))).toBe(most)
  })

  it.each([
    ['raw', 1, 0],
    ['unit', 1 / 255, 0],
  ])('--pixels %s', (name, scale, offset) => {
    const out = at('pixels.wd')
    expect(cli(['convert', at('net.onnx'), '--pixels', name, '--out', out]).status).toBe(0)
    expect(readWd(readFileSync(out)).graph.inputs[0]).toMatchObject({ scale: [scale], offset: [offset] })
  })

  it('reads weights that lie beside the model', async () => {
    // The same network with its first weights in a file.
    mkdirSync(at('outside'), { recursive: true })
    const weights = Float32Array.from(random(72, 0.3))
    const outside = onnx({
      inputs: { image: ['N', 1, 28, 28] },
      outputs: ['c'],
      constants: [
        {
          name: 'w',
          dataType: 1,
          dims: [8n, 1n, 3n, 3n],
          dataLocation: 1,
          externalData: [{ key: 'location', value: 'weights.bin' }],
        },
      ],
      nodes: [node('Conv', ['image', 'w'], ['c'])],
    })
    const path = file('outside/net.onnx', outside)
    expectError(cli(['convert', path, '--out', at('x.wd')]), 1, 'E_IO', /weights lie in .*weights\.bin.*put it beside/)
    file('outside/weights.bin', new Uint8Array(weights.buffer))
    expect(cli(['convert', path, '--out', at('outside.wd')]).status).toBe(0)
    const [y] = [await outputOf(new Uint8Array(readFileSync(at('outside.wd'))), 'f32')]
    const [expected] = [await outputOf(importOnnx(outside, { external: () => new Uint8Array(weights.buffer) }), 'f32')]
    expect(distance(expected, y)).toBeLessThan(0.01)
  })
})

describe('to .onnx', () => {
  it('gives a network that computes the same', async () => {
    const out = at('back.onnx')
    const result = cli(['convert', at('model.wd'), '--out', out])
    expect(result.status).toBe(0)
    expect(result.stdout).toMatch(/back\.onnx: [\d,]+ bytes/)
    const back = importOnnx(readFileSync(out))
    const original = await outputOf(seededModel(), 'f32')
    expect(distance(original, await outputOf(back, 'f32'))).toBeLessThan(1e-5)
    const json = cli(['convert', at('model.wd'), '--out', out, '--json'])
    expect(JSON.parse(json.stdout)).toEqual({ model: out, bytes: readFileSync(out).length })
  })

  it('and back again: levels of four bits are found as they were', () => {
    expect(cli(['convert', at('model.wd'), '--out', at('dense.onnx')]).status).toBe(0)
    expect(cli(['convert', at('dense.onnx'), '--levels', 'int4', '--out', at('again.wd')]).status).toBe(0)
    const [before, after] = ['model.wd', 'again.wd'].map((name) => decodeModel(readFileSync(at(name))))
    const levelsOf = (model: typeof before) =>
      Object.values(model.tensors).map((t) => Array.from(t.levels, (l) => l + 0))
    const [mine, theirs] = [levelsOf(before), levelsOf(after)]
    // A row without its largest level may get a coarser scale, so not all are the same.
    const all = mine.flat()
    const same = theirs.flat().filter((l, i) => Math.sign(l) === Math.sign(all[i])).length
    expect(same / all.length).toBeGreaterThan(0.99)
  })
})

describe('bad input', () => {
  const refuse = (args: readonly string[], status: number, code: string, message: RegExp) => {
    const before = readdirSync(work).sort()
    expectError(cli(['convert', ...args]), status, code, message)
    expect(readdirSync(work).sort()).toEqual(before)
  }

  it.each<[string, string[], RegExp]>([
    ['no model', ['--out', 'x.wd'], /which model/],
    ['no output', ['net.onnx'], /--out is missing/],
    ['the same kind twice', ['net.onnx', '--out', 'x.onnx'], /converts \.onnx files to \.wd/],
    ['no known kind', ['net.onnx', '--out', 'x.tflite'], /converts \.onnx files to \.wd/],
    ['unknown levels', ['net.onnx', '--levels', 'int9', '--out', 'x.wd'], /--levels must be one of int2.*int8/],
    ['unknown pixels', ['net.onnx', '--pixels', 'imagnet', '--out', 'x.wd'], /did you mean 'imagenet'/],
    ['a density of 0', ['net.onnx', '--density', '0', '--out', 'x.wd'], /--density must be a number/],
    ['a limit of 0', ['net.onnx', '--limit', '0', '--data', 'data', '--out', 'x.wd'], /--limit must be a whole number/],
    ['a limit of nothing', ['net.onnx', '--limit', '9', '--out', 'x.wd'], /--limit needs --data/],
    [
      'options that mean nothing',
      ['model.wd', '--levels', 'int8', '--out', 'x.onnx'],
      /--levels int8: only for converting to \.wd/,
    ],
  ])('wrong use: %s', (_, args, message) => {
    const paths = args.map((a) => (/\.(wd|onnx|tflite)$|^data$/.test(a) ? at(a) : a))
    refuse(paths, 2, 'E_OPTION', message)
  })

  it('files that are missing, folders, and places that cannot be written', () => {
    refuse([at('none.onnx'), '--out', at('x.wd')], 1, 'E_IO', /none\.onnx.*no such file/)
    mkdirSync(at('folder.onnx'), { recursive: true })
    refuse([at('folder.onnx'), '--out', at('x.wd')], 1, 'E_IO', /is a folder/)
    refuse([at('net.onnx'), '--out', at('none/x.wd')], 1, 'E_IO', /cannot write model/)
    refuse([at('net.onnx'), '--data', at('none'), '--out', at('x.wd')], 1, 'E_IO', /none/)
  })

  it('files that are something else, or damaged', () => {
    const damaged = net.slice(0, net.length - 100)
    refuse([file('cut.onnx', damaged), '--out', at('x.wd')], 1, 'E_FORMAT', /ONNX/)
    refuse([file('html.onnx', '<!DOCTYPE html>'), '--out', at('x.wd')], 1, 'E_FORMAT', /ONNX/)
    refuse([file('empty.onnx', ''), '--out', at('x.wd')], 1, 'E_FORMAT', /ONNX/)
    refuse([file('net.wd', net), '--out', at('x.onnx')], 1, 'E_FORMAT', /not a \.wd file/)
    refuse([file('cut.wd', seededModel().slice(0, 90)), '--out', at('x.onnx')], 1, 'E_FORMAT', /truncated/)
  })

  it('networks that cannot be imported: the operator is named', () => {
    const nodes = [node('Einsum', ['image', 'image'], ['z'])]
    const path = file('unknown.onnx', onnx({ inputs: { image: ['N', 1, 28, 28] }, outputs: ['z'], nodes }))
    refuse([path, '--out', at('x.wd')], 1, 'E_GRAPH', /Einsum/)
  })

  it('images that do not fit the network', () => {
    const small = onnx({
      inputs: { image: ['N', 1, 8, 8] },
      outputs: ['y'],
      constants: [floats('w', [2, 1, 3, 3], random(18))],
      nodes: [node('Conv', ['image', 'w'], ['y'])],
    })
    const path = file('small.onnx', small)
    refuse(
      [path, '--data', at('data'), '--out', at('x.wd')],
      1,
      'E_SHAPE',
      /images of \[1, 28, 28\], the model takes \[1, 8, 8\]/,
    )
    refuse([path, '--pixels', 'imagenet', '--out', at('x.wd')], 1, 'E_SHAPE', /1 channels/)
  })

  it('an older file stays as it was', () => {
    const old = file('old.wd', 'old')
    refuse([file('html2.onnx', '<html>'), '--out', old], 1, 'E_FORMAT', /ONNX/)
    expect(readFileSync(old, 'utf8')).toBe('old')
    expect(existsSync(at('x.wd'))).toBe(false)
  })

  it('--json prints the error as JSON', () => {
    const { status, stdout } = cli(['convert', at('none.onnx'), '--out', at('x.wd'), '--json'])
    expect(status).toBe(1)
    expect(JSON.parse(stdout).error).toMatchObject({ code: 'E_IO' })
  })
})
