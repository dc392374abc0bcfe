/**
 * Convolution by the levels that are not zero: a row program (assembly/kernels/gather) over a padded copy gives the sums
 * of neighbouring outputs, then the layer's constant scales them into place.
 */
import { planesOf } from '../../kernels/levels.js'
import type { TrainMemory } from '../memory.js'
import type { SparseWeights } from './layer.js'
import type { Padded } from './padded.js'

export interface SparseShape {
  readonly groups: number
  /** Output channels in all. */
  readonly rows: number
  /** Weights per output channel, and kernel positions among them. */
  readonly cols: number
  /** Byte offset of each column, group after group. */
  readonly offsets: readonly number[]
  /** Elements from an image of the padded copy to the first output's first input. */
  readonly start: number
  readonly height: number
  readonly width: number
}

/** Most digits of a level that are not zero: 7 is 8 - 1. */
const DIGITS = 2

/**
 * Share of weights that are not zero below which adding them one by one beats the dense kernel, which multiplies by all (the
 * benchmark of training's convolutions shows by how much). Fixed, so that a seed gives the same bits everywhere.
 */
export const SPARSE_LIMIT = 0.4

export class SparseConvolution {
  private readonly program: number
  private readonly offsets: number
  private readonly pairs: number
  private readonly ctx: number
  private readonly vectors: number

  constructor(
    private readonly mem: TrainMemory,
    private readonly x: Padded,
    private readonly batch: number,
    private readonly shape: SparseShape,
  ) {
    const { rows, cols, height, width } = shape
    this.program = mem.words(Math.ceil(rows * (2 * planesOf(7) + DIGITS * SPARSE_LIMIT * cols)) + 2)
    this.pairs = mem.words(2 * cols)
    this.ctx = mem.words(6)
    this.offsets = mem.table(shape.offsets)
    this.vectors = Math.ceil(((height - 1) * x.columns + width) / 4)
    mem.needScratch(rows * this.vectors * 16)
  }

  /** Makes the program of levels [rows][cols], int8. */
  prepare(levels: number, maxLevel: 1 | 3 | 7): void {
    const { mem, shape } = this
    const { groups, rows, cols } = shape
    let out = this.program
    for (let g = 0; g < groups; g++) {
      mem.u32(this.ctx, 6).set([planesOf(maxLevel), this.offsets + 4 * g * cols, 0, 0, 0, 0])
      const from = levels + (g * rows * cols) / groups
      out = mem.kernels.program_from_levels(from, rows / groups, cols, this.pairs, this.ctx, out)
    }
  }

  /** This part's images: y [rows][batch][height][width] = constant * levels . x, from the padded copy at `address`. */
  run(address: number, y: number, { maxLevel, constant }: SparseWeights): void {
    const { mem, x, shape, batch, vectors } = this
    const { rows, start, height, width } = shape
    const { gather_f32, conv_unpitch_f32 } = mem.kernels
    const [begin, end] = mem.range(batch)
    const planes = planesOf(maxLevel)
    const pixels = height * width
    for (let n = begin; n < end; n++) {
      const from = address + 4 * (n * x.image + start)
      gather_f32(this.program, rows, planes, from, mem.scratch, vectors * 16, vectors)
      const to = y + 4 * n * pixels
      conv_unpitch_f32(mem.scratch, vectors * 16, x.columns, to, 4 * batch * pixels, rows, height, width, constant)
    }
  }
}
