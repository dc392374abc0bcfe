/** Truncated, damaged and hostile files: always E_FORMAT, and never a large allocation or a long wait. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { WhiteDwarfError } from '../../src/errors.js'
import { crc32 } from '../../src/format/crc32.js'
import { Fields } from '../../src/format/fields.js'
import { frame } from '../../src/format/frame.js'
import { NodeCoder } from '../../src/format/nodes.js'
import { TENSOR_KINDS } from '../../src/format/tensor-fn.js'
import { decodeModel, encodeModel, quantiseUniform, readWd } from '../../src/format.js'
import type { Graph, Node } from '../../src/graph/ir.js'
import type { Model } from '../../src/graph/model.js'
import { RangeEncoder } from '../../src/kernels/ref/entropy/coder.js'
import { Rng } from '../../src/rng.js'
import { denseModel, randomGraph, randomLevels, randomModel, tensorGraph } from './models.js'

const MODEL = denseModel(12, 30, 3, randomLevels(new Rng(1), 360, 3, 0.2))
const BYTES = encodeModel(MODEL, { sections: [{ tag: 4, bytes: Uint8Array.of(1, 2, 3) }] })

function refused(bytes: Uint8Array, message = /./): void {
  let error: unknown
  try {
    decodeModel(bytes)
  } catch (e) {
    error = e
  }
  expect(error).toBeInstanceOf(WhiteDwarfError)
  expect((error as WhiteDwarfError).code).toBe('E_FORMAT')
  expect((error as WhiteDwarfError).message).toMatch(message)
}

/** Gives changed bytes the checksum and, if they fit one byte, the length that make them look undamaged. */
function sealed(bytes: Uint8Array): Uint8Array {
  const out = bytes.slice()
  if (out.length > 7 && out.length < 128) out[3] = out.length
  const end = out.length - 4
  new DataView(out.buffer).setUint32(end, crc32(out.subarray(0, end)), true)
  return out
}

/** A file around any coded stream. */
function fileOf(stream: Uint8Array, version = 1): Uint8Array {
  const out = new Uint8Array(8 + stream.length)
  out.set([0x57, 0x44, version, out.length])
  out.set(stream, 4)
  return sealed(out)
}

describe('damaged files', () => {
  it('are refused when cut off at any byte', () => {
    for (let n = 0; n < BYTES.length; n++) refused(BYTES.subarray(0, n))
  })

  it('are refused when any bit is flipped', () => {
    for (let i = 0; i < BYTES.length * 8; i++) {
      const bytes = BYTES.slice()
      bytes[i >> 3] ^= 1 << (i & 7)
      refused(bytes)
    }
  })

  it('are refused with bytes added', () => refused(Uint8Array.of(...BYTES, 0), /followed by other data/))

  it('say what they are instead', () => {
    refused(new Uint8Array(0), /no bytes at all/)
    refused(new TextEncoder().encode('<!DOCTYPE html><title>404</title>'), /HTML/)
    refused(fileOf(new Uint8Array(3), 2), /version 2/)
    refused(BYTES.subarray(0, BYTES.length - 1), /truncated/)
  })
})

