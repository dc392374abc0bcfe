import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { InferenceSession } from '../../src/engine/session.js'
import { encodeModel } from '../../src/format/wd.js'
import { elements } from '../../src/graph/ir.js'
import { Tensor } from '../../src/tensor.js'
import { BRANCHES } from './branches.js'
import { chain, GRAPHS, randomModel } from './models.js'

const bytes = encodeModel(randomModel(GRAPHS.lenet, { seed: 2, maxLevel: 3, density: 0.2 }))
const image = () => new Tensor('uint8', new Uint8Array(144), [1, 1, 12, 12])
const code = (c: string, words: RegExp) =>
  expect.objectContaining({ name: 'WhiteDwarfError', code: c, message: expect.stringMatching(words) })

describe('creating a session', () => {
  it.each([
    [{ precison: 'int8' }, /unknown session option 'precison'.*precision/],
    [{ precision: 'int9' }, /precision must be 'int8' or 'fp8' or 'f32' or .* got 'int9'/],
    [{ batch: 0 }, /batch must be a whole number from 1 to 256, got 0/],
    [{ batch: 1.5 }, /batch/],
    [{ fp8: 'e9' }, /e4m3/],
    [{ kernels: 'dense' }, /needs precision 'f32'/],
    [{ isa: 'avx' }, /isa must be/],
    [{ maxMemory: -1 }, /maxMemory/],
  ])('refuses options %j', async (options, words) => {
    await expect(InferenceSession.create(bytes, options as never)).rejects.toEqual(code('E_OPTION', words))
  })

  it.each([undefined, null, 7, {}, '', []])('refuses %j as a source', async (source) => {
    await expect(InferenceSession.create(source as never)).rejects.toEqual(code('E_OPTION', /model/))
  })

  it('says what is wrong with a path or URL', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'wd-'))
    await expect(InferenceSession.create('/nowhere/model.wd')).rejects.toEqual(
      code('E_IO', /\/nowhere\/model\.wd.*no such file/),
    )
    await expect(InferenceSession.create(folder)).rejects.toEqual(code('E_IO', /it is a folder/))
    await expect(InferenceSession.create('http://127.0.0.1:1/model.wd')).rejects.toEqual(code('E_IO', /127\.0\.0\.1/))
    await expect(InferenceSession.create(new Uint8Array(0))).rejects.toEqual(code('E_FORMAT', /./))
  })

  it('reads paths, file URLs, ArrayBuffers and views into larger buffers', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'wd-')), 'm.wd')
    writeFileSync(path, bytes)
    const larger = new Uint8Array(bytes.length + 10)
    larger.set(bytes, 3)
    const sources = [
      path,
      pathToFileURL(path),
      pathToFileURL(path).href,
      bytes.slice().buffer,
      larger.subarray(3, 3 + bytes.length),
    ]
    for (const source of sources) expect((await InferenceSession.create(source)).info.bytes).toBe(bytes.length)
  })

  it('keeps to its memory limit', async () => {
    const big = encodeModel(
      randomModel(chain([8, 200, 200], [{ conv: 8, kernel: [3, 3] }]), { seed: 1, maxLevel: 1, density: 0.1 }),
    )
    await expect(InferenceSession.create(big, { maxMemory: 2 ** 20 })).rejects.toEqual(code('E_MEMORY', /MiB/))
    expect((await InferenceSession.create(big)).info.memory).toBeLessThan(2 ** 24)
  })

  it('can be aborted', async () => {
    const signal = AbortSignal.abort()
    await expect(InferenceSession.create('x.wd', { signal })).rejects.toEqual(code('E_ABORTED', /aborted/))
  })

  it('needs calibrated ranges for quantised precisions only', async () => {
    const model = { ...randomModel(GRAPHS.lenet, { seed: 1, maxLevel: 1, density: 0.2 }), ranges: {} }
    const plain = encodeModel(model)
    await expect(InferenceSession.create(plain)).rejects.toEqual(
      code('E_GRAPH', /no activation range for 'image'.*f32/),
    )
    await expect(InferenceSession.create(plain, { precision: 'f32' })).resolves.toBeDefined()
  })
})

