/**
 * The trainer's one wasm memory: allocation and views.
 *
 * Training can be done by several threads at once: all hold the same memory, run the same code and make the same
 * allocations, so that an address means the same to each. A thread is one *part* of `count`; work is divided by ranges,
 * and where one part reads what another wrote there is a barrier in between. Sums are never divided, so the bits do not depend
 * on the number of parts.
 */

import { Arena, SLACK } from '../wasm/arena.js'
import type { WasmExports } from '../wasm/exports.js'
import { instantiate, instantiateModule } from '../wasm/load.js'

/** One of the threads that train together. */
export interface Part {
  /** 0 .. count - 1 */
  readonly index: number
  readonly count: number
  /** Returns when all parts have called it. */
  readonly barrier: () => void
}

const ALONE: Part = { index: 0, count: 1, barrier: () => {} }

/** Most bytes the memory may have: WebAssembly addresses end at 4 GiB. */
const LIMIT = 2 ** 32 - 65536

export class TrainMemory {
  private scratchBytes = 0
  private scratchAddress = 0
  private sharedBytes = 0
  private sharedAddress = 0

  constructor(
    readonly kernels: WasmExports,
    private readonly memory: WebAssembly.Memory,
    private readonly arena: Arena,
    readonly part: Part,
  ) {}

  static async create(part: Part = ALONE): Promise<TrainMemory> {
    const { exports, memory } = await instantiate('train')
    return new TrainMemory(exports, memory, new Arena(memory, LIMIT), part)
  }

  /** One part's view of a memory that parts share. */
  static over(module: WebAssembly.Module, memory: WebAssembly.Memory, part: Part): TrainMemory {
    return new TrainMemory(instantiateModule(module, memory).exports, memory, new Arena(memory, LIMIT), part)
  }

  /** Bytes in use. */
  get used(): number {
    return this.arena.used
  }

  /** This part's share of n things, in multiples of `unit` but for the last. */
  range(n: number, unit = 1): [begin: number, end: number] {
    const { index, count } = this.part
    const units = Math.ceil(n / unit)
    return [
      Math.min(n, Math.floor((units * index) / count) * unit),
      Math.min(n, Math.floor((units * (index + 1)) / count) * unit),
    ]
  }

  /** Asks for scratch memory that each part has for itself, used by one layer at a time. */
  needScratch(bytes: number): void {
    this.scratchBytes = Math.max(this.scratchBytes, bytes)
  }

  /** Asks for scratch memory that all parts share, used by one layer at a time. */
  needShared(bytes: number): void {
    this.sharedBytes = Math.max(this.sharedBytes, bytes)
  }

  /** Allocates what was asked for, once all have asked. */
  allocateScratch(): void {
    const { index, count } = this.part
    const each = Math.ceil((this.scratchBytes + SLACK) / 64) * 64
    this.scratchAddress = this.bytes(each * count) + each * index
    this.sharedAddress = this.bytes(this.sharedBytes)
  }

  get scratch(): number {
    return this.scratchAddress
  }

  get shared(): number {
    return this.sharedAddress
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

  /** A buffer of these u32 for this part alone: other parts may hold other numbers, but as many. */
  ownTable(values: ArrayLike<number>): number {
    const { index, count } = this.part
    const p = this.words(values.length * count) + 4 * values.length * index
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
