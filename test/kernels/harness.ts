/**
 * Runs a kernel of every wasm build and its scalar reference on copies of one memory, and compares the whole memories:
 * results, untouched inputs, and the canaries around every output.
 */
import { readFileSync } from 'node:fs'
import { instantiateSync } from '@assemblyscript/loader'
import { expect } from 'vitest'
import { type KernelModule, type KernelRow, Mem } from '../../src/kernels/row.js'
import { kernelTable } from '../../src/kernels/table.js'
import { Rng } from '../../src/rng.js'

const PAGES = 16

export interface BuiltModule {
  readonly build: string
  readonly memory: WebAssembly.Memory
  readonly exports: Record<string, (...args: number[]) => number>
}

const BUILDS: Record<KernelModule, readonly string[]> = {
  core: ['simd', 'relaxed', 'debug'],
  tensor: ['tensor', 'tensor-debug'],
  train: ['train', 'train-threads', 'train-debug'],
  pe: ['pe', 'pe-debug'],
}

const wasmBytes = (build: string) => readFileSync(new URL(`../../build/wasm/${build}.wasm`, import.meta.url))

/** The builds of a module that this runtime can compile. The loader decodes assertion messages of the debug builds. */
export function builds(module: KernelModule): BuiltModule[] {
  return BUILDS[module]
    .filter((build) => WebAssembly.validate(wasmBytes(build)))
    .map((build) => {
      const shared = build.endsWith('threads') && { maximum: 65536, shared: true }
      const memory = new WebAssembly.Memory({ initial: PAGES, ...shared })
      const { exports } = instantiateSync(wasmBytes(build), { env: { memory } })
      return { build, memory, exports: exports as unknown as BuiltModule['exports'] }
    })
}

export function row(name: string): KernelRow {
  const found = kernelTable.find((r) => r.name === name)
  if (found === undefined) throw new Error(`no kernel '${name}' in the table`)
  return found
}

/** Lays out buffers in a memory filled with a canary pattern. */
export class Layout {
  readonly mem: Mem
  private top = 8192

  constructor(readonly rng: Rng) {
    this.mem = new Mem(new ArrayBuffer(PAGES * 65536))
    for (let i = 0; i < this.mem.u32.length; i++) this.mem.u32[i] = 0xa5a5a5a5 ^ i
  }

  /** Reserves bytes at the given alignment, `skew` bytes off it, with room for over-reads behind. */
  reserve(bytes: number, align = 16, skew = 0): number {
    const address = Math.ceil(this.top / align) * align + skew
    this.top = address + bytes + 128
    if (this.top > this.mem.buffer.byteLength) throw new Error('test case too large for the test memory')
    return address
  }

  f32(values: readonly number[], skew = 0): number {
    const p = this.reserve(values.length * 4, 16, skew)
    this.mem.f32.set(values, p / 4)
    return p
  }

  i32(values: readonly number[]): number {
    const p = this.reserve(values.length * 4)
    this.mem.i32.set(values, p / 4)
    return p
  }

  u32(values: readonly number[]): number {
    const p = this.reserve(values.length * 4)
    this.mem.u32.set(values, p / 4)
    return p
  }

  i8(values: readonly number[]): number {
    const p = this.reserve(values.length)
    this.mem.i8.set(values, p)
    return p
  }

  bytes(values: Uint8Array): number {
    const p = this.reserve(values.length)
    this.mem.u8.set(values, p)
    return p
  }

  /** An array of random lane values: integers within +-range, or normal f32. */
  lanes(lane: 'i16' | 'i32' | 'f32', n: number, range: number): number {
    const bytes = lane === 'i16' ? 2 : 4
    const p = this.reserve(n * bytes)
    for (let i = 0; i < n; i++) {
      this.mem[lane][p / bytes + i] = lane === 'f32' ? this.rng.normal() * range : this.rng.below(2 * range + 1) - range
    }
    return p
  }
}

/** What a case prepares: the arguments, and regions that the kernel leaves undefined (scratch). */
export interface Case {
  readonly args: readonly number[]
  readonly undefinedRegions?: readonly (readonly [address: number, bytes: number])[]
}

/**
 * Compares kernel and reference. For rows with a ULP budget, 4-byte words that differ are compared as f32.
 * @param setup fills the layout and returns the arguments
 */
export function check(module: BuiltModule, kernel: KernelRow, seed: number, setup: (layout: Layout) => Case): void {
  const layout = new Layout(new Rng(seed))
  const { args, undefinedRegions = [] } = setup(layout)
  const mine = new Uint8Array(module.memory.buffer)
  mine.set(layout.mem.u8)
  const returned = module.exports[kernel.name](...args)
  const expected = kernel.reference(layout.mem, ...args)
  for (const [address, bytes] of undefinedRegions) {
    mine.fill(0, address, address + bytes)
    layout.mem.u8.fill(0, address, address + bytes)
  }
  const label = `${kernel.name} (${module.build}, seed ${seed})`
  if (expected !== undefined) expect(returned, `${label}: returned value`).toBe(expected)
  const words = new Uint32Array(module.memory.buffer)
  const wanted = layout.mem.u32
  for (let i = 0; i < words.length; i++) {
    if (words[i] === wanted[i]) continue
    if (kernel.exact !== 'bits') {
      if (ulpDistance(words[i], wanted[i]) <= kernel.exact.ulp) continue
    }
    const got = new Float32Array(words.buffer, i * 4, 1)[0]
    expect.fail(
      `${label}: word at ${i * 4} is 0x${words[i].toString(16)} (${got}), reference 0x${wanted[i].toString(16)} (${layout.mem.f32[i]})`,
    )
  }
}

/** Distance of two f32 bit patterns in units in the last place. */
export function ulpDistance(a: number, b: number): number {
  const ordered = (u: number) => (u & 0x80000000 ? -(u & 0x7fffffff) : u)
  return Math.abs(ordered(a) - ordered(b))
}