describe('files with a correct checksum', () => {
  it('are refused or decode to something when their bytes are arbitrary', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 0, maxLength: 110 }), (stream) => {
        try {
          decodeModel(fileOf(stream))
        } catch (e) {
          expect((e as WhiteDwarfError).code).toBe('E_FORMAT')
        }
      }),
      { numRuns: 3000 },
    )
  })

  it('are refused or decode to something when a valid file is changed in places', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.constantFrom(randomGraph, tensorGraph),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (seed, graph, changes) => {
          const rng = new Rng(seed)
          const bytes = encodeModel(randomModel(rng, graph(rng, 5))).slice()
          for (const [at, value] of changes) bytes[4 + (at % (bytes.length - 8))] = value
          const end = bytes.length - 4
          new DataView(bytes.buffer).setUint32(end, crc32(bytes.subarray(0, end)), true)
          try {
            decodeModel(bytes)
          } catch (e) {
            expect((e as WhiteDwarfError).code).toBe('E_FORMAT')
          }
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('are refused when cut off anywhere, with the length of what is left', () => {
    const rng = new Rng(1)
    const bytes = encodeModel(randomModel(rng, tensorGraph(rng, 20)))
    const { frame: begin, checksum } = readWd(bytes).size
    for (let end = begin; end < bytes.length - checksum; end++) {
      // What is missing reads as zeros, which few bytes at the end may have been.
      try {
        decodeModel(frame(bytes.subarray(begin, end), []))
        expect(end).toBeGreaterThan(bytes.length - checksum - 8)
      } catch (e) {
        expect((e as WhiteDwarfError).code).toBe('E_FORMAT')
      }
    }
  })

  it('are refused when bytes are left over', () => {
    const plain = encodeModel(MODEL)
    for (let extra = 5; extra < 20; extra++) {
      const longer = new Uint8Array(plain.length + extra)
      longer.set(plain.subarray(0, plain.length - 4))
      refused(sealed(longer))
    }
  })

  it('are refused when they claim more weights than their bytes can hold, before these are allocated', () => {
    // The graph says 2^24 x 32 weights, the stream holds those of a small network.
    const stream = new RangeEncoder()
    for (let i = 0; i < 4000; i++) stream.bit(60000, 1)
    refused(fileOf(stream.finish()))
    for (const mode of ['runs', 'context'] as const) {
      const small = denseModel(4, 8, 1, new Int8Array(32))
      const large = hugeHeader(small, mode)
      const before = process.memoryUsage().arrayBuffers
      refused(large, /claims/)
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20)
    }
  })

  it('are refused when they claim more constants than their bytes can hold, before these are allocated', () => {
    const constant: Node = { op: 'tensor', name: 'c', inputs: [], fn: { kind: 'constant', shape: [2 ** 12, 2 ** 12] } }
    const before = process.memoryUsage().arrayBuffers
    refused(headerOnly({ inputs: INPUTS, nodes: [constant], outputs: ['c'] }), /claims .* 33554432 bytes/)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20)
  })

  it('are refused when many nodes list many numbers, which repeated nodes do in a few bits', () => {
    const indices = Array.from({ length: 2 ** 14 }, (_, i) => i)
    const take = (i: number): Node => ({
      op: 'tensor',
      name: `take${i}`,
      inputs: [i === 0 ? 'input' : `take${i - 1}`],
      fn: { kind: 'take', axis: 0, indices },
    })
    const nodes = Array.from({ length: 64 }, (_, i) => take(i))
    const inputs = [{ ...INPUTS[0], shape: [indices.length] }]
    const bytes = headerOnly({ inputs, nodes, outputs: ['take63'] })
    expect(bytes.length).toBeLessThan(200)
    refused(bytes, /list more than 1048576 numbers/)
    const model = (count: number): Model => ({
      graph: { inputs, nodes: nodes.slice(0, count), outputs: [nodes[count - 1].name] },
      tensors: {},
      layers: {},
      ranges: {},
    })
    expect(decodeModel(encodeModel(model(63))).graph.nodes.map((node) => node.name)).toEqual(
      nodes.slice(0, 63).map((node) => node.name),
    )
    expect(() => encodeModel(model(64))).toThrow(/list more than 1048576 numbers/)
  })

  it.each([
    [TENSOR_KINDS.length, /tensor function 17 is unknown here: update/],
    [255, /tensor function 255 is unknown/],
  ])('are refused with tensor function %d', (kind, message) => {
    refused(headerOnly({ inputs: INPUTS, nodes: [], outputs: ['input'] }, kind), message)
  })

  it('are refused with an operation that is not known yet', () => {
    for (const [code, refusal] of [
      [7, /./],
      [15, /operation 15, unknown here: update/],
      [255, /operation 255/],
    ] as const) {
      const stream = new RangeEncoder()
      const f = new Fields(stream)
      f.near('inputs', 1, 1, 1, 255)
      f.near('rank', 1, 3, 1, 8)
      f.uint('dim0', 3, 100)
      f.rare('input.named', false)
      f.bit('input.other', false, 8192)
      f.uint('nodes', 1, 100)
      codeOperation(f, code)
      refused(fileOf(stream.finish()), refusal)
    }
  })

  it('are refused with a required section', () => {
    const bytes = BYTES.slice()
    bytes[5] = 5
    refused(sealed(bytes), /feature 5/)
  })
})

