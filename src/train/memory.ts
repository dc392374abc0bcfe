/** The trainer's one wasm memory: allocation and views. */

import { Arena } from '../wasm/arena.js'
import type { WasmExports } from '../wasm/exports.js'
import { instantiate } from '../wasm/load.js'

export class TrainMemory {
  private constructor(
    readonly kernels: WasmExports,
    private readonly memory: WebAssembly.Memory,
    private readonly arena: Arena,
  ) {}

  static async create(): Promise<TrainMemory> {
    const { exports, memory } = await instantiate('train')
    return new TrainMemory(exports, memory, new Arena(memory))
  }

  /** Room for `n` 4-byte elements. @returns its address */
  words(n: number): number {
    return this.arena.alloc(4 * n)
  }

  bytes(n: number): number {
    return this.arena.alloc(n)
  }

  /** A buffer that holds these u32. */
  table(values: ArrayLike<number>): number {
    const p = this.words(values.length)
    this.u32(p, values.length).set(values)
    return p
  }

  // Views are valid until the next allocation, which may grow the memory.

  f32(p: number, n: number): Float32Array {
    return new Float32Array(this.memory.buffer, p, n)
  }

  f64(p: number, n: number): Float64Array {
    return new Float64Array(this.memory.buffer, p, n)
  }

  i8(p: number, n: number): Int8Array {
    return new Int8Array(this.memory.buffer, p, n)
  }

  u8(p: number, n: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, p, n)
  }

  u32(p: number, n: number): Uint32Array {
    return new Uint32Array(this.memory.buffer, p, n)
  }
}
