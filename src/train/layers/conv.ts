/** Convolution in training: which kernels make its three passes, dense (assembly/train/conv.ts) or by levels (sparse.ts). */
import type { ConvNode, Shape } from '../../graph/ir.js'
import { SLACK } from '../../wasm/arena.js'
import type { TrainMemory } from '../memory.js'
import { gradientRuns } from './conv-gradient.js'
import { type ConvShape, ceil4, type Run } from './conv-shape.js'
import type { Layer, SparseWeights, ValueBuffers, WeightBuffers } from './layer.js'
import { Padded } from './padded.js'
import { SPARSE_LIMIT, SparseConvolution } from './sparse.js'

/** In the weight gradient, a block whose tile of dy and plane of x are this large stays in the first-level cache. */
const BLOCK_BYTES = 20480
/** Output channels of a tile of the weight gradient. */
const TILE = 8

export class ConvLayer implements Layer {
  private readonly c: ConvShape
  private readonly xPad: Padded
  private readonly xCopy: number
  private readonly dyPad: Padded
  private readonly run: Run
  private readonly gradRuns: readonly Run[]
  private readonly sparse: SparseConvolution
  /** For stride 1. */
  private readonly sparseGrad: SparseConvolution | undefined
  private readonly transposed: number
  private readonly weightGradTable: number
  private readonly rows: readonly [begin: number, end: number]
  /** Tiles of a group's output channels, and where they lie in shared memory: behind the padded dy. */
  private readonly tiles: number
  private readonly tilesAt: number
  /** The levels, where few enough are not zero for the passes to go by them. */
  private levels: SparseWeights | undefined

  /** @param grad where the weights' gradient goes */
  constructor(
    private readonly mem: TrainMemory,
    node: ConvNode,
    batch: number,
    input: Shape,
    output: Shape,
    private readonly x: ValueBuffers,
    private readonly y: ValueBuffers,
    private readonly w: WeightBuffers,
    private readonly grad: number,
  ) {
    const [C, H, W] = input
    const [O, OH, OW] = output
    const [kh, kw] = node.kernel
    const [sy, sx] = node.stride
    const [top, left] = node.pad
    const groups = node.groups ?? 1
    const [tapsY, tapsX] = [Math.floor((kh - 1) / sy), Math.floor((kw - 1) / sx)]
    this.c = { node, batch, groups, input, output, taps: [tapsY, tapsX] }
    this.tiles = Math.ceil(O / groups / TILE)
    this.xPad = new Padded(mem, {
      ...{ channels: C, batch, height: H, width: W, top, left, stride: node.stride },
      ...{ rows: OH + tapsY, columns: ceil4(OW) + tapsX },
    })
    this.xCopy = mem.bytes(this.xPad.bytes)
    this.dyPad = new Padded(mem, {
      ...{ channels: O, batch, height: OH, width: OW, top: tapsY, left: tapsX, stride: [1, 1] },
      rows: Math.max(OH, Math.floor((H - 1 + top) / sy) + 1) + tapsY,
      columns: Math.max(ceil4(OW), Math.floor((W - 1 + left) / sx) + 4) + tapsX,
    })
    this.tilesAt = Math.ceil(this.dyPad.bytes / 64) * 64 + SLACK
    mem.needShared(this.tilesAt + 4 * batch * groups * this.tiles * TILE * OH * OW)

    const offsets = this.columnOffsets()
    const cols = offsets.length / groups
    const taps = mem.table(offsets.slice(0, cols))
    this.run = this.forwardRun(taps, cols)
    this.gradRuns = gradientRuns(mem, this.c, this.dyPad)
    const sums = { groups, rows: O, cols, offsets, start: 0, height: OH, width: OW }
    this.sparse = new SparseConvolution(mem, this.xPad, batch, sums)
    this.sparseGrad = sy === 1 && sx === 1 ? this.sparseGradient(cols) : undefined
    this.transposed = this.sparseGrad === undefined ? 0 : mem.bytes(w.n)

    // Groups share out whole; a single group shares out its tiles.
    this.rows = groups > 1 ? mem.range(groups) : mem.range(O, TILE)
    const rows = groups > 1 ? O / groups : this.rows[1] - this.rows[0]
    mem.needScratch(4 * (rows + TILE) * (cols + 4))
    this.weightGradTable = this.weightGradShape(rows, cols, taps)
  }

