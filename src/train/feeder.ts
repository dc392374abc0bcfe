/** Puts examples of a data set into a network's input buffer. */
import { elements, type InputSpec } from '../graph/ir.js'
import type { Rng } from '../rng.js'
import { type Augmentation, drawMap } from './augment.js'
import type { DataSet } from './dataset.js'
import type { Network } from './network.js'

export class Feeder {
  private readonly net: Network
  private readonly channels: number
  private readonly height: number
  private readonly width: number
  private readonly bytes: number
  private readonly map: number
  private readonly scales: number
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
    this.bytes = mem.bytes(elements(input.shape))
    this.map = mem.words(6)
    this.scales = mem.table(new Uint32Array(2 * channels))
    mem.f32(this.scales, 2 * channels).set(perChannel(input, channels))
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
    const map = mem.f32(this.map, 6).fill(0)
    map[0] = 1
    map[4] = 1
    for (let i = 0; i < count; i++) {
      const k = indices[begin + i]
      bytes.set(data.images.subarray(k * size, (k + 1) * size))
      labels[i] = data.labels[k]
      if (rng !== undefined && augment !== undefined) drawMap(rng, augment, height, width, map)
      const to = this.net.input.value + 4 * i * height * width
      mem.kernels.image_f32(this.bytes, to, batch * height * width, channels, height, width, this.map, this.scales)
    }
  }
}

/** All scales, then all offsets, one per channel. */
function perChannel({ scale, offset }: InputSpec, channels: number): number[] {
  const expand = (a: readonly number[]) => Array.from({ length: channels }, (_, c) => a[a.length === 1 ? 0 : c])
  return [...expand(scale), ...expand(offset)]
}
