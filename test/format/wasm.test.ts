/** The WebAssembly decoder against its scalar reference: memory for memory, in every build. */
import { describe, expect, it } from 'vitest'
import { decodeModel, encodeModel, entropyStateBytes, type Mode, readWd } from '../../src/format.js'
import type { Model } from '../../src/graph/model.js'
import { planesOf } from '../../src/kernels/levels.js'
import { arraysOf, WORD } from '../../src/kernels/ref/entropy/state.js'
import { Mem } from '../../src/kernels/row.js'
import { entropyRows } from '../../src/kernels/rows/entropy.js'
import { Rng } from '../../src/rng.js'
import { type BuiltModule, builds } from '../kernels/harness.js'
import { denseModel, randomGraph, randomLevels, randomModel, SMALL } from './models.js'
import { withPatterns } from './patterned.js'

/** A wasm memory and a copy for the reference; every kernel call is made on both. */
class Pair {
  readonly ref = new Mem(new ArrayBuffer(16 * 65536))
  readonly wasm: Uint8Array
  readonly state = 8192
  private readonly scratch: [number, number]

  constructor(
    readonly module: BuiltModule,
    maxCols: number,
    maxRows: number,
  ) {
    this.wasm = new Uint8Array(module.memory.buffer)
    const at = arraysOf(this.state, maxCols, maxRows)
    this.scratch = [at.levels, at.pairs]
    // Whatever was there before must not matter.
    for (let i = 0; i < this.ref.u32.length; i++) this.ref.u32[i] = 0xa5a5a5a5 ^ i
    this.wasm.set(this.ref.u8)
    this.cols = maxCols
  }
  private readonly cols: number

  write(at: number, bytes: Uint8Array): void {
    this.ref.u8.set(bytes, at)
    this.wasm.set(bytes, at)
  }

  call(name: string, ...args: number[]): number | undefined {
    const row = entropyRows.find((r) => r.name === name)
    if (row === undefined) throw new Error(`no kernel ${name}`)
    const returned = this.module.exports[name](...args)
    const expected = row.reference(this.ref, ...args)
    if (expected !== undefined) expect(returned, name).toBe(expected)
    return expected
  }

  /** Compares the memories, but for scratch. */
  compare(label: string): void {
    const [levels, pairs] = this.scratch
    for (const m of [this.ref.u8, this.wasm]) {
      m.fill(0, levels, levels + this.cols)
      m.fill(0, pairs, pairs + 8 * this.cols)
    }
    if (Buffer.compare(this.ref.u8, this.wasm) === 0) return
    const at = this.wasm.findIndex((byte, i) => byte !== this.ref.u8[i])
    expect.fail(`${label}: byte ${at} (state + ${at - this.state}) is ${this.wasm[at]}, reference ${this.ref.u8[at]}`)
  }
}

/** Decodes a file with the kernels, `step` rows per call, to dense levels; returns them by tensor. */
function decodeDense(module: BuiltModule, bytes: Uint8Array, step: number): Map<string, Int8Array> {
  const file = readWd(bytes)
  const pair = new Pair(module, file.maxCols, file.maxRows)
  const stream = pair.state + entropyStateBytes(file.maxCols, file.maxRows)
  const classes = stream + bytes.length
  const out = classes + file.maxRows
  pair.write(stream, bytes)
  const { range, code, next, end } = file.levels
  pair.call('entropy_begin', pair.state, range, code, stream + next, stream + end, file.maxCols, file.maxRows)
  const result = new Map<string, Int8Array>()
  for (const t of file.tensors) {
    pair.write(classes, t.rowClasses)
    pair.call('entropy_tensor', pair.state, ...t.kernelArguments, classes)
    const { rows, cols } = t.packing ?? t
    for (let r = 0; r < rows; r += step) {
      const to = Math.min(rows, r + step)
      expect(pair.call('entropy_decode_dense', pair.state, r, to, out + r * cols)).toBe(to - r)
    }
    pair.compare(t.name)
    const levels = new Int8Array(pair.wasm.slice(out, out + rows * cols).buffer)
    const members = (groups: Uint32Array) => {
      const chosen = groups.reduce((sum, group) => sum + (group >>> 16), 0)
      const words = (out + chosen + 7) & ~7
      pair.write(words, new Uint8Array(groups.buffer))
      expect(pair.call('entropy_decode_subsets', pair.state, words, groups.length, out)).toBe(chosen)
      pair.compare(`members of ${t.name}`)
      return pair.wasm.slice(out, out + chosen)
    }
    result.set(t.name, t.packing === undefined ? levels : t.packing.unpack(levels, members))
  }
  expect(pair.call('entropy_end', pair.state)).toBe(1)
  return result
}