const INPUTS = [{ name: 'input', shape: [4], scale: [1 / 255], offset: [0] }]

/** The operation code of the first node. */
function codeOperation(f: Fields, code: number): void {
  let node = 1
  for (let k = 7; k >= 0; k--) {
    const bit = ((code >> k) & 1) === 1
    const [name, initial] = k > 3 ? [`op.high${k}`, 512] : k === 3 ? ['op.later.0', 512] : [`op.0.${node}`, 32768]
    f.bit(name, bit, initial)
    node = node * 2 + +bit
  }
}

/**
 * A file whose stream ends with its header.
 * @param unknown the kind of a further node, a tensor function that does not exist
 */
function headerOnly(graph: Graph, unknown?: number): Uint8Array {
  const coder = new RangeEncoder()
  const f = new Fields(coder)
  const [{ name, shape }] = graph.inputs
  f.near('inputs', 1, 1, 1, 255)
  f.near('rank', 1, 3, 1, 8)
  f.uint('dim0', shape[0] - 1, 2 ** 24)
  f.rare('input.named', false)
  f.bit('input.other', false, 8192)
  f.uint('nodes', graph.nodes.length + (unknown === undefined ? 0 : 1), 65535)
  const nodes = new NodeCoder()
  const values = [name]
  for (const node of graph.nodes) {
    nodes.code(f, values, node)
    // The limit that is under test holds for writing too.
    Reflect.set(nodes, 'listed', 0)
    values.push(node.name)
  }
  if (unknown !== undefined) {
    codeOperation(f, 13)
    f.uint('tensor.inputs', 1, 255)
    f.near('tensor.back', 0, 0, 0, 0)
    f.bit('name.tensor.not0', false, 4096)
    f.uint('fn', unknown, 255)
  }
  f.near('outputs', 1, 1, 1, 255)
  f.near('output', values.indexOf(graph.outputs[0]), values.length - 1, 0, values.length - 1)
  f.rare('ranges.other', false)
  return frame(coder.finish(), [])
}

/** The bytes of a file whose header claims 2^16 times more rows than its levels have. */
function hugeHeader(model: Model, mode: 'runs' | 'context'): Uint8Array {
  const [name] = Object.keys(model.tensors)
  const rows = 2 ** 18
  const t = model.tensors[name]
  const constants = quantiseUniform(new Float32Array(rows), 1)
  const large: Model = {
    ...model,
    graph: { ...model.graph, nodes: [{ op: 'dense', name: 'fc1', inputs: ['input'], units: rows }] },
    tensors: { [name]: { ...t, shape: [rows, t.shape[1]], levels: new Int8Array(rows * t.shape[1]) } },
    layers: { fc1: { tensor: name, scale: constants, bias: constants } },
  }
  const bytes = encodeModel(large, { mode })
  // The header comes first in the stream: a short piece of it claims everything.
  const { frame } = readWd(bytes).size
  return fileOf(bytes.slice(frame, frame + 60))
}

