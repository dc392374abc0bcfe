/**
 * Seeded generators. Everything random in the library draws from these, so that a seed determines every bit.
 */

/** xoshiro128** 1.1 (Blackman and Vigna), seeded by splitmix32. Period 2^128 - 1. */
export class Rng {
  private readonly s = new Uint32Array(4)

  /** @param seed any integer; only its low 32 bits count */
  constructor(seed: number) {
    let z = seed >>> 0
    for (let i = 0; i < 4; i++) {
      z = (z + 0x9e3779b9) >>> 0
      let t = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
      t = Math.imul(t ^ (t >>> 15), 0x735a2d97)
      this.s[i] = t ^ (t >>> 15)
    }
  }

  /** The next 32 random bits as an unsigned integer. */
  u32(): number {
    const s = this.s
    const x = Math.imul(s[1], 5)
    const result = Math.imul((x << 7) | (x >>> 25), 9) >>> 0
    const t = s[1] << 9
    s[2] ^= s[0]
    s[3] ^= s[1]
    s[1] ^= s[2]
    s[0] ^= s[3]
    s[2] ^= t
    s[3] = (s[3] << 11) | (s[3] >>> 21)
    return result
  }

  /** Uniform in [0, 1), 53 bits. */
  float(): number {
    return ((this.u32() >>> 5) * 67108864 + (this.u32() >>> 6)) / 9007199254740992
  }

  /** Uniform integer in [0, n). n must be in 1..2^32. Exact by rejection. */
  below(n: number): number {
    const limit = 4294967296 - (4294967296 % n)
    for (;;) {
      const v = this.u32()
      if (v < limit) return v % n
    }
  }

  /** Standard normal (Box-Muller, one value per call). */
  normal(): number {
    const r = Math.sqrt(-2 * Math.log(1 - this.float()))
    return r * Math.cos(2 * Math.PI * this.float())
  }

  /** Fisher-Yates shuffle in place. */
  shuffle(a: Uint32Array | number[]): void {
    for (let i = a.length - 1; i > 0; i--) {
      const j = this.below(i + 1)
      const t = a[i]
      a[i] = a[j]
      a[j] = t
    }
  }

  /** The state, for checkpoints. */
  get state(): number[] {
    return Array.from(this.s)
  }

  set state(v: readonly number[]) {
    this.s.set(v)
  }
}