describe('running', () => {
  const open = () => InferenceSession.create(bytes, { precision: 'f32' })
  const tensor = (
    dims: number[],
    data: Float32Array | Uint8Array = new Float32Array(dims.reduce((a, b) => a * b, 1)),
  ) => ({ type: data instanceof Float32Array ? 'float32' : 'uint8', data, dims }) as const

  it.each([
    ['a missing input', {}, 'E_OPTION', /'image' is missing/],
    ['an unknown input', { image: image(), mask: image() }, 'E_OPTION', /no input 'mask'.*image/],
    ['no object', null, 'E_OPTION', /image/],
    [
      'a wrong size',
      { image: tensor([1, 1, 12, 11]) },
      'E_SHAPE',
      /\[N, 1, 12, 12\] or \[1, 12, 12\], got \[1, 1, 12, 11\]/,
    ],
    ['a missing channel', { image: tensor([12, 12]) }, 'E_SHAPE', /\[N, 1, 12, 12\] or \[1, 12, 12\]/],
    ['no images', { image: tensor([0, 1, 12, 12]) }, 'E_SHAPE', /got \[0, 1, 12, 12\]/],
    ['dims that do not fit the data', { image: { ...tensor([1, 1, 12, 12]), dims: [2, 1, 12, 12] } }, 'E_SHAPE', /288/],
    ['a bare array', { image: new Float32Array(144) }, 'E_DTYPE', /Tensor/],
    [
      'a wrong array',
      { image: { type: 'float32', data: new Float64Array(144), dims: [1, 1, 12, 12] } },
      'E_DTYPE',
      /Float64Array/,
    ],
    [
      'an unknown type',
      { image: { type: 'int64', data: new Float32Array(144), dims: [1, 1, 12, 12] } },
      'E_DTYPE',
      /int64/,
    ],
    [
      'NaN pixels',
      { image: tensor([1, 1, 12, 12], new Float32Array(144).fill(Number.NaN, 3, 5)) },
      'E_DATA',
      /2 values/,
    ],
    [
      'infinite pixels',
      { image: tensor([1, 1, 12, 12], new Float32Array(144).fill(Infinity, 0, 1)) },
      'E_DATA',
      /1 values/,
    ],
  ])('refuses %s', async (_, feeds, c, words) => {
    await expect((await open()).run(feeds as never)).rejects.toEqual(code(c as string, words as RegExp))
  })

  it('runs again after an error, and accepts clamped arrays and finite numbers beyond the range', async () => {
    const session = await open()
    await expect(session.run({ image: tensor([1]) })).rejects.toThrow()
    const clamped = { type: 'uint8', data: new Uint8ClampedArray(144), dims: [1, 1, 12, 12] } as const
    const a = await session.run({ image: clamped })
    const b = await session.run({ image: image() })
    expect(a.logits.data).toEqual(b.logits.data)
    const wild = await session.run({ image: tensor([1, 1, 12, 12], new Float32Array(144).fill(-1e30)) })
    expect(wild.logits.data).toHaveLength(10)
  })

  it('leaves the feeds alone and returns fresh tensors', async () => {
    const session = await InferenceSession.create(bytes)
    const data = Uint8Array.from({ length: 144 }, (_, i) => i)
    const first = await session.run({ image: tensor([1, 1, 12, 12], data) })
    const copy = Array.from(first.logits.data)
    await session.run({ image: image() })
    expect(Array.from(first.logits.data)).toEqual(copy)
    expect(data[143]).toBe(143)
  })

  it('writes results into given tensors, and only those asked for', async () => {
    const graph = BRANCHES['groups and strides']
    const [flat, planes] = graph.outputs
    const two = await InferenceSession.create(encodeModel(randomModel(graph, { seed: 2, maxLevel: 1, density: 0.5 })), {
      batch: 2,
    })
    const data = Uint8Array.from({ length: 3 * elements(graph.inputs[0].shape) }, (_, i) => (i * 7) % 256)
    const feeds = { image: tensor([3, ...graph.inputs[0].shape], data) }
    const fresh = await two.run(feeds)
    const into = new Tensor('float32', new Float32Array(fresh[planes].size), fresh[planes].dims)
    const both = await two.run(feeds, { [planes]: into, [flat]: null })
    expect(both[planes]).toBe(into)
    expect(both).toEqual(fresh)
    into.data.fill(0)
    expect(Object.keys(await two.run(feeds, { [planes]: into }))).toEqual([planes])
    expect(into.data).toEqual(fresh[planes].data)
    expect(await two.run(feeds, {})).toEqual({})
  })

  it.each([
    ['an unknown output', { scores: null }, 'E_OPTION', /no output 'scores'.*logits/],
    ['no object', 7, 'E_OPTION', /logits/],
    ['null', null, 'E_OPTION', /logits/],
    ['a tensor of bytes', { logits: tensor([1, 10], new Uint8Array(10)) }, 'E_DTYPE', /float32.*uint8/],
    ['a wrong shape', { logits: tensor([1, 11]) }, 'E_SHAPE', /\[N, 10\] or \[10\], got \[1, 11\]/],
    [
      'a wrong number of images',
      { logits: tensor([2, 10]) },
      'E_SHAPE',
      /a batch of 2, but the inputs have a batch of 1/,
    ],
    ['a bare array', { logits: new Float32Array(10) }, 'E_DTYPE', /Tensor/],
  ])('refuses results into %s', async (_, fetches, c, words) => {
    await expect((await open()).run({ image: image() }, fetches as never)).rejects.toEqual(
      code(c as string, words as RegExp),
    )
  })

  it('is over after dispose', async () => {
    const session = await open()
    session.dispose()
    session.dispose()
    await expect(session.run({ image: image() })).rejects.toEqual(code('E_DISPOSED', /create a new one/))
    await expect(session.profile()).rejects.toEqual(code('E_DISPOSED', /create a new one/))
    await expect(session.explain()).rejects.toEqual(code('E_DISPOSED', /create a new one/))
  })

  it('describes itself', async () => {
    const session = await open()
    expect(session.inputNames).toEqual(['image'])
    expect(session.outputNames).toEqual(['logits'])
    expect(session.inputs[0]).toEqual({ name: 'image', shape: [1, 12, 12], types: ['float32', 'uint8'] })
  })
})