/** A model of one tensor function of the input. */
function functionModel(fn: object, constants?: Model['constants']): Model {
  const nodes = [{ op: 'tensor', name: 'y', inputs: 'shape' in fn ? [] : ['input'], fn } as Node]
  const graph = { inputs: INPUTS, nodes, outputs: ['y'] }
  return { graph, tensors: {}, layers: {}, ranges: {}, ...(constants && { constants }) }
}

describe('models that the format cannot hold', () => {
  const broken: [string, Model, RegExp][] = [
    ['a level beyond maxLevel', { ...MODEL, tensors: { fc1: { ...MODEL.tensors.fc1, maxLevel: 1 } } }, /maxLevel/],
    ['a tensor of another shape', { ...MODEL, tensors: { fc1: { ...MODEL.tensors.fc1, shape: [30, 12] } } }, /shape/],
    ['too few levels', { ...MODEL, tensors: { fc1: { ...MODEL.tensors.fc1, levels: new Int8Array(3) } } }, /levels/],
    ['too many columns', denseModel(1, 2 ** 22 + 1, 1, new Int8Array(2 ** 22 + 1)), /columns/],
    ['an unused tensor', { ...MODEL, tensors: { ...MODEL.tensors, other: MODEL.tensors.fc1 } }, /not used/],
    ['a missing layer', { ...MODEL, layers: {} }, /no entry/],
    ['a range of an unknown value', { ...MODEL, ranges: { nobody: 3 } }, /nobody/],
    ['a range that is no code', { ...MODEL, ranges: { input: 256 } }, /256/],
    [
      'weights shared by node',
      {
        ...denseModel(30, 30, 3, randomLevels(new Rng(1), 900, 3, 0.2)),
        graph: {
          ...MODEL.graph,
          nodes: [
            { op: 'dense', name: 'fc1', inputs: ['input'], units: 30 },
            { op: 'dense', name: 'fc2', inputs: ['fc1'], units: 30, weightsOf: 'fc1' },
          ],
        },
      },
      /'fc2' has weightsOf.*fold the graph/,
    ],
    ['an 8-bit level of -128', denseModel(1, 1, 127, Int8Array.of(-128)), /-128 beyond/],
    ['a constant without values', functionModel({ kind: 'constant', shape: [2] }), /no values, expected 2/],
    ['too few constants', functionModel({ kind: 'constant', shape: [2] }, { y: Float32Array.of(1) }), /1 values/],
    ['constants of NaN', functionModel({ kind: 'constant', shape: [1] }, { y: Float32Array.of(Number.NaN) }), /finite/],
    ['constants of no node', { ...MODEL, constants: { x: Float32Array.of(1) } }, /'x'/],
    ['a parameter of NaN', functionModel({ kind: 'map', fn: 'clip', a: Number.NaN, b: 1 }), /NaN in its field 'a'/],
    ['an infinite epsilon', functionModel({ kind: 'normalise', axis: 0, epsilon: Infinity }), /'epsilon'/],
    [
      'an infinite weight',
      functionModel({ kind: 'resample', axis: 0, taps: 1, indices: [0], weights: [-Infinity] }),
      /-Infinity in its field 'weights'/,
    ],
    ['a tensor function that does not exist', functionModel({ kind: 'fft' }), /unknown tensor function 'fft'/],
    ['a map that does not exist', functionModel({ kind: 'map', fn: 'cos' }), /unknown map function 'cos'/],
    [
      'more inputs than a node may have',
      {
        ...functionModel({}),
        graph: {
          inputs: INPUTS,
          nodes: [{ op: 'tensor', name: 'y', inputs: Array(256).fill('input'), fn: { kind: 'concat', axis: 0 } }],
          outputs: ['y'],
        },
      },
      /256 inputs/,
    ],
    ["signs that are not the seed's", { ...MODEL, tensors: { fc1: { ...MODEL.tensors.fc1, signSeed: 3 } } }, /sign/],
  ]
  it.each(broken)('refuses %s', (_, model, message) => {
    expect(() => encodeModel(model)).toThrow(message)
  })
})
