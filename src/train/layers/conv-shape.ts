/** What the passes of a convolution share. */
import type { ConvNode, Shape } from '../../graph/ir.js'

/** What every part of a convolution needs to know of its shape. */
export interface ConvShape {
  readonly node: ConvNode
  readonly batch: number
  readonly groups: number
  /** [channels, height, width] */
  readonly input: Shape
  readonly output: Shape
  /** Kernel rows and columns of one stride phase, less one. */
  readonly taps: readonly [number, number]
}

/** One run of the dense kernel over this part's images: the forward pass, or some rows of one stride phase of the input's gradient. */
export interface Run {
  readonly shape: number
  readonly packed: number
  readonly rows: number
  readonly taps: number
  readonly rowStep: number
  readonly tapIndex: number
}

export const ceil4 = (n: number) => Math.ceil(n / 4) * 4