  /** Byte offset of every weight of one output channel in the padded copy, for the channels of all groups. */
  private columnOffsets(): number[] {
    const { node, input } = this.c
    const [kh, kw] = node.kernel
    const [sy, sx] = node.stride
    const { channel, phase, columns } = this.xPad
    const offsets: number[] = []
    for (let c = 0; c < input[0]; c++) {
      for (let u = 0; u < kh; u++) {
        for (let v = 0; v < kw; v++) {
          const within = ((u % sy) * sx + (v % sx)) * phase + Math.floor(u / sy) * columns + Math.floor(v / sx)
          offsets.push(4 * (c * channel + within))
        }
      }
    }
    return offsets
  }

  private forwardRun(tapTable: number, taps: number): Run {
    const { mem, c, xPad } = this
    const [O, OH, OW] = c.output
    const groups: number[] = []
    for (let i = 0; i < OH; i++) {
      for (let j = 0; j < OW; j += 4) groups.push(4 * (i * xPad.columns + j), 4 * (i * OW + j), Math.min(4, OW - j))
    }
    const [begin, end] = mem.range(c.batch)
    const rows = O / c.groups
    const sizes = [end - begin, 4 * xPad.image, 4 * OH * OW, groups.length / 3, mem.table(groups)]
    return {
      shape: mem.ownTable([...sizes, rows, 4 * c.batch * OH * OW, taps, tapTable, 4]),
      packed: mem.words(c.groups * ceil4(rows) * taps),
      rows,
      taps,
      rowStep: taps,
      tapIndex: mem.table(Array.from({ length: taps }, (_, t) => t)),
    }
  }

  private weightGradShape(rows: number, taps: number, tapTable: number): number {
    const { mem, c, xPad } = this
    const [, OH, OW] = c.output
    const lineBytes = 4 * (TILE * OW + xPad.columns)
    const lines = Math.min(OH, Math.max(1, Math.floor(BLOCK_BYTES / lineBytes)))
    const images = lines < OH ? 1 : Math.max(1, Math.floor(BLOCK_BYTES / (OH * lineBytes)))
    const tile = 4 * TILE * OH * OW
    const x = [4 * xPad.image, 4 * xPad.columns, OH, OW]
    return mem.ownTable([c.batch, ...x, rows, this.tiles * tile, tile, taps, tapTable, images, lines])
  }

  /** dx[c][y][x] = sum over o, u, v of w[o][c][u][v] * dy[o][y + top - u][x + left - v]. */
  private sparseGradient(cols: number): SparseConvolution {
    const { mem, c, dyPad } = this
    const [C, H, W] = c.input
    const [kh, kw] = c.node.kernel
    const [top, left] = c.node.pad
    const offsets: number[] = []
    for (let o = 0; o < c.output[0]; o++) {
      for (let u = 0; u < kh; u++) {
        for (let v = 0; v < kw; v++) offsets.push(4 * (o * dyPad.channel + (kh - 1 - u) * dyPad.columns + kw - 1 - v))
      }
    }
    // Rows of the transposed matrix are as long as a group has outputs, times kernel positions.
    const transposedCols = (cols / (C / c.groups)) * (c.output[0] / c.groups)
    const start = top * dyPad.columns + left
    const shape = { groups: c.groups, rows: C, cols: transposedCols, offsets, start, height: H, width: W }
    return new SparseConvolution(mem, dyPad, c.batch, shape)
  }

