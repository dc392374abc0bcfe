/** Truncated, damaged and hostile files: always E_FORMAT, and never a large allocation or a long wait. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { WhiteDwarfError } from '../../src/errors.js'
import { crc32 } from '../../src/format/crc32.js'
import { Fields } from '../../src/format/fields.js'
import { decodeModel, encodeModel, quantiseUniform, readWd } from '../../src/format.js'
import type { Model } from '../../src/graph/model.js'
import { RangeEncoder } from '../../src/kernels/ref/entropy/coder.js'
import { Rng } from '../../src/rng.js'
import { denseModel, randomGraph, randomLevels, randomModel } from './models.js'

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
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (seed, changes) => {
          const rng = new Rng(seed)
          const bytes = encodeModel(randomModel(rng, randomGraph(rng, 5))).slice()
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

  it('are refused with an operation that is not known yet', () => {
    for (const [code, refusal] of [
      [7, /./],
      [13, /operation 13, unknown here: update/],
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
      let node = 1
      for (let k = 7; k >= 0; k--) {
        const bit = ((code >> k) & 1) === 1
        const [name, initial] = k > 3 ? [`op.high${k}`, 512] : k === 3 ? ['op.later.0', 512] : [`op.0.${node}`, 32768]
        f.bit(name, bit, initial)
        node = node * 2 + +bit
      }
      refused(fileOf(stream.finish()), refusal)
    }
  })

  it('are refused with a required section', () => {
    const bytes = BYTES.slice()
    bytes[5] = 5
    refused(sealed(bytes), /feature 5/)
  })
})

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
    ["signs that are not the seed's", { ...MODEL, tensors: { fc1: { ...MODEL.tensors.fc1, signSeed: 3 } } }, /sign/],
  ]
  it.each(broken)('refuses %s', (_, model, message) => {
    expect(() => encodeModel(model)).toThrow(message)
  })
})
