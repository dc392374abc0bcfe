/** What a session is made of while its plan is built, and what the plan knows of weighted layers. */
import type { Lane } from '../kernels/lanes.js'
import type { Arena } from '../wasm/arena.js'
import type { WasmInstance } from '../wasm/exports.js'
import type { Layer } from './emit.js'
import type { Geometry } from './geometry.js'
import type { LevelSums } from './lanes.js'
import type { Lowered, Op, OpOf, WeightedOp } from './lower.js'
import type { Scratch } from './memory.js'
import type { Network, TensorInfo } from './network.js'
import type { ResolvedOptions } from './options.js'
import type { Step } from './requant.js'
import type { Tables } from './tables.js'

export interface Site {
  readonly network: Network
  readonly instance: WasmInstance
  readonly arena: Arena
  readonly options: ResolvedOptions
  /** Present where the network or the options need it. */
  readonly general: General | undefined
}

/** The part of the engine that is loaded on demand: general.ts, which documents the functions. */
export interface General {
  readonly floatProducts: (site: Site, weighted: readonly Weighted[]) => Map<Op, Product>
  readonly chooseLevelProducts: (
    lowered: Lowered,
    weighted: ReadonlyMap<Op, Weighted>,
    matrices: ReadonlyMap<string, Int8Array>,
    sums: Map<string, LevelSums>,
    batch: number,
    instance: WasmInstance,
    arena: Arena,
  ) => () => [Op, Product][]
  readonly emitTensor: (op: OpOf<'tensor'>, tables: Tables, batch: number) => Step[]
}

/** A weighted operation with what the plan knows of it. */
export interface Weighted {
  readonly op: WeightedOp
  readonly tensor: TensorInfo
  readonly geometry: Geometry
  /** Runs on the scalar gather: one vector, no lanes to fill. */
  readonly scalar: boolean
}

/** How a layer's sums are computed. */
export interface Product {
  readonly kernel: string
  /** Lanes of the sums. */
  readonly lane: Lane
  /** Weights that are not zero. */
  readonly nonzeros: number
  /** Bytes of the weights in memory, in the form that the kernel reads. */
  readonly bytes: number
  readonly sums: LevelSums | undefined
  /** The kernel rounds its sums itself: they need no memory. */
  readonly fused?: boolean
  /** Bytes of the planes of pairs. */
  readonly pairs?: number
  readonly emit: (op: WeightedOp, layer: Layer, scratch: Scratch, tables: Tables, batch: number) => Step[]
}