  /** Packs the weights for the dense kernel or, where few are not zero, makes programs of them. */
  prepare(mine: boolean): void {
    const { mem, w, c } = this
    const { sparse } = w
    this.levels = sparse !== undefined && sparse.nonzeros < SPARSE_LIMIT * w.n ? sparse : undefined
    if (!mine) return
    if (this.levels === undefined) this.pack(this.run)
    else this.sparse.prepare(this.levels.levels, this.levels.maxLevel)
    if (this.levels === undefined || this.sparseGrad === undefined) {
      for (const run of this.gradRuns) this.pack(run)
      return
    }
    const [outs, ins] = [c.output[0] / c.groups, c.input[0] / c.groups]
    const taps = w.n / (c.groups * outs * ins)
    mem.kernels.levels_transpose(this.levels.levels, this.transposed, c.groups, outs, ins, taps)
    this.sparseGrad.prepare(this.transposed, this.levels.maxLevel)
  }

  private pack({ packed, rows, taps, rowStep, tapIndex }: Run): void {
    const { mem, w, c } = this
    for (let g = 0; g < c.groups; g++) {
      const to = packed + 4 * g * ceil4(rows) * taps
      mem.kernels.conv_pack_f32(w.weights + (4 * g * w.n) / c.groups, to, rows, taps, rowStep, tapIndex)
    }
  }

  /** The dense kernel over this part's images, from the padded copy at `address` to y [rows][batch][pixels]. */
  private convolve(run: Run, x: Padded, channels: number, address: number, y: number, pixels: number): void {
    const { mem, c } = this
    const [begin] = mem.range(c.batch)
    for (let g = 0; g < c.groups; g++) {
      const from = address + 4 * (begin * x.image + ((g * channels) / c.groups) * x.channel)
      const to = y + 4 * pixels * (begin + g * run.rows * c.batch)
      mem.kernels.conv_f32(from, run.packed + 4 * g * ceil4(run.rows) * run.taps, to, run.shape)
    }
  }

  forward(): void {
    const { c, x, y, levels, xPad, xCopy } = this
    const [, OH, OW] = c.output
    xPad.copy(x.value, xCopy)
    if (levels !== undefined) this.sparse.run(xCopy, y.value, levels)
    else this.convolve(this.run, xPad, c.input[0], xCopy, y.value, OH * OW)
  }

  backward([dx]: readonly number[]): void {
    const { mem } = this
    if (dx !== 0) this.inputGradient(dx)
    this.makeTiles()
    mem.part.barrier()
    this.weightGradient()
  }

  private inputGradient(dx: number): void {
    const { mem, c, y, levels, sparseGrad, dyPad } = this
    const [, H, W] = c.input
    dyPad.copy(y.grad, mem.shared)
    if (levels !== undefined && sparseGrad !== undefined) {
      sparseGrad.run(mem.shared, dx, levels)
    } else {
      for (const run of this.gradRuns) this.convolve(run, dyPad, c.output[0], mem.shared, dx, H * W)
    }
  }

  /** The gradients of this part's images in tiles, [group][image][tile][pixel][TILE]. */
  private makeTiles(): void {
    const { mem, c, y, tiles } = this
    const [begin, end] = mem.range(c.batch)
    const outs = c.output[0] / c.groups
    const pixels = c.output[1] * c.output[2]
    for (let g = 0; g < c.groups; g++) {
      const from = y.grad + 4 * pixels * (begin + g * outs * c.batch)
      const to = mem.shared + this.tilesAt + 4 * pixels * tiles * TILE * (begin + g * c.batch)
      mem.kernels.conv_tiles_f32(from, to, end - begin, outs, pixels, c.batch * pixels)
    }
  }

  private weightGradient(): void {
    const { mem, c, w, xPad, xCopy, grad, tiles } = this
    const [begin, end] = this.rows
    const tile = TILE * c.output[1] * c.output[2]
    const gradient = (x: number, dy: number, dw: number) => {
      const from = mem.shared + this.tilesAt + 4 * dy
      mem.kernels.conv_weight_grad_f32(xCopy + 4 * x, from, mem.scratch, grad + 4 * dw, this.weightGradTable)
    }
    if (c.groups === 1) {
      if (end > begin) gradient(0, (begin / TILE) * tile, (begin * w.n) / c.output[0])
      return
    }
    const ins = c.input[0] / c.groups
    for (let g = begin; g < end; g++) {
      gradient(g * ins * xPad.channel, g * c.batch * tiles * tile, (g * w.n) / c.groups)
    }
  }
}
