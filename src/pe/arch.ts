/**
 * Arrays as data: what JSON may say, and what every model of an array starts from. Nothing here computes; each kind has a folder or file
 * with its model. docs/pe.md explains the fields.
 */
import type { Buffer } from './sram.js'
import type { Technology } from './technology.js'
import type { Constant } from './units.js'

interface ArchBase {
  readonly name: string
  /** Which of the fields are published, and which are our choice. */
  readonly provenance: string
  readonly tech: Technology
  /** On-chip memories; those that an array does not have are absent. */
  readonly buffers: {
    readonly weights: Buffer
    readonly activations: Buffer
    readonly outputs: Buffer
    readonly index?: Buffer
  }
  readonly dram?: {
    /** Bits between DRAM and chip in a cycle. Absent: never waited for. */
    readonly bandwidth?: number
    /** Energy of a bit. Absent: energy is that of the chip alone. */
    readonly energy?: Constant
  }
  /** Factor on all energies of the chip, fitted to a published figure. Default 1. */
  readonly calibration?: number
}

/** What a row and a column of the array hold: outputs, weights or inputs stay in place. */
export type Dataflow = 'os' | 'ws' | 'is'

/**
 * How cycles of a systolic array are counted (see systolic/folds.ts). 'schedule': all of a fold, as SCALE-Sim's demand matrices; 'report': one
 * less in all, as its reports print; 'paper': the equation of ISPASS 2020; 'v1': SCALE-Sim's first version; 'stonne': STONNE's TPU.
 */
export type Convention = 'schedule' | 'report' | 'paper' | 'v1' | 'stonne'

/** Which weights a systolic array skips, and how. */
export type Skipping =
  | { readonly kind: 'none' }
  /** N of M consecutive inputs of a filter, one index each (SCALE-Sim's layer-wise sparsity). */
  | { readonly kind: 'n:m'; readonly n: number; readonly m: number }
  /**
   * `factor` sparse filters or inputs packed into one dense one. 'k': inputs share a row and each element selects one; 'p': by permutations
   * in blocks; 'n': filters share a column, products are handed to `factor` sums.
   */
  | { readonly kind: 'complementary'; readonly factor: number; readonly axis: 'k' | 'p' | 'n' }
  /**
   * `taps` of each kernel of kernel * kernel (2 to 16, default 3), repeating with a period over the channels: no index but a table of period * taps
   * entries for a layer (SPS). Other kernels run dense.
   */
  | { readonly kind: 'periodic'; readonly taps: number; readonly period: number; readonly kernel?: number }

export interface SystolicArch extends ArchBase {
  readonly kind: 'systolic'
  readonly rows: number
  readonly columns: number
  readonly dataflow: Dataflow
  readonly convention: Convention
  readonly skipping: Skipping
  /** Bits of the operands that elements are built for; layers of fewer take less energy. Default 8 and 8. */
  readonly bits?: { readonly weights: number; readonly activations: number }
}

/**
 * WhiteDwarf's array as reconstructed: rows gather their non-zero weights by themselves, lanes of a row share a weight, rows of a group wait
 * for each other at the end of a tile, groups at the end of an output.
 */
export interface GatherArch extends ArchBase {
  readonly kind: 'gather'
  readonly groups: number
  /** Rows of a group: filters. */
  readonly rows: number
  /** Lanes of a row: pixels. */
  readonly lanes: number
  /** Weights looked at in a cycle. */
  readonly window: number
  /** Non-zero weights issued in a cycle. */
  readonly issue: number
  /** Bits of a weight that an element computes in a cycle. */
  readonly planes: number
  /** 'binary': bits that are one; 'signed': digits of the non-adjacent form. */
  readonly digits: 'binary' | 'signed'
  /** Windows that wait between gathering and computing; 0: in lock step. */
  readonly queue: number
  /** Weights of a filter that a tile of activations covers. */
  readonly tile: number
  /** Memory bank of a group's tile of activations: there are as many as a tile takes, and as many for the next tile. */
  readonly tileBank: Buffer
  /** Bits of activations that can go from the memory of activations to the tiles in a cycle. Absent: never waited for. */
  readonly tileBandwidth?: number
  /** Cycles lost where rows of a group, and where groups wait for each other. */
  readonly syncRows: number
  readonly syncGroups: number
  /** 'given': filters in the model's order; 'balanced': by their number of weights. */
  readonly order: 'given' | 'balanced'
  /** Bits of an accumulator: 8 to 48. */
  readonly accumulator: number
  /** Pixels that an activation is used for once it is in a tile: from 1; of layers with fewer taps, at most those. */
  readonly reuse: number
  readonly format: 'e4m3' | 'e5m2'
}

/** Blocks of weights of which a seed says which stay, low precision inside (CGS, HCGS). */
export interface BlockArch extends ArchBase {
  readonly kind: 'blocks'
  /** Multiply-accumulates at a time. */
  readonly lanes: number
  /** Rows and columns of a block. */
  readonly blockInputs: number
  readonly blockOutputs: number
  /** One block in `ratio` stays, where weights are not known; of blocks within blocks, the product. */
  readonly ratio: number
  /** Of weights that are not known; levels have the bits that they need. */
  readonly weightBits: number
  readonly activationBits: number
  /** Bit products of a lane in a cycle; weightBits * activationBits is one whole product. */
  readonly bitsPerLane: number
  /** Cycles to select a block. */
  readonly select: number
}

/** Elements that take the bits of operands one after another. */
export interface SerialArch extends ArchBase {
  readonly kind: 'serial'
  readonly design: 'stripes' | 'loom' | 'pragmatic' | 'laconic' | 'bitfusion'
  /** Groups, each at one output at a time, and lanes of a group, which work in lock step. */
  readonly groups: number
  readonly lanes: number
}

/** Elements that multiply non-zero weights by non-zero activations. */
export interface PairArch extends ArchBase {
  readonly kind: 'pairs'
  readonly design: 'scnn' | 'eie' | 'eyeriss-v2'
  readonly elements: number
  /** SCNN, Eyeriss v2: non-zero activations and weights that an element takes at a time. Default 1 and 1. */
  readonly fetch?: readonly [activations: number, weights: number]
  /** SCNN: filters of a pass; elements wait for each other behind each. Default all. */
  readonly filters?: number
  /** EIE: activations that wait for each element. Default 8. */
  readonly queue?: number
}

export type Arch = SystolicArch | GatherArch | BlockArch | SerialArch | PairArch
