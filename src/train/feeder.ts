/**
 * Puts examples of a data set into a network's input buffer. Of several parts (memory.ts) each loads its share of the images, but
 * draws for all, so that their generators stay alike.
 */
import { elements, type InputSpec } from '../graph/ir.js'
import type { Rng } from '../rng.js'
import { type Augmentation, drawColour, drawHole, drawMap } from './augment.js'
import type { DataSet } from './dataset.js'
import type { Network } from './network.js'

export class Feeder {
  private readonly net: Network
  private readonly channels: number
  private readonly height: number
  private readonly width: number
  /** This part's | f32 map | f32 scales and offsets | u8 image |. */
  private readonly map: number
  private readonly scales: number
  private readonly bytes: number
  private readonly plainScales: Float32Array
  readonly labels: number

  constructor(net: Network) {
    this.net = net
    const { mem } = net
    const input = net.graph.inputs[0]
    // A vector is as many channels of one pixel.
    const [channels, height, width] = input.shape.length === 3 ? input.shape : [input.shape[0], 1, 1]
    this.channels = channels
    this.height = height
    this.width = width
    const own = Math.ceil((elements(input.shape) + 4 * (6 + 2 * channels)) / 64) * 64
    this.map = mem.bytes(own * mem.part.count) + own * mem.part.index
    this.scales = this.map + 4 * 6
    this.bytes = this.scales + 4 * 2 * channels
    this.plainScales = Float32Array.from(perChannel(input, channels))
    this.labels = mem.bytes(net.batch)
  }

  /**
   * Loads the examples with these indices, at most a batch; places beyond keep what they had.
   * @param rng with an augmentation: where its maps come from
   */
  load(
    data: DataSet,
    indices: ArrayLike<number>,
    begin: number,
    count: number,
    rng?: Rng,
    augment?: Required<Augmentation>,
  ): void {
    const { mem, batch } = this.net
    const { channels, height, width } = this
    const size = channels * height * width
    const bytes = mem.u8(this.bytes, size)
    const labels = mem.u8(this.labels, count)
    const map = mem.f32(this.map, 6)
    const scales = mem.f32(this.scales, 2 * channels)
    const [first, end] = mem.range(count)
    map.set([1, 0, 0, 0, 1, 0])
    scales.set(this.plainScales)
    for (let i = 0; i < count; i++) {
      const mine = i >= first && i < end
      const to = this.net.input.value + 4 * i * height * width
      if (rng !== undefined && augment !== undefined) {
        drawMap(rng, augment, height, width, map)
        drawColour(rng, augment, this.plainScales, scales)
      }
      if (mine) {
        const k = indices[begin + i]
        bytes.set(data.images.subarray(k * size, (k + 1) * size))
        labels[i] = data.labels[k]
        mem.kernels.image_f32(this.bytes, to, batch * height * width, channels, height, width, this.map, this.scales)
      }
      if (rng === undefined || augment === undefined || augment.cutout === 0) continue
      const hole = drawHole(rng, augment.cutout, height, width)
      if (mine) this.cut(to, hole)
    }
    mem.part.barrier()
  }

  /** Sets a rectangle of an image to 0 in all channels. */
  private cut(image: number, { top, left, bottom, right }: ReturnType<typeof drawHole>): void {
    const { channels, height, width } = this
    const plane = this.net.batch * height * width
    const pixels = this.net.mem.f32(image, (channels - 1) * plane + height * width)
    for (let c = 0; c < channels; c++) {
      for (let i = top; i < bottom; i++) pixels.fill(0, c * plane + i * width + left, c * plane + i * width + right)
    }
  }
}

/** All scales, then all offsets, one per channel. */
function perChannel({ scale, offset }: InputSpec, channels: number): number[] {
  const expand = (a: readonly number[]) => Array.from({ length: channels }, (_, c) => a[a.length === 1 ? 0 : c])
  return [...expand(scale), ...expand(offset)]
}
