/**
 * Choosing activation ranges. A few numbers that are much larger than the rest would make the grid of int8 coarse for all
 * others; a range that lets them saturate loses less. The range of a value is the one with the smallest expected squared error of
 * int8, of all that a file can hold, from a 32nd of the largest |x| seen up to that.
 */
import { rangeCode, rangeMax } from '../graph/model.js'
import { INT8 } from '../kernels/grid.js'

/** Bits of a positive f32 that name its bin: exponent and five bits of mantissa, 32 bins an octave. */
const SHIFT = 18
const BINS = 2 ** (31 - SHIFT)
/** Most numbers that one call looks at. */
const SAMPLES = 2 ** 16
/** Codes below that of the largest: five octaves. */
const LOWER = 40

/** Magnitudes of a value's numbers, counted. */
export class Magnitudes {
  private readonly counts = new Float64Array(BINS)

  /** @param values looked at in even steps where there are many */
  add(values: Float32Array): void {
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
    const step = Math.ceil(values.length / SAMPLES)
    for (let i = 0; i < bits.length; i += step) this.counts[(bits[i] & 0x7fffffff) >>> SHIFT]++
  }

  /**
   * The range code with the smallest error.
   * @param largest |x|, of all numbers, those that `add` did not look at included
   */
  rangeCode(largest: number): number {
    const top = rangeCode(largest)
    let best = top
    let least = Infinity
    for (let code = top; code >= Math.max(0, top - LOWER); code--) {
      const error = this.error(rangeMax(code), largest)
      if (error < least) [best, least] = [code, error]
    }
    return best
  }

  /** Sum of squared errors of int8 for |x| up to `max`, beyond which it saturates. */
  private error(max: number, largest: number): number {
    const step = max / INT8.max
    let sum = 0
    for (let bin = 0; bin < BINS; bin++) {
      if (this.counts[bin] === 0) continue
      const x = Math.min(largest, middle(bin))
      // Rounding errors are spread evenly over a step, but for numbers that become 0.
      const error = x > max ? x - max : x < step / 2 ? x : step / Math.sqrt(12)
      sum += this.counts[bin] * error * error
    }
    return sum
  }
}

const words = new DataView(new ArrayBuffer(4))

/** The number in the middle of a bin; 0 for the first, which is that of 0. */
function middle(bin: number): number {
  if (bin === 0) return 0
  words.setUint32(0, (bin << SHIFT) | (1 << (SHIFT - 1)))
  return words.getFloat32(0)
}
