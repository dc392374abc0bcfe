/**
 * A compressed network in memory: what a .wd file holds, and the contract between compressing and running.
 */
import type { Pattern } from '../patterns/pattern.js'
import type { Graph } from './ir.js'

/** Weights as small integers, mostly zero. Several layers may use one tensor (folding). */
export interface LevelTensor {
  /** [out, in, kh, kw] or [out, in] */
  readonly shape: readonly number[]
  /** Largest |level| allowed: 1 is INT2, 3 is INT3, 7 is INT4, 127 is INT8. */
  readonly maxLevel: 1 | 3 | 7 | 127
  readonly levels: Int8Array
  /**
   * Present when the signs come from the seeded generator (format/signs.ts) and are therefore not stored.
   * Every non-zero level must then have the generator's sign.
   */
  readonly signSeed?: number
  /** Sparsity pattern that the levels keep to. */
  readonly pattern?: Pattern
}

/** Numbers on a uniform grid: value[i] = lo + step * code[i] in f32 arithmetic. `lo` and `step` are f16 numbers. */
export interface UniformArray {
  readonly kind: 'uniform'
  /** 1..8 */
  readonly bits: number
  readonly lo: number
  readonly step: number
  readonly codes: Uint8Array
}

/** Numbers as IEEE half precision bit patterns. */
export interface HalfArray {
  readonly kind: 'f16'
  readonly codes: Uint16Array
}

/** Per-channel constants, held as the codes the file stores, so that writing and reading lose nothing. */
export type CodedArray = UniformArray | HalfArray

/** Constants of one weighted node: y = scale * (levels . x) + bias, per output channel. */
export interface LayerParams {
  /** Name of the level tensor. */
  readonly tensor: string
  readonly scale: CodedArray
  readonly bias: CodedArray
}

export interface Model {
  readonly graph: Graph
  readonly tensors: Readonly<Record<string, LevelTensor>>
  /** Weighted node name -> its constants. */
  readonly layers: Readonly<Record<string, LayerParams>>
  /**
   * Value name -> code of its range, the |x| at which int8 saturates: 2^(code / 8 - 16), code 0..255.
   * Present for every value that needs one (rangedValues in ranges.ts).
   */
  readonly ranges: Readonly<Record<string, number>>
  /** Values of constant nodes, where there are some. */
  readonly constants?: Readonly<Record<string, Float32Array>>
}

export const rangeMax = (code: number): number => 2 ** (code / 8 - 16)

/** The smallest code whose maximum is at least `max`. */
export const rangeCode = (max: number): number =>
  max > 0 ? Math.min(255, Math.max(0, Math.ceil((Math.log2(max) + 16) * 8))) : 0

/** Plain weights of one weighted node, from elsewhere: y = weights . x + bias. */
export interface LayerWeights {
  /** [out, in / groups, kh, kw] or [out, in], row-major. */
  readonly weights: Float32Array
  readonly bias: Float32Array
}

/** A network of plain f32 weights: what importing gives, and what compressing starts from. */
export interface FloatModel {
  readonly graph: Graph
  /** By the name of the weighted node. */
  readonly weights: Readonly<Record<string, LayerWeights>>
  /** By the name of the constant node. */
  readonly constants: Readonly<Record<string, Float32Array>>
}
