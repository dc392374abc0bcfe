/** Convolution: tables and packed weights for the kernels of assembly/train/conv.ts. */
import type { ConvNode, Shape } from '../../graph/ir.js'
import type { TrainMemory } from '../memory.js'
import type { Layer, ValueBuffers } from './layer.js'

/** A block of images whose x and dy are about this large stays in the first-level cache during the weight gradient. */
const BLOCK_BYTES = 16384

interface PaddedCopy {
  readonly address: number
  readonly shape: number
  /** Floats of one image's copy, of one channel's phases, of a row, and of one phase. */
  readonly image: number
  readonly channel: number
  readonly width: number
  readonly phase: number
}

/** One run of the convolution kernel: the forward pass, or some rows of one stride phase of the input's gradient. */
interface Run {
  readonly shape: number
  readonly packed: number
  readonly taps: number
  readonly rowStep: number
  readonly tapIndex: number
}

const ceil4 = (n: number) => Math.ceil(n / 4) * 4

export class ConvLayer implements Layer {
  private readonly mem: TrainMemory
  private readonly x: ValueBuffers
  private readonly y: ValueBuffers
  private readonly weights: number
  private readonly weightGrad: number
  private readonly inChannels: number
  private readonly channels: number
  private readonly xPad: PaddedCopy
  private readonly dyPad: PaddedCopy
  private readonly run: Run
  private readonly gradRuns: Run[] = []
  private readonly sums: number
  private readonly weightGradShape: number

  /** @param weights address of [out][in][kh][kw] f32 weights; weightGrad of as many gradients */
  constructor(
    mem: TrainMemory,
    node: ConvNode,
    batch: number,
    input: Shape,
    output: Shape,
    x: ValueBuffers,
    y: ValueBuffers,
    weights: number,
    weightGrad: number,
  ) {
    this.mem = mem
    this.x = x
    this.y = y
    this.weights = weights
    this.weightGrad = weightGrad
    const [C, H, W] = input
    const [O, OH, OW] = output
    const [kh, kw] = node.kernel
    const [sy, sx] = node.stride
    const [top, left] = node.pad
    this.inChannels = C
    this.channels = O
    const tapsY = Math.floor((kh - 1) / sy)
    const tapsX = Math.floor((kw - 1) / sx)

    const xHeight = OH + tapsY
    const xWidth = ceil4(OW) + tapsX
    this.xPad = this.padded([C, batch, H, W, top, left, sy, sx, xHeight, xWidth])
    const dyHeight = Math.max(OH, Math.floor((H - 1 + top) / sy) + 1) + tapsY
    const dyWidth = Math.max(ceil4(OW), Math.floor((W - 1 + left) / sx) + 4) + tapsX
    this.dyPad = this.padded([O, batch, OH, OW, tapsY, tapsX, 1, 1, dyHeight, dyWidth])

    const taps: number[] = []
    for (let c = 0; c < C; c++) {
      for (let u = 0; u < kh; u++) {
        for (let v = 0; v < kw; v++) {
          const phase = (u % sy) * sx + (v % sx)
          const row = Math.floor(u / sy)
          taps.push(4 * (c * this.xPad.channel + phase * this.xPad.phase + row * xWidth + Math.floor(v / sx)))
        }
      }
    }
    const tapTable = mem.table(taps)
    const forward: number[] = []
    const weightGroups: number[] = []
    for (let i = 0; i < OH; i++) {
      for (let j = 0; j < OW; j += 4) {
        const count = Math.min(4, OW - j)
        forward.push(4 * (i * xWidth + j), 4 * (i * OW + j), count)
        weightGroups.push(4 * (i * xWidth + j), 4 * ((i + tapsY) * dyWidth + j + tapsX), count)
      }
    }
    this.run = {
      shape: mem.table([
        batch,
        4 * this.xPad.image,
        4 * OH * OW,
        forward.length / 3,
        mem.table(forward),
        O,
        4 * batch * OH * OW,
        taps.length,
        tapTable,
        4,
      ]),
      packed: mem.words(ceil4(O) * taps.length),
      taps: taps.length,
      rowStep: taps.length,
      tapIndex: mem.table(taps.map((_, t) => t)),
    }
    this.sums = mem.words(4 * O * taps.length)
    const imageBytes = 4 * (this.xPad.image + this.dyPad.image)
    this.weightGradShape = mem.table([
      batch,
      4 * this.xPad.image,
      4 * this.dyPad.image,
      weightGroups.length / 3,
      mem.table(weightGroups),
      O,
      4 * this.dyPad.channel,
      taps.length,
      tapTable,
      Math.max(1, Math.floor(BLOCK_BYTES / imageBytes)),
    ])
    for (let py = 0; py < sy; py++) {
      for (let px = 0; px < sx; px++)
        this.gradRuns.push(...this.phaseOfGradient(node, batch, input, OH, py, px, tapsY, tapsX))
    }
  }