/** A network of several layers and kinds, with shared statistics between them. */
function network(seed: number, mode?: Mode): { model: Model; bytes: Uint8Array } {
  const rng = new Rng(seed)
  const plain = randomModel(rng, randomGraph(rng, 10), mode === 'context' ? SMALL : undefined)
  const model = seed % 2 ? withPatterns(rng, plain) : plain
  return { model, bytes: encodeModel(model, mode === undefined ? {} : { mode }) }
}

describe.each(builds('core'))('entropy decoder, $build build', (module) => {
  it.each(['context', 'runs'] as const)('equals its reference and the encoder (%s)', (mode) => {
    for (let seed = 0; seed < 40; seed++) {
      const { model, bytes } = network(seed, mode)
      const decoded = decodeDense(module, bytes, 1 + (seed % 7))
      for (const [name, levels] of decoded) expect(levels).toStrictEqual(model.tensors[name].levels)
    }
  })

  it.each(['context', 'runs'] as const)('decodes degenerate tensors (%s)', (mode) => {
    for (const [rows, cols, density] of [
      [1, 1, 0],
      [1, 1, 1],
      [1, 9000, 0.01],
      [9000, 1, 0.2],
      [3, 4095, 0],
      [70, 90, 1],
    ]) {
      const levels = randomLevels(new Rng(rows), rows * cols, 7, density)
      expect(decodeDense(module, encodeModel(denseModel(rows, cols, 7, levels), { mode }), 4).get('fc1')).toStrictEqual(
        levels,
      )
    }
  })

  it('writes row programs, resumes where space ran out, and never writes past it', () => {
    for (const maxLevel of [1, 3, 7, 127] as const) {
      const [rows, cols] = [20, 33]
      const planes = planesOf(maxLevel)
      const model = denseModel(rows, cols, maxLevel, randomLevels(new Rng(maxLevel), rows * cols, maxLevel, 0.3))
      const bytes = encodeModel(model)
      const file = readWd(bytes)
      const pair = new Pair(module, cols, rows)
      const { state } = pair
      const stream = state + entropyStateBytes(cols, rows)
      const ctx = (stream + bytes.length + rows + 7) & ~7
      const out = ctx + 32 + 4 * cols
      pair.write(stream, bytes)
      pair.write(stream + bytes.length, file.tensors[0].rowClasses)
      pair.write(ctx, new Uint8Array(Uint32Array.of(planes, ctx + 32, 0, 0, 0).buffer))
      pair.write(ctx + 32, new Uint8Array(Uint32Array.from({ length: cols }, (_, k) => 100 * k + 4).buffer))
      const { range, code, next, end } = file.levels
      pair.call('entropy_begin', state, range, code, stream + next, stream + end, cols, rows)
      pair.call('entropy_tensor', state, ...file.tensors[0].kernelArguments, stream + bytes.length)
      const worst = 8 * planes + 4 * cols * (planes > 1 ? 2 : 1) + 4
      expect(pair.call('entropy_decode_program', state, 0, rows, ctx, out, out + worst - 1)).toBe(0)
      let done = 0
      let at = out
      while (done < rows) {
        const space = worst + (done % 3) * 50
        const canary = pair.wasm[at + space]
        const got = pair.call('entropy_decode_program', state, done, rows, ctx, at, at + space) as number
        expect(got).toBeGreaterThan(0)
        expect(pair.wasm[at + space]).toBe(canary)
        done += got
        at = pair.ref.u32[(state + WORD.out) >> 2]
        // The word past the end is scratch.
        pair.write(at, new Uint8Array(4))
        pair.compare(`rows up to ${done}`)
      }
      expect(pair.call('entropy_end', state)).toBe(1)
      expect(programLevels(pair.ref, out, at, rows, cols, planes)).toStrictEqual(model.tensors.fc1.levels)
    }
  })

  it('stays inside its buffers on garbage, and says that the stream is damaged', () => {
    const rng = new Rng(77)
    let damaged = 0
    for (let seed = 0; seed < 60; seed++) {
      const mode = seed % 2 ? 'runs' : 'context'
      const maxLevel = seed % 4 === 3 ? 127 : 7
      const model = denseModel(50, 60, maxLevel, randomLevels(rng, 3000, maxLevel, 0.2))
      const file = readWd(encodeModel(model, { mode }))
      const garbage = Uint8Array.from({ length: 1 + rng.below(600) }, () =>
        seed % 3 ? rng.below(256) : 255 * rng.below(2),
      )
      const pair = new Pair(module, 60, 50)
      const stream = pair.state + entropyStateBytes(60, 50)
      const classes = stream + garbage.length
      const out = classes + 50
      pair.write(stream, garbage)
      pair.write(classes, garbage.subarray(0, 50))
      pair.call('entropy_begin', pair.state, 0xffffffff, rng.u32(), stream, stream + garbage.length, 60, 50)
      pair.call('entropy_tensor', pair.state, ...file.tensors[0].kernelArguments, classes)
      const result = pair.call('entropy_decode_dense', pair.state, 0, 50, out)
      pair.call('entropy_end', pair.state)
      pair.compare(`garbage ${seed}`)
      if (result === -1) damaged++
    }
    expect(damaged).toBeGreaterThan(20)
  })

  it('decodes which members of groups are chosen, and stays inside its buffers on garbage', () => {
    const rng = new Rng(5)
    let damaged = 0
    for (let seed = 0; seed < 60; seed++) {
      const groups = Uint32Array.from({ length: 1 + rng.below(300) }, () => {
        const size = 1 + rng.below(seed % 5 ? 16 : 256)
        return size + 65536 * rng.below(size + 1)
      })
      const chosen = groups.reduce((sum, group) => sum + (group >>> 16), 0)
      const garbage = Uint8Array.from({ length: rng.below(400) }, () => rng.below(256))
      const pair = new Pair(module, 8, 8)
      const words = pair.state + entropyStateBytes(8, 8)
      const members = words + 4 * groups.length
      const stream = members + chosen + 5
      pair.write(words, new Uint8Array(groups.buffer))
      pair.write(stream, garbage)
      pair.call('entropy_begin', pair.state, 0xffffffff, rng.u32(), stream, stream + garbage.length, 8, 8)
      const result = pair.call('entropy_decode_subsets', pair.state, words, groups.length, members)
      pair.compare(`garbage ${seed}`)
      if (result === -1) {
        damaged++
        continue
      }
      expect(result).toBe(chosen)
      let at = members
      for (const group of groups) {
        const own = pair.wasm.slice(at, at + (group >>> 16))
        own.forEach((member, i) => {
          expect(member).toBeLessThan(group & 65535)
          if (i > 0) expect(member).toBeGreaterThan(own[i - 1])
        })
        at += own.length
      }
    }
    expect(damaged).toBeGreaterThan(10)
    expect(damaged).toBeLessThan(50)
  })

  it('agrees with decodeModel on a file with seeded signs in several blocks of rows', () => {
    let seeded = 0
    for (let seed = 100; seed < 160; seed++) {
      const { bytes } = network(seed)
      const model = decodeModel(bytes)
      for (const [name, levels] of decodeDense(module, bytes, 100)) {
        expect(levels).toStrictEqual(model.tensors[name].levels)
        if (model.tensors[name].signSeed !== undefined && model.tensors[name].shape[0] > 16) seeded++
      }
    }
    expect(seeded).toBeGreaterThan(0)
  })
})

/** Dense levels from row programs whose column k has offset 100 k + 4. */
function programLevels(mem: Mem, from: number, to: number, rows: number, cols: number, planes: number): Int8Array {
  const levels = new Int8Array(rows * cols)
  let p = from >> 2
  for (let r = 0; r < rows; r++) {
    for (let plane = planes - 1; plane >= 0; plane--) {
      const plus = mem.u32[p++]
      const minus = mem.u32[p++]
      for (let i = 0; i < plus + minus; i++) {
        levels[r * cols + (mem.u32[p++] - 4) / 100] += (i < plus ? 1 : -1) * 2 ** plane
      }
    }
  }
  expect(p * 4).toBe(to)
  return levels
}
