/** Zero-padded copies of a batch of images, split into stride phases: what the convolution kernels read. */
import type { TrainMemory } from '../memory.js'

export interface PaddedShape {
  readonly channels: number
  readonly batch: number
  readonly height: number
  readonly width: number
  readonly top: number
  readonly left: number
  readonly stride: readonly [number, number]
  /** Of one phase. */
  readonly rows: number
  readonly columns: number
}

/** [image][channel][phaseY][phaseX][rows][columns]; sizes in elements. */
export class Padded {
  readonly phase: number
  readonly channel: number
  readonly image: number
  readonly columns: number
  readonly bytes: number
  private readonly table: number
  private readonly begin: number

  constructor(
    private readonly mem: TrainMemory,
    private readonly shape: PaddedShape,
  ) {
    const { channels, batch, height, width, top, left, stride, rows, columns } = shape
    this.phase = rows * columns
    this.channel = stride[0] * stride[1] * this.phase
    this.image = channels * this.channel
    this.columns = columns
    this.bytes = 4 * batch * this.image
    const [begin, end] = mem.range(batch)
    this.begin = begin
    const size = [rows, columns, batch * height * width]
    this.table = mem.ownTable([channels, end - begin, height, width, top, left, ...stride, ...size])
  }

  /** Copies this part's images of x [C][N][H][W] to their place in the copy at `address`. */
  copy(x: number, address: number): void {
    const { height, width } = this.shape
    const from = x + 4 * this.begin * height * width
    this.mem.kernels.pad_f32(from, address + 4 * this.begin * this.image, this.table)
  }
}
