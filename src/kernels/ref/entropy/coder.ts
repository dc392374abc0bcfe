/**
 * Binary arithmetic coding with a 32-bit range. A decision has a probability in 1/65536; the encoder and the decoder
 * have the same interface, so that one description of a data structure serves both directions: the encoder codes the
 * bit it is given and returns it, the decoder ignores it and returns the bit it reads.
 *
 * The interval [low, low + range) starts as [0, 2^32). A 1 takes its first (range >>> 16) * one parts, a 0 the rest.
 * Whenever range falls below 2^24, the top byte of low is final (but for a carry) and both are shifted by 8 bits.
 */
export interface BitCoder {
  /** Codes one decision. @param one probability of a 1, in 1/65536, from 1 to 65535 */
  bit(one: number, bit: number): number
  /** Codes the low `count` (0..32) bits of a value at one bit each, the highest first. */
  raw(count: number, value: number): number
  /** Bits spent so far, for size breakdowns: exact in sum, within a fraction of a bit at any point. */
  readonly bits: number
  /** True once a decoder has read more than its stream holds. */
  readonly overrun: boolean
}

const TOP = 2 ** 24
/** The decoder holds four bytes, so it reads up to four bytes past the last one it needs. */
const READ_AHEAD = 4

export class RangeEncoder implements BitCoder {
  readonly overrun = false
  private low = 0
  private range = 0xffffffff
  /** The last byte that a carry may still change, and how many 0xff bytes follow it. */
  private held = -1
  private ones = 0
  private readonly out: number[] = []

  get bits(): number {
    return 8 * (this.out.length + this.ones + (this.held >= 0 ? 1 : 0)) + 32 - Math.log2(this.range)
  }

  bit(one: number, bit: number): number {
    const bound = (this.range >>> 16) * one
    if (bit) {
      this.range = bound
    } else {
      this.low += bound
      this.range -= bound
    }
    while (this.range < TOP) this.shift()
    return bit
  }

  raw(count: number, value: number): number {
    for (let i = count - 1; i >= 0; i--) this.bit(32768, (value >>> i) & 1)
    return value
  }

  /**
   * Ends the stream with as few bytes as identify the final interval; the decoder reads zeros past its end, at most
   * READ_AHEAD of them.
   */
  finish(): Uint8Array {
    const last = this.low + this.range - 1
    let spare = READ_AHEAD
    for (; spare > 0; spare--) {
      const unit = 2 ** (8 * spare)
      const value = Math.floor(last / unit) * unit
      if (value >= this.low) {
        this.low = value
        break
      }
    }
    for (let i = 0; i <= READ_AHEAD; i++) this.shift()
    return Uint8Array.from(this.out.slice(0, this.out.length - spare))
  }

  private shift(): void {
    const carry = this.low >= 2 ** 32 ? 1 : 0
    const top = Math.floor(this.low / TOP) & 255
    if (carry || top < 255) {
      if (this.held >= 0) this.out.push((this.held + carry) & 255)
      for (; this.ones > 0; this.ones--) this.out.push((255 + carry) & 255)
      this.held = top
    } else {
      this.ones++
    }
    this.low = (this.low % TOP) * 256
    this.range = (this.range * 256) % 2 ** 32
  }
}

export class RangeDecoder implements BitCoder {
  range = 0xffffffff
  code = 0
  /** Index of the next byte to read; stops at end + 5, zeros are read from `end` on. */
  next: number
  private readonly bytes: Uint8Array
  readonly begin: number
  readonly end: number

  /** A stream that lies in bytes[begin..end). */
  constructor(bytes: Uint8Array, begin: number, end: number) {
    this.bytes = bytes
    this.begin = begin
    this.next = begin
    this.end = end
    for (let i = 0; i < 4; i++) this.code = ((this.code << 8) | this.byte()) >>> 0
  }

  /** A decoder in the middle of a stream. */
  static resume(bytes: Uint8Array, range: number, code: number, next: number, end: number): RangeDecoder {
    const coder = new RangeDecoder(bytes, end, end)
    coder.range = range
    coder.code = code
    coder.next = next
    return coder
  }

  get bits(): number {
    return 8 * (this.next - this.begin) - Math.log2(this.range)
  }

  bit(one: number): number {
    const bound = (this.range >>> 16) * one
    let bit = 0
    if (this.code < bound) {
      this.range = bound
      bit = 1
    } else {
      this.code -= bound
      this.range -= bound
    }
    while (this.range < TOP) {
      this.range = (this.range << 8) >>> 0
      this.code = ((this.code << 8) | this.byte()) >>> 0
    }
    return bit
  }

  raw(count: number): number {
    let value = 0
    for (let i = 0; i < count; i++) value = ((value << 1) | this.bit(32768)) >>> 0
    return value
  }

  get overrun(): boolean {
    return this.next > this.end + READ_AHEAD
  }

  /** Whether what was decoded is exactly what the stream holds: neither bytes left over nor too few of them. */
  get exhausted(): boolean {
    return this.next >= this.end && !this.overrun
  }

  private byte(): number {
    if (this.next < this.end) return this.bytes[this.next++]
    if (this.next <= this.end + READ_AHEAD) this.next++
    return 0
  }
}
