/** Tensors of ONNX files: element types, raw and listed, and data outside of the model. */
import { create, toBinary } from '@bufbuild/protobuf'
import { TensorProtoSchema } from 'onnx-buf'
import { describe, expect, it } from 'vitest'
import { importOnnx } from '../../src/onnx/import.js'
import { readOnnxTensor } from '../../src/onnx/read.js'
import { floats, node, onnx, type TensorInit } from './build.js'
import { runFloat } from './naive.js'

const raw = (list: { buffer: ArrayBufferLike }) => new Uint8Array(list.buffer as ArrayBuffer)
const read = (tensor: TensorInit) => readOnnxTensor(toBinary(TensorProtoSchema, create(TensorProtoSchema, tensor)))

describe('element types', () => {
  const VALUES = [1, 0, 3]
  it.each([
    ['float', 1, { rawData: raw(Float32Array.from(VALUES)) }, { floatData: VALUES }, 'float32'],
    ['uint8', 2, { rawData: raw(Uint8Array.from(VALUES)) }, { int32Data: VALUES }, 'uint8'],
    ['int8', 3, { rawData: raw(Int8Array.from(VALUES)) }, { int32Data: VALUES }, 'int8'],
    ['uint16', 4, { rawData: raw(Uint16Array.from(VALUES)) }, { int32Data: VALUES }, 'uint16'],
    ['int16', 5, { rawData: raw(Int16Array.from(VALUES)) }, { int32Data: VALUES }, 'int16'],
    ['int32', 6, { rawData: raw(Int32Array.from(VALUES)) }, { int32Data: VALUES }, 'int32'],
    ['int64', 7, { rawData: raw(BigInt64Array.from(VALUES, BigInt)) }, { int64Data: VALUES.map(BigInt) }, 'int64'],
    ['float16', 10, { rawData: raw(Uint16Array.of(0x3c00, 0, 0x4200)) }, { int32Data: [0x3c00, 0, 0x4200] }, 'float32'],
    ['double', 11, { rawData: raw(Float64Array.from(VALUES)) }, { doubleData: VALUES }, 'float64'],
    ['uint32', 12, { rawData: raw(Uint32Array.from(VALUES)) }, { uint64Data: VALUES.map(BigInt) }, 'uint32'],
    ['uint64', 13, { rawData: raw(BigUint64Array.from(VALUES, BigInt)) }, { uint64Data: VALUES.map(BigInt) }, 'uint64'],
    [
      'bfloat16',
      16,
      { rawData: raw(Uint16Array.of(0x3f80, 0, 0x4040)) },
      { int32Data: [0x3f80, 0, 0x4040] },
      'float32',
    ],
    ['uint4', 21, { rawData: Uint8Array.of(0x01, 0x03) }, { int32Data: [0x01, 0x03] }, 'uint4'],
    ['int4', 22, { rawData: Uint8Array.of(0x01, 0x03) }, { int32Data: [0x01, 0x03] }, 'int4'],
    ['uint2', 25, { rawData: Uint8Array.of(0b110001) }, { int32Data: [0b110001] }, 'uint2'],
  ])('%s', (_, dataType, packed, listed, type) => {
    for (const form of [packed, listed]) {
      const { data, ...rest } = read({ name: 't', dataType, dims: [3n], ...form })
      expect(rest).toEqual({ type, dims: [3] })
      expect(Array.from(data)).toEqual(VALUES)
    }
  })

  it('negative ones', () => {
    expect(Array.from(read({ dataType: 22, dims: [3n], rawData: Uint8Array.of(0x8f, 0x07) }).data)).toEqual([-1, -8, 7])
    expect(Array.from(read({ dataType: 26, dims: [4n], rawData: Uint8Array.of(0b10110100) }).data)).toEqual([
      0, 1, -1, -2,
    ])
    expect(Array.from(read({ dataType: 3, dims: [2n], int32Data: [-128, 127] }).data)).toEqual([-128, 127])
    expect(Array.from(read({ dataType: 9, dims: [2n], rawData: Uint8Array.of(0, 7) }).data)).toEqual([0, 1])
    expect(read({ dataType: 1, dims: [], floatData: [-Infinity] })).toEqual({
      type: 'float32',
      dims: [],
      data: Float32Array.of(-Infinity),
    })
  })

  it('whole 64-bit numbers beyond 2^53 are cut off there, as exporters mean them', () => {
    const { data } = read({ dataType: 7, dims: [2n], int64Data: [2n ** 63n - 1n, -(2n ** 63n)] })
    expect(Array.from(data)).toEqual([Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER])
  })

  it.each([
    ['strings', { dataType: 8, dims: [1n] }, /E_GRAPH.*element type string/],
    ['8-bit floats', { dataType: 17, dims: [1n], rawData: Uint8Array.of(1) }, /E_GRAPH.*element type float8e4m3fn/],
    ['unknown types', { dataType: 99, dims: [1n], rawData: Uint8Array.of(1) }, /E_GRAPH.*element type 99/],
    ['negative sizes', { dataType: 1, dims: [-1n] }, /E_SHAPE.*\[-1\]/],
    ['sizes that overflow', { dataType: 1, dims: [2n ** 40n, 2n ** 40n] }, /E_SHAPE.*elements at most/],
    ['sizes that overflow beside a 0', { dataType: 1, dims: [...new Array(20).fill(2n ** 62n), 0n] }, /E_SHAPE/],
    ['too few elements', { dataType: 1, dims: [3n], floatData: [1] }, /E_FORMAT.*needs 3 elements, there are 1/],
    ['too few bytes', { dataType: 10, dims: [3n], rawData: Uint8Array.of(1) }, /E_FORMAT.*needs 6 bytes, there are 1/],
  ] as const)('%s are refused', (_, tensor, message) => {
    const refused = () => {
      try {
        return `nothing: ${read(tensor as unknown as TensorInit).data}`
      } catch (error) {
        return `${(error as { code: string }).code}: ${(error as Error).message}`
      }
    }
    expect(refused()).toMatch(message)
  })
})