  /**
   * dx[c][y] at the rows y with (y + top) mod stride = py is, with q = (y + top - py) / stride,
   * sum over o and kernel rows u = py + stride * u' of w[o][c][u] * dy[o][q - u']; columns alike.
   * Rows that see the same kernel rows inside dy make one run, so that no run multiplies rows of the zero border.
   */
  private phaseOfGradient(
    node: ConvNode,
    batch: number,
    input: Shape,
    outHeight: number,
    py: number,
    px: number,
    tapsY: number,
    tapsX: number,
  ): Run[] {
    const [, H, W] = input
    const [kh] = node.kernel
    const [sy, sx] = node.stride
    const [top, left] = node.pad
    const y0 = (((py - top) % sy) + sy) % sy
    const x0 = (((px - left) % sx) + sx) % sx
    const columns = Math.ceil((W - x0) / sx)
    const kernelRows = Math.ceil((kh - py) / sy)
    const runs = new Map<string, { first: number; last: number; groups: number[] }>()
    for (let y = y0; y < H; y += sy) {
      const q = (y + top - py) / sy
      const first = Math.max(0, q - outHeight + 1)
      const last = Math.min(kernelRows - 1, q)
      const key = first > last ? 'none' : `${first} ${last}`
      const run = runs.get(key) ?? { first, last, groups: [] }
      runs.set(key, run)
      for (let j = 0; j < columns; j += 4) {
        const column = (x0 + left - px) / sx + j + tapsX
        run.groups.push(
          4 * ((q + tapsY) * this.dyPad.width + column),
          4 * (y * W + x0 + j * sx),
          Math.min(4, columns - j),
        )
      }
    }
    return [...runs.values()]
      .filter(({ groups }) => groups.length > 0)
      .map(({ first, last, groups }) =>
        this.gradientRun(node, batch, input, px, py + sy * first, py + sy * last, py, groups),
      )
  }

  /** The taps of kernel rows uFirst, uFirst + stride, ..., uLast, for these groups of dx. */
  private gradientRun(
    node: ConvNode,
    batch: number,
    [C, H, W]: Shape,
    px: number,
    uFirst: number,
    uLast: number,
    py: number,
    groups: readonly number[],
  ): Run {
    const { mem } = this
    const [kh, kw] = node.kernel
    const [sy, sx] = node.stride
    const taps: number[] = []
    const index: number[] = []
    for (let o = 0; o < this.channels; o++) {
      for (let u = uFirst; u <= uLast; u += sy) {
        for (let v = px; v < kw; v += sx) {
          // Negative steps from the group's address; the kernel adds modulo 2^32.
          taps.push((4 * (o * this.dyPad.channel - ((u - py) / sy) * this.dyPad.width - (v - px) / sx)) >>> 0)
          index.push((o * C * kh + u) * kw + v)
        }
      }
    }
    return {
      shape: mem.table([
        batch,
        4 * this.dyPad.image,
        4 * H * W,
        groups.length / 3,
        mem.table(groups),
        C,
        4 * batch * H * W,
        taps.length,
        mem.table(taps),
        4 * sx,
      ]),
      packed: mem.words(ceil4(C) * taps.length),
      taps: taps.length,
      rowStep: kh * kw,
      tapIndex: mem.table(index),
    }
  }

  private padded(shape: readonly number[]): PaddedCopy {
    const [channels, batch, , , , , sy, sx, height, width] = shape
    const phase = height * width
    const channel = sy * sx * phase
    const image = channels * channel
    return { address: this.mem.words(batch * image), shape: this.mem.table(shape), image, channel, phase, width }
  }

  private convolve(run: Run, rows: number, x: PaddedCopy, y: number): void {
    const { kernels } = this.mem
    kernels.conv_pack_f32(this.weights, run.packed, rows, run.taps, run.rowStep, run.tapIndex)
    kernels.conv_f32(x.address, run.packed, y, run.shape)
  }

  forward(): void {
    this.mem.kernels.pad_f32(this.x.value, this.xPad.address, this.xPad.shape)
    this.convolve(this.run, this.channels, this.xPad, this.y.value)
  }

  backward(dx: number): void {
    const { kernels } = this.mem
    kernels.pad_f32(this.y.grad, this.dyPad.address, this.dyPad.shape)
    kernels.conv_weight_grad_f32(
      this.xPad.address,
      this.dyPad.address,
      this.sums,
      this.weightGrad,
      this.weightGradShape,
    )
    if (dx === 0) return
    for (const run of this.gradRuns) this.convolve(run, this.inChannels, this.dyPad, dx)
  }
}
