/**
 * Numbers, flags and text of the header as adaptive binary decisions. Every kind of field has its own decisions, named
 * by a string, so that repeated values (the stride of each layer, say) soon cost a small fraction of a bit.
 */
import { WhiteDwarfError } from '../errors.js'
import type { BitCoder } from '../kernels/ref/entropy/coder.js'

/** Probability of a 1 for decisions whose default is nearly always right: costs 0.05 bit when it is. */
const RARE = 2048
const EVEN = 32768

interface Decision {
  one: number
  seen: number
}

export class Fields {
  private readonly decisions = new Map<string, Decision>()
  private readonly trees = new Map<string, (Decision | undefined)[]>()
  readonly coder: BitCoder

  constructor(coder: BitCoder) {
    this.coder = coder
  }

  /**
   * One adaptive decision. `initial` is the probability of a 1 (in 1/65536) the first time. The n-th time (from 0), the
   * estimate moves by 1 / (first + n) of its error, at least 1 / last.
   */
  bit(name: string, bit: boolean, initial = EVEN, first = 3, last = 16): boolean {
    let d = this.decisions.get(name)
    if (d === undefined) {
      d = { one: initial, seen: 0 }
      this.decisions.set(name, d)
    }
    return this.decide(d, bit ? 1 : 0, first, last) === 1
  }

  private decide(d: Decision, bit: number, first: number, last: number): number {
    const coded = this.coder.bit(d.one, bit)
    const share = Math.min(last, first + d.seen++)
    d.one += Math.trunc(((coded ? 65535 : 0) - d.one) / share)
    d.one = Math.min(65024, Math.max(512, d.one))
    return coded
  }

  /** A value of `bits` bits, the highest first, each an adaptive decision of its own for every path to it. */
  tree(name: string, value: number, bits: number, first = 3, last = 16): number {
    let tree = this.trees.get(name)
    if (tree === undefined) {
      tree = []
      this.trees.set(name, tree)
    }
    let node = 1
    for (let i = bits - 1; i >= 0; i--) {
      tree[node] ??= { one: EVEN, seen: 0 }
      node = node * 2 + this.decide(tree[node] as Decision, (value >>> i) & 1, first, last)
    }
    return node - 2 ** bits
  }

  /** A flag that is nearly always false. */
  rare(name: string, flag: boolean): boolean {
    return this.bit(name, flag, RARE)
  }

  /**
   * A whole number from 0 to `max` (below 2^31) in Exp-Golomb form: with v = value + 1 of n + 1 bits, n ones and a zero,
   * then the n low bits of v. All but the low bits beyond the second are adaptive.
   */
  uint(name: string, value: number, max: number): number {
    let n = 0
    while (this.bit(`${name}.n${n}`, value + 1 >= 2 ** (n + 1))) {
      if (++n > 30) throw new WhiteDwarfError('E_FORMAT', `damaged .wd file: '${name}' does not fit 31 bits`)
    }
    let v = 1
    const bits = value + 1
    for (let i = n - 1; i >= 0; i--) {
      const b = (bits >>> i) & 1
      const adaptive = n - i <= 2
      const coded = adaptive ? this.bit(`${name}.m${n}.${v}`, b === 1) : this.coder.raw(1, b) === 1
      v = v * 2 + (coded ? 1 : 0)
    }
    if (v - 1 > max) {
      throw new WhiteDwarfError('E_FORMAT', `damaged .wd file: '${name}' is ${v - 1}, expected at most ${max}`)
    }
    return v - 1
  }

  /** A number that is usually `expected`; else its distance, sign first. */
  near(name: string, value: number, expected: number, min: number, max: number): number {
    if (!this.bit(`${name}.differs`, value !== expected)) {
      if (expected < min || expected > max)
        throw new WhiteDwarfError('E_FORMAT', `damaged .wd file: '${name}' is out of range`)
      return expected
    }
    const below = this.bit(`${name}.below`, value < expected)
    const distance = 1 + this.uint(`${name}.by`, Math.abs(value - expected) - 1, max - min)
    const result = below ? expected - distance : expected + distance
    if (result < min || result > max) {
      throw new WhiteDwarfError('E_FORMAT', `damaged .wd file: '${name}' is ${result}, expected ${min} to ${max}`)
    }
    return result
  }

  /** UTF-8 text of at most `maxBytes`, each byte as 8 adaptive decisions. */
  text(name: string, value: string, maxBytes: number): string {
    const bytes = new TextEncoder().encode(value)
    const length = this.uint(`${name}.length`, bytes.length, maxBytes)
    const out = new Uint8Array(length)
    for (let i = 0; i < length; i++) out[i] = this.tree(name, bytes[i], 8)
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(out)
    } catch (cause) {
      throw new WhiteDwarfError('E_FORMAT', 'damaged .wd file: a name is not UTF-8 text', { cause })
    }
  }

  /** Any finite number, exactly: 1 bit and 32 when it fits single precision, else 1 bit and 64. */
  float(name: string, value: number): number {
    const view = new DataView(new ArrayBuffer(8))
    if (this.bit(`${name}.double`, !Object.is(Math.fround(value), value))) {
      view.setFloat64(0, value)
      view.setUint32(0, this.coder.raw(32, view.getUint32(0)))
      view.setUint32(4, this.coder.raw(32, view.getUint32(4)))
      value = view.getFloat64(0)
    } else {
      view.setFloat32(0, value)
      view.setUint32(0, this.coder.raw(32, view.getUint32(0)))
      value = view.getFloat32(0)
    }
    if (!Number.isFinite(value)) {
      throw new WhiteDwarfError('E_FORMAT', `damaged .wd file: '${name}' is not a finite number`)
    }
    return value
  }
}
