/** Weights into memory: row programs for the sparse kernels, f32 matrices for the dense baseline. */
import { decodeModel, type WdFile } from '../format/wd.js'
import { planesOf } from '../kernels/levels.js'
import type { Arena } from '../wasm/arena.js'
import type { WasmInstance } from '../wasm/exports.js'
import type { LevelSums } from './lanes.js'

/** A row program in memory. */
export interface Program {
  readonly address: number
  readonly rows: number
  readonly planes: number
  readonly sums: LevelSums
  readonly nonzeros: number
}

export interface ProgramRequest {
  /** The operation's name. */
  readonly name: string
  readonly tensor: string
  /** Byte offset of each column. */
  readonly offsets: Uint32Array
}

export function loadPrograms(
  bytes: Uint8Array,
  file: WdFile,
  instance: WasmInstance,
  arena: Arena,
  requests: readonly ProgramRequest[],
): Map<string, Program> {
  const model = decodeModel(bytes)
  const programs = new Map<string, Program>()
  for (const request of requests) {
    const t = file.tensors.find((x) => x.name === request.tensor)!
    const levels = model.tensors[request.tensor].levels
    const planes = planesOf(t.maxLevel)
    const nonzeros = levels.reduce((n, l) => n + (l !== 0 ? 1 : 0), 0)
    const address = arena.alloc(t.rows * planes * 8 + nonzeros * 12 + 4)
    const mark = arena.mark()
    const at = arena.alloc(levels.length)
    const offsets = arena.alloc(t.cols * 4)
    const ctx = arena.alloc(20)
    const pairs = arena.alloc(t.cols * 8)
    new Int8Array(instance.memory.buffer, at, levels.length).set(levels)
    new Uint32Array(instance.memory.buffer, offsets, t.cols).set(request.offsets)
    new Uint32Array(instance.memory.buffer, ctx, 5).set([planes, offsets, 0, 0, 0])
    instance.exports.program_from_levels(at, t.rows, t.cols, pairs, ctx, address)
    const [, , positive, negative, total] = new Uint32Array(instance.memory.buffer, ctx, 5)
    arena.release(mark)
    programs.set(request.name, { address, rows: t.rows, planes, nonzeros, sums: { positive, negative, total } })
  }
  return programs
}

/** Multiplies every offset of a program: for lanes that turned out wider than first assumed. */
export function rescaleOffsets(instance: WasmInstance, program: Program, factor: number): void {
  const words = new Uint32Array(instance.memory.buffer)
  let p = program.address / 4
  for (let list = 0; list < program.rows * program.planes; list++) {
    const end = p + 2 + words[p] + words[p + 1]
    for (p += 2; p < end; p++) words[p] *= factor
  }
}

/** Every tensor's levels, decoded. */
export function decodeTensors(bytes: Uint8Array, file: WdFile, _instance: WasmInstance, _arena: Arena) {
  const model = decodeModel(bytes)
  return file.tensors.map((tensor) => ({ tensor, levels: model.tensors[tensor.name].levels }))
}
