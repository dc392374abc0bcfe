/**
 * What the kernel table knows of one kernel. The table is data: dispatch, tests, benchmarks and docs expand from it.
 */

/** A linear memory seen through every element type, as the scalar references use it. */
export class Mem {
  readonly i8: Int8Array
  readonly u8: Uint8Array
  readonly i16: Int16Array
  readonly u16: Uint16Array
  readonly i32: Int32Array
  readonly u32: Uint32Array
  readonly f32: Float32Array

  constructor(readonly buffer: ArrayBuffer) {
    this.i8 = new Int8Array(buffer)
    this.u8 = new Uint8Array(buffer)
    this.i16 = new Int16Array(buffer)
    this.u16 = new Uint16Array(buffer)
    this.i32 = new Int32Array(buffer)
    this.u32 = new Uint32Array(buffer)
    this.f32 = new Float32Array(buffer)
  }
}

/**
 * Which wasm module exports the kernel: `core` runs networks, `tensor` what networks from elsewhere add, `train` trains, `pe` walks models of
 * arrays.
 */
export type KernelModule = 'core' | 'tensor' | 'train' | 'pe'

export interface KernelRow {
  /** Export name, the same in AssemblyScript, TypeScript, tests, benchmarks and docs. */
  readonly name: string
  readonly module: KernelModule
  /** The family, a heading in the docs: gather, requant, pool, gemm, entropy, ... */
  readonly family: string
  /** One line: what it computes. */
  readonly formula: string
  /** Parameter names in order, pointers in bytes and sizes in elements unless the name says otherwise. */
  readonly params: readonly string[]
  /** Layout, alignment and padding contract. */
  readonly contract: string
  /** Against the reference: equal to the bit, or f32 results within so many units in the last place. */
  readonly exact: 'bits' | { readonly ulp: number }
  /**
   * The scalar reference: the same parameters, the same layout, obvious loops. It may touch only what the kernel
   * may write, so that a test can compare whole memories.
   */
  readonly reference: (mem: Mem, ...args: number[]) => number | undefined
}