describe('weights of other types', () => {
  const layer = (w: TensorInit) =>
    onnx({
      inputs: { x: ['N', 1, 2, 2] },
      outputs: ['y'],
      constants: [w],
      nodes: [node('Conv', ['x', 'w'], ['y'], { kernel_shape: [1, 1] })],
    })
  const x = Float32Array.of(1, 2, 3, 4)
  const w = { name: 'w', dims: [1n, 1n, 1n, 1n] }

  it('half precision', () => {
    const half = layer({ ...w, dataType: 10, rawData: raw(Uint16Array.of(0xc100)) })
    expect(Array.from(runFloat(importOnnx(half), { x }).y)).toEqual([-2.5, -5, -7.5, -10])
  })

  it('8-bit weights with scale and zero point', () => {
    const bytes = onnx({
      inputs: { x: ['N', 1, 2, 2] },
      outputs: ['y'],
      constants: [
        { ...w, name: 'q', dataType: 3, rawData: raw(Int8Array.of(-100)) },
        floats('s', [], [0.25]),
        { name: 'z', dims: [], dataType: 3, int32Data: [-90] },
      ],
      nodes: [
        node('DequantizeLinear', ['q', 's', 'z'], ['w']),
        node('Conv', ['x', 'w'], ['y'], { kernel_shape: [1, 1] }),
      ],
    })
    const model = importOnnx(bytes)
    expect(model.graph.nodes.map((n) => n.op)).toEqual(['conv2d'])
    expect(Array.from(runFloat(model, { x }).y)).toEqual([-2.5, -5, -7.5, -10])
  })
})

describe('data outside of the model', () => {
  const weight = (entries: Record<string, string>): TensorInit => ({
    name: 'k',
    dataType: 1,
    dims: [2n],
    dataLocation: 1,
    externalData: Object.entries(entries).map(([key, value]) => ({ key, value })),
  })
  const model = (entries: Record<string, string>) =>
    onnx({
      inputs: { x: ['N', 2] },
      outputs: ['y'],
      constants: [weight(entries)],
      nodes: [node('Mul', ['x', 'k'], ['y'])],
    })
  const file = raw(Float32Array.of(9, 2, 3, 9))
  const y = (entries: Record<string, string>, external?: (name: string) => Uint8Array) =>
    Array.from(runFloat(importOnnx(model(entries), external && { external }), { x: Float32Array.of(1, 10) }).y)
  const problem = (entries: Record<string, string>, external?: (name: string) => Uint8Array) => {
    try {
      return `nothing: ${y(entries, external)}`
    } catch (error) {
      return `${(error as { code: string }).code}: ${(error as Error).message}`
    }
  }

  it('is read from offset to length', () => {
    const names: string[] = []
    const external = (name: string) => {
      names.push(name)
      return file
    }
    expect(y({ location: 'weights/w.bin', offset: '4', length: '8' }, external)).toEqual([2, 30])
    expect(y({ location: 'w.bin' }, () => file.subarray(4, 12))).toEqual([2, 30])
    expect(names).toEqual(['weights/w.bin'])
  })

  it('needs the option', () => {
    expect(problem({ location: 'w.bin' })).toMatch(
      /E_DATA: initializer 'k': its data lies in 'w\.bin' beside the model: give the option 'external'/,
    )
  })

  it.each(['/etc/passwd', '../w.bin', 'a/../../w.bin', '..', 'C:\\w.bin', '\\\\host\\w', 'a\\..\\..\\w'])(
    'never leads out: %s',
    (location) => {
      expect(problem({ location }, () => file)).toMatch(
        /E_DATA: initializer 'k'.*outside of the model's folder: refused/,
      )
    },
  )

  it('says what is wrong with the file', () => {
    expect(problem({}, () => file)).toMatch(/E_FORMAT: initializer 'k'.*where is not said/)
    expect(problem({ location: 'w', offset: '12' }, () => file)).toMatch(
      /E_FORMAT: initializer 'k'.*needs 8 bytes, there are 4/,
    )
    expect(problem({ location: 'w', offset: '9', length: '8' }, () => file)).toMatch(
      /E_DATA.*bytes 9 to 17 of 'w', which has 16/,
    )
    expect(problem({ location: 'w', offset: '-4' }, () => file)).toMatch(/E_DATA/)
    expect(problem({ location: 'w', offset: 'x' }, () => file)).toMatch(/E_DATA/)
    const fails = () => {
      throw new Error('the disk is on fire')
    }
    expect(problem({ location: 'w' }, fails)).toMatch(/E_DATA: initializer 'k': cannot read 'w': the disk is on fire/)
    expect(problem({ location: 'w' }, () => 'text' as never)).toMatch(/E_DATA: initializer 'k'.*gave no bytes/)
  })
})
